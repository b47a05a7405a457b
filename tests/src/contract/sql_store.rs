//! What every `SqlStore` does.

mod orders;
mod together;
mod upserts;

use std::sync::Arc;

use carelog_domain::ports::{SqlStore, SqlValue, Statement};

fn statement(sql: &str, parameters: Vec<SqlValue>) -> Statement {
    Statement::new(sql, parameters)
}

fn plain(sql: &str) -> Statement {
    statement(sql, vec![])
}

/// Runs the whole suite on an empty store.
pub async fn run(store: Arc<dyn SqlStore>) {
    let create = "CREATE TABLE things (id BIGINT NOT NULL, name CTEXT, sort BYTEA, PRIMARY KEY (id))";
    store.write(vec![plain(create)]).await.expect("a table");
    values_come_back_as_they_went_in(&*store).await;
    parameters_are_numbered_not_ordered(&*store).await;
    texts_and_keys_compare_as_bytes(&*store).await;
    a_failing_statement_undoes_the_others(&*store).await;
    an_expectation_undoes_everything(&*store).await;
    views_can_be_moved_in_a_transaction(&*store).await;
    many_writers_each_stand_or_fall_alone(&store).await;
    a_read_sees_one_snapshot(&store).await;
    a_view_and_what_is_said_of_it_move_together(&store).await;
    orders::run(&*store).await;
    together::run(&*store).await;
    upserts::run(&*store).await;
}

async fn ids(store: &dyn SqlStore, condition: &str) -> Vec<i64> {
    let query = plain(&format!("SELECT id FROM things WHERE {condition} ORDER BY id"));
    let found = store.read(vec![query]).await.expect("read");
    found[0].rows.iter().map(|row| row[0].int().expect("a number")).collect()
}

async fn values_come_back_as_they_went_in(store: &dyn SqlStore) {
    let row =
        vec![SqlValue::Int(i64::MIN), SqlValue::Text("Zoë 'x' $1 \u{0}".to_owned()), SqlValue::Bytes(vec![0, 255])];
    let insert = "INSERT INTO things (id, name, sort) VALUES ($1, $2, $3)";
    // PostgreSQL holds no zero character in a text: leave it out of the contract.
    let row: Vec<SqlValue> = row
        .into_iter()
        .map(|value| match value {
            SqlValue::Text(text) => SqlValue::Text(text.replace('\u{0}', "")),
            other => other,
        })
        .collect();
    let affected = store.write(vec![statement(insert, row.clone())]).await.expect("written");
    assert_eq!(affected, [1]);
    let nulls = vec![SqlValue::Int(2), SqlValue::Null, SqlValue::Null];
    store.write(vec![statement(insert, nulls.clone())]).await.expect("written");
    let found = store.read(vec![plain("SELECT id, name, sort FROM things ORDER BY id")]).await.expect("read");
    assert_eq!(found[0].columns, ["id", "name", "sort"]);
    assert_eq!(found[0].rows, [row, nulls]);
}

async fn parameters_are_numbered_not_ordered(store: &dyn SqlStore) {
    let sql = "UPDATE things SET name = $2 WHERE id = $1 AND name IS NULL";
    let affected = store.write(vec![statement(sql, vec![2.into(), "two".into()])]).await.expect("written");
    assert_eq!(affected, [1]);
    let wrong = store.write(vec![statement(sql, vec![2.into()])]).await;
    assert!(wrong.is_err(), "a parameter that is missing is not NULL");
}

async fn texts_and_keys_compare_as_bytes(store: &dyn SqlStore) {
    let rows: Vec<Statement> = [(10, "a"), (11, "B"), (12, "é"), (13, "z")]
        .into_iter()
        .map(|(id, name): (i64, &str)| {
            let parameters = vec![id.into(), name.into(), SqlValue::Bytes(name.as_bytes().to_vec())];
            statement("INSERT INTO things (id, name, sort) VALUES ($1, $2, $3)", parameters)
        })
        .collect();
    store.write(rows).await.expect("written");
    for column in ["name", "sort"] {
        let query = plain(&format!("SELECT id FROM things WHERE id >= 10 ORDER BY {column}"));
        let found = store.read(vec![query]).await.expect("read");
        let order: Vec<i64> = found[0].rows.iter().filter_map(|row| row[0].int()).collect();
        assert_eq!(order, [11, 10, 13, 12], "by {column}");
    }
    let beyond =
        statement("SELECT id FROM things WHERE (name, id) > ($1, $2) ORDER BY name, id", vec!["a".into(), 10.into()]);
    let found = store.read(vec![beyond]).await.expect("read");
    assert!(found[0].rows.iter().any(|row| row[0].int() == Some(13)));
    assert!(!found[0].rows.iter().any(|row| row[0].int() == Some(10)));
}

async fn a_failing_statement_undoes_the_others(store: &dyn SqlStore) {
    let insert = |id: i64| statement("INSERT INTO things (id) VALUES ($1)", vec![id.into()]);
    assert!(store.write(vec![insert(20), insert(20)]).await.is_err(), "a key twice");
    assert_eq!(ids(store, "id = 20").await, Vec::<i64>::new());
    let error = store.write(vec![plain("INSERT INTO nothing VALUES (1)")]).await.expect_err("no such table");
    assert!(!error.retry_helps);
    store.write(vec![insert(20)]).await.expect("the store goes on");
}

