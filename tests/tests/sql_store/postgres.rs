//! What only PostgreSQL promises: limits of time, servers that come and go, many nodes and schemas, nothing said of rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::ports::{Failure, SqlStore, SqlValue, Statement};
use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_tests::servers::pgbouncer::PgBouncer;
use carelog_tests::servers::postgres::PostgresServer;

use super::cutting_proxy::CuttingProxy;

pub(crate) fn plain(sql: &str) -> Vec<Statement> {
    vec![Statement::new(sql, vec![])]
}

pub(crate) async fn numbers(store: &dyn SqlStore, sql: &str) -> Vec<i64> {
    let found = store.read(plain(sql)).await.expect("read");
    found[0].rows.iter().map(|row| row[0].int().expect("a number")).collect()
}

async fn connect(settings: PostgresSettings) -> PostgresStore {
    PostgresStore::connect(settings).await.expect("connected")
}

/// The failure and all that caused it, as it is logged.
fn whole(failure: &Failure) -> String {
    format!("{failure} {:?}", failure.source)
}

/// Far longer than any test waits.
const SLOW: &str = "SELECT count(*) FROM generate_series(1, 100000000000)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_nobody_waits_for_is_ended_at_the_server() {
    let server = PostgresServer::shared();
    let bouncer = PgBouncer::before(server, 2);
    let database = server.database().await;
    for url in [server.url(&database), bouncer.url(&database)] {
        let store = connect(PostgresSettings { connections_max: 1, ..PostgresSettings::new(url) }).await;
        for queries in [vec![SLOW], vec!["SELECT 1", SLOW, "SELECT 2"]] {
            let queries = queries.into_iter().map(|sql| Statement::new(sql, vec![])).collect();
            let slow = tokio::time::timeout(Duration::from_millis(300), store.read(queries)).await;
            assert!(slow.is_err(), "it is not slow");
            let quick = tokio::time::timeout(Duration::from_secs(20), store.read(plain("SELECT 3"))).await;
            assert_eq!(quick.expect("the connection is free").expect("read")[0].rows, [vec![SqlValue::Int(3)]]);
        }
        let busy = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND state = 'active' AND query LIKE '%generate_series%' AND pid <> pg_backend_pid()"
        );
        let begun = Instant::now();
        while numbers(&store, &busy).await != [0] {
            assert!(begun.elapsed() < Duration::from_secs(10), "the server still works for nobody");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_too_long_is_ended_and_says_so() {
    let server = PostgresServer::shared();
    let short = Duration::from_millis(200);
    let limits = PostgresSettings {
        read_time_max: short,
        write_time_max: short,
        wait_time_max: short,
        ..PostgresSettings::new("")
    };
    let settings = PostgresSettings { url: server.url(&server.database().await), connections_max: 1, ..limits };
    let store = connect(settings.clone()).await;
    let failure = store.read(plain(SLOW)).await.expect_err("too long");
    assert!(failure.retry_helps && failure.message.contains("longer than a statement may"), "{failure}");
    let failure = store.write(plain(&format!("CREATE TABLE t AS {SLOW}"))).await.expect_err("too long");
    assert!(failure.retry_helps && failure.message.contains("longer than a statement may"), "{failure}");
    let store = Arc::new(connect(PostgresSettings { read_time_max: Duration::from_secs(60), ..settings }).await);
    let slow = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.read(plain(SLOW)).await }
    });
    let begun = Instant::now();
    let failure = loop {
        if let Err(failure) = store.read(plain("SELECT 1")).await {
            break failure;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "the only connection is taken");
    };
    assert!(failure.retry_helps && failure.message.contains("are busy"), "{failure}");
    slow.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_make_a_schema_once_and_schemas_do_not_meet() {
    let server = PostgresServer::shared();
    let database = server.database().await;
    let settings =
        |schema: &str| PostgresSettings { schema: schema.to_owned(), ..PostgresSettings::new(server.url(&database)) };
    let nodes = (0..12).map(|_| connect(settings("carelog")));
    let stores = futures::future::join_all(nodes).await;
    assert_eq!(numbers(&stores[0], "SELECT count(*) FROM migrations WHERE number = 1").await, [1]);
    // What every node does when it starts, all at once.
    let tables: Vec<Statement> =
        carelog_schemas::read_models::sets::create().into_iter().map(|sql| Statement::new(sql, vec![])).collect();
    for made in futures::future::join_all(stores.iter().map(|store| store.write(tables.clone()))).await {
        made.expect("made, or there already");
    }
    let other = connect(settings("other_chain")).await;
    other.write(plain("CREATE TABLE only_here (name CTEXT)")).await.expect("made");
    stores[0].read(plain("SELECT name FROM only_here")).await.expect_err("another schema");
    server
        .client(&database)
        .await
        .batch_execute("INSERT INTO carelog.migrations VALUES (99, 'of tomorrow')")
        .await
        .expect("written");
    let failure = PostgresStore::connect(settings("carelog")).await.err().expect("refused");
    assert!(!failure.retry_helps && failure.message.contains("another version"), "{failure}");
}

