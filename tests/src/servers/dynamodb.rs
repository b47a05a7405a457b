//! DynamoDB Local on the loopback interface: one in memory for all tests of a binary, with a table for each, or one that
//! keeps its tables in a file, which a test may take away and bring back. Its jars come by Maven into
//! `target/servers/dynamodb` (scripts/setup test).

use std::ffi::OsStr;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use carelog_dynamodb::{DynamoDocuments, DynamoSettings};

use super::free_port;
use super::guard::Guard;
use crate::server::root;

/// The version that scripts/servers/dynamodb/pom.xml names.
const VERSION: &str = "2.6.1";
/// Busy machines start a Java program in a while.
const START_MAX: Duration = Duration::from_secs(120);

/// A running server.
pub struct DynamoServer {
    /// The port it listens on.
    pub port: u16,
    /// Where its tables are, unless in memory; what removes that goes after the process.
    file: Option<(PathBuf, Guard)>,
    process: Mutex<Option<Guard>>,
}

impl DynamoServer {
    /// The server that all tests of this binary share; each makes itself a table.
    pub fn shared() -> &'static DynamoServer {
        static SHARED: OnceLock<DynamoServer> = OnceLock::new();
        SHARED.get_or_init(DynamoServer::start)
    }

    fn start() -> DynamoServer {
        let server = DynamoServer { port: free_port(), file: None, process: Mutex::default() };
        server.go();
        server
    }

    /// One of a test's own, whose tables outlive [`DynamoServer::kill`].
    pub fn in_a_file() -> DynamoServer {
        let folder = tempfile::Builder::new().prefix("carelog-dynamodb-data-").tempdir().expect("a folder").keep();
        let guard = Guard::of_ours_at_the_end("rm -rf \"$1\"", &[&folder]);
        let server = DynamoServer { port: free_port(), file: Some((folder, guard)), process: Mutex::default() };
        server.go();
        server
    }

    /// Starts it again after [`DynamoServer::kill`].
    pub fn go(&self) {
        let jars = root().join("target/servers/dynamodb").join(VERSION);
        let main = jars.join(format!("DynamoDBLocal-{VERSION}.jar"));
        assert!(main.exists(), "DynamoDB Local is missing: run scripts/setup test");
        let folder = tempfile::Builder::new().prefix("carelog-dynamodb-").tempdir().expect("a folder").keep();
        let log = folder.join("log");
        let (library, every_jar) = (format!("-Djava.library.path={}", jars.display()), jars.join("*"));
        let mut properties = vec![format!("port={}", self.port)];
        if let Some((folder, _)) = &self.file {
            properties.extend(["in-memory=false".to_owned(), format!("folder={}", folder.display())]);
        }
        let settings = root().join("scripts/servers/dynamodb/server.xml");
        let java = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", &library, "-cp"].map(OsStr::new);
        let main = [every_jar.as_os_str(), OsStr::new("org.eclipse.jetty.xml.XmlConfiguration")];
        let properties: Vec<&OsStr> = properties.iter().map(OsStr::new).collect();
        let command = [&java[..], &main[..], &properties[..], &[settings.as_os_str()]].concat();
        *self.process.lock().expect("not poisoned") = Some(Guard::around(&command, &folder));
        wait(self.port, &log);
    }

    /// kill -9.
    pub fn kill(&self) {
        drop(self.process.lock().expect("not poisoned").take());
    }

    /// How the SDK finds it, directly or through something on another port.
    pub fn config(port: u16) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(format!("http://127.0.0.1:{port}"))
            .region(Region::new("us-east-1"))
            .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(Credentials::new(
                "test", "test", None, None, "tests",
            )))
            .build()
    }

    /// A client beside the store's, to look or to get in its way.
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&DynamoServer::config(self.port))
    }

    /// The name of a table that nobody else uses; it is not there yet.
    pub fn table() -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        format!("test-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// A store in this table, which is made if it is missing; `port` is the server's or that of a line to it.
    pub async fn documents(port: u16, table: &str) -> DynamoDocuments {
        let settings = DynamoSettings { table: table.to_owned(), create_table: true };
        DynamoDocuments::connect(&DynamoServer::config(port), settings).await.expect("connected")
    }

    /// A store in a table of its own.
    pub async fn fresh(&self) -> DynamoDocuments {
        DynamoServer::documents(self.port, &DynamoServer::table()).await
    }
}

fn wait(port: u16, log: &Path) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let said = || fs::read_to_string(log).unwrap_or_default();
        assert!(begun.elapsed() < START_MAX, "DynamoDB Local does not listen:\n{}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
}