async fn an_expectation_undoes_everything(store: &dyn SqlStore) {
    let insert = statement("INSERT INTO things (id) VALUES (30)", vec![]);
    let nobody = statement("UPDATE things SET name = 'x' WHERE id = -1", vec![]).expecting(1);
    assert!(store.write(vec![insert, nobody]).await.is_err());
    assert_eq!(ids(store, "id = 30").await, Vec::<i64>::new());
    let one = statement("UPDATE things SET name = 'x' WHERE id = 20", vec![]).expecting(1);
    assert_eq!(store.write(vec![one]).await.expect("as expected"), [1]);
}

async fn views_can_be_moved_in_a_transaction(store: &dyn SqlStore) {
    let first = [
        plain("CREATE TABLE shown_a (id BIGINT NOT NULL)"),
        plain("CREATE TABLE shown_b (id BIGINT NOT NULL)"),
        plain("INSERT INTO shown_a VALUES (1)"),
        plain("INSERT INTO shown_b VALUES (2)"),
        plain("DROP VIEW IF EXISTS shown"),
        plain("CREATE VIEW shown AS SELECT id FROM shown_a"),
    ];
    store.write(first.into()).await.expect("made");
    let shown = || async { store.read(vec![plain("SELECT id FROM shown")]).await.expect("read")[0].rows[0][0].int() };
    assert_eq!(shown().await, Some(1));
    let failing = vec![plain("DROP VIEW shown"), plain("CREATE VIEW shown AS SELECT id FROM shown_c; SELECT nope")];
    assert!(store.write(failing).await.is_err());
    assert_eq!(shown().await, Some(1), "a view that was dropped in vain is there");
    let moved = vec![plain("DROP VIEW IF EXISTS shown"), plain("CREATE VIEW shown AS SELECT id FROM shown_b")];
    store.write(moved).await.expect("moved");
    assert_eq!(shown().await, Some(2));
}

async fn many_writers_each_stand_or_fall_alone(store: &Arc<dyn SqlStore>) {
    let writers = (0..200i64).map(|number| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let insert = |id: i64| statement("INSERT INTO things (id) VALUES ($1)", vec![id.into()]);
            // Every third fails on its second statement.
            let second = if number % 3 == 0 { insert(1_000 + number) } else { insert(2_000 + number) };
            (number, store.write(vec![insert(1_000 + number), second]).await.is_ok())
        })
    });
    for writer in futures::future::join_all(writers).await {
        let (number, stood) = writer.expect("no panic");
        assert_eq!(stood, number % 3 != 0);
    }
    let kept = ids(&**store, "id >= 1000 AND id < 2000").await;
    let expected: Vec<i64> = (0..200).filter(|number| number % 3 != 0).map(|number| 1_000 + number).collect();
    assert_eq!(kept, expected);
}

async fn a_read_sees_one_snapshot(store: &Arc<dyn SqlStore>) {
    store
        .write(vec![plain("CREATE TABLE counter (n BIGINT NOT NULL)"), plain("INSERT INTO counter VALUES (0)")])
        .await
        .expect("made");
    let writing = {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for _ in 0..200 {
                store.write(vec![plain("UPDATE counter SET n = n + 1")]).await.expect("counted");
            }
        })
    };
    let query = || plain("SELECT n FROM counter");
    while !writing.is_finished() {
        let found = store.read((0..4).map(|_| query()).collect()).await.expect("read");
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "one read call, one snapshot");
    }
    writing.await.expect("no panic");
    let found = store.read(vec![query()]).await.expect("read");
    assert_eq!(found[0].rows[0][0], SqlValue::Int(200), "a read sees what was written before it");
}

/// As a rebuild does: the live set is named in a table, and shown by a view.
async fn a_view_and_what_is_said_of_it_move_together(store: &Arc<dyn SqlStore>) {
    let begin = [
        "CREATE TABLE set_a (word CTEXT NOT NULL)",
        "CREATE TABLE set_b (word CTEXT NOT NULL)",
        "INSERT INTO set_a VALUES ('a')",
        "CREATE TABLE live (word CTEXT NOT NULL)",
        "INSERT INTO live VALUES ('a')",
        "CREATE VIEW rows_shown AS SELECT word FROM set_a",
    ];
    store.write(begin.map(plain).into()).await.expect("made");
    let moving = {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for turn in 0..60 {
                let (old, new) = if turn % 2 == 0 { ("a", "b") } else { ("b", "a") };
                // What a snapshot of before does not see must not be looked for in it.
                let fill = format!("INSERT INTO set_{new} VALUES ('{new}')");
                let show = [
                    plain("DROP VIEW rows_shown"),
                    plain(&format!("CREATE VIEW rows_shown AS SELECT word FROM set_{new}")),
                    plain(&fill),
                    statement("UPDATE live SET word = $1", vec![new.into()]).expecting(1),
                ];
                store.write(show.into()).await.expect("moved");
                store.write(vec![plain(&format!("DELETE FROM set_{old}"))]).await.expect("emptied");
            }
        })
    };
    while !moving.is_finished() {
        let queries = ["SELECT word FROM live", "SELECT word FROM rows_shown"].map(plain);
        let found = store.read(queries.into()).await.expect("read");
        assert_eq!(found[0].rows, found[1].rows, "the view shows another set than the one that is said to be live");
    }
    moving.await.expect("no panic");
}
