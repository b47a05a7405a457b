//! Settings: defaults, then the file, then `CARELOG_` variables, then flags. The defaults need none of them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use carelog_telemetry::LogFormat;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

use crate::cli::{Cli, Command};
use crate::homes::{self, Address};
use crate::publisher;
use crate::roles::{Role, Roles};

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Folder of all data.
    pub(crate) data: PathBuf,
    /// Address and port.
    pub(crate) listen: String,
    /// Partitions of the log; as many as it has when left out, and 1 for a new one.
    pub(crate) partitions: Option<u16>,
    /// Host names served besides those of loopback.
    pub(crate) host_names: Vec<String>,
    /// `text` or `json`.
    pub(crate) log_format: String,
    /// The log's brokers and topic, which processes share; a folder in the data folder when left out.
    pub(crate) event_log: Option<Address>,
    /// Makes that topic when it is missing.
    pub(crate) event_log_create_topic: bool,
    /// Lets one broker keep it, whose loss loses what was acknowledged: for trials.
    pub(crate) event_log_one_broker: bool,
    /// More settings of the client of the brokers (librdkafka's), such as those of TLS and SASL.
    pub(crate) kafka: BTreeMap<String, String>,
    /// This process's name among those on the same log.
    pub(crate) node: Option<String>,
    /// `host:port` at which the others reach it; `listen` when left out.
    pub(crate) advertise: Option<String>,
    /// What this process does.
    pub(crate) roles: Roles,
    /// The read models' PostgreSQL; a file in the data folder when left out.
    pub(crate) sql: Option<Address>,
    /// A replica of it that queries may be answered from.
    pub(crate) sql_replica: Option<Address>,
    /// The schema everything is kept in there.
    pub(crate) sql_schema: String,
    /// The documents' DynamoDB table; a folder in the data folder when left out.
    pub(crate) documents: Option<Address>,
    /// Makes that table when it is missing.
    pub(crate) documents_create_table: bool,
    /// The bucket of sealed files; a folder in the data folder when left out.
    pub(crate) blobs: Option<Address>,
    /// The keys' PostgreSQL; a file in the data folder when left out.
    pub(crate) keys: Option<Address>,
    /// The schema they are kept in there.
    pub(crate) keys_schema: String,
    /// The file that wraps them, the same on every node; `keys/master.key` in the data folder when left out.
    pub(crate) master_key_file: Option<PathBuf>,
    /// The Kafka that public topics are published to; feeds only when left out.
    pub(crate) publish: Option<Address>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            data: PathBuf::from("data"),
            listen: "127.0.0.1:8080".to_owned(),
            partitions: None,
            host_names: Vec::new(),
            log_format: "text".to_owned(),
            event_log: None,
            event_log_create_topic: false,
            event_log_one_broker: false,
            kafka: BTreeMap::new(),
            node: None,
            advertise: None,
            roles: Roles::default(),
            sql: None,
            sql_replica: None,
            sql_schema: "carelog".to_owned(),
            documents: None,
            documents_create_table: false,
            blobs: None,
            keys: None,
            keys_schema: "carelog_keys".to_owned(),
            master_key_file: None,
            publish: None,
        }
    }
}

/// Variables with this prefix that are not settings of the server.
const NOT_SETTINGS: [&str; 3] = ["config", "server", "log"];

/// Reads the settings of this call.
pub(crate) fn load(cli: &Cli) -> anyhow::Result<Settings> {
    let mut figment = Figment::from(Serialized::defaults(Settings::default()));
    if let Some(file) = &cli.config {
        anyhow::ensure!(file.exists(), "the settings file {} does not exist", file.display());
        figment = figment.merge(Toml::file(file));
    }
    let variables = Env::prefixed("CARELOG_").filter(|name| {
        let name = name.as_str().to_ascii_lowercase();
        Settings::FIELDS.contains(&name.as_str()) && !NOT_SETTINGS.contains(&name.as_str())
    });
    figment = figment.merge(variables);
    if let Command::Serve(flags) = &cli.command {
        figment = figment.merge(Serialized::defaults(flags));
    }
    let settings: Settings = figment.extract().map_err(unreadable)?;
    settings.check()?;
    Ok(settings)
}

/// What is wrong with a setting: its name, why, and the file if it stands in one.
fn unreadable(error: figment::Error) -> anyhow::Error {
    let name = error.path.join(".");
    let what = if name.is_empty() { error.kind.to_string() } else { format!("{name}: {}", error.kind) };
    let file = error.metadata.as_ref().and_then(|about| about.source.as_ref()?.file_path());
    match file {
        Some(file) => anyhow::anyhow!("{what} (in {})", file.display()),
        None => anyhow::anyhow!(what),
    }
}

impl Settings {
    const FIELDS: [&str; 21] = [
        "data",
        "listen",
        "partitions",
        "host_names",
        "log_format",
        "event_log",
        "event_log_create_topic",
        "event_log_one_broker",
        "node",
        "advertise",
        "roles",
        "sql",
        "sql_replica",
        "sql_schema",
        "documents",
        "documents_create_table",
        "blobs",
        "keys",
        "keys_schema",
        "master_key_file",
        "publish",
    ];

    /// The address to listen on.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        let text = self.listen.replace("localhost:", "127.0.0.1:");
        text.parse()
            .with_context(|| format!("listen: {:?} is not an address and port such as 127.0.0.1:8080", self.listen))
    }

    /// Where the other processes on the log reach this one.
    pub(crate) fn advertised(&self) -> String {
        self.advertise.clone().unwrap_or_else(|| self.listen.clone())
    }

    /// Whether this process has a role.
    pub(crate) fn has(&self, role: Role) -> bool {
        self.roles.has(role)
    }

    /// How log lines look.
    pub(crate) fn log_format(&self) -> LogFormat {
        if self.log_format == "json" { LogFormat::Json } else { LogFormat::Text }
    }

    fn check(&self) -> anyhow::Result<()> {
        self.address()?;
        if let Some(partitions) = self.partitions {
            anyhow::ensure!((1..=64).contains(&partitions), "partitions: 1 to 64, not {partitions}");
        }
        homes::check(self)?;
        publisher::check(self)?;
        anyhow::ensure!(
            ["text", "json"].contains(&self.log_format.as_str()),
            "log_format: text or json, not {:?}",
            self.log_format
        );
        Ok(())
    }
}
