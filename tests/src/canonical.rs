//! What the read models of a stopped server say, in a form two histories of the same doing can be compared
//! in: every row of every table, sorted, without what a place in the log or the wall clock of a restart decides.
//!
//! Left out: checkpoints (positions), and columns in [`ASIDE`]. Numbers given by order are taken out of their rows and
//! handed over apart, to be compared as gapless and unique.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use carelog_documents::SledDocuments;
use carelog_domain::kernel::Timestamp;
use carelog_domain::ports::{DocumentStore, SqlStore, SqlValue, Statement};
use carelog_schemas::read_models::chart::{KEYS, Live};
use carelog_schemas::read_models::{MODELS, Set, view};
use carelog_sqlite::SqliteStore;
use serde_json::Value;

use crate::server::{Server, behind_max};

/// Table, column: what differs between two runs of the same doing, and why.
const ASIDE: [(&str, &str); 6] = [
    // Days ahead of today are opened by the wall clock; those of the source are compared as events.
    ("days", "opened_at"),
    // When the import was over by the wall clock: the one instant that no source gives.
    ("imports", "finished_at"),
    // Given by the order in which visits were billed; see `Canonical::numbers`.
    ("invoices", "number"),
    ("invoices", "printed_number"),
    ("credit_notes", "number"),
    ("credit_notes", "printed_number"),
];

/// The same in charts; and a sealed file's name, since what it is sealed with is drawn anew for each.
const CHARTS_ASIDE: [&str; 2] = ["printedNumber", "blob"];

/// What of an event a place in the log, the wall clock or chance decides.
const ASIDE_OF_EVENTS: [&str; 3] = ["position", "recordedAt", "traceparent"];

/// A number given by order: which series, of which year.
pub type SeriesOfYear = (String, String, String);

/// A server's read models.
pub struct Canonical {
    /// The rows of each table, as text, sorted.
    pub tables: BTreeMap<String, Vec<String>>,
    /// The numbers of each series in each year, sorted, with their dates.
    pub numbers: BTreeMap<SeriesOfYear, Vec<(i64, String)>>,
}

impl Canonical {
    /// Reads the folder of a stopped server.
    pub async fn of(data: &Path) -> Canonical {
        let sql = SqliteStore::open(data.join("read-models.sqlite")).expect("the SQLite file");
        let documents = SledDocuments::open(data.join("documents")).expect("the documents");
        Canonical::with(&sql, &documents).await
    }

    /// Reads the rows and charts of these stores.
    pub async fn with(sql: &dyn SqlStore, documents: &dyn DocumentStore) -> Canonical {
        let mut canonical = Canonical { tables: BTreeMap::new(), numbers: BTreeMap::new() };
        for table in MODELS.iter().flat_map(|model| model.tables) {
            let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            let aside = |column: &str| ASIDE.contains(&(table.name, column));
            let query = Statement::new(format!("SELECT {} FROM {}", columns.join(", "), view(table.name)), vec![]);
            let rows = sql.read(vec![query]).await.expect("rows").remove(0).rows;
            let text = |row: &Vec<SqlValue>| {
                let cells = columns.iter().zip(row).filter(|(column, _)| !aside(column));
                cells.map(|(column, value)| format!("{column}={value:?}")).collect::<Vec<_>>().join(" ")
            };
            let mut texts: Vec<String> = rows.iter().map(text).collect();
            texts.sort();
            canonical.tables.insert(table.name.to_owned(), texts);
            if columns.contains(&"series") {
                let at = |name: &str| columns.iter().position(|column| *column == name).expect("a column");
                let place = ["hospital", "series", "issue_date", "number"].map(at);
                canonical.take_numbers(&rows, place);
            }
        }
        canonical.tables.insert("chart".to_owned(), chart(documents).await);
        canonical
    }

    fn take_numbers(&mut self, rows: &[Vec<SqlValue>], [hospital, series, date, number]: [usize; 4]) {
        for row in rows {
            let Some(number) = row[number].int() else { continue };
            let text = |at: usize| row[at].text().expect("an issued document has it").to_owned();
            let key = (text(hospital), text(series), text(date)[..4].to_owned());
            self.numbers.entry(key).or_default().push((number, text(date)));
        }
        self.numbers.values_mut().for_each(|numbers| numbers.sort());
    }

    /// Panics with the first rows that differ, and unless both number the same series without gap or repeat, with
    /// dates that never go back.
    pub fn assert_same(&self, other: &Canonical) {
        for (name, rows) in &self.tables {
            let others = &other.tables[name];
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                these.iter().filter(|row| those.binary_search(row).is_err()).take(3).cloned().collect()
            };
            let (here, there) = (only(rows, others), only(others, rows));
            assert!(
                rows == others,
                "{name}: {} rows here, {} there; only here:\n{}\nonly there:\n{}",
                rows.len(),
                others.len(),
                here.join("\n"),
                there.join("\n")
            );
        }
        assert_eq!(self.tables.len(), other.tables.len());
        assert_eq!(lengths(&self.numbers), lengths(&other.numbers));
        for numbers in [&self.numbers, &other.numbers] {
            numbers.iter().for_each(|(series, numbers)| assert_gapless(series, numbers));
        }
    }
}

fn lengths(numbers: &BTreeMap<SeriesOfYear, Vec<(i64, String)>>) -> BTreeMap<&SeriesOfYear, usize> {
    numbers.iter().map(|(series, numbers)| (series, numbers.len())).collect()
}

