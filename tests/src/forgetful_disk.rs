//! A disk in memory that forgets what was not synced: bytes, file lengths and names. It can also fail, and tear what
//! was being written sector by sector. After a sync of bytes that failed it is as Linux is: what was written still
//! reads back but counts as clean, so that a later sync does not make it durable unless it is written again.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Error};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use carelog_event_log::disk::{Disk, DiskFile, OpenFor};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// What a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;
/// What a file system reads and writes at least.
const BLOCK_BYTES: usize = 4096;

/// What becomes of unsynced bytes and names when the power goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// All of it is gone.
    ForgetsAll,
    /// All of it is there, no more durable than before: a killed process, not a lost machine.
    KeepsAll,
    /// Every sector for itself, names folder by folder, as this seed says.
    Tears(u64),
}

/// How the next calls fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Failing {
    /// Syncs of bytes fail.
    pub sync_data: bool,
    /// Writes stop in the middle.
    pub write_short: bool,
    /// Syncs of folders fail.
    pub sync_folder: bool,
}

/// Clones are the same disk.
#[derive(Clone, Default)]
pub struct ForgetfulDisk(Arc<Mutex<Inner>>, Arc<Condvar>);

#[derive(Default)]
struct Inner {
    generation: u64,
    files: Vec<File>,
    names: BTreeMap<PathBuf, Name>,
    names_synced: BTreeMap<PathBuf, Name>,
    locks: BTreeSet<PathBuf>,
    failing: Failing,
    /// While true, syncs of bytes wait.
    held: bool,
    /// How many calls that change something still succeed, if not all.
    changes_left: Option<u64>,
    data_syncs: u64,
    partial_writes: u64,
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Name {
    /// The file with this number.
    File(usize),
    Folder,
}

#[derive(Clone, Default)]
struct File {
    bytes: Vec<u8>,
    synced: Vec<u8>,
    /// Where the two may differ and a sync would help.
    dirty: Vec<(usize, usize)>,
    /// Where they may differ and only writing again would help, since a sync failed.
    lost: Vec<(usize, usize)>,
}

impl ForgetfulDisk {
    /// The power goes: open files and locks are void, and what was not synced is lost as `crash` says.
    pub fn crash(&self, crash: Crash) {
        let mut inner = self.inner();
        inner.generation += 1;
        inner.locks.clear();
        inner.failing = Failing::default();
        inner.changes_left = None;
        if crash == Crash::KeepsAll {
            return;
        }
        let mut random = SmallRng::seed_from_u64(if let Crash::Tears(seed) = crash { seed } else { 0 });
        let kept = |random: &mut SmallRng| match crash {
            Crash::Tears(_) => random.random_bool(0.5),
            _ => false,
        };
        inner.crash_names(|| kept(&mut random));
        for file in &mut inner.files {
            file.crash(|| kept(&mut random));
        }
        inner.names_synced = inner.names.clone();
    }

    /// From now on calls fail like this.
    pub fn fail(&self, failing: Failing) {
        self.inner().failing = failing;
    }

    /// So many calls that change something succeed from now on, all later ones fail, until the power goes.
    pub fn fail_after(&self, changes: u64) {
        self.inner().changes_left = Some(changes);
    }

    /// Lets syncs of bytes wait, or go on.
    pub fn hold_syncs(&self, held: bool) {
        self.inner().held = held;
        self.1.notify_all();
    }

    /// How often bytes were synced.
    pub fn data_syncs(&self) -> u64 {
        self.inner().data_syncs
    }

    /// How often a part of a block was written, for which a real disk may have to read the rest first.
    pub fn partial_writes(&self) -> u64 {
        self.inner().partial_writes
    }

    /// The names in a folder, in order.
    pub fn names(&self, folder: &Path) -> Vec<PathBuf> {
        self.inner().names.keys().filter(|name| name.parent() == Some(folder)).cloned().collect()
    }

    /// The bytes of a file as they would be read.
    pub fn bytes(&self, file: &Path) -> Vec<u8> {
        let inner = self.inner();
        inner.files[inner.file(file).expect("the file is there")].bytes.clone()
    }

    /// Puts other bytes in place of a file's, durably.
    pub fn replace(&self, file: &Path, bytes: Vec<u8>) {
        let mut inner = self.inner();
        let at = inner.file(file).expect("the file is there");
        inner.files[at] = File { synced: bytes.clone(), bytes, ..File::default() };
    }

    /// A disk of its own with the same durable and undurable content.
    pub fn copy(&self) -> ForgetfulDisk {
        let inner = self.inner();
        let inner = Inner {
            files: inner.files.clone(),
            names: inner.names.clone(),
            names_synced: inner.names_synced.clone(),
            ..Inner::default()
        };
        ForgetfulDisk(Arc::new(Mutex::new(inner)), Arc::default())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panics while it holds the disk")
    }
}

impl Inner {
    fn file(&self, name: &Path) -> Option<usize> {
        match self.names.get(name)? {
            Name::File(number) => Some(*number),
            Name::Folder => None,
        }
    }

    fn has_folder(&self, folder: &Path) -> bool {
        folder.parent().is_none() || self.names.get(folder) == Some(&Name::Folder)
    }

    fn in_folder(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        if self.has_folder(folder) { Ok(()) } else { Err(missing(folder)) }
    }

