//! Orders: names in six scripts, ties and NULLs, forwards and backwards, whole and in pages. The expected order is that
//! of the bytes, computed here.

use carelog_domain::ports::{SqlStore, SqlValue, Statement};
use carelog_schemas::read_models::sort_key;

use super::{plain, statement};

/// Latin, Greek, Cyrillic, Arabic, Devanagari and Han; some twice, some alike but for case, accents or composition, one
/// beyond the first 65,536 characters, which UTF-16 would sort before others.
const NAMES: [&str; 24] = [
    "Ada",
    "ada",
    "Ångström",
    "A\u{30a}ngström",
    "Zoë",
    "Zoe",
    "ß",
    "Αθηνά",
    "αθηνά",
    "Ωμέγα",
    "Ёлкин",
    "Иванов",
    "иванов",
    "علي",
    "فاطمة",
    "अनिता",
    "हर्ष",
    "王芳",
    "李娜",
    "\u{20bb7}野",
    "\u{ff21}",
    "Ada",
    "王芳",
    "",
];

/// A row in memory: its name, if it has one, its sort key, its id.
type Person = (Option<String>, Vec<u8>, i64);

pub(super) async fn run(store: &dyn SqlStore) {
    let people = people();
    store
        .write(vec![
            plain("CREATE TABLE people (id BIGINT NOT NULL, name CTEXT, name_key BYTEA NOT NULL, PRIMARY KEY (id))"),
            plain("CREATE INDEX people_name ON people (name, id)"),
        ])
        .await
        .expect("made");
    let insert = people.iter().map(|(name, key, id)| {
        let values = vec![(*id).into(), name.clone().into(), key.clone().into()];
        statement("INSERT INTO people (id, name, name_key) VALUES ($1, $2, $3)", values)
    });
    store.write(insert.collect()).await.expect("written");
    by_name(store, &people).await;
    by_key(store, &people).await;
    nulls_apart(store, &people).await;
    in_pages(store, &people).await;
    groups(store, &people).await;
}

fn people() -> Vec<Person> {
    // Not in any order, and every fifth without a name.
    let named = (0..50i64).map(|number| {
        let name = NAMES[(number as usize * 7) % NAMES.len()];
        let name = (number % 5 != 4).then(|| name.to_owned());
        let key = name.as_deref().map(sort_key).unwrap_or_default();
        (name, key, (number * 37) % 50)
    });
    named.collect()
}

async fn found(store: &dyn SqlStore, query: Statement) -> Vec<i64> {
    let found = store.read(vec![query]).await.expect("read");
    found[0].rows.iter().map(|row| row[0].int().expect("an id")).collect()
}

fn ids<'a>(people: impl IntoIterator<Item = &'a Person>) -> Vec<i64> {
    people.into_iter().map(|person| person.2).collect()
}

async fn by_name(store: &dyn SqlStore, people: &[Person]) {
    let mut named: Vec<&Person> = people.iter().filter(|person| person.0.is_some()).collect();
    named.sort_by_key(|person| (person.0.as_deref().map(str::as_bytes), person.2));
    let asked =
        |way: &str| plain(&format!("SELECT id FROM people WHERE name IS NOT NULL ORDER BY name {way}, id {way}"));
    assert_eq!(found(store, asked("ASC")).await, ids(named.iter().copied()), "by the bytes of the name");
    named.reverse();
    assert_eq!(found(store, asked("DESC")).await, ids(named.iter().copied()), "and backwards");
    let between = "SELECT id FROM people WHERE name >= $1 AND name < $2 ORDER BY name, id";
    let cyrillic = statement(between, vec!["\u{400}".into(), "\u{500}".into()]);
    named.reverse();
    let expected = named
        .iter()
        .copied()
        .filter(|person| person.0.as_deref().is_some_and(|name| ("\u{400}".."\u{500}").contains(&name)));
    assert_eq!(found(store, cyrillic).await, ids(expected), "a range of one script");
    for name in NAMES {
        let equal = statement("SELECT id FROM people WHERE name = $1 ORDER BY id", vec![name.into()]);
        let mut expected = ids(people.iter().filter(|person| person.0.as_deref() == Some(name)));
        expected.sort_unstable();
        assert_eq!(found(store, equal).await, expected, "{name} is nobody but {name}");
    }
}

