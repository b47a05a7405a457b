//! Dead letters: steps that were refused or failed for good. Their instance is parked until somebody retries the step;
//! other instances go on.

use std::collections::{BTreeMap, HashMap};

use carelog_domain::kernel::{CommandId, Partition, Position, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// A step that nobody could carry out.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The saga.
    pub saga: String,
    /// Its instance, which is parked.
    pub instance: String,
    /// The step that failed.
    pub step: String,
    /// The command it sends.
    pub command: CommandId,
    /// Why, as a stable code.
    pub code: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Partition of the event that caused it.
    pub partition: u16,
    /// Offset of the event that caused it.
    pub cause_offset: u64,
    /// Offset of the record that says it failed.
    pub failed_offset: u64,
    /// Recorded-at of the event that caused it.
    pub since: Timestamp,
    /// Correlations of the instance's reactions that wait, this one's first.
    pub waiting: Vec<CommandId>,
}

type Key = (String, String);

/// A change to be written with the next checkpoint.
pub(crate) type Changed = HashMap<Key, (Position, Option<DeadLetter>)>;

#[derive(Default)]
pub(crate) struct Letters {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    letters: BTreeMap<Key, DeadLetter>,
    dirty: Changed,
}

fn key(saga: &str, instance: &str) -> Key {
    (saga.to_owned(), instance.to_owned())
}

impl Letters {
    /// As a checkpoint kept them.
    pub(crate) fn restored(letters: Vec<DeadLetter>) -> Letters {
        let letters = letters.into_iter().map(|letter| (key(&letter.saga, &letter.instance), letter)).collect();
        Letters { inner: Mutex::new(Inner { letters, dirty: HashMap::new() }) }
    }

    /// Parks an instance.
    pub(crate) fn park(&self, letter: DeadLetter) {
        let mut inner = self.inner.lock();
        let key = key(&letter.saga, &letter.instance);
        let failed_at = Position { partition: Partition(letter.partition), offset: letter.failed_offset };
        inner.dirty.insert(key.clone(), (failed_at, Some(letter.clone())));
        inner.letters.insert(key, letter);
    }

    /// Takes note of another reaction that waits, if the instance is parked.
    pub(crate) fn wait(&self, saga: &str, instance: &str, correlation: CommandId) -> bool {
        let mut inner = self.inner.lock();
        let Some(letter) = inner.letters.get_mut(&key(saga, instance)) else { return false };
        // After a start its causes are handled again.
        if !letter.waiting.contains(&correlation) {
            letter.waiting.push(correlation);
        }
        true
    }

    /// Takes the letter of an instance off because of the event at this position.
    pub(crate) fn take_off(&self, saga: &str, instance: &str, position: Position) -> Option<DeadLetter> {
        let mut inner = self.inner.lock();
        let key = key(saga, instance);
        let letter = inner.letters.remove(&key)?;
        inner.dirty.insert(key, (position, None));
        Some(letter)
    }

    pub(crate) fn get(&self, saga: &str, instance: &str) -> Option<DeadLetter> {
        self.inner.lock().letters.get(&key(saga, instance)).cloned()
    }

    pub(crate) fn all(&self) -> Vec<DeadLetter> {
        self.inner.lock().letters.values().cloned().collect()
    }

    /// What changed since the last call.
    pub(crate) fn take_changes(&self) -> Changed {
        std::mem::take(&mut self.inner.lock().dirty)
    }

    /// Changes that could not be written after all.
    pub(crate) fn put_back(&self, changes: Changed) {
        let mut inner = self.inner.lock();
        for (key, change) in changes {
            inner.dirty.entry(key).or_insert(change);
        }
    }
}