/// Panics unless the numbers are 1, 2, 3 ... and their dates never go back.
pub fn assert_gapless(series: &SeriesOfYear, numbers: &[(i64, String)]) {
    let found: Vec<i64> = numbers.iter().map(|(number, _)| *number).collect();
    let wanted: Vec<i64> = (1..=found.len() as i64).collect();
    assert_eq!(found, wanted, "{series:?} has a gap or a repeat");
    assert!(numbers.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{series:?}: dates go back");
}

/// The items of every patient's chart, without positions and what is aside.
async fn chart(documents: &dyn DocumentStore) -> Vec<String> {
    let live = documents.get(&KEYS.live()).await.expect("read").expect("a live set");
    let live: Live = serde_json::from_value(live.body).expect("a live set");
    let table = KEYS.table(live.live.as_deref().and_then(Set::from_word).expect("a set"));
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = documents.scan(&table, after.as_ref(), 1_000).await.expect("items");
        for mut document in page.items {
            if let Some(fields) = document.body.as_object_mut() {
                CHARTS_ASIDE.iter().for_each(|name| drop(fields.remove(*name)));
            }
            let subject = document.key.partition_key.split_once('#').map_or("", |(_, subject)| subject).to_owned();
            items.push(format!("{subject} {} {}", document.key.sort_key, document.body));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    items.sort();
    items
}

/// An imported schedule opens the days ahead of today a minute after it was recorded: waits until that is through for every
/// role, so that two histories both have it, and then for everything that follows.
pub async fn settle_with_days_ahead(server: &Server) {
    let begun = Instant::now();
    let roles = streams(server, "ScheduleSet").await.len();
    let opened = async || {
        let rang = streams(server, "AlarmRang").await;
        rang.iter().filter(|stream| stream.starts_with("day-opening:")).count()
    };
    while opened().await < roles {
        assert!(begun.elapsed() < behind_max(), "of {roles} alarms not all ring\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.settle().await;
}

/// The streams with events of this type, of the newest thousand.
async fn streams(server: &Server, event_type: &str) -> BTreeSet<String> {
    let path = format!("/v1/events?type={event_type}&limit=1000&direction=backward");
    let (_, page) = server.get(&path).await;
    let events = page["events"].as_array().expect("events").iter();
    events.map(|event| event["stream"].as_str().expect("a stream").to_owned()).collect()
}

/// Who confirms the claim on a file first, the upload or its saga, is a race by design: what the saga came to is left out.
const CONFIRMS_A_FILE: &str = "saga:lab-report-processing";

/// Every event of a running server's log with its personal values opened, by command and place in its batch. What
/// occurred since `live` is left out, since it occurred by the wall clock, and so is the opening of days, which goes by
/// the day it was asked on; their rows are compared.
pub async fn events(server: &Server, live: Timestamp) -> BTreeMap<String, String> {
    let (mut events, mut from) = (BTreeMap::new(), String::new());
    loop {
        let (status, page) = server.get(&format!("/v1/events?open=true&limit=1000{from}")).await;
        assert_eq!(status, 200, "{page}");
        for event in page["events"].as_array().expect("events") {
            let occurred_at: Timestamp = event["occurredAt"].as_str().expect("an instant").parse().expect("an instant");
            let stream = event["stream"].as_str().expect("a stream");
            let of_claim = stream.starts_with("identifier:") || stream.starts_with("command:");
            let is_race = of_claim && event["actor"]["user"] == CONFIRMS_A_FILE;
            if occurred_at < live && !stream.starts_with("day-opening:") && !is_race {
                let place = format!("{} {}", event["command"], event["index"]);
                assert!(events.insert(place, canonical_event(event)).is_none(), "an event twice: {event}");
            }
        }
        match page["next"].as_str() {
            Some(next) => from = format!("&from={next}"),
            None => return events,
        }
    }
}

fn canonical_event(event: &Value) -> String {
    let mut event = event.clone();
    let fields = event.as_object_mut().expect("an object");
    ASIDE_OF_EVENTS.iter().for_each(|name| drop(fields.remove(*name)));
    if fields["stream"].as_str().is_some_and(|stream| stream.starts_with("identifier:")) {
        // Its slot is that of the keyed hash in its name.
        fields.remove("id");
    }
    if let Some(data) = fields["data"].as_object_mut() {
        // Where in the log the cause and the outcome of a saga's step stand.
        data.remove("causePosition");
        data.remove("token");
    }
    without_keyed_hashes(&event.to_string())
}

/// Identifiers are hashed with a key of their data folder, so the same one has another name in another folder.
fn without_keyed_hashes(text: &str) -> String {
    let words = text.split_inclusive(|letter: char| !letter.is_ascii_hexdigit());
    let hash = |word: &str| word.len() >= 64 && word.bytes().take(64).all(|byte| byte.is_ascii_hexdigit());
    words.map(|word| if hash(word) { format!("<hash>{}", &word[64..]) } else { word.to_owned() }).collect()
}

/// Panics with the first events that differ.
pub fn assert_same_events(here: &BTreeMap<String, String>, there: &BTreeMap<String, String>) {
    let only = |these: &BTreeMap<String, String>, those: &BTreeMap<String, String>| -> Vec<String> {
        let differ = these.iter().filter(|(place, event)| those.get(*place) != Some(*event));
        differ.take(3).map(|(_, event)| event.clone()).collect()
    };
    let (here_only, there_only) = (only(here, there), only(there, here));
    assert!(
        here_only.is_empty() && there_only.is_empty(),
        "{} events here, {} there; only here:\n{}\nonly there:\n{}",
        here.len(),
        there.len(),
        here_only.join("\n"),
        there_only.join("\n")
    );
}
