//! Keys in the cluster's database: the contract on a real PostgreSQL, and what several nodes see of each other's keys and
//! erasures, also when the server goes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use carelog_domain::kernel::Purpose;
use carelog_domain::ports::{BoxFuture, Failure, KeyState, KeyStore, Rows, SqlStore, Statement};
use carelog_keys::{FileKeyStore, KeyLimits, SqlKeyStore};
use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_tests::contract;
use carelog_tests::servers::pgbouncer::PgBouncer;
use carelog_tests::servers::postgres::PostgresServer;
use uuid::Uuid;

/// A server that syncs: the others of the tests do not, and are refused for keys.
fn server() -> &'static PostgresServer {
    static SERVER: OnceLock<PostgresServer> = OnceLock::new();
    SERVER.get_or_init(|| PostgresServer::start("fsync = on\n"))
}

fn settings(url: String) -> PostgresSettings {
    let schema = "carelog_keys".to_owned();
    let connect_time_max = Duration::from_secs(2);
    PostgresSettings { schema, durable: true, connections_max: 4, connect_time_max, ..PostgresSettings::new(url) }
}

/// A master key as an operator makes it.
fn master(folder: &Path) -> PathBuf {
    drop(FileKeyStore::open(&folder.join("keys")).expect("made"));
    folder.join("keys/master.key")
}

const PATIENT: KeyLimits =
    KeyLimits { keys_max: 1_000, looks_every: Duration::from_secs(1), believed_for: Duration::from_secs(10) };

async fn node(url: &str, master: &Path, limits: KeyLimits) -> Result<SqlKeyStore, Failure> {
    let sql = PostgresStore::connect(settings(url.to_owned())).await?;
    SqlKeyStore::open(Arc::new(sql), master, limits).await
}

/// The address of a database of its own, and a master key.
async fn chain(server: &PostgresServer) -> (String, tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let master = master(folder.path());
    (server.url(&server.database().await), folder, master)
}

