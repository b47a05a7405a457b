//! What the index holds of a partition, and where in the log it ends: position and root, so that it is checked against
//! the log at every start.

use serde::{Deserialize, Serialize};

use super::store::{IndexStore, StoreError};
use super::table::{TableInfo, prefix};
use crate::merkle::Hash;
use crate::segments::Place;

/// The format of all that is stored. Another one is thrown away and built anew.
const FORMAT: u32 = 1;

/// The state of a partition's index; it counts from the moment this is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    format: u32,
    pub(crate) log_id: [u8; 16],
    pub(crate) hash_bits: u32,
    pub(crate) next_table: u64,
    pub(crate) tables: Vec<TableInfo>,
    /// Tables that were merged, or are being written by a merge; their blocks may still be there.
    pub(crate) retired: Vec<u64>,
    /// Everything before this offset is in the tables.
    pub(crate) end: u64,
    /// The compact range over those frames.
    pub(crate) peaks: Vec<Hash>,
    pub(crate) recorded_at_micros: i64,
    /// Where the first batch not in the tables stands.
    pub(crate) segment: usize,
    pub(crate) byte: u64,
}

impl Manifest {
    pub(crate) fn empty(log_id: [u8; 16], hash_bits: u32) -> Manifest {
        Manifest {
            format: FORMAT,
            log_id,
            hash_bits,
            next_table: 1,
            tables: vec![],
            retired: vec![],
            end: 0,
            peaks: vec![],
            recorded_at_micros: 0,
            segment: 0,
            byte: crate::segment_header::SEGMENT_HEADER_BYTES as u64,
        }
    }

    /// The stored manifest, if there is one that this program can use for this log.
    pub(crate) fn load(
        store: &dyn IndexStore,
        partition: u16,
        log_id: [u8; 16],
        hash_bits: u32,
    ) -> Result<Option<Manifest>, StoreError> {
        let Some(bytes) = store.get(&key(b'm', partition))? else { return Ok(None) };
        let manifest: Option<Manifest> = serde_json::from_slice(&bytes).ok();
        let same = |m: &Manifest| m.format == FORMAT && m.log_id == log_id && m.hash_bits == hash_bits;
        Ok(manifest.filter(same))
    }

    pub(crate) fn store(&self, store: &dyn IndexStore, partition: u16) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(self).map_err(StoreError::from_store)?;
        store.flush()?;
        store.put(vec![(key(b'm', partition), bytes)])?;
        store.flush()
    }

    /// Removes blocks of tables that do not count: those half written, and those merged. The store is
    /// flushed before it gets the manifest again, so they are gone for good before it forgets them.
    pub(crate) fn sweep(&mut self, store: &dyn IndexStore, partition: u16) -> Result<(), StoreError> {
        let ids = self.retired.iter().chain([&self.next_table]);
        ids.into_iter().try_for_each(|id| store.remove_prefix(&prefix(partition, *id)))?;
        self.retired.clear();
        Ok(())
    }
}

/// Removes all that is stored of a partition.
pub(crate) fn clear(store: &dyn IndexStore, partition: u16) -> Result<(), StoreError> {
    for kind in [b'm', b't', b'k', b'p'] {
        store.remove_prefix(&key(kind, partition))?;
    }
    Ok(())
}

/// Stores subtree roots of the Merkle tree from the `first`-th on.
pub(crate) fn kept_entry(partition: u16, first: u64, roots: &[Hash]) -> (Vec<u8>, Vec<u8>) {
    let mut name = key(b'k', partition);
    name.extend_from_slice(&first.to_be_bytes());
    (name, roots.concat())
}

/// All stored subtree roots, at most `count` of them.
pub(crate) fn load_kept(store: &dyn IndexStore, partition: u16, count: u64) -> Result<Vec<Hash>, StoreError> {
    let mut roots: Vec<Hash> = Vec::new();
    for (name, bytes) in store.with_prefix(&key(b'k', partition))? {
        let first =
            u64::from_be_bytes(name[3..].try_into().map_err(|_| StoreError::broken("a key of the index is bad"))?);
        if first != roots.len() as u64 {
            return Err(StoreError::broken("subtree roots are missing in the index"));
        }
        roots.extend(bytes.chunks_exact(32).map(|root| <Hash>::try_from(root).unwrap_or_default()));
    }
    if (roots.len() as u64) < count {
        return Err(StoreError::broken("subtree roots are missing in the index"));
    }
    roots.truncate(count as usize);
    Ok(roots)
}

/// Stores where batches of a segment stand.
pub(crate) fn places_entry(partition: u16, segment: u32, places: &[Place]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut name = key(b'p', partition);
    name.extend_from_slice(&segment.to_be_bytes());
    name.extend_from_slice(&places.first()?.offset.to_be_bytes());
    let bytes = places.iter().flat_map(|place| [place.offset.to_be_bytes(), place.byte.to_be_bytes()]).flatten();
    Some((name, bytes.collect()))
}

/// Where batches of a segment stand, below an offset.
pub(crate) fn load_places(
    store: &dyn IndexStore,
    partition: u16,
    segment: u32,
    below: u64,
) -> Result<Vec<Place>, StoreError> {
    let mut name = key(b'p', partition);
    name.extend_from_slice(&segment.to_be_bytes());
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap_or_default());
    let all = store.with_prefix(&name)?;
    let places = all.iter().flat_map(|(_, bytes)| bytes.chunks_exact(16));
    let places = places.map(|pair| Place { offset: number(&pair[..8]), byte: number(&pair[8..]) });
    Ok(places.filter(|place| place.offset < below).collect())
}

fn key(kind: u8, partition: u16) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&partition.to_be_bytes());
    key
}
