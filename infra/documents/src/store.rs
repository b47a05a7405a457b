//! The operations, on one sled tree. Calls here may wait for the disk.

use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use carelog_domain::ports::{Document, DocumentKey, DocumentWrite, Failure, Page};
use sled::{Batch, Tree};

use crate::{PORT, codec};

/// Keys removed at a time by [`Store::clear`].
const CLEARED_AT_ONCE: usize = 4_096;

pub(crate) struct Store {
    tree: Tree,
    /// Comparing positions and writing is one step.
    writing: Mutex<()>,
}

impl Store {
    pub(crate) fn new(tree: Tree) -> Store {
        Store { tree, writing: Mutex::new(()) }
    }

    pub(crate) fn write(&self, writes: Vec<DocumentWrite>) -> Result<(), Failure> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Later writes of the same call see earlier ones, though the batch is applied once.
        let mut newest: std::collections::BTreeMap<Vec<u8>, Vec<u8>> = std::collections::BTreeMap::new();
        for write in &writes {
            let key = codec::key(&write.key)?;
            let stored = match newest.get(&key) {
                Some(value) => Some(codec::position(value)?),
                None => self.tree.get(&key).map_err(failed)?.map(|value| codec::position(&value)).transpose()?,
            };
            // Positions of different partitions do not compare: the item's slot was moved, the write is newer.
            let older = stored.is_some_and(|stored| {
                stored.partition == write.position.partition && stored.offset >= write.position.offset
            });
            if !older {
                newest.insert(key, codec::value(write)?);
            }
        }
        let mut batch = Batch::default();
        newest.into_iter().for_each(|(key, value)| batch.insert(key, value));
        self.tree.apply_batch(batch).map_err(failed)
    }

    pub(crate) fn get(&self, key: DocumentKey) -> Result<Option<Document>, Failure> {
        let bytes = codec::key(&key)?;
        let stored = self.tree.get(&bytes).map_err(failed)?;
        stored.map_or(Ok(None), |value| codec::document(&bytes, &value))
    }

    pub(crate) fn query(
        &self,
        partition_key: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Failure> {
        let beginning = codec::beginning(partition_key, prefix)?;
        let after = after.map(|after| codec::beginning(partition_key, after)).transpose()?;
        self.page(beginning, after, limit)
    }

    pub(crate) fn scan(&self, table: &str, after: Option<&DocumentKey>, limit: usize) -> Result<Page, Failure> {
        self.page(of_table(table), after.map(codec::key).transpose()?, limit)
    }

    /// Live items whose keys begin with `beginning` and come after `after`.
    fn page(&self, beginning: Vec<u8>, after: Option<Vec<u8>>, limit: usize) -> Result<Page, Failure> {
        let from = match after {
            Some(after) if after >= beginning => Bound::Excluded(after),
            _ => Bound::Included(beginning.clone()),
        };
        let mut page = Page::default();
        for entry in self.tree.range::<Vec<u8>, _>((from, Bound::Unbounded)) {
            let (key, value) = entry.map_err(failed)?;
            if !key.starts_with(&beginning) {
                break;
            }
            let Some(document) = codec::document(&key, &value)? else { continue };
            if page.items.len() == limit {
                page.next = page.items.last().map(|last| last.key.clone());
                break;
            }
            page.items.push(document);
        }
        Ok(page)
    }

    pub(crate) fn clear(&self, table: &str) -> Result<(), Failure> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut batch = Batch::default();
            let mut found = 0;
            for key in self.tree.scan_prefix(of_table(table)).keys().take(CLEARED_AT_ONCE) {
                batch.remove(key.map_err(failed)?);
                found += 1;
            }
            if found == 0 {
                return Ok(());
            }
            self.tree.apply_batch(batch).map_err(failed)?;
        }
    }

    pub(crate) fn flush(&self) -> Result<(), Failure> {
        self.tree.flush().map(|_| ()).map_err(failed)
    }
}

fn of_table(table: &str) -> Vec<u8> {
    format!("{table}#").into_bytes()
}

fn failed(error: sled::Error) -> Failure {
    let (advice, retry_helps) = match &error {
        sled::Error::Io(_) => ("the disk failed or is full; check it, then it goes on by itself", true),
        sled::Error::Corruption { .. } => {
            ("the folder is damaged; stop, delete it and start again: documents are built anew from the log", false)
        }
        _ => ("see the cause", false),
    };
    let failure = if retry_helps { Failure::passing } else { Failure::lasting };
    failure(PORT, advice).caused_by(error)
}
