//! A real streaming replica: it answers what it is fresh enough for, and nothing else.

use std::time::{Duration, Instant};

use carelog_domain::ports::{Rows, SqlStore, SqlValue, Statement};
use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_tests::servers::postgres::PostgresServer;

use super::cutting_proxy::CuttingProxy;
use super::postgres::{numbers, plain};

/// Whether a replica answered, and how far the rows are.
fn queries() -> Vec<Statement> {
    [plain("SELECT pg_is_in_recovery()"), plain("SELECT size FROM marks")].concat()
}

fn size(found: &[Rows]) -> i64 {
    found[1].rows[0][0].int().expect("a number")
}

async fn ask(store: &PostgresStore, wanted: i64) -> (bool, i64) {
    let fresh_enough = |found: &[Rows]| size(found) >= wanted;
    let found = store.read_fresh_enough(queries(), &fresh_enough).await.expect("read");
    (found[0].rows[0][0] == SqlValue::Int(1), size(&found))
}

/// One answer of the primary, which has to come in time.
async fn primary_answers_within(store: &PostgresStore, seconds: u64) {
    let found = tokio::time::timeout(Duration::from_secs(seconds), ask(store, 1)).await;
    assert_eq!(found.expect("nobody waits for the replica"), (false, 1));
}

async fn asked_until(store: &PostgresStore, wanted: i64, expected: (bool, i64)) {
    let begun = Instant::now();
    loop {
        let found = ask(store, wanted).await;
        assert!(found.1 >= wanted, "an answer from before the token");
        if found == expected {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{found:?}, not {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_answers_unless_it_is_behind_or_gone() {
    let primary = PostgresServer::start("");
    let move_to = |size: i64| vec![Statement::new("UPDATE marks SET size = $1", vec![size.into()]).expecting(1)];
    let settings = PostgresSettings::new(primary.url("postgres"));
    let alone = PostgresStore::connect(settings.clone()).await.expect("connected");
    alone
        .write([plain("CREATE TABLE marks (size BIGINT NOT NULL)"), plain("INSERT INTO marks VALUES (1)")].concat())
        .await
        .expect("made");
    assert_eq!(ask(&alone, 1).await, (false, 1), "without a replica the primary answers");

    let replica = primary.replica();
    let settings = PostgresSettings { replica_url: Some(replica.url("postgres")), ..settings };
    let store = PostgresStore::connect(settings.clone()).await.expect("connected");
    asked_until(&store, 1, (true, 1)).await;
    store.write(move_to(2)).await.expect("moved");
    asked_until(&store, 2, (true, 2)).await;
    assert_eq!(
        numbers(&store, "SELECT count(*) FROM marks WHERE pg_is_in_recovery()").await,
        [0],
        "a plain read is the primary's"
    );

    let standby = replica.client("postgres").await;
    standby.batch_execute("SELECT pg_wal_replay_pause()").await.expect("paused");
    let begun = Instant::now();
    while standby.query_one("SELECT pg_get_wal_replay_pause_state()", &[]).await.expect("asked").get::<_, &str>(0)
        != "paused"
    {
        assert!(begun.elapsed() < Duration::from_secs(30), "replay does not pause");
    }
    store.write(move_to(3)).await.expect("moved");
    assert_eq!(ask(&store, 3).await, (false, 3), "the replica is behind the token");
    assert_eq!(ask(&store, 2).await, (true, 2), "who wants less is answered by it");
    standby.batch_execute("SELECT pg_wal_replay_resume()").await.expect("resumed");
    asked_until(&store, 3, (true, 3)).await;

    let wrong = PostgresSettings { url: replica.url("postgres"), ..settings };
    let failure = PostgresStore::connect(wrong).await.err().expect("it cannot be written to");
    assert!(failure.message.contains("replica"), "{failure}");

    replica.stop("immediate");
    assert_eq!(ask(&store, 0).await, (false, 3), "the primary answers for one that is gone");
    replica.go();
    asked_until(&store, 3, (true, 3)).await; // After its rest it is asked again.
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_silent_holds_up_one_query_now_and_then_and_no_other() {
    let primary = PostgresServer::start("");
    let replica = primary.replica();
    let line = CuttingProxy::before(replica.port).await;
    let replica_url = Some(format!("postgres://postgres@127.0.0.1:{}/postgres", line.port));
    let settings = PostgresSettings { replica_url, ..PostgresSettings::new(primary.url("postgres")) };
    let store = PostgresStore::connect(settings).await.expect("connected");
    store.write(plain("CREATE TABLE marks AS SELECT 1::BIGINT AS size")).await.expect("made");
    asked_until(&store, 1, (true, 1)).await;

    line.silence(true);
    primary_answers_within(&store, 10).await; // Five seconds it may take to find out.
    primary_answers_within(&store, 3).await;
    tokio::time::sleep(Duration::from_secs(6)).await; // Its rest is over.
    let given_up = tokio::time::timeout(Duration::from_millis(200), ask(&store, 1)).await;
    assert!(given_up.is_err(), "one query asks it again");
    primary_answers_within(&store, 3).await; // No other does meanwhile, though nobody waits for that one.
    line.silence(false);
    asked_until(&store, 1, (true, 1)).await;
}
