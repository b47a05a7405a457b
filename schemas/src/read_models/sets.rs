//! Which rows are live, how far each read model has come, and what stopped one: the bookkeeping of projections.
//!
//! ```text
//! read_model_layouts      model -> live set, names of its tables, whether it was ever filled up to the log's end
//! read_model_checkpoints  model, set, partition -> size (frames applied), Merkle root over them, recorded-at of the last
//! read_model_faults       model, partition -> the event that stopped it
//! layout_checkpoints      view: the checkpoints of the live sets; read it in the same snapshot as the rows
//! ```
//! All versions of the program share these: none of them is ever changed, what needs another shape gets another name.
//! A *model* is a read model in a layout here, such as `patients@1f2e3d4c`. One that was never filled is not shown to
//! anybody: its rows are some of the answer, which nobody could tell from all of it. The chart keeps the same as documents,
//! beside its items (see [`super::chart`]).

use std::collections::BTreeSet;

use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{Rows, SqlValue, Statement};

use super::key;

/// One of the two sets of tables a read model can live in, or the one it is compared with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Set {
    /// The first.
    A,
    /// The second.
    B,
    /// Filled beside the live one to be compared with it, then removed; never live.
    Beside,
}

impl Set {
    /// `a`, `b` or `beside`, as in table names.
    pub const fn word(self) -> &'static str {
        match self {
            Set::A => "a",
            Set::B => "b",
            Set::Beside => "beside",
        }
    }

    /// The set a word names.
    pub fn from_word(word: &str) -> Option<Set> {
        [Set::A, Set::B, Set::Beside].into_iter().find(|set| set.word() == word)
    }

    /// The one that a rebuild fills while this is live.
    #[must_use]
    pub const fn other(self) -> Set {
        match self {
            Set::A => Set::B,
            Set::B | Set::Beside => Set::A,
        }
    }
}

/// Statements that make the bookkeeping tables; harmless when they are there.
pub fn create() -> Vec<String> {
    [
        "CREATE TABLE IF NOT EXISTS read_model_layouts (model CTEXT NOT NULL, live CTEXT NOT NULL, tables CTEXT NOT NULL, \
         filled BIGINT NOT NULL, PRIMARY KEY (model))",
        "CREATE TABLE IF NOT EXISTS read_model_checkpoints (model CTEXT NOT NULL, set_name CTEXT NOT NULL, \
         partition BIGINT NOT NULL, size BIGINT NOT NULL, root CTEXT NOT NULL, recorded_at BIGINT, \
         PRIMARY KEY (model, set_name, partition))",
        "CREATE TABLE IF NOT EXISTS read_model_faults (model CTEXT NOT NULL, partition BIGINT NOT NULL, \
         position BIGINT NOT NULL, event CTEXT NOT NULL, event_type CTEXT NOT NULL, message CTEXT NOT NULL, \
         PRIMARY KEY (model, partition))",
        "DROP VIEW IF EXISTS layout_checkpoints",
        "CREATE VIEW layout_checkpoints AS SELECT l.model, l.filled, c.partition, c.size, c.root, c.recorded_at \
         FROM read_model_layouts l LEFT JOIN read_model_checkpoints c ON c.model = l.model AND c.set_name = l.live",
    ]
    .map(str::to_owned)
    .into()
}

/// Statements that remove a layout of a read model by its key, with all sets of these tables, whichever program made them.
pub fn remove(key: &str, tables: &[String]) -> Vec<Statement> {
    let layout = key.split_once('@').map_or("", |(_, layout)| layout);
    let names = tables.iter().flat_map(|table| {
        let sets = [Set::A, Set::B, Set::Beside].map(|set| in_set(table, layout, set));
        let drop_tables = sets.map(|name| format!("DROP TABLE IF EXISTS {name}"));
        std::iter::once(format!("DROP VIEW IF EXISTS {}", view(table, layout))).chain(drop_tables)
    });
    let forget = ["read_model_checkpoints", "read_model_faults", "read_model_layouts"].map(|table| {
        let sql = format!("DELETE FROM {table} WHERE model = $1");
        Statement::new(sql, vec![key.into()])
    });
    names.map(|sql| Statement::new(sql, vec![])).chain(forget).collect()
}

/// The name of a table in a set of a layout.
pub(super) fn in_set(table: &str, layout: &str, set: Set) -> String {
    format!("{table}__{layout}_{}", set.word())
}

/// The name of the view over the live set of a layout.
pub(super) fn view(table: &str, layout: &str) -> String {
    format!("{table}__{layout}")
}

/// How far a live read model has come in one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetState {
    /// The read model.
    pub model: String,
    /// The partition.
    pub partition: Partition,
    /// How many frames were applied.
    pub size: u64,
    /// The Merkle root over them, in hex.
    pub root: String,
    /// Recorded-at of the last of them, in microseconds.
    pub recorded_at: Option<i64>,
}

impl SetState {
    /// The last position applied; `None` before the first.
    pub fn position(&self) -> Option<Position> {
        let offset = self.size.checked_sub(1)?;
        Some(Position { partition: self.partition, offset })
    }

    /// The query for the states of read models of this program (the chart's is a document): put it in the same `read` as
    /// the queries for rows, so that both see one snapshot, and give its rows to [`SetState::from_rows`] and
    /// [`SetState::filled`].
    pub fn query_of(models: &[&str]) -> Statement {
        let marks: Vec<String> = (1..=models.len()).map(|number| format!("${number}")).collect();
        let sql = format!(
            "SELECT model, filled, partition, size, root, recorded_at FROM layout_checkpoints WHERE model IN ({}) \
             ORDER BY model, partition",
            marks.join(", ")
        );
        Statement::new(sql, models.iter().map(|model| key(model).into()).collect())
    }

    /// Reads the rows of [`SetState::query_of`].
    pub fn from_rows(rows: &Rows) -> Vec<SetState> {
        let read = |row: &Vec<SqlValue>| {
            Some(SetState {
                model: name(row)?.to_owned(),
                partition: Partition(u16::try_from(row.get(2)?.int()?).ok()?),
                size: u64::try_from(row.get(3)?.int()?).ok()?,
                root: row.get(4)?.text()?.to_owned(),
                recorded_at: row.get(5)?.int(),
            })
        };
        rows.rows.iter().filter_map(read).collect() // One that has not begun is told by a row without a partition.
    }

    /// Which of the read models in the rows of [`SetState::query_of`] were never filled.
    pub fn unfilled(rows: &Rows) -> BTreeSet<&str> {
        let unfilled = rows.rows.iter().filter(|row| row.get(1).and_then(SqlValue::int) == Some(0));
        unfilled.filter_map(|row| name(row)).collect()
    }

    /// Which of the read models in the rows of [`SetState::query_of`] may be shown: those that were filled.
    pub fn filled(rows: &Rows) -> BTreeSet<&str> {
        let filled = rows.rows.iter().filter(|row| row.get(1).and_then(SqlValue::int) == Some(1));
        filled.filter_map(|row| name(row)).collect()
    }
}

/// The read model of a row, without its layout.
fn name(row: &[SqlValue]) -> Option<&str> {
    row.first()?.text()?.split('@').next()
}
