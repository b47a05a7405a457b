//! One address and its connections, and what every transaction there begins with.
//!
//! Where a pooler such as pgbouncer was found out, nothing outlives a transaction at the server: settings are `SET LOCAL`,
//! statements have no name, and any connection will do for any transaction. Where a connection is the server's own, queries
//! rely on what it keeps (see `session`); what writes never does.

use std::num::NonZero;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use carelog_domain::ports::Failure;
use deadpool_postgres::{Hook, Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::Address;
use crate::cancel::Canceller;
use crate::failure::{PORT, no_connection};
use crate::session::{self, Mark};
use crate::settings::PostgresSettings;
use crate::tls;
use crate::whole::Wholes;

/// A cancellation is a connection of its own; one that hangs must not keep a place in the pool.
const CANCEL_TIME_MAX: Duration = Duration::from_secs(5);
const CANCELLED_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// After so long without a word the other side is asked whether it is still there.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Whoever stops in the middle of a transaction holds its locks no longer than this.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

/// So many reads are at the server at once for each core here. A server's process that is asked again at once has what it
/// needs in its caches: sixteen readers on two cores got a sixth to a fifth more pages over four connections than over
/// sixteen.
const READS_PER_CORE: usize = 2;
/// A read that has waited so long for others goes ahead: they may be slow ones.
const TURN_TIME_MAX: Duration = Duration::from_millis(10);

/// What a page of a table costs that is not the next one, beside one that is. Everything asked here is found by a key, on
/// disks without a head to move, mostly in memory; by the server's own guess (4) it reads a table of some thousand patients
/// from end to end for the twenty of a page. Whoever names another in the options of the URL is heard.
const RANDOM_PAGE_COST: (&str, &str) = ("random_page_cost", "1.1");

/// Of a page of twenty rows hardly two lead to the same one, so remembering what was looked up (since PostgreSQL 14) costs more
/// than it saves: a sixth of the page. Whoever names it in the options of the URL is heard.
const MEMOIZE: (&str, &str) = ("enable_memoize", "off");

/// So long may one that changes tables hold up those who want to read.
const LOCK_TIME_MAX: Duration = Duration::from_millis(500);

/// A server, or pgbouncer before one.
pub(crate) struct Server {
    /// Connections that began with the mark.
    own: Pool,
    /// Those that rely on nothing.
    pooled: Pool,
    /// True from when a pooler was found out.
    is_pooled: AtomicBool,
    /// Turns of those who read.
    turns: Arc<Semaphore>,
    pub(crate) mark: Mark,
    /// Queries that were asked together.
    pub(crate) wholes: Wholes,
    canceller: Canceller,
    /// Host and port.
    pub(crate) shown: String,
    opening_read: String,
    opening_own_read: String,
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
        let says = |name: &str| config.get_options().is_some_and(|options| options.contains(name));
        let memoize = Some(MEMOIZE).filter(|(name, _)| !says(name));
        let cost = Some(RANDOM_PAGE_COST).filter(|(name, _)| !says(name));
        let tls = tls::connector(&address)?;
        let mark = Mark::new();
        let session = |time_max: Duration| -> Vec<(&str, String)> {
            let settings = [
                ("search_path", settings.schema.clone()),
                ("statement_timeout", time_max.as_millis().max(1).to_string()),
                ("idle_in_transaction_session_timeout", IDLE_TIME_MAX.as_millis().to_string()),
                ("client_min_messages", "warning".to_owned()),
            ];
            settings.into_iter().chain(cost.map(|(name, value)| (name, value.to_owned()))).collect()
        };
        let local = |time_max: Duration| {
            let set = |(name, value)| format!("SET LOCAL {name} TO {value}");
            session(time_max).into_iter().map(set).collect::<Vec<_>>().join("; ")
        };
        let mut own = address.config.clone();
        own.options(mark.options(own.get_options(), &session(settings.read_time_max)));
        let begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let lock = "LOCK TABLE migrations IN ACCESS SHARE MODE";
        Ok(Server {
            own: pool(own, &tls, settings, Some(mark.looked_for(memoize.into_iter().collect())))?,
            pooled: pool(address.config.clone(), &tls, settings, None)?,
            is_pooled: AtomicBool::new(false),
            turns: Arc::new(Semaphore::new(
                READS_PER_CORE * std::thread::available_parallelism().map_or(1, NonZero::get),
            )),
            canceller: Canceller::new(&address, tls),
            shown: address.shown(),
            opening_read: format!("{begin_read}; {}; {lock}", local(settings.read_time_max)),
            // The mark comes first: without it, tables of the same name may be somebody else's.
            opening_own_read: format!("{begin_read}; SHOW {}; {lock}", session::SETTING),
            opening_write: format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED; {}{}",
                local(settings.write_time_max),
                if settings.durable { "; SET LOCAL synchronous_commit TO on" } else { "" }
            ),
            mark,
            wholes: Wholes::default(),
        })
    }

    /// A connection of the pool, made if none is free.
    pub(crate) async fn connection(&self) -> Result<Connection, Failure> {
        let failed = |error| no_connection(&self.shown, error);
        let taken = match self.is_pooled.load(Ordering::Relaxed) {
            false => match self.own.get().await {
                Err(error) if session::is_refused(&error) => {
                    self.rely_on_nothing();
                    None
                }
                taken => Some(taken.map_err(failed)?),
            },
            true => None,
        };
        let is_own = taken.is_some();
        let taken = match taken {
            Some(taken) => taken,
            None => self.pooled.get().await.map_err(failed)?,
        };
        Ok(Connection { taken: Some(taken), is_own, canceller: self.canceller.clone(), turn: None })
    }

    /// One to read by, when it is this reader's turn.
    pub(crate) async fn connection_to_read(&self) -> Result<Connection, Failure> {
        let turn = tokio::time::timeout(TURN_TIME_MAX, Arc::clone(&self.turns).acquire_owned()).await;
        let mut connection = self.connection().await?;
        connection.turn = turn.ok().and_then(Result::ok); // Nobody closes the turns.
        Ok(connection)
    }

    /// A pooler was found out.
    pub(crate) fn rely_on_nothing(&self) {
        if !self.is_pooled.swap(true, Ordering::Relaxed) {
            self.own.close(); // Their places at the server are wanted.
            tracing::info!(
                address = self.shown,
                "connections are not the server's own (pgbouncer?): queries are parsed anew each time"
            );
        }
    }

    /// Begins a transaction on one snapshot, taken by the first query after this. Tables and views stay as they are until
    /// it ends: without the lock, a view that is moved between two queries would show the new table as of a snapshot in
    /// which it was still being filled.
    pub(crate) fn opening_read(&self) -> &str {
        &self.opening_read
    }

    /// The same on a connection of the server's own, whose mark it shows.
    pub(crate) fn opening_own_read(&self) -> &str {
        &self.opening_own_read
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

fn pool(
    config: Config,
    tls: &MakeRustlsConnect,
    settings: &PostgresSettings,
    created: Option<Hook>,
) -> Result<Pool, Failure> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let mut builder = Pool::builder(Manager::from_config(config, tls.clone(), recycling))
        .max_size(settings.connections_max.max(1))
        // The one that was used last is warm: its process at the server has its plans and pages at hand.
        .queue_mode(QueueMode::Lifo)
        .wait_timeout(Some(settings.wait_time_max))
        .create_timeout(Some(settings.connect_time_max))
        .runtime(Runtime::Tokio1);
    if let Some(created) = created {
        builder = builder.post_create(created);
    }
    builder.build().map_err(|error| Failure::lasting(PORT, "the pool of connections cannot be made").caused_by(error))
}