/// Writes all the time while something `happens`: nothing fails for good, and nothing acknowledged is lost.
async fn under_load(store: &Arc<PostgresStore>, happens: impl Future<Output = ()>) {
    store.write(plain("CREATE TABLE t (id BIGINT NOT NULL, PRIMARY KEY (id))")).await.expect("made");
    let stopping = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writers: Vec<_> = (0..4i64)
        .map(|writer| {
            let (store, stopping) = (Arc::clone(store), Arc::clone(&stopping));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for id in (writer..).step_by(4) {
                    if stopping.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    let insert = Statement::new("INSERT INTO t (id) VALUES ($1)", vec![id.into()]);
                    match store.write(vec![insert]).await {
                        Ok(_) => acknowledged.push(id),
                        Err(failure) => assert!(failure.retry_helps, "{}", whole(&failure)),
                    }
                }
                acknowledged
            })
        })
        .collect();
    happens.await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    stopping.store(true, std::sync::atomic::Ordering::Relaxed);
    let kept = numbers(&**store, "SELECT id FROM t").await;
    for writer in writers {
        let acknowledged = writer.await.expect("no panic");
        assert!(!acknowledged.is_empty());
        let lost: Vec<&i64> = acknowledged.iter().filter(|id| !kept.contains(id)).collect();
        assert!(lost.len() <= 1, "acknowledged and lost: {lost:?}"); // The last may come after the look.
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_restarted_under_load_is_met_again_and_nothing_acknowledged_is_lost() {
    let server = PostgresServer::start("");
    let settings = PostgresSettings { connections_max: 4, ..PostgresSettings::new(server.url("postgres")) };
    let store = Arc::new(connect(settings).await);
    let restarts = async {
        for mode in ["fast", "immediate"] {
            tokio::time::sleep(Duration::from_millis(300)).await; // Some load.
            server.stop(mode);
            let failure = store.read(plain("SELECT 1")).await.expect_err("it is gone");
            assert!(failure.retry_helps && failure.message.contains("127.0.0.1"), "{}", whole(&failure));
            server.go();
            let found = store.read(plain("SELECT 1")).await.unwrap_or_else(|failure| panic!("{}", whole(&failure)));
            assert_eq!(found[0].rows, [vec![SqlValue::Int(1)]], "the next call connects again");
        }
    };
    under_load(&store, restarts).await;
}

/// It keeps the connections to it, and says itself what became of the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_restarted_behind_pgbouncer_is_met_again_and_nothing_acknowledged_is_lost() {
    let server = PostgresServer::start("");
    let bouncer = PgBouncer::before(&server, 2);
    let settings = PostgresSettings { connections_max: 4, ..PostgresSettings::new(bouncer.url("postgres")) };
    let store = Arc::new(connect(settings).await);
    let restarts = async {
        for mode in ["fast", "immediate"] {
            tokio::time::sleep(Duration::from_millis(300)).await; // Some load.
            server.stop(mode);
            let failure = store.read(plain("SELECT 1")).await.expect_err("it is gone");
            assert!(failure.retry_helps, "{}", whole(&failure));
            server.go();
            let begun = Instant::now();
            while let Err(failure) = store.read(plain("SELECT 1")).await {
                assert!(failure.retry_helps && begun.elapsed() < Duration::from_secs(30), "{}", whole(&failure));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    under_load(&store, restarts).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_is_unknown_and_its_checkpoint_makes_a_repeat_harmless() {
    let server = PostgresServer::shared();
    let proxy = CuttingProxy::before(server.port).await;
    let url = format!("postgres://postgres@127.0.0.1:{}/{}", proxy.port, server.database().await);
    let store = connect(PostgresSettings::new(url)).await;
    let tables = [
        "CREATE TABLE marks (size BIGINT NOT NULL)",
        "INSERT INTO marks VALUES (0)",
        "CREATE TABLE t (n BIGINT NOT NULL)",
    ];
    store.write(tables.iter().flat_map(|sql| plain(sql)).collect()).await.expect("made");
    let work = || {
        let moved =
            Statement::new("UPDATE marks SET size = $1 WHERE size = $2", vec![10.into(), 0.into()]).expecting(1);
        vec![moved, Statement::new("INSERT INTO t VALUES ($1)", vec![1.into()])]
    };
    proxy.cut_after("INSERT INTO t");
    store.write(work()).await.expect("lost before the commit, so that it is done again at once");
    assert_eq!(numbers(&store, "SELECT n FROM t").await, [1]);
    store
        .write(["UPDATE marks SET size = 0", "DELETE FROM t"].iter().flat_map(|sql| plain(sql)).collect())
        .await
        .expect("back");

    proxy.cut_after("COMMIT\0"); // Not `READ COMMITTED`, with which it begins.
    let failure = store.write(work()).await.expect_err("no answer");
    assert!(failure.retry_helps && failure.message.contains("not known"), "{failure}");
    assert_eq!(numbers(&store, "SELECT n FROM t").await, [1], "it was made, as it happens");
    let failure = store.write(work()).await.expect_err("the checkpoint is elsewhere");
    assert!(failure.message.contains("0 rows instead of 1"), "{failure}");
    assert_eq!(numbers(&store, "SELECT n FROM t").await, [1], "and nothing is there twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_says_nothing_of_the_row() {
    let server = PostgresServer::shared();
    let store = connect(PostgresSettings::new(server.url(&server.database().await))).await;
    store
        .write(plain("CREATE TABLE t (id BIGINT NOT NULL, name CTEXT NOT NULL, PRIMARY KEY (name))"))
        .await
        .expect("made");
    let insert =
        |id: SqlValue| Statement::new("INSERT INTO t (id, name) VALUES ($1, $2)", vec![id, "Zoë Secret".into()]);
    let null = store.write(vec![insert(SqlValue::Null)]).await.expect_err("a rule broken");
    let twice = store.write(vec![insert(1.into()), insert(2.into())]).await.expect_err("a rule broken");
    let cast = Statement::new("SELECT CAST($1 AS BIGINT)", vec!["Zoë Secret".into()]);
    let cast = store.read(vec![cast]).await.expect_err("no number");
    for failure in [null, twice, cast] {
        assert!(!failure.retry_helps && !whole(&failure).contains("Secret"), "{}", whole(&failure));
    }
    let kind = store.read(plain("SELECT 1.5 AS half")).await.expect_err("a fraction");
    assert!(kind.message.contains("cast it to BIGINT"), "{kind}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zero_character_is_kept_as_the_replacement_and_found_as_it() {
    let server = PostgresServer::shared();
    let store = connect(PostgresSettings::new(server.url(&server.database().await))).await;
    store.write(plain("CREATE TABLE t (name CTEXT NOT NULL)")).await.expect("made");
    store.write(vec![Statement::new("INSERT INTO t VALUES ($1)", vec!["a\0b".into()])]).await.expect("kept");
    let found = store
        .read(vec![Statement::new("SELECT name FROM t WHERE name = $1", vec!["a\0b".into()])])
        .await
        .expect("read");
    assert_eq!(found[0].rows, [vec![SqlValue::from("a\u{fffd}b")]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_holds_up_a_change_of_tables_but_the_change_does_not_hold_up_readers() {
    let server = PostgresServer::shared();
    let store = Arc::new(connect(PostgresSettings::new(server.url(&server.database().await))).await);
    let reading = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.read(plain("SELECT count(*) FROM (SELECT pg_sleep(3)) s")).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await; // The reader is at it.
    let changing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.write(plain("CREATE TABLE late (id BIGINT NOT NULL)")).await }
    });
    let begun = Instant::now();
    while !reading.is_finished() {
        let one = Instant::now();
        store.read(plain("SELECT 1")).await.expect("read");
        assert!(one.elapsed() < Duration::from_secs(2), "a reader waited {:?} behind the change", one.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() > Duration::from_secs(1), "there was a reader");
    reading.await.expect("no panic").expect("read");
    changing.await.expect("no panic").expect("made when the reader had ended");
}

/// How many parsed queries the connection keeps.
const KEPT: &str = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT %'";
/// How many of them show the mark by themselves.
const KEPT_WHOLE: &str = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '(SELECT 0, %'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_stay_parsed_where_a_connection_is_the_servers_own_and_nowhere_else() {
    let server = PostgresServer::shared();
    let database = server.database().await;
    let bouncers = [PgBouncer::before(server, 2), PgBouncer::ignoring_options(server, 2)];
    let direct = (server.url(&database), 2);
    let pooled = bouncers.iter().map(|bouncer| (bouncer.url(&database), 0));
    for (url, kept) in std::iter::once(direct).chain(pooled) {
        let store = connect(PostgresSettings { connections_max: 1, ..PostgresSettings::new(url) }).await;
        for _ in 0..3 {
            assert_eq!(numbers(&store, "SELECT 7").await, [7]);
        }
        assert_eq!(numbers(&store, KEPT).await, [kept], "the text, and this one");
        assert_eq!(numbers(&store, KEPT_WHOLE).await, [kept.min(1)], "from the second time on as one statement");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_shows_anothers_mark_is_not_believed() {
    let server = PostgresServer::shared();
    let url = server.url(&server.database().await);
    let store = connect(PostgresSettings { connections_max: 1, ..PostgresSettings::new(url) }).await;
    const MIGRATIONS: &str = "SELECT count(*) FROM migrations";
    for _ in 0..2 {
        assert_eq!(numbers(&store, MIGRATIONS).await, [1]);
    }
    // What a pooler would do that passes `options` on: the next transaction is on another's connection.
    let others = [
        "CREATE SCHEMA other",
        "CREATE TABLE other.migrations AS SELECT generate_series(1, 9) AS n",
        "SET carelog.session TO another",
        "SET search_path TO other",
    ];
    store.write(others.map(|sql| Statement::new(sql, vec![])).into()).await.expect("set");
    assert_eq!(numbers(&store, MIGRATIONS).await, [1], "of the schema that was asked for");
    assert_eq!(numbers(&store, KEPT).await, [0], "nothing is relied on any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_found_by_their_keys_unless_the_operator_says_what_that_costs() {
    let server = PostgresServer::shared();
    let bouncer = PgBouncer::before(server, 2);
    let database = server.database().await;
    let told = format!("{}?options=-c%20random_page_cost%3D3", server.url(&database));
    for (url, expected) in [(server.url(&database), "1.1"), (bouncer.url(&database), "1.1"), (told, "3")] {
        let store = connect(PostgresSettings { connections_max: 1, ..PostgresSettings::new(url) }).await;
        let cost = "SELECT current_setting('random_page_cost') AS cost";
        assert_eq!(store.read(plain(cost)).await.expect("read")[0].rows, [vec![SqlValue::from(expected)]]);
    }
    let told = format!("{}?options=-c%20enable_memoize%3Don", server.url(&database));
    for (url, expected) in [(server.url(&database), "off"), (told, "on")] {
        let store = connect(PostgresSettings { connections_max: 1, ..PostgresSettings::new(url) }).await;
        let memoize = "SELECT current_setting('enable_memoize') AS memoize";
        assert_eq!(store.read(plain(memoize)).await.expect("read")[0].rows, [vec![SqlValue::from(expected)]]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_reads_do_not_keep_others_from_their_turn() {
    let server = PostgresServer::shared();
    let slow = 2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + 1;
    let settings = PostgresSettings::new(server.url(&server.database().await));
    let store = Arc::new(connect(PostgresSettings { connections_max: slow + 1, ..settings }).await);
    let reading: Vec<_> = (0..slow)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.read(plain("SELECT count(*) FROM (SELECT pg_sleep(3)) s")).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await; // All of them are at it.
    let begun = Instant::now();
    assert_eq!(numbers(&*store, "SELECT 7").await, [7]);
    assert!(begun.elapsed() < Duration::from_secs(1), "it waited {:?} for slow ones", begun.elapsed());
    for reading in reading {
        reading.await.expect("no panic").expect("read");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_was_parsed_before_its_table_changed_is_parsed_again() {
    let server = PostgresServer::shared();
    let url = server.url(&server.database().await);
    let store = connect(PostgresSettings { connections_max: 1, ..PostgresSettings::new(url) }).await;
    let asked = || async { store.read(plain("SELECT * FROM t")).await.expect("read").remove(0).rows };
    // One that names its column, a number at first and a text later.
    let named =
        || async { store.read(plain("SELECT v FROM k")).await.expect("read").remove(0).rows.remove(0).remove(0) };
    for (made, expected) in [
        ("CREATE TABLE k AS SELECT 1::BIGINT AS v", SqlValue::Int(1)),
        ("ALTER TABLE k ALTER v TYPE TEXT", "1".into()),
        ("ALTER TABLE k ALTER v TYPE BIGINT USING v::BIGINT", SqlValue::Int(1)),
    ] {
        store.write(vec![Statement::new(made, vec![])]).await.expect("changed");
        for _ in 0..3 {
            assert_eq!(named().await, expected);
        }
    }
    for (made, expected) in [
        (vec!["CREATE TABLE t (id BIGINT)", "INSERT INTO t VALUES (1)"], vec![1.into()]),
        (vec!["ALTER TABLE t ADD name TEXT DEFAULT 'n'"], vec![1.into(), "n".into()]),
        (vec!["DROP TABLE t", "CREATE TABLE t (name TEXT)", "INSERT INTO t VALUES ('m')"], vec!["m".into()]),
        (vec!["ALTER TABLE t RENAME TO u", "CREATE VIEW t AS SELECT 5::BIGINT AS id"], vec![SqlValue::Int(5)]),
    ] {
        store.write(made.into_iter().map(|sql| Statement::new(sql, vec![])).collect()).await.expect("changed");
        for _ in 0..3 {
            assert_eq!(asked().await, [expected.as_slice()]);
        }
    }
}

/// As the moving of a read model's tables, in one order, and a page's reading of them, in the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_read_and_those_who_move_views_run_into_no_deadlock() {
    let server = PostgresServer::shared();
    let store = Arc::new(connect(PostgresSettings::new(server.url(&server.database().await))).await);
    let show = |table: &str| ["one", "two"].map(|view| format!("CREATE VIEW {view} AS SELECT id FROM {table}"));
    let make = [
        "CREATE TABLE a (id BIGINT)",
        "CREATE TABLE b (id BIGINT)",
        "INSERT INTO a VALUES (1)",
        "INSERT INTO b VALUES (2)",
    ];
    let make = make.map(str::to_owned).into_iter().chain(show("a"));
    store.write(make.map(|sql| Statement::new(sql, vec![])).collect()).await.expect("made");
    let moving = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for turn in 0..60 {
                let drop = ["DROP VIEW one", "DROP VIEW two"].map(str::to_owned);
                let show = show(if turn % 2 == 0 { "b" } else { "a" });
                let all = drop.into_iter().chain(show).map(|sql| Statement::new(sql, vec![]));
                store.write(all.collect()).await.expect("moved");
            }
        }
    });
    let reading = (0..4).map(|_| {
        let store = Arc::clone(&store);
        let queries = || ["SELECT id FROM two", "SELECT id FROM one"].map(|sql| Statement::new(sql, vec![])).to_vec();
        tokio::spawn(async move {
            for _ in 0..300 {
                let found = store.read(queries()).await.expect("read");
                assert_eq!(found[0], found[1], "both are moved at once");
            }
        })
    });
    for reading in reading.collect::<Vec<_>>() {
        reading.await.expect("no panic");
    }
    moving.await.expect("no panic");
    tokio::time::sleep(Duration::from_secs(2)).await; // The server's statistics are late.
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(numbers(&*store, deadlocks).await, [0]);
}
