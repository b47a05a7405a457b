//! pgbouncer in transaction mode before a PostgreSQL server: any transaction may meet any connection.

use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::free_port;
use super::guard::{Guard, as_server_user, give_to_server_user};
use super::postgres::PostgresServer;

/// A running pgbouncer.
pub struct PgBouncer {
    port: u16,
    _guard: Guard,
}

impl PgBouncer {
    /// Starts one with this many connections to the server.
    pub fn before(server: &PostgresServer, connections: u32) -> PgBouncer {
        PgBouncer::with(server, connections, "")
    }

    /// One that takes a client's `options`, and keeps them to itself.
    pub fn ignoring_options(server: &PostgresServer, connections: u32) -> PgBouncer {
        PgBouncer::with(server, connections, "ignore_startup_parameters = options\n")
    }

    fn with(server: &PostgresServer, connections: u32, more: &str) -> PgBouncer {
        let port = free_port();
        let folder = tempfile::Builder::new().prefix("carelog-pgbouncer-").tempdir().expect("a folder").keep();
        let (settings, log) = (folder.join("pgbouncer.ini"), folder.join("log"));
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = {connections}\nmax_client_conn = 500\n\
             server_login_retry = 1\nlogfile = {}\npidfile = {}\n{more}",
            server.port,
            log.display(),
            folder.join("pid").display(),
        );
        std::fs::write(&settings, text).expect("written");
        give_to_server_user(&folder);
        let end = "kill -9 $(cat \"$1/pid\"); rm -rf \"$1\"";
        let guard = Guard::at_the_end(end, &[&folder]);
        let program =
            if std::path::Path::new("/usr/sbin/pgbouncer").exists() { "/usr/sbin/pgbouncer" } else { "pgbouncer" };
        let mut start = as_server_user(program);
        start.arg("-d").arg(&settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started =
            start.status().unwrap_or_else(|error| panic!("pgbouncer: {error}; install it: scripts/setup test"));
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        assert!(started.success(), "pgbouncer did not start:\n{}", said());
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "pgbouncer does not listen:\n{}", said());
            std::thread::sleep(Duration::from_millis(10));
        }
        PgBouncer { port, _guard: guard }
    }

    /// The URL of a database behind it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}
