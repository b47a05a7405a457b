//! Random histories of appends, conflicts, repeats, reopenings and cut tails, run on a log and on the oracle at once.
//!
//! A failing seed is printed; `CARELOG_SEED=<seed>` runs that one alone.

use carelog_domain::kernel::{CommandId, Partition, Slot, StreamName, Tag, Timestamp, Version};
use carelog_domain::ports::{Accepted, AppendError, Batch, Direction, EventFilter, EventLog};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::batches::{batch, stream_in};
use super::{LogHome, everything};
use crate::model_log::ModelLog;

/// The seeds to run: `count` of them, or the one that was asked for.
pub fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("CARELOG_SEED") {
        Ok(seed) => vec![seed.parse().expect("CARELOG_SEED is a number")],
        Err(_) => (0..count).collect(),
    }
}

/// How long and how mean a history is.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// How many steps.
    pub steps: usize,
    /// How many slots, streams a slot and tags there are; few, so that they meet.
    pub slots: u16,
    /// Whether the power may go.
    pub crashes: bool,
}

struct Run<'a, H: LogHome> {
    home: &'a H,
    model: &'a ModelLog,
    log: Option<H::Log>,
    random: SmallRng,
    history: History,
    sent: Vec<Batch>,
    /// By partition: so many events were reported durable.
    durable: Vec<u64>,
    waiting: Vec<Accepted>,
}

/// Runs one history; panics with the seed where the two differ.
pub async fn agrees_with_the_model<H: LogHome>(seed: u64, home: &H, model: &ModelLog, history: History) {
    let printed = PrintsSeed(seed);
    let log = home.open().await;
    let durable = vec![0; usize::from(log.partitions())];
    let random = SmallRng::seed_from_u64(seed);
    let mut run = Run { home, model, log: Some(log), random, history, sent: vec![], durable, waiting: vec![] };
    for _ in 0..history.steps {
        run.step().await;
    }
    run.settle().await;
    assert_same(run.log(), model, &run.streams(), &run.tags()).await;
    run.reopen(false).await;
    assert_same(run.log(), model, &run.streams(), &run.tags()).await;
    std::mem::forget(printed);
}

/// Names the seed when a test panics.
struct PrintsSeed(u64);

impl Drop for PrintsSeed {
    fn drop(&mut self) {
        eprintln!("this history failed; run it again with CARELOG_SEED={}", self.0);
    }
}

impl<H: LogHome> Run<'_, H> {
    fn log(&self) -> &H::Log {
        self.log.as_ref().expect("a log is open")
    }

    fn slot(&self, number: u16) -> Slot {
        Slot::new(number * 37 + 5).expect("few slots")
    }

    fn streams(&self) -> Vec<StreamName> {
        let slots = (0..self.history.slots).map(|number| self.slot(number));
        slots.flat_map(|slot| (0..4).map(move |n| stream_in(slot, if n < 2 { "one" } else { "two" }, n))).collect()
    }

    fn tags(&self) -> Vec<(Slot, Tag)> {
        let slots = (0..self.history.slots).map(|number| self.slot(number));
        slots.flat_map(|slot| (0..4).map(move |n| (slot, Tag::new("t", n)))).collect()
    }

    async fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..70 => self.append_something().await,
            70..80 => self.repeat_something().await,
            80..90 => self.settle().await,
            90..94 => self.look_something_up().await,
            94..97 => {
                let micros = self.random.random_range(-50..200);
                self.home.clock().advance_micros(micros);
            }
            97..99 => self.reopen(false).await,
            _ => self.reopen(self.history.crashes).await,
        }
    }

    async fn append_something(&mut self) {
        let number = self.random.random_range(0..self.history.slots);
        let slot = self.slot(number);
        let key = format!("k{}", self.sent.len());
        let mut asked = batch(slot, &key);
        for _ in 0..self.random.random_range(1..4) {
            let number = self.random.random_range(0..4);
            let stream = stream_in(slot, if number < 2 { "one" } else { "two" }, number);
            let tag = format!("t:{}", self.random.random_range(0..6));
            let tags: &[&str] = if self.random.random_bool(0.5) { &[&tag] } else { &[] };
            let data = format!("\"{}\"", "d".repeat(self.random.random_range(0..600)));
            let event_type = ["Made", "Moved", "Gone"][self.random.random_range(0..3)];
            asked = asked.event(&stream, event_type, tags, &data);
            if self.random.random_bool(0.1) {
                let at = Timestamp::from_micros(self.random.random_range(0..2_000_000));
                asked = asked.occurred(at, 5);
            }
            if self.random.random_bool(0.4) {
                let version = self.model.stream_version(&stream).await.expect("the model answers").0;
                let off = if self.random.random_bool(0.8) { 0 } else { 1 };
                asked = asked.expecting(&stream, version + off);
            }
        }
        if self.random.random_bool(0.2) {
            let tag = Tag::new("t", self.random.random_range(0..6));
            let last = self.model.read_tag(slot, &tag, Direction::Backward, 1).await.expect("the model answers");
            let last = last.first().map(|event| event.context.position.offset);
            let known = if self.random.random_bool(0.8) { last } else { None };
            asked = asked.unless(tag.as_str(), known);
        }
        let asked = asked.build();
        self.sent.push(asked.clone());
        self.send(asked).await;
    }

    async fn repeat_something(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        let mut asked = self.sent[self.random.random_range(0..self.sent.len())].clone();
        if self.random.random_bool(0.2) {
            asked.fingerprint.0[0] ^= 1;
        }
        self.send(asked).await;
    }

    async fn send(&mut self, asked: Batch) {
        let (ours, theirs) = (self.log().append(asked.clone()).await, self.model.append(asked).await);
        assert_eq!(told(&ours), told(&theirs));
        self.waiting.extend(ours);
    }

    /// Waits until everything accepted is durable.
    async fn settle(&mut self) {
        for accepted in std::mem::take(&mut self.waiting) {
            accepted.durable.await.expect("it becomes durable");
            for context in &accepted.events {
                let durable = &mut self.durable[usize::from(context.position.partition.0)];
                *durable = (*durable).max(context.position.offset + 1);
            }
        }
    }

    async fn look_something_up(&mut self) {
        let streams = self.streams();
        let stream = &streams[self.random.random_range(0..streams.len())];
        let (after, limit) = (Version(self.random.random_range(0..30)), self.random.random_range(1..20));
        let ours = self.log().read_stream(stream, after, limit).await.expect("a read");
        let theirs = self.model.read_stream(stream, after, limit).await.expect("a read");
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{stream} after {after}");
        let tags = self.tags();
        let (slot, tag) = &tags[self.random.random_range(0..tags.len())];
        for direction in [Direction::Forward, Direction::Backward] {
            let ours = self.log().read_tag(*slot, tag, direction, limit).await.expect("a read");
            let theirs = self.model.read_tag(*slot, tag, direction, limit).await.expect("a read");
            assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{tag}");
        }
    }

    async fn reopen(&mut self, crash: bool) {
        let seed = self.random.random();
        let crashed = crash && {
            let crashed = self.home.crash(seed);
            self.waiting.clear(); // Nobody was told.
            crashed
        };
        if !crashed {
            self.settle().await;
        }
        self.log = None;
        self.log = Some(self.home.open().await);
        for head in self.log().head().await.expect("a head") {
            let durable = self.durable[usize::from(head.partition.0)];
            assert!(
                head.size >= durable,
                "{} has {} events, {durable} were reported durable",
                head.partition,
                head.size
            );
            if crashed {
                self.model.cut(head.partition, head.size);
            }
        }
        let heads = self.log().head().await.expect("a head");
        assert_eq!(heads, self.model.head().await.expect("a head"), "the same after a restart");
    }
}