    /// Counts a call that changes something.
    fn change(&mut self) -> io::Result<()> {
        match &mut self.changes_left {
            Some(0) => Err(Error::other("the disk is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Names are lost folder by folder; what stood in a folder that is lost is gone.
    fn crash_names(&mut self, mut kept: impl FnMut() -> bool) {
        let both = self.names.keys().chain(self.names_synced.keys());
        let folders: BTreeSet<PathBuf> = both.filter_map(|name| Some(name.parent()?.to_owned())).collect();
        for folder in folders.into_iter().filter(|_| !kept()) {
            let within = |name: &PathBuf| name.parent() == Some(&folder);
            self.names.retain(|name, _| !within(name));
            let synced = self.names_synced.iter().filter(|(name, _)| within(name));
            self.names.extend(synced.map(|(name, what)| (name.clone(), *what)));
        }
        let whole = |name: &Path| name.ancestors().skip(1).all(|folder| self.has_folder(folder));
        self.names = self.names.iter().filter(|(name, _)| whole(name)).map(|(n, w)| (n.clone(), *w)).collect();
    }
}

impl File {
    fn crash(&mut self, mut kept: impl FnMut() -> bool) {
        let mut after = self.synced.clone();
        if self.bytes.len() != self.synced.len() && kept() {
            after.resize(self.bytes.len(), 0);
        }
        let sectors: BTreeSet<usize> = self
            .dirty
            .iter()
            .chain(&self.lost)
            .flat_map(|(from, to)| from / SECTOR_BYTES..to.div_ceil(SECTOR_BYTES))
            .collect();
        for sector in sectors.into_iter().filter(|_| kept()) {
            let from = sector * SECTOR_BYTES;
            let to = (from + SECTOR_BYTES).min(self.bytes.len()).min(after.len());
            if from < to {
                after[from..to].copy_from_slice(&self.bytes[from..to]);
            }
        }
        *self = File { bytes: after.clone(), synced: after, ..File::default() };
    }
}

fn missing(path: &Path) -> Error {
    Error::new(io::ErrorKind::NotFound, format!("{} is not there", path.display()))
}

impl Disk for ForgetfulDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<bool> {
        let mut inner = self.inner();
        if inner.has_folder(folder) {
            return Ok(false);
        }
        inner.change()?;
        inner.in_folder(folder)?;
        inner.names.insert(folder.to_owned(), Name::Folder);
        Ok(true)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let names = self.names(folder);
        Ok(names.iter().filter_map(|name| Some(name.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn open(&self, file: &Path, open_for: OpenFor) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner();
        let found = inner.file(file);
        let number = match (found, open_for) {
            (Some(number), OpenFor::Existing) => number,
            (None, OpenFor::Existing) => return Err(missing(file)),
            (_, OpenFor::Creating) => {
                inner.change()?;
                inner.in_folder(file)?;
                inner.files.push(File::default());
                let number = inner.files.len() - 1;
                inner.names.insert(file.to_owned(), Name::File(number));
                number
            }
        };
        Ok(Arc::new(Handle { disk: self.clone(), generation: inner.generation, number }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.change()?;
        let number = inner.names.remove(from).ok_or_else(|| missing(from))?;
        inner.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.change()?;
        inner.names.remove(file).map(|_| ()).ok_or_else(|| missing(file))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.failing.sync_folder {
            return Err(Error::other("the folder could not be synced"));
        }
        inner.change()?;
        if !inner.has_folder(folder) {
            return Err(missing(folder));
        }
        inner.names_synced.retain(|name, _| name.parent() != Some(folder));
        let now: Vec<_> = inner
            .names
            .iter()
            .filter(|(name, _)| name.parent() == Some(folder))
            .map(|(n, f)| (n.clone(), *f))
            .collect();
        inner.names_synced.extend(now);
        Ok(())
    }

    fn lock(&self, file: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut inner = self.inner();
        if !inner.locks.insert(file.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Lock { disk: self.clone(), file: file.to_owned(), generation: inner.generation })))
    }
}

struct Lock {
    disk: ForgetfulDisk,
    file: PathBuf,
    generation: u64,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut inner = self.disk.inner();
        if inner.generation == self.generation {
            inner.locks.remove(&self.file);
        }
    }
}

struct Handle {
    disk: ForgetfulDisk,
    generation: u64,
    number: usize,
}

impl Handle {
    fn inner(&self) -> io::Result<MutexGuard<'_, Inner>> {
        let inner = self.disk.inner();
        match inner.generation == self.generation {
            true => Ok(inner),
            false => Err(Error::other("the machine that opened this file is gone")),
        }
    }
}

impl DiskFile for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.inner()?.files[self.number].bytes.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let inner = self.inner()?;
        let from = at as usize;
        let bytes = inner.files[self.number].bytes.get(from..from + buffer.len());
        buffer.copy_from_slice(bytes.ok_or_else(|| Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut inner = self.inner()?;
        inner.change()?;
        let short = inner.failing.write_short;
        let bytes = if short { &bytes[..bytes.len() / 2] } else { bytes };
        let (from, to) = (at as usize, at as usize + bytes.len());
        let file = &mut inner.files[self.number];
        if file.bytes.len() < to {
            file.bytes.resize(to, 0);
        }
        file.bytes[from..to].copy_from_slice(bytes);
        file.dirty.push((from, to));
        let whole = from.is_multiple_of(BLOCK_BYTES) && (to.is_multiple_of(BLOCK_BYTES) || to == file.bytes.len());
        inner.partial_writes += u64::from(!whole);
        if short { Err(Error::other("the disk is full")) } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        drop(self.disk.1.wait_while(self.inner()?, |inner| inner.held));
        let mut inner = self.inner()?;
        if inner.failing.sync_data {
            let file = &mut inner.files[self.number];
            file.lost.append(&mut file.dirty);
            return Err(Error::other("the disk could not write"));
        }
        inner.change()?;
        inner.data_syncs += 1;
        let file = &mut inner.files[self.number];
        file.synced.resize(file.bytes.len(), 0);
        for (from, to) in std::mem::take(&mut file.dirty) {
            file.synced[from..to].copy_from_slice(&file.bytes[from..to]);
        }
        Ok(())
    }
}
