//! The one thread that writes a partition: takes what has gathered, writes it at once, syncs once, tells everyone.

use std::sync::Arc;

use super::segment_writer::{SegmentWriter, WriteError};
use super::{Durable, Partition, State};
use crate::group::{Gathering, Group};

pub(super) struct Writer {
    partition: Arc<Partition>,
    segments: SegmentWriter,
}

impl Writer {
    pub(super) fn new(partition: Arc<Partition>, segments: SegmentWriter) -> Writer {
        Writer { partition, segments }
    }

    /// Runs until the partition is closed and everything accepted is durable, or a write failed.
    pub(super) fn run(mut self) {
        while let Some(group) = self.partition.next_group(None) {
            if let Err(error) = self.make_durable(&group) {
                self.partition.poison(&error);
                break;
            }
        }
        self.partition.durable.send_modify(|durable| durable.closed = true);
    }

    fn make_durable(&mut self, group: &Arc<Group>) -> Result<(), WriteError> {
        let span = tracing::debug_span!("log sync", partition = self.partition.number.0, bytes = group.bytes.len());
        let _entered = span.enter();
        let started = std::time::Instant::now();
        if self.segments.faults().acknowledge_early() {
            self.became_durable(group);
        }
        self.segments.put(group)?;
        self.became_durable(group);
        if self.segments.index_is_due(group.end()) {
            self.segments.ask_for_index();
        }
        metrics::histogram!("carelog_log_sync_seconds").record(started.elapsed().as_secs_f64());
        Ok(())
    }

    fn became_durable(&self, group: &Group) {
        let durable = Durable { end: group.end(), recorded_at: group.last_recorded_at, closed: false };
        self.partition.durable.send_replace(durable);
        group.done.complete(Ok(()));
    }
}

impl Partition {
    /// Waits for batches and takes all that gathered; `None` when no more will come. With a limit, what is taken counts
    /// as under way until it is applied, and while that is more, nothing is taken.
    pub(super) fn next_group(&self, under_way_bytes_max: Option<usize>) -> Option<Arc<Group>> {
        let mut state = self.state.lock();
        while state.gathering.is_empty() || under_way_bytes_max.is_some_and(|most| state.under_way_bytes > most) {
            if state.closing && state.gathering.is_empty() {
                return None;
            }
            state.writer_waits = true;
            self.work.wait(&mut state);
        }
        state.writer_waits = false;
        let fresh = Gathering::starting_at(state.next_offset, state.last_recorded_at);
        let group = Arc::new(std::mem::replace(&mut state.gathering, fresh).complete(state.epoch));
        if under_way_bytes_max.is_some() {
            state.under_way_bytes += group.bytes.len();
        }
        self.keep_recent(&mut state, group.clone());
        Some(group)
    }

    /// Keeps a complete group in memory, and lets go of durable ones beyond what is kept for subscribers.
    pub(super) fn keep_recent(&self, state: &mut State, group: Arc<Group>) {
        state.recent_bytes += group.bytes.len();
        state.recent.push_back(group);
        let durable = self.durable_end();
        while state.recent_bytes > self.recent_bytes_max
            && state.recent.front().is_some_and(|oldest| oldest.end() <= durable)
        {
            if let Some(oldest) = state.recent.pop_front() {
                state.recent_bytes -= oldest.bytes.len();
            }
        }
    }

    /// A failed write: what became of it is not known, and a later sync would not say. Nothing more is accepted.
    pub(super) fn poison(&self, error: &WriteError) {
        let why: Arc<str> = Arc::from(crate::error::chain(error).as_str());
        tracing::error!(partition = self.number.0, error = %why, "the log stopped after a failed write");
        metrics::counter!("carelog_log_poisoned_total").increment(1);
        let waiting: Vec<_> = {
            let mut state = self.state.lock();
            state.poisoned = Some(why.clone());
            self.backlog.end();
            self.not_durable(&state)
        };
        let why: Arc<str> = Arc::from(format!("{why}; start the program again and ask again"));
        waiting.iter().for_each(|done| done.complete(Err(why.clone())));
    }

    /// What those wait for whose batches were accepted and are not durable.
    pub(super) fn not_durable(&self, state: &State) -> Vec<Arc<crate::done::Done>> {
        let durable = self.durable_end();
        let undone = state.recent.iter().filter(|group| group.end() > durable).map(|group| group.done.clone());
        undone.chain([state.gathering.done.clone()]).collect()
    }
}
