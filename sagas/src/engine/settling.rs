//! How much of each partition is handled: of those worked on here as the engine knows it, of the others as they are told
//! by documents, which are looked at while somebody waits, once for all who do. Works without an engine too, in a process
//! that runs no saga.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{DocumentStore, EventLog, Failure};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};

use super::place::Place;
use super::seen::Seen;
use crate::catalog::{self, Kind};

/// How soon it is looked again after somebody began to wait; each time a little later, up to the longest pause.
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// Answers whether the sagas are done with what a command caused, from the log and the documents.
pub struct Settling {
    pub(crate) log: Arc<dyn EventLog>,
    documents: Arc<dyn DocumentStore>,
    pub(crate) kinds: Vec<Arc<Kind>>,
    /// The partitions that are worked on here.
    places: RwLock<BTreeMap<Partition, Arc<Place>>>,
    /// What was told of the others when it was last looked.
    elsewhere: Mutex<BTreeMap<Partition, Seen>>,
    /// For which partitions somebody waits, and how many do.
    waiting: Mutex<BTreeMap<Partition, usize>>,
    begun: Notify,
    /// Moves whenever more is handled, here or elsewhere.
    tick: watch::Sender<u64>,
}

/// Somebody waits for partitions, until dropped.
pub(crate) struct Waiting<'a> {
    settling: &'a Settling,
    pub(crate) partitions: BTreeSet<Partition>,
}

impl Settling {
    /// Begins to answer; ends with the last of its owners.
    pub fn start(log: Arc<dyn EventLog>, documents: Arc<dyn DocumentStore>) -> Arc<Settling> {
        let settling = Arc::new(Settling {
            log,
            documents,
            kinds: catalog::all(),
            places: RwLock::default(),
            elsewhere: Mutex::default(),
            waiting: Mutex::default(),
            begun: Notify::new(),
            tick: watch::Sender::new(0),
        });
        tokio::spawn(look(Arc::downgrade(&settling)));
        settling
    }

    pub(crate) fn ticks(&self) -> watch::Receiver<u64> {
        self.tick.subscribe()
    }

    pub(crate) fn ticked(&self) {
        self.tick.send_modify(|tick| *tick = tick.wrapping_add(1));
    }

    pub(crate) fn take_in(&self, place: Arc<Place>) {
        self.places.write().insert(place.partition, place);
    }

    pub(crate) fn take_out(&self, partition: Partition) {
        self.places.write().remove(&partition);
    }

    pub(crate) fn place(&self, partition: Partition) -> Option<Arc<Place>> {
        self.places.read().get(&partition).cloned()
    }

    pub(crate) fn places(&self) -> Vec<Arc<Place>> {
        self.places.read().values().cloned().collect()
    }

    /// How much of a partition is handled, as far as is known without looking.
    pub(crate) fn seen(&self, partition: Partition) -> Seen {
        match self.place(partition) {
            Some(place) => place.progress.seen(usize::MAX),
            None => self.elsewhere.lock().get(&partition).cloned().unwrap_or_default(),
        }
    }

    /// Everything before this offset is handled, as far as is known without looking.
    pub(crate) fn low_water(&self, partition: Partition) -> u64 {
        match self.place(partition) {
            Some(place) => place.progress.low_water(),
            None => self.seen(partition).low_water(),
        }
    }

    /// Looks how much of a partition is handled that others work on.
    pub(crate) async fn look_at(&self, partition: Partition) -> Result<(), Failure> {
        if self.place(partition).is_some() {
            return Ok(());
        }
        let told = Seen::told(&*self.documents, partition).await?;
        let before = self.elsewhere.lock().insert(partition, told.clone());
        if before.as_ref() != Some(&told) {
            self.ticked();
        }
        Ok(())
    }

    /// Has these partitions looked at until the answer is dropped.
    pub(crate) fn wait_for(&self, partitions: impl IntoIterator<Item = Partition>) -> Waiting<'_> {
        let partitions: BTreeSet<Partition> = partitions.into_iter().collect();
        let mut waiting = self.waiting.lock();
        partitions.iter().for_each(|partition| *waiting.entry(*partition).or_default() += 1);
        self.begun.notify_one();
        Waiting { settling: self, partitions }
    }

    fn wanted(&self) -> Vec<Partition> {
        let wanted: Vec<Partition> = self.waiting.lock().keys().copied().collect();
        wanted.into_iter().filter(|partition| self.place(*partition).is_none()).collect()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.settling.waiting.lock();
        for partition in &self.partitions {
            if let Some(count) = waiting.get_mut(partition) {
                *count -= 1;
                if *count == 0 {
                    waiting.remove(partition);
                }
            }
        }
    }
}

/// Looks while somebody waits, until nobody is left who could.
async fn look(settling: Weak<Settling>) {
    let mut pause = PAUSE_MIN;
    loop {
        let Some(settling) = settling.upgrade() else { return };
        if tokio::time::timeout(pause, settling.begun.notified()).await.is_ok() {
            pause = PAUSE_MIN;
        } else {
            pause = (pause * 3 / 2).min(PAUSE_MAX);
        }
        for partition in settling.wanted() {
            if let Err(failure) = settling.look_at(partition).await {
                tracing::warn!(partition = partition.0, error = %failure, "how far the sagas are cannot be seen now");
            }
        }
    }
}
