//! The ceiling: frames written into a file that was filled with zeros, one `fdatasync` for each batch of them. No
//! order to keep, no index, no checks, one writer.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Measured;
use super::event::DATA_BYTES;
use crate::percentiles::Times;

/// Length of the file; the writer begins again at its start when it is full, which costs nothing more.
const FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Writes batches of so many frames until the time is up.
pub(super) fn measure(file: &Path, frames: usize, time: Duration) -> anyhow::Result<Measured> {
    let measured = write(file, frames, time).with_context(|| format!("{} cannot be written", file.display()))?;
    std::fs::remove_file(file)?;
    Ok(measured)
}

fn write(path: &Path, frames: usize, time: Duration) -> io::Result<Measured> {
    let file = filled(path)?;
    let batch = vec![0x5a_u8; frames * DATA_BYTES];
    let mut times = Times::default();
    let mut at = 0;
    let begun = Instant::now();
    while begun.elapsed() < time {
        let one = Instant::now();
        if at + batch.len() as u64 > FILE_BYTES {
            at = 0;
        }
        file.write_all_at(&batch, at)?;
        rustix::fs::fdatasync(&file)?;
        at += batch.len() as u64;
        times.add(one.elapsed());
    }
    let time = begun.elapsed();
    Ok(Measured { count: (times.count() * frames) as u64, time, percentiles: times.percentiles() })
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
