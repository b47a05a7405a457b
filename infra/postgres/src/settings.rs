//! What the program says about its PostgreSQL server.

use std::fmt;
use std::time::Duration;

/// Where the read models are kept, and how long anything may take.
#[derive(Clone)]
pub struct PostgresSettings {
    /// The primary: `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=ca.pem`, or pgbouncer
    /// before it. Several hosts may be given, separated by commas, with `target_session_attrs=read-write`.
    pub url: String,
    /// A replica that queries may be answered from when it is fresh enough for them.
    pub replica_url: Option<String>,
    /// The schema everything is kept in, so that a database can be shared. Made if it is not there.
    pub schema: String,
    /// Whether what is written must not be lost: a commit is answered when it is on the server's disk, and on that of a
    /// synchronous standby where there is one, whatever the server is told otherwise. For keys; read models can be
    /// rebuilt, and take what the server does.
    pub durable: bool,
    /// Connections to each address at most. A statement holds one from its beginning to its end.
    pub connections_max: usize,
    /// Reaching the server, TLS and password included.
    pub connect_time_max: Duration,
    /// Waiting for one of the connections to be free.
    pub wait_time_max: Duration,
    /// One query at the server, or all of a read where they are one statement. Above what a GraphQL operation may take,
    /// which gives up by itself and cancels it.
    pub read_time_max: Duration,
    /// One statement of a write, at the server.
    pub write_time_max: Duration,
}

impl PostgresSettings {
    /// The usual limits for a server at this address.
    pub fn new(url: impl Into<String>) -> PostgresSettings {
        PostgresSettings {
            url: url.into(),
            replica_url: None,
            schema: "carelog".to_owned(),
            durable: false,
            connections_max: 16,
            connect_time_max: Duration::from_secs(5),
            wait_time_max: Duration::from_secs(10),
            read_time_max: Duration::from_secs(20),
            write_time_max: Duration::from_secs(60),
        }
    }
}

/// Without the addresses, which may hold passwords.
impl fmt::Debug for PostgresSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let replica = self.replica_url.as_ref().map(|_| "...");
        let mut shown = formatter.debug_struct("PostgresSettings");
        shown.field("url", &"...").field("replica_url", &replica).field("schema", &self.schema);
        shown.field("connections_max", &self.connections_max).finish_non_exhaustive()
    }
}
