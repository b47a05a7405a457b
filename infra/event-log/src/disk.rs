//! The only way the log touches files, so that a test disk can forget what was not synced, tear a write or fail.

mod real;

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::RealDisk;

/// What a file is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenFor {
    /// Reading and writing what exists.
    Existing,
    /// A new file, replacing any that has the name.
    Creating,
}

/// Folders and files. Names become durable with [`Disk::sync_folder`], bytes with [`DiskFile::sync_data`].
pub trait Disk: Send + Sync {
    /// Makes a folder within one that exists; false if it was there already. Its name becomes durable like a file's.
    fn create_folder(&self, folder: &Path) -> io::Result<bool>;

    /// The names in a folder, in no order; none if there is no such folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Opens a file.
    fn open(&self, file: &Path, open_for: OpenFor) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name in the same folder, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, file: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Takes an exclusive lock that lasts until the guard is dropped; `None` if someone else has it.
    fn lock(&self, file: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;
}

/// An open file, read and written at given places.
pub trait DiskFile: Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// True when it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|length| length == 0)
    }

    /// Fills `buffer` from `at`; an error if the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `at`, extending the file if need be.
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Makes what was written durable, with the file's length (fdatasync).
    fn sync_data(&self) -> io::Result<()>;
}
