//! Keys in the cluster's database, shared by all nodes, which hold the same master key. Two nodes that make a key for the
//! same subject and purpose offer one each; the first stands, and both use it. A patient's keys are made and read together:
//! whoever is registered is soon booked and billed, and each of those would wait for the database's disk once more.
//!
//! A node keeps what it has opened. It looks for erasures before it uses a kept key, once a second at most; where the
//! database does not answer, it believes the last look for ten seconds and then fails. So an erased key is used nowhere
//! later than a second after its erasure was acknowledged, ten while the database is away. See
//! docs/decisions/0016-keys-in-the-cluster.md.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::kernel::Purpose;
use carelog_domain::ports::{BoxFuture, DataKey, Failure, KeyId, KeyState, KeyStore, SqlStore};
use uuid::Uuid;

use crate::opened::{Look, OpenedKeys};
use crate::wrap::{self, MasterKey, SECRET};
use crate::{PORT, rows};

/// How many opened keys a node keeps, and how long.
#[derive(Clone, Copy, Debug)]
pub struct KeyLimits {
    /// Opened keys at most; some 200 bytes each.
    pub keys_max: usize,
    /// Erasures are looked for no more often.
    pub looks_every: Duration,
    /// Without an answer of the database, kept keys are used for so long after the last.
    pub believed_for: Duration,
}

impl Default for KeyLimits {
    fn default() -> KeyLimits {
        let (looks_every, believed_for) = (Duration::from_secs(1), Duration::from_secs(10));
        KeyLimits { keys_max: 200_000, looks_every, believed_for }
    }
}

/// Keys in a database, of a schema for them alone. Its commits must be durable before they are answered.
pub struct SqlKeyStore {
    sql: Arc<dyn SqlStore>,
    master: MasterKey,
    secret: [u8; 32],
    opened: OpenedKeys,
    looking: tokio::sync::Mutex<()>,
}

impl SqlKeyStore {
    /// Opens the keys with the master key of this file, making the tables and the chain's secret if they are not there.
    ///
    /// # Errors
    /// When the master key is missing, can be read by others or is not the one that the secret was wrapped with, or the
    /// database does not answer.
    pub async fn open(sql: Arc<dyn SqlStore>, master: &Path, limits: KeyLimits) -> Result<SqlKeyStore, Failure> {
        if !master.exists() {
            let path = master.display();
            let message = format!(
                "{path} is missing: copy it from another node or its backup. For a chain that has none, make it once, \
                 `(umask 077; openssl rand -hex 32 >{path})`, and give it to every node"
            );
            return Err(Failure::lasting(PORT, message));
        }
        let master = MasterKey::read(master)?;
        sql.write(rows::make_tables()).await?;
        let wrapped = master.wrap(SECRET, &wrap::random::<32>()?)?;
        sql.write(vec![rows::offer_secret(&wrapped)]).await?;
        let began = Instant::now();
        let found = sql.read(vec![rows::find_chain()]).await?;
        let (wrapped, erasures) = rows::chain(&found[0])?;
        let secret = master.unwrap(SECRET, &wrapped)?;
        let opened = OpenedKeys::new(limits, erasures, began);
        Ok(SqlKeyStore { sql, master, secret, opened, looking: tokio::sync::Mutex::default() })
    }

    /// The state of the one key of a subject and purpose, if there is one or was.
    async fn state(&self, subject: Uuid, purpose: Purpose) -> Result<Option<(KeyId, KeyState)>, Failure> {
        match self.opened.get(subject, purpose) {
            None => self.read(subject, purpose).await,
            Some((id, KeyState::Erased)) => Ok(Some((id, KeyState::Erased))),
            Some(_) => {
                self.look_for_erasures().await?;
                match self.opened.get(subject, purpose) {
                    Some(kept) => Ok(Some(kept)),
                    None => self.read(subject, purpose).await,
                }
            }
        }
    }

    /// Reads and keeps all keys of a subject; tells of one.
    async fn read(&self, subject: Uuid, purpose: Purpose) -> Result<Option<(KeyId, KeyState)>, Failure> {
        let seen = self.opened.erasures();
        let found = self.sql.read(vec![rows::find_keys(subject)]).await?;
        let mut told = None;
        for row in &found[0].rows {
            let (id, wrapped) = rows::key(row)?;
            let state = self.opened_as(id, wrapped, seen);
            if id.purpose == purpose {
                told = Some((id, state?)); // One of the others that does not unwrap is told to whoever asks for it.
            }
        }
        Ok(told)
    }

    /// Unwraps a key that was read when erasures up to this one were seen, and keeps it.
    fn opened_as(&self, id: KeyId, wrapped: Option<String>, seen: i64) -> Result<KeyState, Failure> {
        let Some(wrapped) = wrapped else {
            self.opened.remember_erased(id);
            return Ok(KeyState::Erased);
        };
        let key = DataKey(self.master.unwrap(&id.to_string(), &wrapped)?);
        self.opened.remember(id, &key, seen);
        Ok(KeyState::Live(key))
    }

