//! All tables of a partition, oldest first. A set never changes; a new one takes its place.

use std::sync::Arc;

use super::block::Entry;
use super::key::{Hasher, Kind};
use super::store::{IndexStore, StoreError};
use super::table::Table;

pub(crate) struct TableSet {
    pub(crate) store: Arc<dyn IndexStore>,
    pub(crate) hasher: Hasher,
    pub(crate) tables: Vec<Arc<Table>>,
}

impl TableSet {
    /// The same store with other tables.
    pub(crate) fn with(&self, tables: Vec<Arc<Table>>) -> TableSet {
        TableSet { store: self.store.clone(), hasher: self.hasher, tables }
    }

    /// Shows candidates of each table, newest table first and newest entry first, until one is taken.
    pub(crate) fn newest<T, E: From<StoreError>>(
        &self,
        kind: Kind,
        hash: u64,
        mut take: impl FnMut(Entry) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        for table in self.tables.iter().rev() {
            for entry in table.find(&*self.store, kind, hash)?.into_iter().rev() {
                if let Some(taken) = take(entry)? {
                    return Ok(Some(taken));
                }
            }
        }
        Ok(None)
    }

    /// All candidates, oldest first.
    pub(crate) fn all(&self, kind: Kind, hash: u64) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        for table in &self.tables {
            found.extend(table.find(&*self.store, kind, hash)?);
        }
        Ok(found)
    }
}
