//! The stores of a hospital chain, each a real server of its own: PostgreSQL for rows and another for keys, DynamoDB Local,
//! an S3 gateway, and for those who want it a Kafka broker for the log. A test may take any of them away; several homes
//! share them, each in databases, a table, a bucket and a topic of its own.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use carelog_domain::ports::{SqlStore as _, Statement};
use carelog_keys::{KeyLimits, SqlKeyStore};
use carelog_postgres::{PostgresSettings, PostgresStore};

use super::dynamodb::DynamoServer;
use super::kafka::Kafka;
use super::postgres::PostgresServer;
use super::s3::S3Gateway;

/// The servers.
pub struct ChainStores {
    /// Rows of read models.
    pub rows: PostgresServer,
    /// Keys.
    pub keys: PostgresServer,
    /// Documents.
    pub documents: DynamoServer,
    /// Blobs.
    pub blobs: S3Gateway,
    /// The log, unless it is in a folder.
    log: Option<Kafka>,
    folder: tempfile::TempDir,
}

/// Where one home is in them.
pub struct ChainHome {
    /// The URL of its rows' database.
    pub rows: String,
    /// Its table of documents.
    pub table: String,
    /// The port of the table's server.
    pub documents_port: u16,
    /// The folder that the gateway keeps its bucket in.
    pub bucket: PathBuf,
    /// What its server's environment says.
    pub variables: Vec<(String, String)>,
}

impl ChainStores {
    /// Starts them all, for homes whose log is in a folder.
    pub fn start() -> ChainStores {
        ChainStores {
            rows: PostgresServer::start(""),
            // Keys are durable before they are used: a server that does not sync is refused.
            keys: PostgresServer::start("fsync = on\n"),
            documents: DynamoServer::in_a_file(),
            blobs: S3Gateway::start(),
            log: None,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Starts them all, for homes whose log is a topic: one broker, since what is told is not what becomes of a cluster.
    pub fn start_with_log() -> ChainStores {
        ChainStores { log: Some(Kafka::start(1)), ..ChainStores::start() }
    }

    /// A home that nobody has used. Names that derive from the chain's secret are those of this data folder's, if one is
    /// given: its master key and secret are taken over, as they are when both are restored from a backup.
    pub async fn home(&self, secret_of: Option<&Path>) -> ChainHome {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("chain-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let rows = self.rows.url(&self.rows.database().await);
        let keys = self.keys.url(&self.keys.database().await);
        let (table, bucket) = (DynamoServer::table(), self.blobs.bucket(&name));
        let master = self.folder.path().join(format!("{name}.key"));
        match secret_of {
            Some(data) => take_over_secret(&data.join("keys"), &keys, &master).await,
            None => master_key(&master),
        }
        let own = [
            ("CARELOG_SQL", rows.clone()),
            ("CARELOG_DOCUMENTS", format!("dynamodb://{table}")),
            ("CARELOG_DOCUMENTS_CREATE_TABLE", "true".to_owned()),
            ("CARELOG_BLOBS", format!("s3://{name}/sealed")),
            ("CARELOG_KEYS", keys),
            ("CARELOG_MASTER_KEY_FILE", master.display().to_string()),
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://127.0.0.1:{}", self.documents.port)),
        ];
        let log = self.log.iter().flat_map(|kafka| {
            [
                ("CARELOG_EVENT_LOG", format!("kafka://{}/{name}", kafka.bootstrap())),
                ("CARELOG_EVENT_LOG_CREATE_TOPIC", "true".to_owned()),
                ("CARELOG_EVENT_LOG_ONE_BROKER", "true".to_owned()),
                ("CARELOG_NODE", name.clone()),
            ]
        });
        let own = own.into_iter().chain(log).map(|(name, value)| (name.to_owned(), value));
        let variables = S3Gateway::variables(self.blobs.port).into_iter().chain(own).collect();
        ChainHome { rows, table, documents_port: self.documents.port, bucket, variables }
    }
}

impl ChainHome {
    /// As a command takes them.
    pub fn environment(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// How many blobs are in its bucket.
    pub fn blobs(&self) -> usize {
        files(&self.bucket.join("sealed"))
    }
}

/// How many files are below a folder.
pub fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.map(|entry| entry.expect("an entry").path()).map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

async fn take_over_secret(folder: &Path, url: &str, master: &Path) {
    std::fs::copy(folder.join("master.key"), master).expect("copied, mode and all");
    let journal = std::fs::read_to_string(folder.join("journal")).expect("a journal");
    let secret = journal.lines().find_map(|line| line.strip_prefix("1 secret ")?.split(' ').next()).expect("a secret");
    let schema = "carelog_keys".to_owned();
    let settings = PostgresSettings { schema, durable: true, ..PostgresSettings::new(url) };
    let store = Arc::new(PostgresStore::connect(settings).await.expect("connected"));
    SqlKeyStore::open(store.clone(), master, KeyLimits::default()).await.expect("tables");
    let same = Statement::new("UPDATE chain SET secret = $1", vec![secret.into()]).expecting(1);
    store.write(vec![same]).await.expect("the secret");
}

/// As an operator makes one for a chain.
fn master_key(path: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).expect("a new file");
    file.write_all(hex::encode(rand::random::<[u8; 32]>()).as_bytes()).expect("written");
}
