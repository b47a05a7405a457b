//! A LocalLog that follows another log: what was accepted goes out, what stands in the truth comes in, an epoch that
//! ends takes back what did not, and a loss of power leaves a beginning of the truth, never damage.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::kernel::{Partition, Slot, StreamName, Tag, Timestamp};
use carelog_domain::ports::{Accepted, AppendError, EventLog};
use carelog_event_log::disk::Disk;
use carelog_event_log::{Following, IndexHome, IndexStore, LocalLog, MemoryStore, Options};
use carelog_tests::clock::ManualClock;
use carelog_tests::contract::event_log::{assert_same, batch, everything, seeds, stream_in};
use carelog_tests::forgetful_disk::{Crash, ForgetfulDisk};
use carelog_tests::model_log::ModelLog;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

fn slot(number: u16) -> Slot {
    Slot::new(number * 37 + 5).expect("few slots")
}

/// How large things are: small, so that much is passed in a short time, or so that writes of 4 MiB are.
#[derive(Clone, Copy)]
struct Sizes {
    segment_bytes_max: u64,
    index_events_max: usize,
    data_bytes_max: usize,
}

const SMALL: Sizes = Sizes { segment_bytes_max: 64 * 1024, index_events_max: 24, data_bytes_max: 600 };
const LARGE: Sizes = Sizes { segment_bytes_max: 64 * 1024 * 1024, index_events_max: 100_000, data_bytes_max: 60_000 };

fn follow(sizes: Sizes, disk: &ForgetfulDisk, index: &MemoryStore, clock: &ManualClock) -> (LocalLog, Following) {
    let options = Options {
        segment_bytes_max: sizes.segment_bytes_max,
        memory_index_events_max: sizes.index_events_max,
        recent_bytes_max: 2_000,
        index: IndexHome::Given(Arc::new(index.clone())),
        disk: Arc::new(disk.clone()) as Arc<dyn Disk>,
        ..Options::new(Path::new("/log"), Arc::new(clock.clone()))
    };
    let (log, mut following) = LocalLog::follow(options).expect("it opens, whatever the disk forgot");
    (log, following.remove(0))
}

struct Run {
    random: SmallRng,
    sizes: Sizes,
    disk: ForgetfulDisk,
    index: MemoryStore,
    clock: ManualClock,
    model: ModelLog,
    following: Following,
    log: LocalLog,
    epoch: u64,
    sent: u32,
    /// Accepted in this epoch and not taken out yet.
    inside: usize,
    /// Taken out, and not in the truth yet.
    under_way: VecDeque<Vec<Bytes>>,
    waiting: Vec<Accepted>,
    /// Batches of the truth.
    truth: Vec<Vec<Bytes>>,
}

impl Run {
    fn new(seed: u64, sizes: Sizes) -> Run {
        let clock = ManualClock::at(Timestamp::from_micros(1_000_000));
        let (disk, index) = (ForgetfulDisk::default(), MemoryStore::default());
        let (log, mut following) = follow(sizes, &disk, &index, &clock);
        following.applier.begin_epoch(1);
        let model = ModelLog::new(1, Arc::new(clock.clone()));
        let random = SmallRng::seed_from_u64(seed);
        let (under_way, waiting, truth) = (VecDeque::new(), vec![], vec![]);
        Run {
            random,
            sizes,
            disk,
            index,
            clock,
            model,
            following,
            log,
            epoch: 1,
            sent: 0,
            inside: 0,
            under_way,
            waiting,
            truth,
        }
    }

