//! The command line, with help that teaches.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Carelog: an event-sourced platform for hospital chains. Commands become events in a durable, verifiable log; sagas
/// carry an appointment to its invoice; read models answer over GraphQL.
#[derive(Parser, Debug)]
#[command(name = "carelog", version, about, long_about = None, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Print results as JSON, one object a line where there are many.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// A file of settings (TOML); flags and CARELOG_ variables win over it.
    #[arg(long, global = true, env = "CARELOG_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  carelog serve                          everything in one process, data in ./data, on http://localhost:8080
  carelog import year/                   bring a clinic's year into the running server
  carelog log tail                       watch events as they happen
  carelog log verify --data data         check every frame and Merkle root of a stopped server's log
  carelog projections verify --deep      project everything again and compare row by row
  carelog ledger export | hledger -f - balance

Most commands ask the running server (--server). With --data FOLDER they open the folder of a stopped server instead.
Exit codes: 0 all well, 1 an error, 2 the command line is wrong, 3 a check found differences, or an import had rows refused.";

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run the platform: every role in one process, or some of them beside others on the same log
    #[command(after_help = "\
Every setting can also stand in the settings file or in a variable: --listen is `listen` there and CARELOG_LISTEN.
A chain's stores (--sql, --documents, --blobs, --keys) are set one by one; what is left out lives in the data folder.
docs/guides/operator.md has an example, and what the loss of each means.
Without real authentication the server listens on loopback only, and whoever reaches it is the owner of the machine.")]
    Serve(Box<ServeArguments>),
    /// Import a clinic's past from a folder with a clinic.toml
    #[command(after_help = "\
The folder is what `make data` makes: clinic.toml and a folder a practitioner with slots.csv, patients.csv and
appointments.csv. The import can be stopped at any time and started again: nothing is done twice. Refused rows are
reported by file, line and code, and the import goes on.")]
    Import(ImportArguments),
    /// Read and check the log
    #[command(subcommand)]
    Log(LogCommand),
    /// Look after read models: list, verify, rebuild, compare, retry, skip, prune
    #[command(subcommand)]
    Projections(ProjectionsCommand),
    /// Look after sagas: list, show, retry a failed step, wait until all is handled
    #[command(subcommand)]
    Sagas(SagasCommand),
    /// Export the ledger as a journal for hledger or ledger, and check that it balances
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Show what is stored and sent: event and message schemas, OpenAPI, AsyncAPI, GraphQL
    #[command(subcommand)]
    Schemas(SchemasCommand),
    /// Print the version and the machine it was built for
    Version,
    #[command(hide = true, name = "read-lab-pdf")]
    ReadLabPdf,
}

impl Command {
    /// What is logged unless a variable says otherwise: a server tells what it does, a command only what went wrong.
    pub(crate) fn log_filter(&self) -> &'static str {
        if matches!(self, Command::Serve(_)) { "warn,carelog=info" } else { "error" }
    }
}

#[derive(Args, Debug, Default, serde::Serialize)]
pub(crate) struct ServeArguments {
    /// Folder of all data [default: data]
    #[arg(long, value_name = "FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<PathBuf>,
    /// Address and port; without authentication only loopback is allowed [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<String>,
    /// Partitions of the log; fixed when the data folder is made [default: as made, 1 at first]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) partitions: Option<u16>,
    /// A host name served besides localhost, 127.0.0.1 and [::1]; repeat for more
    #[arg(long = "host-name", value_name = "NAME")]
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "host_names")]
    pub(crate) host_names: Vec<String>,
    /// text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log_format: Option<String>,
    /// The log on Kafka, shared by several processes: kafka://HOST:PORT,HOST:PORT,HOST:PORT or that with /TOPIC
    /// [default: a folder in the data folder]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_log: Option<String>,
    /// Make that topic when it is missing
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) event_log_create_topic: bool,
    /// Let one broker keep it, whose loss loses what was acknowledged: for trials
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) event_log_one_broker: bool,
    /// This process's name among those on the same log; the same whenever it is started
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
    /// Where the other processes reach this one [default: what it listens on]
    #[arg(long, value_name = "HOST:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advertise: Option<String>,
    /// What this process does: commands, queries, projections, sagas, publisher, with commas between them [default: all of them]
    #[arg(long, value_name = "ROLES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) roles: Option<String>,
    /// Read models in PostgreSQL: postgres://USER@HOST/DATABASE; better as CARELOG_SQL where it holds a password
    /// [default: a file in the data folder]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sql: Option<String>,
    /// A replica of that database, which answers queries when it is fresh enough
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sql_replica: Option<String>,
    /// The schema everything is kept in there [default: carelog]
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sql_schema: Option<String>,
    /// Documents in DynamoDB: dynamodb://TABLE, found by AWS_ variables, profile or role
    /// [default: a folder in the data folder]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) documents: Option<String>,
    /// Make that table when it is missing
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) documents_create_table: bool,
    /// Sealed files in a bucket: s3://BUCKET/PREFIX, gs://.., az://CONTAINER/PREFIX or file:///FOLDER, found by the
    /// vendor's variables or a role [default: a folder in the data folder]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blobs: Option<String>,
    /// Keys in PostgreSQL, shared by all nodes: postgres://USER@HOST/DATABASE; better as CARELOG_KEYS where it holds a
    /// password [default: a file in the data folder]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keys: Option<String>,
    /// The schema keys are kept in there, never that of the read models [default: carelog_keys]
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keys_schema: Option<String>,
    /// The file of mode 0600 that wraps those keys, the same on every node [default: keys/master.key in the data folder]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) master_key_file: Option<PathBuf>,
    /// Publish to Kafka: kafka://HOST:PORT,HOST:PORT?prefix=NAME.&brokers=one; better as CARELOG_PUBLISH where it holds a
    /// password [default: feeds of this server only]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) publish: Option<String>,
}

