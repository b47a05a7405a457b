//! Waiting until the sagas have handled all that a command led to, and finding out what that was: from the log alone, and
//! from how much of each partition is handled, whoever handles it. The rule is in docs/sagas.md.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{CommandId, Partition, Position, Recorded, Token};
use carelog_domain::ports::{BoxFuture, Direction, EventFilter, Failure, Settlement, Stored};
use carelog_domain::streams;

use super::instances::{Known, Outcome, read_sealed, whole_stream};
use super::{SagaEngine, Settling};
use crate::catalog::Kind;

/// What was open may be so for long: it is not traced again at every tick, but after pauses that grow.
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// A copy of the log may come to what it lacks without a tick.
const TRACED_AGAIN_AFTER: Duration = Duration::from_millis(250);

impl Settlement for SagaEngine {
    fn settled(
        &self,
        correlation: CommandId,
        written: &Token,
        at_most: Duration,
    ) -> BoxFuture<'_, Result<Option<Token>, Failure>> {
        self.shared.settling.settled(correlation, written, at_most)
    }
}

impl Settlement for Settling {
    fn settled(
        &self,
        correlation: CommandId,
        written: &Token,
        at_most: Duration,
    ) -> BoxFuture<'_, Result<Option<Token>, Failure>> {
        let written = written.clone();
        Box::pin(async move {
            let mut trace = Trace::from(written);
            // What the chain began with: under one correlation all of it counts.
            if let Some(first) = self.log.find_command_anywhere(correlation).await? {
                first.events.iter().for_each(|context| trace.reach(context.position));
            }
            // At least one look, also for whoever cannot wait.
            if trace.go_on(self).await? {
                return Ok(Some(trace.all));
            }
            match tokio::time::timeout(at_most, self.traced(trace)).await {
                Ok(traced) => traced.map(Some),
                Err(_) => Ok(None),
            }
        })
    }
}

/// The way from a command to all that followed.
struct Trace {
    all: Token,
    reached: BTreeSet<Position>,
    /// Not handled, or not to its end, when it was last looked.
    open: Vec<Position>,
    /// Partitions that were looked at for this trace; from then on all who wait share one look.
    looked: BTreeSet<Partition>,
}

impl From<Token> for Trace {
    fn from(written: Token) -> Trace {
        let open: Vec<Position> = written.positions().collect();
        Trace { all: written, reached: open.iter().copied().collect(), open, looked: BTreeSet::new() }
    }
}

impl Trace {
    fn reach(&mut self, position: Position) {
        self.all.include(position);
        if self.reached.insert(position) {
            self.open.push(position);
        }
    }

    fn partitions(&self) -> BTreeSet<Partition> {
        self.open.iter().map(|position| position.partition).collect()
    }

    /// Follows what has been handled by now; true when nothing is open any more.
    async fn go_on(&mut self, settling: &Settling) -> Result<bool, Failure> {
        let mut still = vec![];
        while let Some(position) = self.open.pop() {
            if self.looked.insert(position.partition) {
                settling.look_at(position.partition).await?;
            }
            match settling.made_of(position).await? {
                Some(made) => made.into_iter().for_each(|position| self.reach(position)),
                None => still.push(position),
            }
        }
        self.open = still;
        Ok(self.open.is_empty())
    }
}

