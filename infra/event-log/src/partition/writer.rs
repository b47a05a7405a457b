//! The one thread that writes a partition: takes what has gathered, writes it at once, syncs once, tells everyone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use carelog_domain::ports::Failure;

use super::keeper::Job;
use super::roll::Roller;
use super::{Durable, Partition, State};
use crate::error::OpenError;
use crate::group::{BatchSpan, Gathering, Group};
use crate::segments::Place;

pub(super) struct Writer {
    partition: Arc<Partition>,
    roller: Roller,
    jobs: Sender<Job>,
}

impl Writer {
    pub(super) fn new(partition: Arc<Partition>, roller: Roller, jobs: Sender<Job>) -> Writer {
        Writer { partition, roller, jobs }
    }

    /// Runs until the partition is closed and everything accepted is durable, or a write failed.
    pub(super) fn run(mut self) {
        while let Some(group) = self.partition.next_group() {
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
        if self.roller.faults().acknowledge_early() {
            self.partition.became_durable(group);
        }
        let mut rest = group.batches.as_slice();
        while let Some(first) = rest.first() {
            let count = self.roller.room_for(rest);
            if count == 0 {
                let before = self.partition.before(first.first_offset).map_err(WriteError::Reading)?;
                let needed = u64::from(first.end - first.start);
                self.roller.roll(first.first_offset, before, needed)?;
                continue;
            }
            let (now, later) = rest.split_at(count);
            self.write(group, now)?;
            rest = later;
        }
        self.partition.became_durable(group);
        if self.partition.frozen_end.load(Ordering::Acquire) <= group.end() {
            // Once is enough, but asking again costs the keeper nothing. It ends after this thread, never before.
            let _ = self.jobs.send(Job::Index);
        }
        metrics::histogram!("carelog_log_sync_seconds").record(started.elapsed().as_secs_f64());
        metrics::counter!("carelog_log_events_total").increment(group.end() - group.first_offset);
        metrics::counter!("carelog_log_bytes_total").increment(group.bytes.len() as u64);
        Ok(())
    }

    fn write(&mut self, group: &Group, batches: &[BatchSpan]) -> Result<(), WriteError> {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else { return Ok(()) };
        let bytes = &group.bytes[first.start as usize..last.end as usize];
        let at = self.roller.write(bytes)?;
        if self.roller.wants_spare() {
            let _ = self.jobs.send(Job::Spare(self.roller.next_sequence())); // The keeper outlives this thread.
        }
        let segment = self.roller.segment();
        for batch in batches {
            segment.note(Place { offset: batch.first_offset, byte: at + u64::from(batch.start - first.start) });
        }
        Ok(())
    }
}

/// Why a group did not become durable.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("the group could not be written")]
    Writing(#[from] OpenError),
    #[error("what stands before the next segment could not be read")]
    Reading(#[source] Failure),
}

impl Partition {
    /// Waits for batches and takes all that gathered; `None` when no more will come.
    fn next_group(&self) -> Option<Arc<Group>> {
        let mut state = self.state.lock();
        while state.gathering.is_empty() {
            if state.closing {
                return None;
            }
            state.writer_waits = true;
            self.work.wait(&mut state);
        }
        state.writer_waits = false;
        let fresh = Gathering::starting_at(state.next_offset, state.last_recorded_at);
        let group = Arc::new(std::mem::replace(&mut state.gathering, fresh).complete());
        state.recent_bytes += group.bytes.len();
        state.recent.push_back(group.clone());
        self.forget_old(&mut state);
        Some(group)
    }

    /// Lets go of durable groups beyond what is kept for subscribers.
    fn forget_old(&self, state: &mut State) {
        let durable = self.durable_end();
        while state.recent_bytes > self.recent_bytes_max
            && state.recent.front().is_some_and(|oldest| oldest.end() <= durable)
        {
            if let Some(oldest) = state.recent.pop_front() {
                state.recent_bytes -= oldest.bytes.len();
            }
        }
    }

    fn became_durable(&self, group: &Group) {
        self.durable.send_replace(Durable { end: group.end(), recorded_at: group.last_recorded_at, closed: false });
        group.done.complete(Ok(()));
    }

    /// A failed write: what became of it is not known, and a later sync would not say. Nothing more is accepted.
    fn poison(&self, error: &WriteError) {
        let why: Arc<str> = Arc::from(crate::error::chain(error).as_str());
        tracing::error!(partition = self.number.0, error = %why, "the log stopped after a failed write");
        metrics::counter!("carelog_log_poisoned_total").increment(1);
        let waiting: Vec<_> = {
            let mut state = self.state.lock();
            state.poisoned = Some(why.clone());
            self.backlog.end();
            let durable = self.durable_end();
            let undone = state.recent.iter().filter(|group| group.end() > durable).map(|group| group.done.clone());
            undone.chain([state.gathering.done.clone()]).collect()
        };
        waiting.iter().for_each(|done| done.complete(Err(why.clone())));
    }
}
