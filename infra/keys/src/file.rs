//! Keys in a folder: wrapped by a master key, appended to a journal, durable before they are used.
//!
//! ```text
//! keys/master.key    64 hex digits, mode 0600; back it up apart from the data
//! keys/journal       a line a record:  1 <kind> <fields ...> <crc32c of all before it, hex>\n
//!                      secret <wrapped>            the chain's secret for keyed hashes
//!                      key <key id> <wrapped>      a data key
//!                      erased <key id>             a tombstone; the key's line is then rewritten away
//! ```

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carelog_domain::kernel::Purpose;
use carelog_domain::ports::{BoxFuture, DataKey, Failure, KeyId, KeyState, KeyStore};
use parking_lot::RwLock;
use uuid::Uuid;

use crate::PORT;
use crate::journal::{Journal, Record};
use crate::wrap::{self, MasterKey, SECRET};

/// Keys in a folder.
pub struct FileKeyStore {
    master: MasterKey,
    secret: [u8; 32],
    keys: RwLock<HashMap<(Uuid, Purpose), Entry>>,
    journal: Arc<Journal>,
}

#[derive(Clone)]
struct Entry {
    number: u32,
    state: KeyState,
    /// The journal's sequence number at which it is durable.
    sequence: u64,
}

impl FileKeyStore {
    /// Opens the folder, making it with a new master key and secret if it is empty.
    ///
    /// # Errors
    /// When the folder is locked by another process, the master key is missing beside a journal, or a line is damaged.
    pub fn open(folder: &Path) -> Result<FileKeyStore, Failure> {
        let master_path: PathBuf = folder.join("master.key");
        let (journal, records) = Journal::open(folder)?;
        let master = if master_path.exists() {
            MasterKey::read(&master_path)?
        } else if records.is_empty() {
            MasterKey::create(&master_path)?
        } else {
            return Err(Failure::lasting(
                PORT,
                format!(
                    "{} is missing: restore it from its backup, without it nothing can be opened",
                    master_path.display()
                ),
            ));
        };
        let mut store = FileKeyStore { master, secret: [0; 32], keys: RwLock::default(), journal: Arc::new(journal) };
        store.load(records)?;
        Ok(store)
    }

    fn load(&mut self, records: Vec<Record>) -> Result<(), Failure> {
        let mut secret = None;
        let keys = self.keys.get_mut();
        for record in records {
            match record {
                Record::Secret(wrapped) => secret = Some(self.master.unwrap(SECRET, &wrapped)?),
                Record::Key(id, wrapped) => {
                    let key = DataKey(self.master.unwrap(&id.to_string(), &wrapped)?);
                    keys.insert(
                        (id.subject, id.purpose),
                        Entry { number: id.number, state: KeyState::Live(key), sequence: 0 },
                    );
                }
                Record::Erased(id) => {
                    keys.insert(
                        (id.subject, id.purpose),
                        Entry { number: id.number, state: KeyState::Erased, sequence: 0 },
                    );
                }
            }
        }
        self.secret = match secret {
            Some(secret) => secret,
            None => self.new_secret()?,
        };
        Ok(())
    }

    fn new_secret(&self) -> Result<[u8; 32], Failure> {
        let secret = wrap::random::<32>()?;
        let record = Record::Secret(self.master.wrap(SECRET, &secret)?);
        let sequence = self.journal.append(&record)?;
        self.journal.sync_to_blocking(sequence)?;
        Ok(secret)
    }

    /// The entry of a person and purpose, made if there is none.
    fn entry(&self, subject: Uuid, purpose: Purpose) -> Result<Entry, Failure> {
        if let Some(entry) = self.keys.read().get(&(subject, purpose)) {
            return Ok(entry.clone());
        }
        let mut keys = self.keys.write();
        if let Some(entry) = keys.get(&(subject, purpose)) {
            return Ok(entry.clone());
        }
        let id = KeyId { subject, purpose, number: 1 };
        let key = wrap::random::<32>()?;
        let wrapped = self.master.wrap(&id.to_string(), &key)?;
        let sequence = self.journal.append(&Record::Key(id, wrapped))?;
        let entry = Entry { number: id.number, state: KeyState::Live(DataKey(key)), sequence };
        keys.insert((subject, purpose), entry.clone());
        Ok(entry)
    }

    async fn erase_key(&self, subject: Uuid, purpose: Purpose) -> Result<(), Failure> {
        let sequence = {
            let mut keys = self.keys.write();
            let number = keys.get(&(subject, purpose)).map_or(1, |entry| entry.number);
            let id = KeyId { subject, purpose, number };
            let sequence = self.journal.append(&Record::Erased(id))?;
            keys.insert((subject, purpose), Entry { number, state: KeyState::Erased, sequence });
            sequence
        };
        self.journal.synced(sequence).await?;
        let journal = Arc::clone(&self.journal);
        let rewritten = tokio::task::spawn_blocking(move || journal.forget_erased()).await;
        rewritten.map_err(|error| Failure::passing(PORT, "the journal was not rewritten").caused_by(error))?
    }
}

impl KeyStore for FileKeyStore {
    fn sealing_key(&self, subject: Uuid, purpose: Purpose) -> BoxFuture<'_, Result<(KeyId, DataKey), Failure>> {
        Box::pin(async move {
            let entry = self.entry(subject, purpose)?;
            let KeyState::Live(key) = entry.state else {
                return Err(Failure::lasting(PORT, format!("the {} key of {subject} was erased", purpose.word())));
            };
            self.journal.synced(entry.sequence).await?;
            Ok((KeyId { subject, purpose, number: entry.number }, key))
        })
    }

    fn opening_key(&self, id: KeyId) -> BoxFuture<'_, Result<KeyState, Failure>> {
        Box::pin(async move {
            let entry = self.keys.read().get(&(id.subject, id.purpose)).cloned();
            match entry {
                Some(entry) if entry.number == id.number => Ok(entry.state),
                _ => Err(Failure::lasting(PORT, format!("key {id} is missing: restore the key store from its backup"))),
            }
        })
    }

    fn erase(&self, subject: Uuid, purpose: Purpose) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.erase_key(subject, purpose))
    }

    fn keyed_hash(&self, domain: &str, data: &[u8]) -> [u8; 32] {
        wrap::keyed_hash(&self.secret, domain, data)
    }
}