/// Which platform a command speaks to.
#[derive(Args, Debug, Clone)]
pub(crate) struct Target {
    #[command(flatten)]
    server: ServerAddress,
    /// The folder of a stopped server, opened directly
    #[arg(long, value_name = "FOLDER", conflicts_with = "server")]
    pub(crate) data: Option<PathBuf>,
}

impl Target {
    /// The running server's address.
    pub(crate) fn server(&self) -> String {
        self.server.url()
    }
}

/// Where a running server is.
#[derive(Args, Debug, Clone)]
pub(crate) struct ServerAddress {
    /// The running server [env: CARELOG_SERVER] [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl ServerAddress {
    /// The flag, else the variable, else the default. The variable is read by hand: to clap it would be a flag that
    /// was given, which contradicts `--data`.
    pub(crate) fn url(&self) -> String {
        let named = self.server.clone().or_else(|| std::env::var("CARELOG_SERVER").ok());
        named.unwrap_or_else(|| "http://127.0.0.1:8080".to_owned())
    }
}

#[derive(Args, Debug)]
pub(crate) struct ImportArguments {
    /// The folder with clinic.toml
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) server: ServerAddress,
    /// Write refused rows (file, line, code) here as NDJSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Only check the folder and say what would be sent
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum LogCommand {
    /// Print events, and go on with what comes
    Tail {
        #[command(flatten)]
        target: Target,
        /// How many past events to begin with
        #[arg(long, short = 'n', default_value_t = 10)]
        lines: usize,
        /// Only this event type; repeat for more
        #[arg(long = "type")]
        types: Vec<String>,
        /// Stop after the past events
        #[arg(long)]
        no_follow: bool,
    },
    /// Print one event (partition:offset) or one stream (category:id)
    Show {
        /// 0:123, or appointment:0193...
        what: String,
        #[command(flatten)]
        target: Target,
    },
    /// Check every frame, batch and Merkle root, and that no read model saw another log (exit code 3 if not)
    Verify {
        #[command(flatten)]
        target: Target,
    },
    /// Fill the topic (event_log) from the copy of the log in the data folder, after Kafka lost records or was made anew
    ///
    /// What Kafka still has must be the beginning of the copy; what is missing is appended and read back. Stop every
    /// process on the log first, and take the folder that has most.
    Refill,
    /// Events, segments, bytes and root of each partition
    Stats {
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum ProjectionsCommand {
    /// Every read model: state, position, lag
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Compare checkpoints with the log's roots; --deep projects again and compares rows
    Verify {
        /// One read model; all when left out
        name: Option<String>,
        /// Project everything again beside, and compare row by row
        #[arg(long)]
        deep: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Fill a new table set beside the live one, then switch
    Rebuild {
        /// The read model
        name: String,
        #[command(flatten)]
        target: Target,
    },
    /// Project again beside, show what differs, switch nothing
    Diff {
        /// The read model
        name: String,
        #[command(flatten)]
        target: Target,
    },
    /// Try the event a stopped read model could not take once more
    Retry {
        /// The read model
        name: String,
        #[command(flatten)]
        target: Target,
    },
    /// Let a stopped read model skip the event it could not take; recorded with your reason
    Skip {
        /// The read model
        name: String,
        /// The event's position, as `list` shows it
        position: String,
        /// Why; kept in the log
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        target: Target,
    },
    /// Remove the read models that other versions of the program left in the stores
    ///
    /// An upgrade to read models of another layout fills new ones beside those of the version before, which its processes
    /// go on using. When none of them runs any more, theirs are of no use. A server that is alone removes them by itself.
    Prune {
        /// Remove them; without this they are only named
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum SagasCommand {
    /// Every saga: what it handles, how far it is, what failed
    List {
        #[command(flatten)]
        target: Target,
    },
    /// The history of one instance
    Show {
        /// Such as appointment-billing
        saga: String,
        /// Such as the appointment's id
        instance: String,
        #[command(flatten)]
        target: Target,
    },
    /// Try a failed step again
    Retry {
        /// The saga
        saga: String,
        /// The instance
        instance: String,
        /// The failed step, as `list` shows it
        step: String,
        #[command(flatten)]
        target: Target,
    },
    /// Wait until everything in the log is handled
    Wait {
        /// Give up after this many seconds (exit code 1)
        #[arg(long, default_value_t = 60)]
        timeout: u64,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum LedgerCommand {
    /// Print the journal in hledger's and ledger's format
    Export {
        /// One hospital's id; all when left out
        #[arg(long)]
        hospital: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Check that every event's postings sum to 0 and that balances agree with the read model
    Check {
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Subcommand, Debug)]
pub(crate) enum SchemasCommand {
    /// Every stored event type with its revision
    List,
    /// The JSON Schema of one event type or message, or `openapi`, `asyncapi` or `graphql`
    Show {
        /// AppointmentBooked, carelog.appointments.v1.AppointmentBooked, openapi, asyncapi or graphql
        name: String,
    },
}