    /// Makes a key, and those that will soon be needed with it: one transaction, waited for once.
    async fn make(&self, subject: Uuid, purpose: Purpose) -> Result<(KeyId, KeyState), Failure> {
        let offer = |&purpose: &Purpose| {
            let id = KeyId { subject, purpose, number: 1 };
            let wrapped = self.master.wrap(&id.to_string(), &wrap::random::<32>()?)?;
            Ok(rows::offer_key(id, &wrapped))
        };
        let offers: Vec<_> = made_with(purpose).iter().map(offer).collect::<Result<_, Failure>>()?;
        self.sql.write(offers).await?;
        let name = purpose.word();
        let gone = || {
            let message = format!("the {name} key of {subject} was made and is gone: nobody may delete rows of keys");
            Failure::lasting(PORT, message)
        };
        self.read(subject, purpose).await?.ok_or_else(gone)
    }

    /// Looks for erasures of other nodes if it is time; one looks for all.
    async fn look_for_erasures(&self) -> Result<(), Failure> {
        let _turn = match self.opened.look() {
            Look::NotYet => return Ok(()),
            Look::InVain => return Err(no_answer()),
            Look::Must => self.looking.lock().await,
            Look::Try => match self.looking.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(()), // Another does, and the last look is believed meanwhile.
            },
        };
        let due = self.opened.look();
        match due {
            Look::NotYet => return Ok(()),
            Look::InVain => return Err(no_answer()),
            Look::Try | Look::Must => {}
        }
        let outcome = self.take_in_erasures().await;
        self.opened.tried();
        match outcome {
            Err(failure) if failure.retry_helps && due == Look::Try => {
                tracing::warn!(%failure, "erasures of keys cannot be looked for; kept keys are used for some seconds more");
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn take_in_erasures(&self) -> Result<(), Failure> {
        let (seen, began) = (self.opened.erasures(), Instant::now());
        let found = self.sql.read(rows::find_erasures_after(seen)).await?;
        let (_, erasures) = rows::chain(&found[0])?;
        if erasures < seen {
            let message = format!(
                "the database of keys knows {erasures} erasures where there were {seen}: an older copy was restored, in which \
                 erased keys live again; erase them again, then restart every node"
            );
            return Err(Failure::lasting(PORT, message));
        }
        let erased = found[1].rows.iter().map(|row| Ok(rows::key(row)?.0)).collect::<Result<Vec<_>, Failure>>()?;
        self.opened.take_in(&erased, erasures, began);
        Ok(())
    }
}

impl KeyStore for SqlKeyStore {
    fn sealing_key(&self, subject: Uuid, purpose: Purpose) -> BoxFuture<'_, Result<(KeyId, DataKey), Failure>> {
        Box::pin(async move {
            let (id, state) = match self.state(subject, purpose).await? {
                Some(found) => found,
                None => self.make(subject, purpose).await?,
            };
            match state {
                KeyState::Live(key) => Ok((id, key)),
                KeyState::Erased => {
                    Err(Failure::lasting(PORT, format!("the {} key of {subject} was erased", purpose.word())))
                }
            }
        })
    }

    fn opening_key(&self, id: KeyId) -> BoxFuture<'_, Result<KeyState, Failure>> {
        Box::pin(async move {
            match self.state(id.subject, id.purpose).await? {
                Some((found, state)) if found == id => Ok(state),
                _ => Err(Failure::lasting(PORT, format!("key {id} is missing: restore the database of keys"))),
            }
        })
    }

    /// Durable, and without effect if it was erased before.
    fn erase(&self, subject: Uuid, purpose: Purpose) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.opened.forget(subject, purpose);
            self.sql.write(rows::erase_key(subject, purpose)).await?;
            // A key that was read meanwhile may have come back into the cache; this takes it out before anybody is told.
            let _turn = self.looking.lock().await;
            self.take_in_erasures().await
        })
    }

    fn keyed_hash(&self, domain: &str, data: &[u8]) -> [u8; 32] {
        wrap::keyed_hash(&self.secret, domain, data)
    }
}

/// The keys that are made when this one is needed, always in the same order, so that two nodes do not wait for each other.
fn made_with(purpose: Purpose) -> &'static [Purpose] {
    match purpose {
        Purpose::Identity | Purpose::Clinical | Purpose::Billing => {
            &[Purpose::Identity, Purpose::Clinical, Purpose::Billing]
        }
        Purpose::Staff => &[Purpose::Staff],
    }
}

fn no_answer() -> Failure {
    Failure::passing(PORT, "the database of keys does not answer, and a kept key may have been erased; try again")
}
