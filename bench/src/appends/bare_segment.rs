//! The ceiling: frames written into a file that was filled with zeros, one `fdatasync` for each batch of them. No
//! order to keep, no index, no checks, one writer.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Measured;
use super::event::DATA_BYTES;
use crate::percentiles::Times;

/// Length of the file; the writer begins again at its start when it is full, which costs nothing more.
const FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The file.
pub(super) struct BareSegment {
    path: PathBuf,
    file: File,
}

impl BareSegment {
    /// A file full of zeros, on the disk.
    pub(super) fn filled(path: &Path) -> anyhow::Result<BareSegment> {
        let file = filled(path).with_context(|| format!("{} cannot be filled", path.display()))?;
        Ok(BareSegment { path: path.to_owned(), file })
    }

    /// Writes batches of so many frames until the time is up.
    pub(super) fn measure(&self, frames: usize, time: Duration) -> anyhow::Result<Measured> {
        self.write(frames, time).with_context(|| format!("{} cannot be written", self.path.display()))
    }

    /// Removes it.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        std::fs::remove_file(&self.path).with_context(|| format!("{} cannot be removed", self.path.display()))
    }

    fn write(&self, frames: usize, time: Duration) -> io::Result<Measured> {
        let batch = vec![0x5a_u8; frames * DATA_BYTES];
        let mut times = Times::default();
        let mut at = 0;
        let begun = Instant::now();
        while begun.elapsed() < time {
            let one = Instant::now();
            if at + batch.len() as u64 > FILE_BYTES {
                at = 0;
            }
            self.file.write_all_at(&batch, at)?;
            rustix::fs::fdatasync(&self.file)?;
            at += batch.len() as u64;
            times.add(one.elapsed());
        }
        Ok(Measured { count: (times.count() * frames) as u64, time: begun.elapsed(), times })
    }
}

fn filled(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..FILE_BYTES / zeros.len() as u64 {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    Ok(file)
}
