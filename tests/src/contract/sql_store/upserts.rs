//! Writes as projections make them: statements of many rows that insert, replace and count, with NULL in any place, many
//! statements of one text in a row, and a checkpoint that moves only from the expected place.

use std::collections::BTreeMap;

use carelog_domain::ports::{SqlStore, SqlValue, Statement};

use super::{plain, statement};

/// What a row holds in memory: note, key, count.
type Row = (Option<String>, Option<Vec<u8>>, i64);

pub(super) async fn run(store: &dyn SqlStore) {
    let create = "CREATE TABLE stock (place CTEXT NOT NULL, item CTEXT NOT NULL, note CTEXT, sort BYTEA, empty BYTEA, \
                  amount BIGINT NOT NULL, PRIMARY KEY (place, item))";
    store.write(vec![plain(create)]).await.expect("made");
    many_rows_at_once(store).await;
    rows_that_are_none_are_refused_in_words(store).await;
    what_is_there_is_replaced_and_counted(store).await;
    rows_under_the_beginning_of_a_key(store).await;
    a_checkpoint_moves_from_where_it_was_or_not_at_all(store).await;
    a_failing_row_among_many_undoes_all(store).await;
}

/// An upsert as `projections::plan` writes it.
fn upsert(rows: &[(&str, i64, Row)]) -> Statement {
    let sql = "INSERT INTO stock (place, item, note, sort, empty, amount) {rows} ON CONFLICT (place, item) DO UPDATE SET \
               note = excluded.note, sort = excluded.sort, empty = excluded.empty, amount = stock.amount + excluded.amount";
    let values = rows.iter().flat_map(|(place, item, (note, sort, amount))| {
        let item = SqlValue::Text(format!("{item:04}"));
        let empty = SqlValue::Null; // In every row: nothing tells a store what type it has but its column.
        [(*place).into(), item, note.clone().into(), sort.clone().into(), empty, (*amount).into()]
    });
    Statement::of_rows(sql, 6, values.collect())
}

fn row(number: i64) -> Row {
    let note = (number % 3 != 0).then(|| format!("note {number}"));
    (note, (number % 50 == 0).then(|| number.to_be_bytes().to_vec()), number)
}

async fn stock(store: &dyn SqlStore) -> BTreeMap<(String, String), Row> {
    let query = plain("SELECT place, item, note, sort, amount, empty FROM stock ORDER BY place, item");
    let found = store.read(vec![query]).await.expect("read").remove(0);
    let rows = found.rows.iter().map(|row| {
        let text = |index: usize| row[index].text().map(str::to_owned);
        assert_eq!(row[5], SqlValue::Null);
        let values = (text(2), row[3].bytes().map(<[u8]>::to_vec), row[4].int().expect("an amount"));
        ((text(0).expect("a place"), text(1).expect("an item")), values)
    });
    rows.collect()
}

async fn many_rows_at_once(store: &dyn SqlStore) {
    let rows: Vec<(&str, i64, Row)> = (0..200).map(|number| ("here", number, row(number))).collect();
    let shares = [&rows[..1], &rows[1..1], &rows[1..4], &rows[4..]].map(upsert);
    let affected = store.write(shares.into()).await.expect("written");
    assert_eq!(affected, [1, 0, 3, 196]);
    let too_few = upsert(&rows[..3]).expecting(4);
    assert!(store.write(vec![upsert(&[("gone", 1, row(1))]), too_few]).await.is_err(), "three rows are not four");
    let nothing = Statement::of_rows("INSERT INTO bare (one, two) {rows}", 2, vec![SqlValue::Null; 6]);
    let bare = plain("CREATE TABLE bare (one CTEXT, two BIGINT)");
    assert_eq!(store.write(vec![bare, nothing]).await.expect("written")[1], 3, "rows of nothing are rows");
    let kept = stock(store).await;
    assert_eq!(kept.len(), 200);
    assert!(kept.iter().all(|((_, item), found)| *found == row(item.parse().expect("a number"))));
}

async fn rows_that_are_none_are_refused_in_words(store: &dyn SqlStore) {
    let sql = "INSERT INTO stock (place, amount) {rows}";
    let refused = [
        (Statement::of_rows(sql, 2, vec!["a".into(), 1.into(), "b".into()]), "takes rows of 2 values, and 3 make none"),
        (Statement::of_rows(sql, 0, vec!["a".into()]), "takes rows of 0 values"),
        // Eight bytes are a number to whoever is told that they are.
        (
            Statement::of_rows(sql, 2, vec!["a".into(), 1.into(), "b".into(), "8 bytes!".into()]),
            "two kinds in column 2",
        ),
        (Statement::of_rows("INSERT INTO stock (place) VALUES ($1)", 1, vec!["a".into()]), "where {rows} go"),
    ];
    for (statement, why) in refused {
        let failure = store.write(vec![upsert(&[("gone", 2, row(2))]), statement]).await.expect_err("refused");
        assert!(!failure.retry_helps && failure.message.contains(why), "{failure}");
    }
    assert!(!stock(store).await.keys().any(|(place, _)| place == "gone"), "nothing is written with them");
}

