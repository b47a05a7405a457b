//! What several queries of one read find is what each of them finds, however often and in whatever company they are asked.

use carelog_domain::ports::{Rows, SqlStore, SqlValue, Statement};

use super::{plain, statement};

pub(super) async fn run(store: &dyn SqlStore) {
    fill(store).await;
    let queries = queries();
    let mut alone = Vec::new();
    for query in &queries {
        alone.push(store.read(vec![query.clone()]).await.expect("read").remove(0));
    }
    assert_eq!(alone.iter().map(|found| found.rows.len()).collect::<Vec<_>>(), [7, 8, 1, 0, 1, 40]);
    for turn in 0..4 {
        let found = store.read(queries.clone()).await.expect("read");
        same(&found, &alone, &format!("together, turn {turn}"));
        let backwards: Vec<Statement> = queries.iter().rev().cloned().collect();
        let mut found = store.read(backwards).await.expect("read");
        found.reverse();
        same(&found, &alone, &format!("backwards, turn {turn}"));
    }
    the_same_texts_with_other_parameters(store).await;
    many_at_once(store).await;
}

/// Forty rows, of whose names each fifth is the same and each eighth is not there.
async fn fill(store: &dyn SqlStore) {
    let create = "CREATE TABLE asked (id BIGINT NOT NULL, name CTEXT, sort BYTEA, PRIMARY KEY (id))";
    let insert = |id: i64| {
        let name = (id % 8 != 0).then(|| format!("name {}", id % 5));
        let sort = SqlValue::Bytes(vec![id as u8, 0, 255]);
        statement("INSERT INTO asked (id, name, sort) VALUES ($1, $2, $3)", vec![id.into(), name.into(), sort])
    };
    store.write(std::iter::once(plain(create)).chain((0..40).map(insert)).collect()).await.expect("filled");
}

/// Columns of every type in different numbers and orders, names that come twice, texts that look like parameters, no rows.
fn queries() -> Vec<Statement> {
    vec![
        plain("SELECT id, name FROM asked WHERE name IS NOT NULL ORDER BY name DESC, id ASC LIMIT 7"),
        statement(
            "SELECT name, sort, id, id AS more FROM asked WHERE id > $1 AND name <> $2 ORDER BY sort DESC LIMIT 8",
            vec![3.into(), "name 2".into()],
        ),
        statement("SELECT COUNT(*) AS count, '$1 it''s $2' AS told FROM asked WHERE id < $1", vec![9.into()]),
        statement("SELECT sort FROM asked WHERE id = $2 AND name = $1", vec!["nobody".into(), 1.into()]),
        plain("SELECT one.name, two.name FROM asked AS one JOIN asked AS two ON two.id = one.id + 1 WHERE one.id = 6"),
        plain("SELECT id FROM asked ORDER BY name IS NULL, name, id DESC"),
    ]
}

fn same(found: &[Rows], expected: &[Rows], when: &str) {
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.rows, expected.rows, "query {number}, {when}");
        if !expected.rows.is_empty() {
            assert_eq!(found.columns, expected.columns, "query {number}, {when}");
        }
    }
    assert_eq!(found.len(), expected.len());
}

/// Also with one that is NULL, of which no type is known, and with one too few.
async fn the_same_texts_with_other_parameters(store: &dyn SqlStore) {
    let ask = |above: i64, name: SqlValue| {
        let first = statement("SELECT id FROM asked WHERE id > $1 ORDER BY id LIMIT 1", vec![above.into()]);
        let second = statement("SELECT COUNT(*) FROM asked WHERE name = $1 AND id > $2", vec![name, above.into()]);
        store.read(vec![first, second])
    };
    for _ in 0..3 {
        let too_few_at_first = [
            statement("SELECT id FROM asked WHERE id >= $1 ORDER BY id LIMIT 1", vec![]),
            statement("SELECT id FROM asked WHERE id = $1", vec![5.into()]),
        ];
        assert!(store.read(too_few_at_first.into()).await.is_err(), "a parameter of one query is not another's");
    }
    for _ in 0..3 {
        for (above, name, expected) in [(3, "name 1".into(), [4, 6]), (30, "name 1".into(), [31, 2])] {
            assert_eq!(numbers(&ask(above, name).await.expect("read")), expected);
        }
        assert_eq!(numbers(&ask(7, SqlValue::Null).await.expect("read")), [8, 0], "nothing equals NULL");
        let too_few = [
            statement("SELECT id FROM asked WHERE id > $1 ORDER BY id LIMIT 1", vec![]),
            statement(
                "SELECT COUNT(*) FROM asked WHERE name = $1 AND id > $2",
                vec![1.into(), "name 1".into(), 1.into()],
            ),
        ];
        assert!(store.read(too_few.into()).await.is_err(), "a parameter of one query is not another's");
    }
}

fn numbers(found: &[Rows]) -> [i64; 2] {
    [&found[0], &found[1]].map(|rows| rows.rows[0][0].int().expect("a number"))
}

async fn many_at_once(store: &dyn SqlStore) {
    let ask = |id: i64| statement("SELECT id FROM asked WHERE id = $1", vec![id.into()]);
    for count in [3, 8, 9, 40].repeat(3) {
        let found = store.read((0..count).map(ask).collect()).await.expect("read");
        let ids: Vec<Option<i64>> = found.iter().map(|rows| rows.rows[0][0].int()).collect();
        assert_eq!(ids, (0..count).map(Some).collect::<Vec<_>>());
    }
}