fn whole(failure: &Failure) -> String {
    format!("{failure} {:?}", failure.source)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_in_postgresql_keep_the_contract_directly_and_behind_pgbouncer() {
    let (url, _folder, master) = chain(server()).await;
    contract::key_store::run(async || node(&url, &master, KeyLimits::default()).await.expect("opened")).await;
    let bouncer = PgBouncer::before(server(), 3);
    let url = bouncer.url(&server().database().await);
    contract::key_store::run(async || node(&url, &master, KeyLimits::default()).await.expect("opened")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_make_a_key_at_once_use_one_and_hash_alike() {
    let (url, _folder, master) = chain(server()).await;
    let nodes = futures::future::join_all((0..4).map(|_| node(&url, &master, PATIENT))).await;
    let nodes: Vec<SqlKeyStore> = nodes.into_iter().map(|node| node.expect("opened")).collect();
    for subject in (1..=20).map(Uuid::from_u128) {
        let made =
            futures::future::join_all(nodes.iter().map(|node| node.sealing_key(subject, Purpose::Clinical))).await;
        let made: Vec<_> = made.into_iter().map(|key| key.expect("made")).collect();
        assert!(made.iter().all(|key| *key == made[0]), "two keys for {subject}");
    }
    let hash = nodes[0].keyed_hash("identifier", b"x");
    assert!(nodes.iter().all(|node| node.keyed_hash("identifier", b"x") == hash), "a secret of its own");
}

/// A store that counts how often it is asked.
struct Counting {
    store: PostgresStore,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl SqlStore for Counting {
    fn write(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<Vec<u64>, Failure>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.store.write(statements)
    }

    fn read(&self, queries: Vec<Statement>) -> BoxFuture<'_, Result<Vec<Rows>, Failure>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.store.read(queries)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patients_keys_are_made_together_and_read_together_and_one_that_was_erased_stays_so() {
    let (url, _folder, master) = chain(server()).await;
    let store = PostgresStore::connect(settings(url.clone())).await.expect("connected");
    let counting = Arc::new(Counting { store, reads: AtomicUsize::new(0), writes: AtomicUsize::new(0) });
    let limits = KeyLimits { looks_every: Duration::from_secs(60), believed_for: Duration::from_secs(60), ..PATIENT };
    let keys = SqlKeyStore::open(counting.clone(), &master, limits).await.expect("opened");
    let asked = || (counting.reads.swap(0, Ordering::Relaxed), counting.writes.swap(0, Ordering::Relaxed));
    asked();
    let patient = Uuid::from_u128(1);
    let mut made = Vec::new();
    for purpose in [Purpose::Identity, Purpose::Clinical, Purpose::Billing] {
        made.push(keys.sealing_key(patient, purpose).await.expect("made"));
    }
    assert_eq!(asked(), (2, 1), "looked for, made, read back, once for all three");
    keys.sealing_key(Uuid::from_u128(2), Purpose::Staff).await.expect("made");
    asked();
    let there = SqlKeyStore::open(counting.clone(), &master, limits).await.expect("opened");
    asked();
    for (id, key) in &made {
        assert_eq!(there.opening_key(*id).await.expect("there"), KeyState::Live(key.clone()));
    }
    assert_eq!(asked(), (1, 0), "read once for all three");
    let erased = Uuid::from_u128(3);
    keys.erase(erased, Purpose::Clinical).await.expect("erased before it was made");
    keys.sealing_key(erased, Purpose::Identity).await.expect("made");
    keys.sealing_key(erased, Purpose::Clinical).await.expect_err("nothing is sealed for the erased");
    let client = server().client(url.rsplit('/').next().expect("a name")).await;
    let held = "SELECT count(*), count(wrapped) FROM carelog_keys.keys WHERE subject = $1";
    for (subject, expected) in [(1, (3, 3)), (2, (1, 1)), (3, (3, 2))] {
        let row = client.query_one(held, &[&Uuid::from_u128(subject).to_string()]).await.expect("asked");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), expected, "keys and live ones of {subject}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_reaches_the_keys_that_other_nodes_keep() {
    let (url, _folder, master) = chain(server()).await;
    let limits = KeyLimits { looks_every: Duration::from_millis(300), ..PATIENT };
    let (here, there) =
        (node(&url, &master, limits).await.expect("opened"), node(&url, &master, limits).await.expect("opened"));
    for subject in (1..=5).map(Uuid::from_u128) {
        let (id, key) = here.sealing_key(subject, Purpose::Identity).await.expect("made");
        let (kept, _) = here.sealing_key(subject, Purpose::Billing).await.expect("made");
        assert_eq!(there.opening_key(id).await.expect("there"), KeyState::Live(key));
        here.erase(subject, Purpose::Identity).await.expect("erased");
        assert_eq!(here.opening_key(id).await.expect("known"), KeyState::Erased, "at once where it was asked for");
        let acknowledged = Instant::now();
        while there.opening_key(id).await.expect("known") != KeyState::Erased {
            let late = acknowledged.elapsed();
            assert!(late < limits.looks_every + Duration::from_secs(1), "still used after {late:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        there.sealing_key(subject, Purpose::Identity).await.expect_err("nothing new is sealed for the erased");
        assert!(matches!(there.opening_key(kept).await.expect("there"), KeyState::Live(_)));
    }
    let client = server().client(url.rsplit('/').next().expect("a name")).await;
    let left = "SELECT count(*) FROM carelog_keys.keys WHERE purpose = 'identity' AND wrapped IS NOT NULL";
    assert_eq!(client.query_one(left, &[]).await.expect("asked").get::<_, i64>(0), 0, "an erased key is still kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_outlive_the_server_and_while_it_is_away_nothing_reads_as_erased() {
    let own = PostgresServer::start("fsync = on\n");
    let (url, _folder, master) = chain(&own).await;
    let limits = KeyLimits { looks_every: Duration::from_millis(50), believed_for: Duration::from_secs(2), ..PATIENT };
    let store = node(&url, &master, limits).await.expect("opened");
    let (known, key) = store.sealing_key(Uuid::from_u128(1), Purpose::Identity).await.expect("made");
    for mode in ["fast", "immediate"] {
        let fresh = node(&url, &master, limits).await.expect("opened");
        let begun = Instant::now();
        own.stop(mode);
        let failure = fresh.opening_key(known).await.expect_err("this node has not opened it");
        assert!(failure.retry_helps, "{}", whole(&failure));
        let failure = fresh.erase(Uuid::from_u128(1), Purpose::Identity).await.expect_err("nothing can be erased now");
        assert!(failure.retry_helps, "{}", whole(&failure));
        let failure = loop {
            match store.opening_key(known).await {
                Ok(state) => assert_eq!(state, KeyState::Live(key.clone())),
                Err(failure) => break failure,
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "a kept key is believed for ever");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(failure.retry_helps, "{}", whole(&failure));
        let failure = store.sealing_key(Uuid::from_u128(1), Purpose::Identity).await.expect_err("it may be erased");
        assert!(failure.retry_helps, "{}", whole(&failure));
        own.go();
        tokio::time::sleep(limits.looks_every).await; // Until it may be looked for again.
        assert_eq!(store.opening_key(known).await.expect("there again"), KeyState::Live(key.clone()));
        assert_eq!(
            fresh.sealing_key(Uuid::from_u128(1), Purpose::Identity).await.expect("there"),
            (known, key.clone())
        );
        let again = node(&url, &master, limits).await.expect("opened");
        assert_eq!(again.opening_key(known).await.expect("there"), KeyState::Live(key.clone()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_gone_moved_or_restored_from_before_its_erasure_is_a_failure() {
    let (url, _folder, master) = chain(server()).await;
    let limits = KeyLimits { looks_every: Duration::ZERO, ..PATIENT };
    let store = node(&url, &master, limits).await.expect("opened");
    let mut ids = Vec::new();
    for subject in (1..=3).map(Uuid::from_u128) {
        ids.push(store.sealing_key(subject, Purpose::Identity).await.expect("made").0);
    }
    store.erase(ids[2].subject, Purpose::Identity).await.expect("erased");
    let client = server().client(url.rsplit('/').next().expect("a name")).await;
    let harm = format!(
        "SET search_path TO carelog_keys; \
         UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE subject = '{}' AND purpose = 'identity') \
         WHERE subject = '{}' AND purpose = 'identity'; \
         DELETE FROM keys WHERE subject = '{}'",
        ids[0].subject, ids[1].subject, ids[0].subject
    );
    client.batch_execute(&harm).await.expect("harmed");
    let other = node(&url, &master, limits).await.expect("opened");
    other.sealing_key(ids[1].subject, Purpose::Clinical).await.expect("only the identity's was harmed");
    for (id, says) in [(ids[0], "missing"), (ids[1], "does not unwrap")] {
        let failure = other.opening_key(id).await.expect_err("harmed");
        assert!(!failure.retry_helps && failure.message.contains(says), "{}", whole(&failure));
    }
    client.batch_execute("UPDATE carelog_keys.chain SET erasures = 0").await.expect("an older copy");
    let failure = store.opening_key(ids[0]).await.expect_err("older than what was seen");
    assert!(!failure.retry_helps && failure.message.contains("older copy"), "{}", whole(&failure));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_master_key_none_or_one_that_others_can_read_stops_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let (url, folder, ours) = chain(server()).await;
    drop(node(&url, &ours, PATIENT).await.expect("opened"));
    let theirs = master(&folder.path().join("elsewhere"));
    let failure = node(&url, &theirs, PATIENT).await.err().expect("refused");
    assert!(!failure.retry_helps && failure.message.contains("is master.key the one"), "{}", whole(&failure));
    let missing = node(&url, &folder.path().join("no.key"), PATIENT).await.err().expect("refused");
    assert!(missing.message.contains("is missing") && !folder.path().join("no.key").exists(), "{}", whole(&missing));
    std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o640)).expect("opened up");
    let open = node(&url, &ours, PATIENT).await.err().expect("refused");
    assert!(open.message.contains("chmod 600"), "{}", whole(&open));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_on_disk_before_it_is_used_whatever_the_server_is_told() {
    let database = server().database().await;
    let client = server().client(&database).await;
    client.batch_execute(&format!("ALTER DATABASE {database} SET synchronous_commit TO off")).await.expect("told");
    for (durable, expected) in [(true, "on"), (false, "off")] {
        let schema = if durable { "durable" } else { "quick" }.to_owned();
        let settings = PostgresSettings { durable, schema, ..settings(server().url(&database)) };
        let store = PostgresStore::connect(settings).await.expect("connected");
        let note = "INSERT INTO note (said) SELECT current_setting('synchronous_commit')";
        let make = Statement::new("CREATE TABLE note (said CTEXT)", vec![]);
        store.write(vec![make, Statement::new(note, vec![])]).await.expect("noted");
        let said = store.read(vec![Statement::new("SELECT said FROM note", vec![])]).await.expect("read");
        assert_eq!(said[0].rows, [vec![expected.into()]]);
    }
    let careless = PostgresServer::shared();
    let settings = settings(careless.url(&careless.database().await));
    let failure = PostgresStore::connect(settings).await.err().expect("refused");
    assert!(!failure.retry_helps && failure.message.contains("fsync"), "{}", whole(&failure));
}
