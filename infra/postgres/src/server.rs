//! One address and its connections, and what every transaction there begins with.
//!
//! Nothing outlives a transaction at the server: settings are `SET LOCAL`, statements have no name. So any connection
//! will do for any transaction, and pgbouncer may stand between in transaction mode.

use std::ops::Deref;
use std::time::Duration;

use carelog_domain::ports::Failure;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::Client;

use crate::address::Address;
use crate::cancel::Canceller;
use crate::failure::{PORT, no_connection};
use crate::settings::PostgresSettings;
use crate::tls;

/// A cancellation is a connection of its own; one that hangs must not keep a place in the pool.
const CANCEL_TIME_MAX: Duration = Duration::from_secs(5);
/// After so long without a word the other side is asked whether it is still there.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Whoever stops in the middle of a transaction holds its locks no longer than this.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

/// So long may one that changes tables hold up those who want to read.
const LOCK_TIME_MAX: Duration = Duration::from_millis(500);

/// A server, or pgbouncer before one.
pub(crate) struct Server {
    pool: Pool,
    canceller: Canceller,
    /// Host and port.
    pub(crate) shown: String,
    opening_read: String,
    opening_write: String,
}

impl Server {
    /// Nothing is connected before the first call.
    pub(crate) fn new(url: &str, settings: &PostgresSettings) -> Result<Server, Failure> {
        let mut address = Address::parse(url)?;
        let config = &mut address.config;
        config.connect_timeout(settings.connect_time_max).keepalives(true).keepalives_idle(SILENCE_MAX);
        config.tcp_user_timeout(SILENCE_MAX);
        if config.get_application_name().is_none() {
            config.application_name("carelog");
        }
        let tls = tls::connector(&address)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), tls.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(settings.connections_max.max(1))
            .wait_timeout(Some(settings.wait_time_max))
            .create_timeout(Some(settings.connect_time_max))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Failure::lasting(PORT, "the pool of connections cannot be made").caused_by(error))?;
        let schema = &settings.schema;
        let common = |time_max: Duration| {
            let (time, idle) = (time_max.as_millis().max(1), IDLE_TIME_MAX.as_millis());
            format!(
                "SET LOCAL search_path TO {schema}; SET LOCAL statement_timeout TO {time}; \
                 SET LOCAL idle_in_transaction_session_timeout TO {idle}; SET LOCAL client_min_messages TO warning"
            )
        };
        Ok(Server {
            pool,
            canceller: Canceller::new(&address, tls),
            shown: address.shown(),
            opening_read: format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {}; LOCK TABLE migrations IN ACCESS SHARE MODE",
                common(settings.read_time_max)
            ),
            opening_write: format!("BEGIN ISOLATION LEVEL READ COMMITTED; {}", common(settings.write_time_max)),
        })
    }

    /// A connection of the pool, made if none is free.
    pub(crate) async fn connection(&self) -> Result<Connection, Failure> {
        let taken = self.pool.get().await.map_err(|error| no_connection(&self.shown, error))?;
        Ok(Connection { taken: Some(taken), canceller: self.canceller.clone() })
    }

    /// Begins a transaction on one snapshot, taken by the first query after this. Tables and views stay as they are until
    /// it ends: without the lock, a view that is moved between two queries would show the new table as of a snapshot in
    /// which it was still being filled.
    pub(crate) fn opening_read(&self) -> &str {
        &self.opening_read
    }

    /// Begins a transaction that writes. One that changes tables or views waits for those that read, and is alone. It
    /// waits a moment only, since whoever wants to read next waits behind it, and is tried again.
    pub(crate) fn opening_write(&self, changes_tables: bool) -> String {
        if !changes_tables {
            return self.opening_write.clone();
        }
        format!(
            "{}; SET LOCAL lock_timeout TO {}; LOCK TABLE migrations IN ACCESS EXCLUSIVE MODE; \
             SET LOCAL lock_timeout TO 0",
            self.opening_write,
            LOCK_TIME_MAX.as_millis()
        )
    }
}

/// A connection in use. Only one that was given back is used again: any other may be in the middle of something, so what
/// it does is cancelled at the server, and it is closed.
pub(crate) struct Connection {
    taken: Option<Object>,
    canceller: Canceller,
}

impl Connection {
    /// Its transaction has ended.
    pub(crate) fn give_back(mut self) {
        self.taken = None;
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.taken.as_ref().expect("it is taken until the end of `self`")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            drop(Object::take(taken));
            return;
        };
        let (token, canceller) = (taken.cancel_token(), self.canceller.clone());
        runtime.spawn(async move {
            // Behind pgbouncer a cancellation is lost when whoever it is for goes away: the server must be through first.
            let ending = async {
                canceller.cancel(&token).await.ok()?;
                taken.check_connection().await.ok()
            };
            let ended = tokio::time::timeout(CANCEL_TIME_MAX, ending).await;
            if !matches!(ended, Ok(Some(()))) && !taken.is_closed() {
                tracing::debug!("a query could not be cancelled; its time-out ends it");
            }
            // Its place in the pool is free from here on, not before: the server's connections are counted.
            drop(Object::take(taken));
        });
    }
}