async fn by_key(store: &dyn SqlStore, people: &[Person]) {
    let mut sorted: Vec<&Person> = people.iter().collect();
    sorted.sort_by(|one, other| (&one.1, one.2).cmp(&(&other.1, other.2)));
    let query = plain("SELECT id FROM people ORDER BY name_key, id");
    assert_eq!(found(store, query).await, ids(sorted.iter().copied()), "by the sort key");
    sorted.reverse();
    let query = plain("SELECT id FROM people ORDER BY name_key DESC, id DESC");
    assert_eq!(found(store, query).await, ids(sorted), "and backwards");
}

async fn nulls_apart(store: &dyn SqlStore, people: &[Person]) {
    for way in ["ASC", "DESC"] {
        let query = plain(&format!("SELECT id FROM people WHERE name IS NULL ORDER BY id {way}"));
        let mut expected = ids(people.iter().filter(|person| person.0.is_none()));
        expected.sort_unstable();
        if way == "DESC" {
            expected.reverse();
        }
        assert_eq!(found(store, query).await, expected, "those without a name, {way}");
    }
    for (way, nulls) in [("ASC", "LAST"), ("DESC", "FIRST")] {
        let query = plain(&format!("SELECT id FROM people ORDER BY name {way} NULLS {nulls}, id {way} LIMIT 1000"));
        let mut sorted: Vec<&Person> = people.iter().collect();
        sorted.sort_by_key(|person| (person.0.is_none(), person.0.as_deref().map(str::as_bytes), person.2));
        if way == "DESC" {
            sorted.reverse();
        }
        assert_eq!(found(store, query).await, ids(sorted), "NULL comes where it is told to: {nulls}");
    }
    let null = statement("SELECT id FROM people WHERE name = $1", vec![SqlValue::Null]);
    assert_eq!(found(store, null).await, Vec::<i64>::new(), "NULL equals nothing");
}

/// From the place of the last row on, three at a time, both ways: nothing twice, nothing left out, whatever is tied.
async fn in_pages(store: &dyn SqlStore, people: &[Person]) {
    for (sign, way) in [(">", "ASC"), ("<", "DESC")] {
        let mut expected: Vec<&Person> = people.iter().filter(|person| person.0.is_some()).collect();
        expected.sort_by_key(|person| (person.0.as_deref().map(str::as_bytes), person.2));
        if way == "DESC" {
            expected.reverse();
        }
        let order = format!("ORDER BY name {way}, id {way} LIMIT $1");
        let mut page =
            statement(&format!("SELECT id, name FROM people WHERE name IS NOT NULL {order}"), vec![3.into()]);
        let mut seen = Vec::new();
        loop {
            let rows = store.read(vec![page]).await.expect("read").remove(0).rows;
            let Some(last) = rows.last() else { break };
            let sql =
                format!("SELECT id, name FROM people WHERE name IS NOT NULL AND (name, id) {sign} ($2, $3) {order}");
            page = statement(&sql, vec![3.into(), last[1].clone(), last[0].clone()]);
            seen.extend(rows.iter().map(|row| row[0].int().expect("an id")));
        }
        assert_eq!(seen, ids(expected), "{way}");
    }
}

async fn groups(store: &dyn SqlStore, people: &[Person]) {
    let query = plain(
        "SELECT name AS shared, COUNT(*) AS total FROM people WHERE name IS NOT NULL GROUP BY name ORDER BY name",
    );
    let found = store.read(vec![query]).await.expect("read").remove(0);
    assert_eq!(found.columns, ["shared", "total"]);
    let mut names: Vec<&str> = people.iter().filter_map(|person| person.0.as_deref()).collect();
    names.sort_unstable_by_key(|name| name.as_bytes());
    let expected: Vec<Vec<SqlValue>> = names
        .chunk_by(|one, next| one == next)
        .map(|group| vec![group[0].into(), SqlValue::Int(group.len() as i64)])
        .collect();
    assert_eq!(found.rows, expected, "composed and decomposed, upper and lower case are not one name");
}
