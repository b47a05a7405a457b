//! A PostgreSQL server in a folder of its own, on the loopback interface: one for all tests of a binary, with a database
//! for each, or one that a test may restart, make replicas of, or take away.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, NoTls};

use super::free_port;
use super::guard::{Guard, as_server_user, give_to_server_user, run};

/// A running server.
pub struct PostgresServer {
    folder: PathBuf,
    /// The port it listens on.
    pub port: u16,
    _guard: Guard,
}

/// What a server of tests is told. Nothing of it has to survive a power cut.
const CONFIGURATION: &str = "listen_addresses = '127.0.0.1'\nfsync = off\nmax_connections = 200\n\
    shared_buffers = 64MB\nlog_min_messages = warning\n";

impl PostgresServer {
    /// The server that all tests of this binary share; each makes itself a database.
    pub fn shared() -> &'static PostgresServer {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(|| PostgresServer::start(""))
    }

    /// A server of one's own, with more lines in its configuration.
    pub fn start(configuration: &str) -> PostgresServer {
        let (folder, guard) = data_folder();
        // Texts in an order that is not that of their bytes, as in most databases: comparing as bytes must be asked for.
        let mut initdb = as_server_user(program("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb.args(["--locale-provider=icu", "--icu-locale=en-US", "-D"]).arg(folder.join("data"));
        run(&mut initdb);
        let server = PostgresServer { folder, port: free_port(), _guard: guard };
        server.configure(&format!("{CONFIGURATION}{configuration}"));
        server.go();
        server
    }

    /// A hot standby that follows this one.
    pub fn replica(&self) -> PostgresServer {
        let (folder, guard) = data_folder();
        let mut backup = as_server_user(program("pg_basebackup"));
        backup.args(["--checkpoint=fast", "--no-sync", "-R", "-X", "stream", "-U", "postgres", "-h", "127.0.0.1"]);
        backup.args(["-p", &self.port.to_string(), "-D"]).arg(folder.join("data"));
        run(&mut backup);
        let server = PostgresServer { folder, port: free_port(), _guard: guard };
        server.configure("");
        server.go();
        server
    }

    fn configure(&self, more: &str) {
        use std::io::Write as _;
        let path = self.data().join("postgresql.conf");
        let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("the configuration");
        let socket = self.folder.display();
        writeln!(file, "\nport = {}\nunix_socket_directories = '{socket}'\n{more}", self.port).expect("written");
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Its folder, for certificates; it belongs to the server's user.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it again after [`PostgresServer::stop`].
    pub fn go(&self) {
        let log = self.folder.join("log");
        let mut start = as_server_user(program("pg_ctl"));
        start.args(["start", "-w", "-t", "60", "-l"]).arg(&log).arg("-D").arg(self.data());
        // The server keeps what it inherits: a pipe would never end.
        let status = start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("pg_ctl");
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        assert!(status.success(), "PostgreSQL did not start:\n{}", said());
    }

    /// Stops it: `fast` in order, `immediate` as after a crash.
    pub fn stop(&self, mode: &str) {
        run(as_server_user(program("pg_ctl")).args(["stop", "-w", "-m", mode, "-D"]).arg(self.data()));
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The name of a database that nobody else uses.
    pub async fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let client = self.client("postgres").await;
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
        name
    }

    /// A connection beside the store's, to look or to get in its way.
    pub async fn client(&self, database: &str) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await.expect("connected");
        // Ends with the client or the server; a test that minds asks the client.
        tokio::spawn(async move { drop(connection.await) });
        client
    }
}

/// A folder that the server's user may enter, and what ends the server in it and removes it.
fn data_folder() -> (PathBuf, Guard) {
    let folder = tempfile::Builder::new().prefix("carelog-postgres-").tempdir().expect("a folder").keep();
    give_to_server_user(&folder);
    let end = "\"$1\" stop -m immediate -D \"$2/data\"; rm -rf \"$2\"";
    let guard = Guard::at_the_end(end, &[&program("pg_ctl"), &folder]);
    (folder, guard)
}

/// A program of PostgreSQL. Debian keeps the server's out of the path.
pub fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| {
        let elsewhere = Command::new(name).arg("--version").output();
        assert!(elsewhere.is_ok(), "{name} is missing: install PostgreSQL (scripts/setup test)");
        PathBuf::from(name)
    })
}
