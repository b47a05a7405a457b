//! One partition: the state under its lock, and the parts that work on it. `accept` fixes order, `writer` makes it
//! durable, `reader` finds it again, `recovery` picks it up after a stop. Where another log is the truth, `outbox` hands
//! out what was accepted and `applier` puts in what stands there, in the writer's place.

mod accept;
mod applier;
mod backlog;
mod blocks;
mod keeper;
mod lookup;
mod outbox;
mod reader;
pub(crate) mod recovery;
pub(crate) mod roll;
mod segment_writer;
mod versions;
mod writer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

use carelog_domain::kernel::{Partition as Number, Timestamp};
use carelog_domain::ports::{Clock, Failure, Head, Root, Term};
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::error::{lasting, passing};
use crate::group::{Gathering, Group};
use crate::index::memory::MemoryIndex;
use crate::index::set::TableSet;
use crate::index::upkeep::Upkeep;
use crate::merkle::{CompactRange, Hash, Tree, leaf_hash};
use crate::options::Options;
use crate::segments::Segments;

pub use applier::{Applier, ApplyError};
pub use outbox::{Outbox, Shipment};
use segment_writer::{SegmentWriter, Syncing};
use versions::Versions;

/// One partition of the log.
pub(crate) struct Partition {
    pub(crate) number: Number,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Wakes the writer when there is something to write, or nothing more to come.
    work: Condvar,
    pub(crate) segments: Arc<Segments>,
    tree: Mutex<Tree>,
    durable: watch::Sender<Durable>,
    recent_bytes_max: usize,
    memory_index_events_max: usize,
    /// Where the oldest full index in memory ends, `u64::MAX` if there is none: once durable it becomes a table.
    frozen_end: AtomicU64,
    backlog: backlog::Backlog,
}

/// What the lock guards: all that decides about order.
struct State {
    next_offset: u64,
    last_recorded_at: Timestamp,
    gathering: Gathering,
    /// Complete groups, oldest first: those not yet durable, and the newest of those that are.
    recent: VecDeque<Arc<Group>>,
    recent_bytes: usize,
    index: MemoryIndex,
    /// Full indexes in memory that are not tables yet, oldest first.
    frozen: VecDeque<Arc<MemoryIndex>>,
    tables: Arc<TableSet>,
    /// What the tables say of streams that were asked for.
    versions: Versions,
    /// The epoch in which batches are accepted now; 0 where there are none.
    epoch: u64,
    /// Why no batch is taken now, where another log is the truth and somebody else may own it.
    refused: Option<Arc<str>>,
    /// Bytes of the groups that were handed out and are not applied yet.
    under_way_bytes: usize,
    /// How often what was accepted was taken back: a place that was found before may mean something else since.
    retractions: u64,
    writer_waits: bool,
    closing: bool,
    poisoned: Option<Arc<str>>,
}

/// The durable end of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Durable {
    /// The next offset that is not durable yet.
    pub(crate) end: u64,
    /// Recorded-at of the last durable frame.
    pub(crate) recorded_at: Timestamp,
    /// True when no more will become durable.
    pub(crate) closed: bool,
}

/// What a partition begins with after recovery.
pub(crate) struct Recovered {
    pub(crate) next_offset: u64,
    pub(crate) last_recorded_at: Timestamp,
    pub(crate) index: MemoryIndex,
    pub(crate) tree: Tree,
    pub(crate) segments: Arc<Segments>,
    pub(crate) tables: TableSet,
    pub(crate) upkeep: Upkeep,
}

impl Partition {
    /// A partition as recovered, with its writer and its keeper running.
    pub(crate) fn start(
        number: Number,
        options: &Options,
        recovered: Recovered,
        roller: roll::Roller,
    ) -> std::io::Result<(Arc<Partition>, Vec<JoinHandle<()>>)> {
        let (partition, upkeep) = Partition::recovered(number, options, recovered);
        let (jobs, asked) = std::sync::mpsc::channel();
        let keeper = keeper::Keeper::new(partition.clone(), upkeep, roller.spare_maker());
        let segments = SegmentWriter::new(partition.clone(), roller, jobs, Syncing::EveryGroup);
        let writer = writer::Writer::new(partition.clone(), segments);
        let writer = thread("writer", number).spawn(move || writer.run())?;
        Ok((partition, vec![writer, start_keeper(keeper, number, asked)?]))
    }

    /// A partition as recovered that follows another log: no writer, its keeper running.
    pub(crate) fn follow(
        number: Number,
        options: &Options,
        recovered: Recovered,
        roller: roll::Roller,
    ) -> std::io::Result<(Arc<Partition>, Applier, Outbox, JoinHandle<()>)> {
        let (partition, upkeep) = Partition::recovered(number, options, recovered);
        partition.state.lock().refused = Some("this node does not own the partition".into());
        let (jobs, asked) = std::sync::mpsc::channel();
        let keeper = keeper::Keeper::new(partition.clone(), upkeep, roller.spare_maker());
        let segments = SegmentWriter::new(partition.clone(), roller, jobs, Syncing::EveryWrite);
        let applier = Applier::new(partition.clone(), segments);
        let outbox = Outbox::new(partition.clone());
        Ok((partition, applier, outbox, start_keeper(keeper, number, asked)?))
    }

