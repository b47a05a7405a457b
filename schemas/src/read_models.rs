//! The tables and items that projections write and the query API reads, so that the two never know each other.
//!
//! A *read model* owns some tables (or, the chart, a table of documents) and is filled, checked and rebuilt as one. What
//! its tables look like and what their rows mean is its *layout*, 8 hex digits that are part of every name: programs of
//! two versions, which an upgrade runs side by side, share the read models that are the same in both and keep each their
//! own of the others. The rows of a layout live in one of two *sets*, in tables such as `patients__1f2e3d4c_a`; a view
//! (`patients__1f2e3d4c`) shows the live set, so that a query sees one set and its own checkpoint in one snapshot. In a
//! query `{patients}` stands for the view of this program, see [`named`]. See [`sets`] for the bookkeeping tables and
//! [`chart`] for documents.
//!
//! One text for every database: instants are microseconds in BIGINT, texts compare as bytes (type `CTEXT`, which SQLite
//! takes for TEXT and a PostgreSQL adapter declares once as a domain over `text COLLATE "C"`), bytes are `BYTEA`.
//! Truth is 0 or 1, money is minor units beside a currency, local dates are `2024-12-01`, an erased or absent value is
//! NULL.

pub mod appointments;
pub mod availability;
pub mod chart;
pub mod critical_results;
pub mod imports;
pub mod invoices;
mod names;
pub mod patients;
pub mod practitioners;
pub mod sets;
pub mod skips;
pub mod sort_key;
pub mod table;

pub use names::{key, named, table_in, view};
pub use sets::{Set, SetState};
pub use sort_key::{folded_words, sort_key};
pub use table::{Column, Index, Kind, Source, Table};

use sha2::{Digest, Sha256};

use crate::faults;

/// A read model: what is filled, checked and rebuilt as one.
#[derive(Debug)]
pub struct Model {
    /// Its name in checkpoints, tokens and on the command line.
    pub name: &'static str,
    /// Counted up when the meaning of its rows changes: one of that meaning is then filled beside the older one.
    pub revision: u32,
    /// Its tables.
    pub tables: &'static [&'static Table],
    /// True when it is made of documents instead.
    pub documents: bool,
}

/// Every read model.
pub static MODELS: &[&Model] = &[
    &skips::MODEL,
    &practitioners::MODEL,
    &patients::MODEL,
    &availability::MODEL,
    &appointments::MODEL,
    &invoices::MODEL,
    &critical_results::MODEL,
    &imports::MODEL,
    &chart::MODEL,
];

/// The read model of this name.
pub fn model(name: &str) -> Option<&'static Model> {
    MODELS.iter().copied().find(|model| model.name == name)
}

/// 8 hex digits that differ when the layout of any read model does.
pub fn layouts() -> String {
    let keys: Vec<String> = MODELS.iter().map(|model| model.key()).collect();
    hex::encode(&Sha256::digest(keys.join(" "))[..4])
}

impl Model {
    /// 8 hex digits that differ when the tables' shape or the rows' meaning does.
    pub fn layout(&self) -> String {
        let ddl: Vec<String> = self.tables.iter().flat_map(|table| table.create_as(table.name)).collect();
        let revision = self.revision + faults::raised(self.name);
        let digest = Sha256::digest(format!("{} {revision} {}", self.name, ddl.join(";")));
        hex::encode(&digest[..4])
    }

    /// The read model in this layout, as bookkeeping names it: `patients@1f2e3d4c`.
    pub fn key(&self) -> String {
        self.key_in(&self.layout())
    }

    /// The same in the layout of another version.
    pub fn key_in(&self, layout: &str) -> String {
        format!("{}@{layout}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_table_has_a_name_of_its_own_and_keys_and_indexes_among_its_columns() {
        let mut names = BTreeSet::new();
        for table in MODELS.iter().flat_map(|model| model.tables) {
            assert!(names.insert(table.name), "{} twice", table.name);
            let columns: BTreeSet<_> = table.columns.iter().map(|column| column.name).collect();
            assert_eq!(columns.len(), table.columns.len(), "{}: a column twice", table.name);
            for name in table.key.iter().chain(table.indexes.iter().flat_map(|index| index.columns)) {
                assert!(columns.contains(name), "{} has no column {name}", table.name);
            }
        }
    }

    #[test]
    fn a_layout_changes_with_the_model() {
        let layouts: BTreeSet<_> = MODELS.iter().map(|model| model.layout()).collect();
        assert_eq!(layouts.len(), MODELS.len());
    }
}
