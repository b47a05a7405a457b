//! Settings: defaults, then the file, then `CARELOG_` variables, then flags. The defaults need none of them.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use carelog_telemetry::LogFormat;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

use crate::cli::{Cli, Command};
use crate::homes::{self, Address};

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
    /// The read models' PostgreSQL; a file in the data folder when left out.
    pub(crate) sql: Option<Address>,
    /// A replica of it that queries may be answered from.
    pub(crate) sql_replica: Option<Address>,
    /// The schema everything is kept in there.
    pub(crate) sql_schema: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            data: PathBuf::from("data"),
            listen: "127.0.0.1:8080".to_owned(),
            partitions: None,
            host_names: Vec::new(),
            log_format: "text".to_owned(),
            sql: None,
            sql_replica: None,
            sql_schema: "carelog".to_owned(),
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
    let settings: Settings = figment.extract().context("the settings cannot be read")?;
    settings.check()?;
    Ok(settings)
}

impl Settings {
    const FIELDS: [&str; 8] =
        ["data", "listen", "partitions", "host_names", "log_format", "sql", "sql_replica", "sql_schema"];

    /// The address to listen on.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        let text = self.listen.replace("localhost:", "127.0.0.1:");
        text.parse()
            .with_context(|| format!("listen: {:?} is not an address and port such as 127.0.0.1:8080", self.listen))
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
        anyhow::ensure!(
            ["text", "json"].contains(&self.log_format.as_str()),
            "log_format: text or json, not {:?}",
            self.log_format
        );
        Ok(())
    }
}
