//! One partition: the state under its lock, and the parts that work on it. `accept` fixes order, `writer` makes it
//! durable, `reader` finds it again, `recovery` picks it up after a stop.

mod accept;
mod backlog;
mod keeper;
mod lookup;
mod reader;
pub(crate) mod recovery;
pub(crate) mod roll;
mod writer;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;

use carelog_domain::kernel::{Partition as Number, Timestamp};
use carelog_domain::ports::{Clock, Failure, Head, Root};
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
    ) -> std::io::Result<(Arc<Partition>, [JoinHandle<()>; 2])> {
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
        let (jobs, asked) = std::sync::mpsc::channel();
        let keeper = keeper::Keeper::new(partition.clone(), upkeep, roller.spare_maker());
        let writer = writer::Writer::new(partition.clone(), roller, jobs);
        let thread = |name: &str| std::thread::Builder::new().name(format!("log-{name}-{number}"));
        let writer = thread("writer").spawn(move || writer.run())?;
        let keeper = thread("keeper").spawn(move || keeper.run(asked))?;
        Ok((partition, [writer, keeper]))
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
