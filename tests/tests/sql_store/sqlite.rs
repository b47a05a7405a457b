//! What only SQLite promises: one private file, and reads on threads that can be called back.

use std::time::Duration;

use carelog_domain::ports::{SqlStore, SqlValue, Statement};
use carelog_sqlite::SqliteStore;

#[tokio::test]
async fn what_was_written_is_there_after_reopening_and_the_file_is_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("read.db");
    let plain = |sql: &str| vec![Statement::new(sql, vec![])];
    {
        let store = SqliteStore::open(&path).expect("opened");
        store.write(plain("CREATE TABLE t (a BIGINT)")).await.expect("made");
        store.write(plain("INSERT INTO t VALUES (7)")).await.expect("written");
    }
    let store = SqliteStore::open(&path).expect("opened again");
    let found = store.read(plain("SELECT a FROM t")).await.expect("read");
    assert_eq!(found[0].rows, [vec![SqlValue::Int(7)]]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "read models hold personal values: nobody else may read the file");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("read.db");
    std::fs::write(&path, b"this is not a database, whatever its name says".repeat(100)).expect("written");
    let error = SqliteStore::open(&path).err().expect("refused");
    assert!(error.message.contains("built anew from the log"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_nobody_waits_for_gives_its_connection_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open_with(folder.path().join("read.db"), 1).expect("opened");
    // Many seconds of counting, far beyond what the test waits for.
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000000) \
                SELECT count(*) FROM n";
    let statement = |sql: &str| Statement::new(sql, vec![]);
    for queries in [vec![slow], vec!["SELECT 1", slow, "SELECT 2"]] {
        let slow = store.read(queries.into_iter().map(statement).collect());
        assert!(tokio::time::timeout(Duration::from_millis(200), slow).await.is_err(), "it is not slow");
        for queries in [vec!["SELECT 3"], vec!["SELECT 3", "SELECT 4"]] {
            let quick = store.read(queries.into_iter().map(statement).collect());
            let found = tokio::time::timeout(Duration::from_secs(5), quick).await.expect("the connection is free");
            assert_eq!(found.expect("read")[0].rows, [vec![SqlValue::Int(3)]]);
        }
    }
}