    fn recovered(number: Number, options: &Options, recovered: Recovered) -> (Arc<Partition>, Upkeep) {
        let Recovered { next_offset, last_recorded_at, index, tree, segments, tables, upkeep } = recovered;
        let partition = Arc::new(Partition {
            number,
            clock: options.clock.clone(),
            state: Mutex::new(State {
                next_offset,
                last_recorded_at,
                gathering: Gathering::starting_at(next_offset, last_recorded_at),
                recent: VecDeque::new(),
                recent_bytes: 0,
                index,
                frozen: VecDeque::new(),
                tables: Arc::new(tables),
                versions: Versions::new(),
                epoch: 0,
                refused: None,
                under_way_bytes: 0,
                retractions: 0,
                writer_waits: false,
                closing: false,
                poisoned: None,
            }),
            work: Condvar::new(),
            segments,
            tree: Mutex::new(tree),
            durable: watch::Sender::new(Durable { end: next_offset, recorded_at: last_recorded_at, closed: false }),
            recent_bytes_max: options.recent_bytes_max,
            memory_index_events_max: options.memory_index_events_max.max(1),
            frozen_end: AtomicU64::new(u64::MAX),
            backlog: backlog::Backlog::new(),
        });
        (partition, upkeep)
    }

    /// The next offset that is not durable yet.
    pub(crate) fn durable_end(&self) -> u64 {
        self.durable.borrow().end
    }

    /// A watch on the durable end.
    pub(crate) fn watch_durable(&self) -> watch::Receiver<Durable> {
        self.durable.subscribe()
    }

    /// The durable end with its root.
    pub(crate) fn head(&self) -> Result<Head, Failure> {
        let Durable { end: size, recorded_at, .. } = *self.durable.borrow();
        let root = self.root_at(size)?;
        Ok(Head { partition: self.number, size, root, recorded_at: (size > 0).then_some(recorded_at) })
    }

    /// The Merkle root over the first `size` frames, all durable.
    pub(crate) fn root_at(&self, size: u64) -> Result<Root, Failure> {
        let durable = self.durable_end();
        if size > durable {
            return Err(lasting(format!("partition {} has {durable} frames, not {size}", self.number)));
        }
        self.root_over(size)
    }

    /// What the header of a segment says of the frames before it, all of them written and synced.
    fn before(&self, first_offset: u64) -> Result<(Root, Timestamp), Failure> {
        let root = self.root_over(first_offset)?;
        let Some(last) = first_offset.checked_sub(1) else { return Ok((root, Timestamp::from_micros(0))) };
        Ok((root, self.stored(last)?.context.recorded_at))
    }

    fn root_over(&self, size: u64) -> Result<Root, Failure> {
        self.range_over(size).map(|range| range.root())
    }

    /// The compact range over the first `size` frames, all of them written and synced.
    fn range_over(&self, size: u64) -> Result<CompactRange, Failure> {
        let mut range = {
            let mut tree = self.tree.lock();
            self.grow_tree(&mut tree, size)?;
            match tree.size() == size {
                true => tree.end().clone(),
                false => tree.range_below(size),
            }
        };
        self.for_each_frame(range.size(), size, |_, frame| {
            range.push(leaf_hash(frame));
            Ok(true)
        })?;
        Ok(range)
    }

    /// The subtree roots from the `first`-th to the `end`-th, exclusive, as far as the tree has grown.
    fn kept_roots(&self, first: u64, end: u64) -> Vec<Hash> {
        let tree = self.tree.lock();
        tree.kept_from(first).iter().take((end - first) as usize).copied().collect()
    }

    /// Hashes the durable frames up to `size` that the tree does not hold yet.
    fn grow_tree(&self, tree: &mut Tree, size: u64) -> Result<(), Failure> {
        let from = tree.size();
        self.for_each_frame(from, size, |_, frame| {
            tree.push(leaf_hash(frame));
            Ok(true)
        })
    }

    /// Refuses what can no longer be true: an accepted event that will never be durable.
    fn check_alive(state: &State) -> Result<(), Failure> {
        match (&state.poisoned, state.closing) {
            (Some(why), _) => Err(passing(format!(
                "the log stopped after a failed write: {why}; start the program again, it goes on from what is durable"
            ))),
            (None, true) => Err(passing("the log is closing")),
            (None, false) => Ok(()),
        }
    }

    /// A failure when what was accepted will not all be durable.
    pub(crate) fn alive(&self) -> Result<(), Failure> {
        Self::check_alive(&self.state.lock())
    }

    /// Refuses a batch where somebody else may own the partition.
    fn check_takes(state: &State) -> Result<(), Failure> {
        match &state.refused {
            Some(why) => Err(passing(why.to_string())),
            None => Ok(()),
        }
    }

    /// The term in which batches are taken, if they are.
    pub(crate) fn term(&self) -> Option<Term> {
        let state = self.state.lock();
        (state.refused.is_none() && !state.closing && state.poisoned.is_none()).then_some(Term(state.epoch))
    }

    /// Why a write failed, if one did.
    pub(crate) fn poisoned(&self) -> Option<Arc<str>> {
        self.state.lock().poisoned.clone()
    }

    /// Takes no more batches; the writer ends when all that was accepted is durable.
    pub(crate) fn begin_close(&self) {
        let mut state = self.state.lock();
        state.closing = true;
        self.backlog.end();
        self.work.notify_one();
    }
}

fn thread(name: &str, number: Number) -> std::thread::Builder {
    std::thread::Builder::new().name(format!("log-{name}-{number}"))
}

fn start_keeper(
    keeper: keeper::Keeper,
    number: Number,
    asked: Receiver<keeper::Job>,
) -> std::io::Result<JoinHandle<()>> {
    thread("keeper", number).spawn(move || keeper.run(asked))
}
