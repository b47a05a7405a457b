//! The tables and items that projections write and the query API reads, so that the two never know each other.
//!
//! A *read model* owns some tables (or, the chart, a table of documents) and is filled, checked and rebuilt as one. Its
//! rows live in one of two *sets*, in tables such as `patients__a`; a view named as the table (`patients`) shows the
//! live set, so a query is written with plain names and sees one set and its own checkpoint in one snapshot. See
//! [`sets`] for the bookkeeping tables and [`chart`] for documents.
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
pub mod patients;
pub mod practitioners;
pub mod sets;
pub mod skips;
pub mod sort_key;
pub mod table;

pub use sets::{Set, SetState};
pub use sort_key::{folded_words, sort_key};
pub use table::{Column, Index, Kind, Source, Table};

/// A read model: what is filled, checked and rebuilt as one.
#[derive(Debug)]
pub struct Model {
    /// Its name in checkpoints, tokens and on the command line.
    pub name: &'static str,
    /// Counted up when the meaning of its rows changes; an older one is then built anew.
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

impl Model {
    /// A short text that differs when the tables' shape or the rows' meaning does.
    pub fn layout(&self) -> String {
        use sha2::{Digest, Sha256};
        let ddl: Vec<String> = self.tables.iter().flat_map(|table| table.create(Set::A)).collect();
        let digest = Sha256::digest(format!("{} {} {}", self.name, self.revision, ddl.join(";")));
        hex::encode(&digest[..8])
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