    async fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..60 => self.accept().await,
            60..90 => self.move_on(),
            90..94 => self.end_epoch().await,
            94..96 => self.clock.advance_micros(100),
            _ => self.lose_power().await,
        }
    }

    async fn accept(&mut self) {
        let slot = slot(self.random.random_range(0..3));
        // Now and then a key that was used before, whatever became of it.
        let key = if self.random.random_bool(0.8) { self.sent } else { self.random.random_range(0..=self.sent) };
        self.sent += 1;
        let mut asked = batch(slot, &format!("k{key}"));
        for _ in 0..self.random.random_range(1..4) {
            let stream = stream_in(slot, "one", self.random.random_range(0..4));
            let tag = format!("t:{}", self.random.random_range(0..6));
            let data = format!("\"{}\"", "d".repeat(self.random.random_range(0..self.sizes.data_bytes_max)));
            asked = asked.event(&stream, "Made", &[&tag], &data);
            if self.random.random_bool(0.3) {
                let version = self.model.stream_version(&stream).await.expect("the model answers").0;
                asked = asked.expecting(&stream, version);
            }
        }
        let asked = asked.build();
        let (ours, theirs) = (self.log.append(asked.clone()).await, self.model.append(asked).await);
        assert_eq!(told(&ours), told(&theirs));
        if let Ok(accepted) = ours {
            self.inside += usize::from(!accepted.repeated);
            self.waiting.extend((!accepted.repeated).then_some(accepted));
        }
    }

    /// Some of what was accepted goes out, and some of that comes to stand in the truth.
    fn move_on(&mut self) {
        while self.inside > 0 {
            let mut frames = self.following.outbox.take().expect("it is open").frames().collect::<VecDeque<_>>();
            while let Some(first) = frames.front() {
                let length = carelog_schemas::frame::Frame::parse(first).expect("a frame").batch_length();
                self.under_way.push_back(frames.drain(..usize::from(length)).collect());
                self.inside -= 1;
            }
        }
        let count = self.random.random_range(0..=self.under_way.len());
        let batches: Vec<_> = self.under_way.drain(..count).collect();
        if !batches.is_empty() {
            self.following.applier.apply(&batches).expect("applied");
        }
        self.truth.extend(batches);
    }

    fn truth_size(&self) -> u64 {
        self.truth.iter().map(|batch| batch.len() as u64).sum()
    }

    /// What was not applied never was, for anybody who asks, and nobody was told otherwise.
    async fn end_epoch(&mut self) {
        self.following.applier.end_epoch("the test says so");
        let end = self.following.applier.end();
        assert_eq!(end, self.truth_size());
        for accepted in std::mem::take(&mut self.waiting) {
            let offset = accepted.events.last().expect("an event").position.offset;
            assert!(accepted.durable.await.is_err() || offset < end, "{offset} of {end} was acknowledged");
        }
        let refused =
            self.log.append(batch(slot(0), "not now").event(&stream_in(slot(0), "one", 0), "Made", &[], "{}").build());
        assert!(matches!(refused.await, Err(AppendError::Failed(_))));
        self.find_under_way().await;
        self.begin_anew();
    }

    /// Some of what was under way stands in the truth after all, and is applied like anybody's. Versions are asked for
    /// before and after, as whoever holds a copy may do.
    async fn find_under_way(&mut self) {
        for stream in streams() {
            self.log.stream_version(&stream).await.expect("a version");
        }
        let count = self.random.random_range(0..=self.under_way.len());
        let found: Vec<_> = self.under_way.drain(..count).collect();
        if !found.is_empty() {
            self.following.applier.apply(&found).expect("applied");
        }
        self.truth.extend(found);
        self.model.cut(Partition(0), self.truth_size());
        for stream in streams() {
            let (ours, theirs) = (self.log.stream_version(&stream).await, self.model.stream_version(&stream).await);
            assert_eq!(ours.expect("a version"), theirs.expect("a version"), "{stream}");
        }
    }

    fn begin_anew(&mut self) {
        self.model.cut(Partition(0), self.truth_size());
        (self.inside, self.epoch) = (0, self.epoch + 1);
        self.under_way.clear();
        self.following.applier.begin_epoch(self.epoch);
    }

    /// The disk as it is now, in another machine; what is missing is applied again.
    async fn lose_power(&mut self) {
        let index = MemoryStore::default();
        index.put(self.index.with_prefix(b"").expect("it reads")).expect("a copy");
        let disk = self.disk.copy();
        let seed: u64 = self.random.random();
        disk.crash([Crash::ForgetsAll, Crash::KeepsAll, Crash::Tears(seed), Crash::Tears(!seed)][(seed % 4) as usize]);
        let (log, following) = follow(self.sizes, &disk, &index, &self.clock);
        (self.disk, self.index) = (disk, index);
        drop((std::mem::replace(&mut self.following, following), std::mem::replace(&mut self.log, log)));
        self.waiting.clear();
        let end = self.following.applier.end();
        assert!(end <= self.truth_size(), "only what stands in the truth was ever written");
        let mut first = 0;
        let is_missing = |batch: &&Vec<Bytes>| {
            first += batch.len() as u64;
            first > end
        };
        let missing: Vec<Vec<Bytes>> = self.truth.iter().filter(is_missing).cloned().collect();
        if !missing.is_empty() {
            self.following.applier.apply(&missing).expect("applied again");
        }
        self.begin_anew();
        let heads = self.log.head().await.expect("a head");
        assert_eq!(heads, self.model.head().await.expect("a head"), "the same log, with the same root");
    }

    async fn finish(mut self) {
        while self.inside > 0 || !self.under_way.is_empty() {
            self.move_on();
        }
        for accepted in std::mem::take(&mut self.waiting) {
            accepted.durable.await.expect("all of it is applied");
        }
        assert_same(&self.log, &self.model, &streams(), &tags()).await;
        assert_eq!(everything(&self.log, Partition(0)).await.len() as u64, self.truth_size());
        drop(self.following);
    }
}