/// A connection in use. Only one that was given back is used again: any other may be in the middle of something, so what
/// it does is cancelled at the server, and it is closed.
pub(crate) struct Connection {
    taken: Option<Object>,
    /// True when it began with the mark.
    pub(crate) is_own: bool,
    canceller: Canceller,
    /// Held for as long as this is, by those who read.
    turn: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// With what it keeps.
    pub(crate) fn object(&self) -> &Object {
        self.taken.as_ref().expect("it is taken until the end of `self`")
    }

    /// Its transaction has ended.
    pub(crate) fn give_back(mut self) {
        self.taken = None;
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.object()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        let turn = self.turn.take();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            drop(Object::take(taken));
            return;
        };
        let (token, canceller) = (taken.cancel_token(), self.canceller.clone());
        runtime.spawn(async move {
            // Behind pgbouncer a cancellation is lost when whoever it is for goes away: the server must be through first.
            let ending = async {
                loop {
                    canceller.cancel(&token).await.ok()?;
                    // One that comes before the query has begun ends nothing.
                    if let Ok(through) = tokio::time::timeout(CANCELLED_AGAIN_AFTER, taken.check_connection()).await {
                        return through.ok();
                    }
                }
            };
            let ended = tokio::time::timeout(CANCEL_TIME_MAX, ending).await;
            if !matches!(ended, Ok(Some(()))) && !taken.is_closed() {
                tracing::debug!("a query could not be cancelled; its time-out ends it");
            }
            // Its turn and its place in the pool are free from here on, not before: the server is still at it.
            drop((Object::take(taken), turn));
        });
    }
}