impl Settling {
    /// Follows the trace until nothing of it is open.
    async fn traced(&self, mut trace: Trace) -> Result<Token, Failure> {
        let mut waiting = self.wait_for(trace.partitions());
        let mut pause = PAUSE_MIN;
        loop {
            let mut tick = self.ticks();
            if trace.go_on(self).await? {
                return Ok(trace.all);
            }
            if waiting.partitions != trace.partitions() {
                waiting = self.wait_for(trace.partitions());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            let _ = tokio::time::timeout(TRACED_AGAIN_AFTER, tick.changed()).await;
        }
    }

    /// What the sagas made of the batch that ends here; `None` while something of it is open.
    async fn made_of(&self, end: Position) -> Result<Option<Vec<Position>>, Failure> {
        // How much is handled is asked first: the log then shows the records of all that counts.
        let handled = self.handled(end.partition).await?;
        let batch = self.batch_ending_at(end).await?;
        if batch.is_empty() || !batch.iter().all(|stored| handled(stored.context.position.offset)) {
            return Ok(None);
        }
        let mut made = vec![];
        for stored in &batch {
            let cause = read_sealed(stored)?;
            for kind in &self.kinds {
                let Some(instance) = kind.instance(&cause) else { continue };
                let Some(story) = self.story(kind, &instance, &cause).await? else { return Ok(None) };
                if !story.retried.iter().all(|at| handled(at.offset)) {
                    return Ok(None);
                }
                made.extend(story.made);
            }
        }
        Ok(Some(made))
    }

    /// Tells of an offset whether it is handled; of none is it while this copy of the log does not have all records.
    async fn handled(&self, partition: Partition) -> Result<impl Fn(u64) -> bool + use<>, Failure> {
        let seen = self.seen(partition);
        let heads = self.log.head().await?;
        let size = heads.iter().find(|head| head.partition == partition).map_or(0, |head| head.size);
        let complete = size >= seen.needs();
        Ok(move |offset| complete && seen.is_handled(offset))
    }

    async fn batch_ending_at(&self, end: Position) -> Result<Vec<Stored>, Failure> {
        let all = EventFilter::default();
        let (last, _) = self.log.read(end.partition, end.offset, Direction::Forward, &all, 1).await?;
        let Some(last) = last.into_iter().next().filter(|last| last.context.position == end) else {
            return Ok(vec![]);
        };
        let first = end.offset.saturating_sub(u64::from(last.context.index));
        let length = usize::from(last.context.index) + 1;
        Ok(self.log.read(end.partition, first, Direction::Forward, &all, length).await?.0)
    }

    /// What an instance's stream says about what was made of an event; `None` while the instance is parked before it came
    /// to an end with it.
    async fn story(&self, kind: &Kind, instance: &str, cause: &Recorded<Event>) -> Result<Option<Story>, Failure> {
        let mut known = Known::default();
        let mut causes: HashMap<String, u64> = HashMap::new();
        let mut steps: Option<Vec<String>> = None;
        let mut done: HashMap<String, Token> = HashMap::new();
        let mut retried = vec![];
        for stored in whole_stream(&*self.log, &streams::saga(kind.name, instance)).await? {
            let Event::ProcessEvent(event) = read_sealed(&stored)?.event else { continue };
            let position = stored.context.position;
            match &event {
                ProcessEvent::SagaReacted(e) => {
                    let its: Vec<String> = e.intents.iter().map(|intent| intent.step.clone()).collect();
                    causes.extend(its.iter().map(|step| (step.clone(), e.cause_position.offset)));
                    if e.cause == cause.context.id {
                        steps = Some(its);
                    }
                }
                ProcessEvent::SagaStepDone(e) => {
                    done.insert(e.step.clone(), e.token.clone());
                }
                ProcessEvent::SagaStepRetried(_) => retried.push(position),
                _ => {}
            }
            known.take(kind, &event, position);
        }
        let offset = cause.context.position.offset;
        let parked_by = |step: &String| known.is_dead_letter(kind, step);
        let parked = match &steps {
            Some(steps) => steps.iter().any(parked_by),
            // Whatever comes to a parked instance waits there without a record.
            None => causes.iter().any(|(step, caused)| *caused < offset && parked_by(step)),
        };
        if parked {
            return Ok(None);
        }
        let steps = steps.unwrap_or_default();
        let ended = !steps.is_empty() && steps.iter().all(|step| known.steps.contains_key(step));
        let made = steps.iter().flat_map(|step| match (done.get(step), known.steps.get(step)) {
            (Some(token), _) => token.positions().collect(),
            (None, Some(Outcome::Refused { offset, .. })) => {
                vec![Position { partition: cause.context.position.partition, offset: *offset }]
            }
            (None, _) => vec![],
        });
        let made = made.collect();
        // A retry takes up what had no end; until it is handled, what is not there may still come.
        Ok(Some(Story { made, retried: if ended { vec![] } else { retried } }))
    }
}

/// What a saga made of an event.
struct Story {
    made: Vec<Position>,
    /// Retries that must be handled before this is all.
    retried: Vec<Position>,
}
