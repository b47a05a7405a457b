//! The append-only journal of keys: lines with a checksum, synced in groups, rewritten only to forget an erased key.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carelog_domain::ports::{Failure, KeyId};
use fs4::fs_std::FileExt;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::PORT;
use crate::wrap::failed;

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Record {
    /// The chain's secret, wrapped.
    Secret(String),
    /// A data key, wrapped.
    Key(KeyId, String),
    /// A tombstone.
    Erased(KeyId),
}

impl Record {
    fn line(&self) -> String {
        let body = match self {
            Record::Secret(wrapped) => format!("1 secret {wrapped}"),
            Record::Key(id, wrapped) => format!("1 key {id} {wrapped}"),
            Record::Erased(id) => format!("1 erased {id}"),
        };
        format!("{body} {:08x}\n", crc32c::crc32c(body.as_bytes()))
    }

    fn parse(line: &str) -> Option<Record> {
        let (body, checksum) = line.rsplit_once(' ')?;
        if u32::from_str_radix(checksum, 16).ok()? != crc32c::crc32c(body.as_bytes()) {
            return None;
        }
        let parts: Vec<&str> = body.split(' ').collect();
        match parts.as_slice() {
            ["1", "secret", wrapped] => Some(Record::Secret((*wrapped).to_owned())),
            ["1", "key", id, wrapped] => Some(Record::Key(id.parse().ok()?, (*wrapped).to_owned())),
            ["1", "erased", id] => Some(Record::Erased(id.parse().ok()?)),
            _ => None,
        }
    }
}

/// The open journal. Appends are buffered; whoever waits first syncs for all.
pub(crate) struct Journal {
    path: PathBuf,
    state: Mutex<State>,
    syncing: Arc<tokio::sync::Mutex<()>>,
    durable: watch::Sender<u64>,
    _lock: File,
}

struct State {
    file: Arc<File>,
    pending: String,
    appended: u64,
    /// Set when a sync failed: what was written since is unknown, so nothing more is accepted.
    poisoned: bool,
}

impl Journal {
    /// Opens or makes the journal of a folder and reads its records. A last line without its end is torn and cut: it
    /// was never acknowledged.
    pub(crate) fn open(folder: &Path) -> Result<(Journal, Vec<Record>), Failure> {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, "made", error))?;
        let lock = lock(folder)?;
        let path = folder.join("journal");
        let records = read_records(&path)?;
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = file.map_err(|error| failed(&path, "opened", error))?;
        sync_folder(folder)?;
        let state = State { file: Arc::new(file), pending: String::new(), appended: 0, poisoned: false };
        let journal = Journal {
            path,
            state: Mutex::new(state),
            syncing: Arc::default(),
            durable: watch::Sender::new(0),
            _lock: lock,
        };
        Ok((journal, records))
    }

    /// Takes a record in; it is durable once [`Journal::synced`] with the returned number completes.
    pub(crate) fn append(&self, record: &Record) -> Result<u64, Failure> {
        let mut state = self.state.lock();
        if state.poisoned {
            return Err(poisoned());
        }
        state.pending.push_str(&record.line());
        state.appended += 1;
        Ok(state.appended)
    }

    /// Completes when everything up to this number is on disk. One caller syncs, the others gather behind it.
    /// A caller who goes away stops nothing: the thread that writes holds the turn until it knows what came of it.
    pub(crate) async fn synced(self: &Arc<Self>, sequence: u64) -> Result<(), Failure> {
        while *self.durable.borrow() < sequence {
            let turn = Arc::clone(&self.syncing).lock_owned().await;
            if *self.durable.borrow() >= sequence {
                break;
            }
            let journal = Arc::clone(self);
            let writing = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                journal.write_pending()
            });
            writing.await.map_err(|error| Failure::passing(PORT, "the journal was not synced").caused_by(error))??;
        }
        Ok(())
    }

    /// The same for start-up, before there is a runtime.
    pub(crate) fn sync_to_blocking(&self, sequence: u64) -> Result<(), Failure> {
        if *self.durable.borrow() >= sequence {
            return Ok(());
        }
        self.write_pending()
    }

    fn write_pending(&self) -> Result<(), Failure> {
        let (file, text, upto) = self.take_pending()?;
        if let Err(error) = write_and_sync(&file, &text) {
            self.state.lock().poisoned = true;
            return Err(failed(&self.path, "synced", error));
        }
        self.durable.send_replace(upto);
        Ok(())
    }

    fn take_pending(&self) -> Result<(Arc<File>, String, u64), Failure> {
        let mut state = self.state.lock();
        if state.poisoned {
            return Err(poisoned());
        }
        Ok((Arc::clone(&state.file), std::mem::take(&mut state.pending), state.appended))
    }

    /// Rewrites the journal without the keys that have a tombstone, and puts the new file in the old one's place.
    pub(crate) fn forget_erased(&self) -> Result<(), Failure> {
        let _turn = self.syncing.clone().blocking_lock_owned();
        let mut state = self.state.lock();
        if state.poisoned {
            return Err(poisoned());
        }
        let rewritten = self.rewrite(&mut state);
        // Whatever failed, the open file may no longer be the one that the next start reads.
        state.poisoned = rewritten.is_err();
        rewritten
    }

    fn rewrite(&self, state: &mut State) -> Result<(), Failure> {
        let pending = std::mem::take(&mut state.pending);
        let written = write_and_sync(&state.file, &pending);
        written.map_err(|error| failed(&self.path, "synced", error))?;
        let records = read_records(&self.path)?;
        let gone: Vec<KeyId> = records
            .iter()
            .filter_map(|record| if let Record::Erased(id) = record { Some(*id) } else { None })
            .collect();
        let kept = records.iter().filter(|record| !matches!(record, Record::Key(id, _) if gone.contains(id)));
        let text: String = kept.map(Record::line).collect();
        let beside = self.path.with_extension("new");
        let replace = || {
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            write_and_sync(&file, &text)?;
            std::fs::rename(&beside, &self.path)?;
            OpenOptions::new().append(true).open(&self.path)
        };
        state.file = Arc::new(replace().map_err(|error| failed(&self.path, "rewritten", error))?);
        sync_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        self.durable.send_replace(state.appended);
        Ok(())
    }
}

fn poisoned() -> Failure {
    Failure::lasting(PORT, "an earlier sync of the journal failed: check the disk and restart")
}

fn lock(folder: &Path) -> Result<File, Failure> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| failed(&path, "opened", error))?;
    match file.try_lock_exclusive() {
        Ok(true) => Ok(file),
        Ok(false) => Err(Failure::lasting(PORT, format!("{} is in use by another process", folder.display()))),
        Err(error) => Err(failed(&path, "locked", error)),
    }
}

fn write_and_sync(mut file: &File, text: &str) -> std::io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

fn sync_folder(folder: &Path) -> Result<(), Failure> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failed(folder, "synced", error))
}

fn read_records(path: &Path) -> Result<Vec<Record>, Failure> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read(path).map_err(|error| failed(path, "read", error))?;
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    if whole < text.len() {
        let cut = OpenOptions::new().write(true).open(path).and_then(|file| {
            file.set_len(whole as u64)?;
            file.sync_all()
        });
        cut.map_err(|error| failed(path, "cut after its last whole line", error))?;
    }
    let lines = String::from_utf8_lossy(&text[..whole]);
    let parse = |(index, line): (usize, &str)| {
        Record::parse(line).ok_or_else(|| {
            let message =
                format!("{} line {} is damaged: restore the key store from its backup", path.display(), index + 1);
            Failure::lasting(PORT, message)
        })
    };
    lines.lines().enumerate().map(parse).collect()
}
