//! An index whose store is slow or cannot be written: appending waits or is refused, and memory stays bounded.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use carelog_domain::ports::AppendError;
use carelog_event_log::{Following, IndexStore, StoreError};

use super::*;

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Trouble {
    #[default]
    None,
    /// Nothing is stored until that changes.
    Holds,
    Fails,
}

#[derive(Clone, Default)]
struct TroubledStore {
    store: MemoryStore,
    trouble: Arc<(Mutex<Trouble>, Condvar)>,
}

impl TroubledStore {
    fn set(&self, trouble: Trouble) {
        *self.trouble.0.lock().expect("nobody panics with it") = trouble;
        self.trouble.1.notify_all();
    }
}

impl IndexStore for TroubledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn put(&self, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), StoreError> {
        let now = self.trouble.0.lock().expect("nobody panics with it");
        let now = self.trouble.1.wait_while(now, |now| *now == Trouble::Holds).expect("nobody panics with it");
        match *now {
            Trouble::Fails => Err(StoreError::from_store("the disk is full")),
            _ => self.store.put(entries),
        }
    }

    fn with_prefix(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.store.with_prefix(prefix)
    }

    fn remove(&self, keys: Vec<Vec<u8>>) -> Result<(), StoreError> {
        self.store.remove(keys)
    }

    fn remove_prefix(&self, prefix: &[u8]) -> Result<(), StoreError> {
        self.store.remove_prefix(prefix)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }
}

fn with(store: &TroubledStore) -> LocalLog {
    let index = IndexHome::Given(Arc::new(store.clone()));
    LocalLog::open(Options { index, ..options(&ForgetfulDisk::default(), &MemoryStore::default()) })
        .expect("the log opens")
}

/// Appends an event; nothing if that waits, else what is wrong.
async fn taken(log: &LocalLog, number: usize) -> Option<Result<(), AppendError>> {
    let asked = batch(slot(), &format!("k{number}")).event(&stream(), "Made", &["t:1"], "{}").build();
    tokio::time::timeout(Duration::from_millis(300), log.append(asked)).await.ok().map(|taken| taken.map(|_| ()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appending_waits_for_an_index_that_is_far_behind_and_goes_on_with_it() {
    let store = TroubledStore::default();
    let log = with(&store);
    store.set(Trouble::Holds);
    let mut number = 0;
    while number < 2_000 && taken(&log, number).await.is_some() {
        number += 1;
    }
    assert!((400..500).contains(&number), "{number} events of 50 an index: eight of them wait");
    assert_eq!(size(&log).await, number as u64, "what was taken is durable");
    store.set(Trouble::None);
    for number in number..2_000 {
        assert!(append(&log, number, 10).await, "event {number}");
    }
    assert_eq!(size(&log).await, 2_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appending_is_refused_while_the_index_cannot_be_written_and_comes_back() {
    let store = TroubledStore::default();
    let log = with(&store);
    store.set(Trouble::Fails);
    let mut number = 0;
    let refused = loop {
        match taken(&log, number).await {
            Some(Ok(())) if number < 2_000 => number += 1,
            other => break other,
        }
    };
    let Some(Err(AppendError::Failed(failure))) = refused else { panic!("{number} events were taken") };
    assert!(failure.retry_helps && failure.to_string().contains("does not keep up"), "{failure}");
    assert!((400..500).contains(&number), "{number} events were taken");
    store.set(Trouble::None);
    let begun = std::time::Instant::now();
    while !append(&log, number, 10).await {
        assert!(begun.elapsed() < Duration::from_secs(20), "the index is tried again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(size(&log).await, number as u64 + 1);
}

fn following(store: &TroubledStore) -> (LocalLog, Following) {
    let index = IndexHome::Given(Arc::new(store.clone()));
    let options = Options { index, ..options(&ForgetfulDisk::default(), &MemoryStore::default()) };
    let (log, mut following) = LocalLog::follow(options).expect("the log opens");
    (log, following.remove(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_stops_before_an_index_that_cannot_be_written_fills_the_memory() {
    // What it follows: another log with many more events than may wait.
    let (truth, Following { mut applier, outbox }) = following(&TroubledStore::default());
    applier.begin_epoch(1);
    let mut frames = Vec::new();
    for number in 0..3_000 {
        assert!(matches!(taken(&truth, number).await, Some(Ok(()))), "event {number}");
        let frame = outbox.take().expect("it is open").frames().next().expect("a frame");
        applier.apply(&[vec![frame.clone()]]).expect("applied");
        frames.push(frame);
    }
    let store = TroubledStore::default();
    let (log, Following { mut applier, .. }) = following(&store);
    store.set(Trouble::Fails);
    let mut applied = 0;
    let stopped = loop {
        match frames.get(applied).map(|frame| applier.apply(&[vec![frame.clone()]])) {
            Some(Ok(())) => applied += 1,
            Some(Err(error)) => break error,
            None => panic!("all of {applied} events were taken"),
        }
        if applied.is_multiple_of(50) {
            std::thread::sleep(Duration::from_millis(5)); // The store is tried, and says that it fails.
        }
    };
    assert!(stopped.to_string().contains("the index cannot be written"), "{stopped}");
    assert!((1_600..2_000).contains(&applied), "{applied} events of 50 an index: 32 of them may wait");
    assert!(log.failure().is_some_and(|why| why.contains("index")), "{:?}", log.failure());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_to_whom_nothing_can_be_appended_for_long_stops_so_that_another_can_be() {
    let store = TroubledStore::default();
    let (log, Following { mut applier, outbox }) = following(&store);
    applier.begin_epoch(1);
    store.set(Trouble::Fails);
    let mut number = 0;
    let failure = loop {
        match taken(&log, number).await {
            Some(Ok(())) => {
                let frame = outbox.take().expect("it is open").frames().next().expect("a frame");
                applier.apply(&[vec![frame]]).expect("applied");
                number += 1;
            }
            Some(Err(AppendError::Failed(failure))) => break failure,
            other => panic!("event {number}: {other:?}"),
        }
    };
    assert!(failure.retry_helps && failure.to_string().contains("does not keep up"), "{failure}");
    applier.look_after_index().expect("not at once: the disk may come back");
    let begun = std::time::Instant::now();
    let stopped = loop {
        if let Err(stopped) = applier.look_after_index() {
            break stopped;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on refusing for good");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(begun.elapsed() > Duration::from_secs(5), "it waited {:?} only", begun.elapsed());
    assert!(stopped.to_string().contains("the index cannot be written"), "{stopped}");
    assert!(log.failure().is_some_and(|why| why.contains("index")), "{:?}", log.failure());
}
