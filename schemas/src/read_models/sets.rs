//! Which rows are live, how far each read model has come, and what stopped one: the bookkeeping of projections.
//!
//! ```text
//! read_model_sets         model -> live set, layout it was built with
//! read_model_checkpoints  model, set, partition -> size (frames applied), Merkle root over them, recorded-at of the last
//! read_model_faults       model, partition -> the event that stopped it
//! live_checkpoints        view: the checkpoints of the live sets; read it in the same snapshot as the rows
//! ```
//! The chart keeps the same as documents, beside its items (see [`super::chart`]).

use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{Rows, SqlValue, Statement};

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
        "CREATE TABLE IF NOT EXISTS read_model_sets (model CTEXT NOT NULL, live CTEXT NOT NULL, layout CTEXT NOT NULL, \
         PRIMARY KEY (model))",
        "CREATE TABLE IF NOT EXISTS read_model_checkpoints (model CTEXT NOT NULL, set_name CTEXT NOT NULL, \
         partition BIGINT NOT NULL, size BIGINT NOT NULL, root CTEXT NOT NULL, recorded_at BIGINT, \
         PRIMARY KEY (model, set_name, partition))",
        "CREATE TABLE IF NOT EXISTS read_model_faults (model CTEXT NOT NULL, partition BIGINT NOT NULL, \
         position BIGINT NOT NULL, event CTEXT NOT NULL, event_type CTEXT NOT NULL, message CTEXT NOT NULL, \
         PRIMARY KEY (model, partition))",
        "DROP VIEW IF EXISTS live_checkpoints",
        "CREATE VIEW live_checkpoints AS SELECT c.model, c.partition, c.size, c.root, c.recorded_at \
         FROM read_model_checkpoints c JOIN read_model_sets s ON s.model = c.model AND s.live = c.set_name",
    ]
    .map(str::to_owned)
    .into()
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

    /// The query for the states of all live read models (the chart's is a document): put it in the same `read` as the
    /// queries for rows, so that both see one snapshot, and give its rows to [`SetState::from_rows`].
    pub fn query() -> Statement {
        SetState::query_where("", vec![])
    }

    /// The same for these read models alone.
    pub fn query_of(models: &[&str]) -> Statement {
        let marks: Vec<String> = (1..=models.len()).map(|number| format!("${number}")).collect();
        let condition = format!("WHERE model IN ({}) ", marks.join(", "));
        SetState::query_where(&condition, models.iter().map(|model| (*model).into()).collect())
    }

    fn query_where(condition: &str, parameters: Vec<SqlValue>) -> Statement {
        let columns = "model, partition, size, root, recorded_at";
        let sql = format!("SELECT {columns} FROM live_checkpoints {condition}ORDER BY model, partition");
        Statement::new(sql, parameters)
    }

    /// Reads the rows of [`SetState::query`].
    pub fn from_rows(rows: &Rows) -> Vec<SetState> {
        let read = |row: &Vec<SqlValue>| {
            Some(SetState {
                model: row.first()?.text()?.to_owned(),
                partition: Partition(u16::try_from(row.get(1)?.int()?).ok()?),
                size: u64::try_from(row.get(2)?.int()?).ok()?,
                root: row.get(3)?.text()?.to_owned(),
                recorded_at: row.get(4)?.int(),
            })
        };
        rows.rows.iter().filter_map(read).collect()
    }
}
