//! Making a new log in a folder, and going on with a making that was stopped in the middle. Partition 0 is made last,
//! so while it has no segment there was no log that anybody wrote to, and other partitions have at most their first
//! segment, empty. Anything more means that partition 0 was lost, and nothing is made in its place.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use carelog_domain::kernel::Partition as Number;

use super::open::{Opened, identity, open_partitions, partition_folder};
use crate::disk::Disk;
use crate::error::{Damage, OpenError};
use crate::faults::Faults;
use crate::options::Options;
use crate::partition::recovery;
use crate::partition::roll::{create_first, remove_spares};
use crate::slot_map::SlotMap;

/// Makes a folder and those above it that are missing, durably.
pub(super) fn folder(disk: &dyn Disk, folder: &Path, faults: Faults) -> Result<(), OpenError> {
    make_folder(disk, folder, faults).map_err(OpenError::io("create", folder))
}

fn make_folder(disk: &dyn Disk, folder: &Path, faults: Faults) -> io::Result<()> {
    let parent = folder.parent().unwrap_or(Path::new(""));
    let made = match disk.create_folder(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound && folder.parent().is_some() => {
            make_folder(disk, parent, faults)?;
            disk.create_folder(folder)?
        }
        made => made?,
    };
    if made && !faults.skip_parent_sync() { disk.sync_folder(parent) } else { Ok(()) }
}

/// Makes all partitions of a new log.
pub(super) fn partitions(options: &Options) -> Result<Vec<Opened>, OpenError> {
    remove_leftovers(options)?;
    sync_ancestors(options);
    let count = options.partitions.max(1);
    let (log_id, map) = (uuid::Uuid::now_v7().into_bytes(), SlotMap::dealt(count));
    for number in (0..count).rev() {
        let identity = identity(options, Number(number), count, log_id, &map);
        folder(&*options.disk, &identity.folder, options.faults)?;
        create_first(&*options.disk, &identity)?;
    }
    let made = open_partitions(options)?;
    made.ok_or_else(|| OpenError::BadOptions(format!("no log could be made in {}", options.folder.display())))
}

/// The folders above may have been made a moment ago, by us before we were killed or by whoever chose the place. As
/// far as we may: a folder that we cannot read was not made by us.
fn sync_ancestors(options: &Options) {
    for folder in options.folder.ancestors().skip(1).filter(|_| !options.faults.skip_parent_sync()) {
        if let Err(error) = options.disk.sync_folder(folder) {
            tracing::debug!(folder = %folder.display(), %error, "a folder above the log could not be synced");
        }
    }
}

/// Removes the empty segments that a making left that was stopped; looks at all of them first.
fn remove_leftovers(options: &Options) -> Result<(), OpenError> {
    let (disk, root) = (&*options.disk, &options.folder);
    let names = disk.list(root).map_err(OpenError::io("list", root))?;
    let folders: Vec<PathBuf> =
        names.iter().filter(|name| name.starts_with("partition-")).map(|name| root.join(name)).collect();
    let mut empty = Vec::new();
    for folder in &folders {
        let opened = recovery::open_segments(disk, folder)?;
        for (_, segment) in &opened {
            if opened.len() > 1 || !recovery::is_blank(segment)? {
                let what = format!("the partition has no segment, but {} holds events", segment.path.display());
                return Err(Damage { file: partition_folder(root, 0), byte: 0, what }.into());
            }
            empty.push(segment.path.clone());
        }
    }
    for path in &empty {
        disk.remove(path).map_err(OpenError::io("remove", path))?;
    }
    folders.iter().try_for_each(|folder| remove_spares(disk, folder))
}
