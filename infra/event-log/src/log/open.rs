//! Opening a log: lock the folder, make what is new, recover what is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use carelog_domain::kernel::{Partition as Number, Slot};
use parking_lot::Mutex;

use super::restore::{Restored, Source};
use super::{LocalLog, create};
use crate::error::{Damage, OpenError};
use crate::index::key::Hasher;
use crate::index::store::{IndexStore, SledStore};
use crate::options::{IndexHome, Options};
use crate::partition::recovery;
use crate::partition::roll::{Identity, Roller, remove_spares};
use crate::partition::{Partition, Recovered};
use crate::segment_header::SegmentHeader;
use crate::segments::{Segment, Segments};
use crate::slot_map::SlotMap;

/// A partition that runs, and its threads.
pub(super) type Started = std::io::Result<(Arc<Partition>, Vec<JoinHandle<()>>)>;

pub(super) type Opened = Vec<(SegmentHeader, Arc<Segment>)>;

impl LocalLog {
    /// Opens the log in a folder, makes it if there is none, and recovers from whatever stopped the last run.
    pub fn open(options: Options) -> Result<LocalLog, OpenError> {
        LocalLog::open_with(&options, |number, recovered, roller| Partition::start(number, &options, recovered, roller))
    }

    /// Opens the log and starts each partition in the way given.
    pub(super) fn open_with(
        options: &Options,
        mut start: impl FnMut(Number, Recovered, Roller) -> Started,
    ) -> Result<LocalLog, OpenError> {
        if options.partitions > Slot::COUNT {
            return Err(OpenError::BadOptions(format!("a log has 1 to {} partitions", Slot::COUNT)));
        }
        let disk = &*options.disk;
        create::folder(disk, &options.folder, options.faults)?;
        let lock_path = options.folder.join("lock");
        let lock = disk.lock(&lock_path).map_err(OpenError::io("lock", &lock_path))?;
        let lock = lock.ok_or_else(|| OpenError::Locked { folder: options.folder.clone() })?;
        let opened = match open_partitions(options)? {
            Some(opened) => opened,
            None => create::partitions(options)?,
        };
        sync_names(options, &options.folder, options.faults.skip_parent_sync())?;
        let map = newest_map(&opened);
        let store = open_index(options)?;
        let mut partitions = Vec::with_capacity(opened.len());
        let mut threads = Vec::new();
        for (number, segments) in opened.into_iter().enumerate() {
            let number = Number(number as u16);
            let (recovered, roller) = recover(options, number, &map, &store, segments)?;
            let started = start(number, recovered, roller);
            let (partition, its) = started.map_err(OpenError::io("start a thread for", &options.folder))?;
            partitions.push(partition);
            threads.extend(its);
        }
        let (folder, threads, lock) = (options.folder.clone(), Mutex::new(threads), Mutex::new(Some(lock)));
        Ok(LocalLog { folder, partitions, map, threads, lock })
    }
}

pub(super) fn partition_folder(folder: &Path, number: u16) -> PathBuf {
    folder.join(format!("partition-{number:04}"))
}

/// Opens the segments of all partitions; `None` if the log was never made. Partition 0 is made last, so while it has
/// no segment there is no log.
pub(super) fn open_partitions(options: &Options) -> Result<Option<Vec<Opened>>, OpenError> {
    let first = recovery::open_segments(&*options.disk, &partition_folder(&options.folder, 0))?;
    let Some((header, _)) = first.first() else { return Ok(None) };
    let (count, log_id, map) = (header.partitions, header.log_id, header.map.clone());
    if options.partitions != 0 && options.partitions != count {
        let (folder, asked) = (options.folder.clone(), options.partitions);
        return Err(OpenError::PartitionsDiffer { folder, found: count, asked });
    }
    let mut all = vec![first];
    for number in 1..count {
        let folder = partition_folder(&options.folder, number);
        let opened = recovery::open_segments(&*options.disk, &folder)?;
        if opened.is_empty() {
            return Err(Damage { file: folder, byte: 0, what: "the partition has no segment".to_owned() }.into());
        }
        all.push(opened);
    }
    for (number, opened) in all.iter().enumerate() {
        let identity = identity(options, Number(number as u16), count, log_id, &map);
        for (header, segment) in opened {
            recovery::same_log(&identity, header, segment)?;
        }
    }
    Ok(Some(all))
}

pub(super) fn identity(
    options: &Options,
    partition: Number,
    partitions: u16,
    log_id: [u8; 16],
    map: &SlotMap,
) -> Identity {
    Identity {
        folder: partition_folder(&options.folder, partition.0),
        partition,
        partitions,
        log_id,
        map: map.clone(),
        segment_bytes_max: options.segment_bytes_max,
        faults: options.faults,
    }
}

fn sync_names(options: &Options, folder: &Path, skip: bool) -> Result<(), OpenError> {
    if skip { Ok(()) } else { options.disk.sync_folder(folder).map_err(OpenError::io("sync", folder)) }
}

fn newest_map(opened: &[Opened]) -> SlotMap {
    let maps = opened.iter().flatten().map(|(header, _)| &header.map);
    maps.max_by_key(|map| map.version).expect("a log has a segment").clone()
}

fn recover(
    options: &Options,
    number: Number,
    map: &SlotMap,
    store: &Arc<dyn IndexStore>,
    opened: Opened,
) -> Result<(Recovered, Roller), OpenError> {
    let (first_header, _) = opened.first().expect("a partition has a segment");
    let identity = identity(options, number, first_header.partitions, first_header.log_id, map);
    remove_spares(&*options.disk, &identity.folder)?;
    // A name may not be durable yet if the last run was killed between giving it and syncing the folder.
    sync_names(options, &identity.folder, options.faults.skip_folder_sync())?;
    let list: Vec<Arc<Segment>> = opened.iter().map(|(_, segment)| segment.clone()).collect();
    let source = Source {
        number,
        log_id: identity.log_id,
        segments: &list,
        store: store.clone(),
        hasher: Hasher::keeping(options.index_hash_bits),
        memory_index_events_max: options.memory_index_events_max.max(1),
    };
    let Restored { found, index, tree, tables, upkeep } = source.restore()?;
    let segments = Arc::new(Segments::default());
    list.iter().for_each(|segment| segments.push(segment.clone()));
    let roller = Roller::resume(options.disk.clone(), identity, segments.clone(), &found)?;
    if found.torn {
        tracing::warn!(partition = number.0, at = found.next_offset, "the log ends in an unfinished write: left out");
    }
    let (next_offset, last_recorded_at) = (found.next_offset, found.last_recorded_at);
    Ok((Recovered { next_offset, last_recorded_at, index, tree, segments, tables, upkeep }, roller))
}

fn open_index(options: &Options) -> Result<Arc<dyn IndexStore>, OpenError> {
    match &options.index {
        IndexHome::Given(store) => Ok(store.clone()),
        IndexHome::Folder => {
            let path = options.folder.join("index");
            let opened = SledStore::open(&path).map_err(|error| OpenError::Index { path, source: Box::new(error) })?;
            Ok(Arc::new(opened))
        }
    }
}