/// What a caller is told, as text.
fn told(outcome: &Result<Accepted, AppendError>) -> String {
    match outcome {
        Ok(accepted) => format!("{} {:?} {:?}", accepted.repeated, accepted.events, accepted.fingerprint),
        Err(AppendError::Failed(failure)) => panic!("the log failed: {failure:?}"),
        Err(other) => format!("{other:?}"),
    }
}

/// Compares all that two logs can be asked.
pub async fn assert_same(log: &impl EventLog, model: &ModelLog, streams: &[StreamName], tags: &[(Slot, Tag)]) {
    let heads = log.head().await.expect("a head");
    assert_eq!(heads, model.head().await.expect("a head"));
    let mut commands: Vec<(Slot, CommandId)> = Vec::new();
    for head in &heads {
        let (ours, theirs) = (everything(log, head.partition).await, everything(model, head.partition).await);
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "partition {}", head.partition);
        commands.extend(ours.iter().map(|event| (event.context.stream.slot(), event.context.command)));
        for size in [0, head.size / 3, head.size / 2, head.size.saturating_sub(1)] {
            let ours = log.root_at(head.partition, size).await.expect("a root");
            assert_eq!(ours, model.root_at(head.partition, size).await.expect("a root"), "at {size}");
        }
        assert_filters_agree(log, model, head.partition, head.size).await;
    }
    for stream in streams {
        let ours = log.read_stream(stream, Version::NONE, usize::MAX).await.expect("a read");
        let theirs = model.read_stream(stream, Version::NONE, usize::MAX).await.expect("a read");
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{stream}");
        let version = log.stream_version(stream).await.expect("a version");
        assert_eq!(version, model.stream_version(stream).await.expect("a version"), "{stream}");
    }
    for ((slot, tag), direction) in tags.iter().flat_map(|tag| [(tag, Direction::Forward), (tag, Direction::Backward)])
    {
        let ours = log.read_tag(*slot, tag, direction, 7).await.expect("a read");
        let theirs = model.read_tag(*slot, tag, direction, 7).await.expect("a read");
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{tag} {direction:?}");
    }
    for (slot, command) in commands {
        let ours = log.find_command(slot, command).await.expect("a look-up").expect("it is known");
        let theirs = model.find_command(slot, command).await.expect("a look-up").expect("it is known");
        assert_eq!((ours.events, ours.fingerprint), (theirs.events, theirs.fingerprint));
        assert!(log.find_command_anywhere(command).await.expect("a look-up").is_some());
    }
}

async fn assert_filters_agree(log: &impl EventLog, model: &ModelLog, partition: Partition, size: u64) {
    let filters = [
        EventFilter { categories: vec!["one".into()], ..EventFilter::default() },
        EventFilter { types: vec!["Made".into(), "Gone".into()], ..EventFilter::default() },
        EventFilter {
            tags: vec![Tag::new("t", 1), Tag::new("t", 3)],
            types: vec!["Moved".into()],
            ..EventFilter::default()
        },
    ];
    for filter in &filters {
        for (from, direction) in
            [(size / 4, Direction::Forward), (size / 2, Direction::Backward), (u64::MAX, Direction::Backward)]
        {
            let ours = log.read(partition, from, direction, filter, 5).await.expect("a read");
            let theirs = model.read(partition, from, direction, filter, 5).await.expect("a read");
            assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{filter:?} from {from} {direction:?}");
        }
    }
}
