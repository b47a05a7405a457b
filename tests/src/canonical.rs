//! What the read models of a stopped server's folder say, in a form two histories of the same doing can be compared
//! in: every row of every table, sorted, without what a place in the log or the wall clock of a restart decides.
//!
//! Left out: checkpoints (positions), and columns in [`ASIDE`]. Numbers given by order are taken out of their rows and
//! handed over apart, to be compared as gapless and unique.

use std::collections::BTreeMap;
use std::path::Path;

use carelog_documents::SledDocuments;
use carelog_domain::ports::{DocumentStore, SqlStore, SqlValue, Statement};
use carelog_schemas::read_models::chart::{self, Live};
use carelog_schemas::read_models::{MODELS, Set};
use carelog_sqlite::SqliteStore;

/// Table, column: what differs between two runs of the same doing, and why.
const ASIDE: [(&str, &str); 5] = [
    // When the import was over by the wall clock: the one instant that no source gives.
    ("imports", "finished_at"),
    // Given by the order in which visits were billed; see `Canonical::numbers`.
    ("invoices", "number"),
    ("invoices", "printed_number"),
    ("credit_notes", "number"),
    ("credit_notes", "printed_number"),
];

/// A number given by order: which series, of which year.
pub type SeriesOfYear = (String, String, String);

/// A folder's read models.
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
        let mut canonical = Canonical { tables: BTreeMap::new(), numbers: BTreeMap::new() };
        for table in MODELS.iter().flat_map(|model| model.tables) {
            let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            let aside = |column: &str| ASIDE.contains(&(table.name, column));
            let query = Statement::new(format!("SELECT {} FROM {}", columns.join(", "), table.name), vec![]);
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
        canonical.tables.insert("chart".to_owned(), chart(data).await);
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

/// The items of every patient's chart, without positions and printed numbers.
async fn chart(data: &Path) -> Vec<String> {
    let documents = SledDocuments::open(data.join("documents")).expect("the documents");
    let live = documents.get(&chart::live_key()).await.expect("read").expect("a live set");
    let live: Live = serde_json::from_value(live.body).expect("a live set");
    let table = chart::table(Set::from_word(&live.live).expect("a set"));
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = documents.scan(&table, after.as_ref(), 1_000).await.expect("items");
        for mut document in page.items {
            if let Some(fields) = document.body.as_object_mut() {
                fields.remove("printedNumber");
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