async fn what_is_there_is_replaced_and_counted(store: &dyn SqlStore) {
    let again: Vec<(&str, i64, Row)> = (190..210).map(|number| ("here", number, (None, None, 1_000))).collect();
    store.write(again.chunks(2).map(upsert).collect()).await.expect("written");
    let kept = stock(store).await;
    let of = |item: &str| kept[&("here".to_owned(), item.to_owned())].clone();
    assert_eq!(of("0195"), (None, None, 1_195), "replaced, and added to what was there");
    assert_eq!(of("0205"), (None, None, 1_000), "new");
    assert_eq!(of("0100"), row(100), "untouched");
    let add = "UPDATE stock SET note = $1, amount = amount + $2 WHERE place = $3 AND item = $4";
    let touch = |item: &str| statement(add, vec![SqlValue::Null, (-5).into(), "here".into(), item.into()]);
    let affected =
        store.write(vec![touch("0100"), touch("none"), touch("0101"), touch("0102")]).await.expect("written");
    assert_eq!(affected, [1, 0, 1, 1]);
    assert_eq!(stock(store).await[&("here".to_owned(), "0100".to_owned())], (None, row(100).1, 95));
    let same = "INSERT INTO stock (place, item, amount) VALUES ($1, $2, $3) ON CONFLICT (place, item) DO NOTHING";
    let insert = |item: &str| statement(same, vec!["here".into(), item.into(), 7.into()]);
    let affected = store.write(["0100", "0300", "0101", "0301"].map(insert).into()).await.expect("written");
    assert_eq!(affected, [0, 1, 0, 1], "what is there stays");
}

async fn rows_under_the_beginning_of_a_key(store: &dyn SqlStore) {
    let delete = |place: &str| statement("DELETE FROM stock WHERE place = $1", vec![place.into()]);
    let elsewhere = upsert(&[("there", 1, row(1)), ("there", 2, row(2))]);
    let affected = store.write(vec![elsewhere.clone(), delete("here"), delete("nowhere")]).await.expect("written");
    assert_eq!(affected, [2, 212, 0]);
    assert_eq!(stock(store).await.len(), 2);
    let affected = store.write(vec![delete("there"), elsewhere]).await.expect("written");
    assert_eq!(affected, [2, 2], "one after the other");
}

async fn a_checkpoint_moves_from_where_it_was_or_not_at_all(store: &dyn SqlStore) {
    let create =
        "CREATE TABLE marks (model CTEXT NOT NULL, size BIGINT NOT NULL, recorded_at BIGINT, PRIMARY KEY (model))";
    let first = statement(
        "INSERT INTO marks (model, size, recorded_at) VALUES ($1, $2, $3)",
        vec!["m".into(), 0.into(), SqlValue::Null],
    );
    store.write(vec![plain(create), first.expecting(1)]).await.expect("made");
    let moved = |from: i64| {
        let sql = "UPDATE marks SET size = $2, recorded_at = $3 WHERE model = $1 AND size = $4";
        let mark = statement(sql, vec!["m".into(), (from + 10).into(), SqlValue::Null, from.into()]).expecting(1);
        vec![mark, upsert(&[("marked", from, row(from))])]
    };
    store.write(moved(0)).await.expect("moved");
    let refused = store.write(moved(0)).await.expect_err("it is elsewhere by now");
    assert!(!refused.retry_helps && refused.message.contains("0 rows instead of 1"), "{refused}");
    let both = futures::future::join(store.write(moved(10)), store.write(moved(10))).await;
    assert_eq!(usize::from(both.0.is_ok()) + usize::from(both.1.is_ok()), 1, "two who want the same: one moves it");
    let found = store.read(vec![plain("SELECT size FROM marks")]).await.expect("read");
    assert_eq!(found[0].rows, [vec![SqlValue::Int(20)]]);
    assert_eq!(stock(store).await[&("marked".to_owned(), "0010".to_owned())], row(10), "once");
}

async fn a_failing_row_among_many_undoes_all(store: &dyn SqlStore) {
    let before = stock(store).await;
    let insert = |amount: SqlValue| {
        let item = SqlValue::Text(format!("{amount:?}"));
        statement("INSERT INTO stock (place, item, amount) VALUES ($1, $2, $3)", vec!["bad".into(), item, amount])
    };
    let mut statements: Vec<Statement> = (0..10i64).map(|number| insert(number.into())).collect();
    statements.push(insert(SqlValue::Null)); // The column wants a number.
    let failure = store.write(statements).await.expect_err("refused");
    assert!(!failure.retry_helps, "{failure}");
    assert_eq!(stock(store).await, before);
}