fn streams() -> Vec<StreamName> {
    (0..3).flat_map(|number| (0..4).map(move |stream| stream_in(slot(number), "one", stream))).collect()
}

fn tags() -> Vec<(Slot, Tag)> {
    (0..3).flat_map(|number| (0..6).map(move |tag| (slot(number), Tag::new("t", tag)))).collect()
}

/// What a caller is told, as text.
fn told(outcome: &Result<Accepted, AppendError>) -> String {
    match outcome {
        Ok(accepted) => format!("{} {:?} {:?}", accepted.repeated, accepted.events, accepted.fingerprint),
        Err(AppendError::Failed(failure)) => panic!("the log failed: {failure:?}"),
        Err(other) => format!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_epochs_and_losses_of_power_agree_with_the_model() {
    for seed in seeds(300) {
        let (sizes, steps) = if seed % 60 == 0 { (LARGE, 200) } else { (SMALL, 200) };
        let run = tokio::spawn(async move {
            let mut run = Run::new(seed, sizes);
            for _ in 0..steps {
                run.step().await;
            }
            run.finish().await;
        });
        run.await.unwrap_or_else(|error| panic!("run it again with CARELOG_SEED={seed}: {error}"));
    }
}

/// One sync for many batches, and a batch a second later is not synced by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_is_synced_write_by_write() {
    let mut run = Run::new(1, SMALL);
    let before = run.disk.data_syncs();
    for number in 0..20 {
        let asked =
            batch(slot(0), &format!("s{number}")).event(&stream_in(slot(0), "one", 0), "Made", &[], "{}").build();
        drop(run.log.append(asked).await.expect("taken"));
        run.inside += 1;
        while run.inside > 0 || !run.under_way.is_empty() {
            run.move_on();
        }
    }
    assert_eq!(run.disk.data_syncs(), before, "none of it waits for the disk");
    run.following.applier.sync().expect("synced");
    assert_eq!(run.disk.data_syncs(), before + 1);
    drop(run.following);
}

/// A write is at most 4 MiB, and the one before it is durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_of_power_takes_at_most_one_write() {
    let mut run = Run::new(1, LARGE);
    let data = format!("\"{}\"", "d".repeat(60_000));
    for number in 1..=480u64 {
        let asked = batch(slot(0), &format!("s{number}")).event(&stream_in(slot(0), "one", 0), "Made", &[], &data);
        drop(run.log.append(asked.build()).await.expect("taken"));
        run.inside += 1;
        while run.inside > 0 || !run.under_way.is_empty() {
            run.move_on();
        }
        if number % 40 == 0 {
            let disk = run.disk.copy();
            disk.crash(Crash::ForgetsAll);
            let (log, following) = follow(LARGE, &disk, &MemoryStore::default(), &run.clock);
            let lost = number - following.applier.end();
            assert!(lost <= 4 * 1024 * 1024 / 60_000 + 1, "{lost} of {number} are gone");
            drop((following, log));
        }
    }
    drop(run.following);
}

/// What memory lets go of the moment it is durable is told of all the same, and is under way no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_is_told_however_little_is_kept_in_memory() {
    let clock = ManualClock::at(Timestamp::from_micros(1_000_000));
    let (log, following) = follow(LARGE, &ForgetfulDisk::default(), &MemoryStore::default(), &clock);
    let (log, Following { mut applier, outbox }) = (Arc::new(log), following);
    applier.begin_epoch(1);
    let (send, sent) = std::sync::mpsc::channel();
    let shipping = std::thread::spawn(move || {
        while let Some(shipment) = outbox.take() {
            shipment.frames().for_each(|frame| send.send(vec![frame]).expect("it is applied"));
        }
    });
    let applying = std::thread::spawn(move || {
        sent.into_iter().for_each(|batch| applier.apply(&[batch]).expect("applied"));
    });
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let log = log.clone();
        writers.spawn(async move {
            // More than is kept: each group has the one before let go.
            let data = format!("\"{}\"", "d".repeat(2_000));
            for number in 0..2_000 {
                let asked = batch(slot(0), &format!("{writer} {number}"));
                let asked = asked.event(&stream_in(slot(0), "one", writer), "Made", &[], &data).build();
                let durable = log.append(asked).await.expect("taken").durable;
                let told = tokio::time::timeout(std::time::Duration::from_secs(30), durable).await;
                told.unwrap_or_else(|_| panic!("writer {writer} was not told of {number}")).expect("durable");
            }
        });
    }
    writers.join_all().await;
    log.close();
    shipping.join().expect("it ended in order");
    applying.join().expect("it ended in order");
}
