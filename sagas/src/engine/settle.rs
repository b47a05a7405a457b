//! Waiting until the sagas have handled all that a command led to, and finding out what that was.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{CommandId, Position, Recorded, Token};
use carelog_domain::ports::{BoxFuture, Direction, EventFilter, Failure, Settlement};
use carelog_domain::streams;

use super::{SagaEngine, Shared};
use crate::catalog::Kind;

impl Settlement for SagaEngine {
    fn settled(
        &self,
        correlation: CommandId,
        written: &Token,
        at_most: Duration,
    ) -> BoxFuture<'_, Result<Option<Token>, Failure>> {
        let written = written.clone();
        Box::pin(async move {
            let shared = &self.shared;
            let all = shared.wait_for(at_most, || shared.all_handled(correlation, &written)).await;
            match all {
                None => Ok(None),
                Some(all) if shared.remembers(correlation, &written) => Ok(Some(all)),
                Some(all) => shared.traced(all).await,
            }
        })
    }
}

impl Shared {
    /// Looks again whenever something was handled; `None` when the time ran out or the engine stops.
    pub(crate) async fn wait_for<T>(&self, at_most: Duration, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
        let mut tick = self.tick.subscribe();
        let deadline = tokio::time::sleep(at_most);
        tokio::pin!(deadline);
        loop {
            tick.borrow_and_update();
            if let Some(found) = ready() {
                return Some(found);
            }
            let ticked = async {
                tokio::select! {
                    changed = tick.changed() => changed.is_ok(),
                    () = &mut deadline => false,
                }
            };
            if self.unless_stopped(ticked).await != Some(true) {
                return ready();
            }
        }
    }

    /// Everything written under the correlation, once all of it is handled.
    fn all_handled(&self, correlation: CommandId, written: &Token) -> Option<Token> {
        let (chain, _) = self.chains.get(correlation);
        let chain = chain.unwrap_or_default();
        let mut all = written.clone();
        all.merge(&chain.written);
        let seen = |at: Position| self.progress(at.partition).next() > at.offset;
        // The positions are looked at first: what an event leads to is registered before it counts as seen.
        let seen = all.positions().all(seen);
        let (again, _) = self.chains.get(correlation);
        let again = again.unwrap_or_default();
        let still = again.pending == 0 && again.parked == 0 && again.written == chain.written;
        (seen && still).then_some(all)
    }

    /// True when the engine has been up since the token was written and forgot nothing, so that its memory is complete.
    fn remembers(&self, correlation: CommandId, written: &Token) -> bool {
        let since_start = written.positions().all(|at| at.offset >= self.started_at(at.partition));
        let (chain, forgot) = self.chains.get(correlation);
        since_start && (chain.is_some() || !forgot)
    }

    /// All that followed from the batches that end at these positions, as the sagas' streams tell it; `None` when a step
    /// of it is a dead letter.
    async fn traced(&self, written: Token) -> Result<Option<Token>, Failure> {
        let mut all = written.clone();
        let mut open: Vec<Position> = written.positions().collect();
        let mut seen = BTreeSet::new();
        while let Some(position) = open.pop() {
            if !seen.insert(position) {
                continue;
            }
            for recorded in self.batch_ending_at(position).await? {
                for kind in self.kinds.clone() {
                    let Some(instance) = kind.instance(&recorded) else { continue };
                    let Some(token) = self.made_of(&kind, &instance, &recorded).await? else { return Ok(None) };
                    all.merge(&token);
                    open.extend(token.positions());
                }
            }
        }
        Ok(Some(all))
    }

    /// What an instance wrote because of an event; `None` when it is a dead letter.
    async fn made_of(&self, kind: &Kind, instance: &str, cause: &Recorded<Event>) -> Result<Option<Token>, Failure> {
        if self.letters.is_parked(kind.name, instance) {
            return Ok(None);
        }
        let mut steps = BTreeSet::new();
        let mut token = Token::empty();
        for stored in self.stream(&streams::saga(kind.name, instance)).await? {
            match self.read(&stored, false).await?.event {
                Event::ProcessEvent(ProcessEvent::SagaReacted(e)) if e.cause == cause.context.id => {
                    steps.extend(e.intents.into_iter().map(|intent| intent.step));
                }
                Event::ProcessEvent(ProcessEvent::SagaStepDone(e)) if steps.contains(&e.step) => token.merge(&e.token),
                Event::ProcessEvent(ProcessEvent::SagaStepFailed(e)) if steps.contains(&e.step) => {
                    token.include(stored.context.position);
                }
                _ => {}
            }
        }
        Ok(Some(token))
    }

    async fn batch_ending_at(&self, end: Position) -> Result<Vec<Recorded<Event>>, Failure> {
        let all = EventFilter::default();
        let (last, _) = self.log.read(end.partition, end.offset, Direction::Forward, &all, 1).await?;
        let Some(last) = last.into_iter().next().filter(|last| last.context.position == end) else {
            return Ok(vec![]);
        };
        let index = u64::from(last.context.index);
        let first = end.offset.saturating_sub(index);
        let length = usize::from(last.context.index) + 1;
        let (batch, _) = self.log.read(end.partition, first, Direction::Forward, &all, length).await?;
        let mut events = vec![];
        for stored in batch {
            events.push(self.read(&stored, false).await?);
        }
        Ok(events)
    }
}

/// Kept here so that the trait object is all that the command side sees.
impl SagaEngine {
    /// The port by which others wait for the sagas.
    pub fn settlement(self: &Arc<Self>) -> Arc<dyn Settlement> {
        self.clone()
    }
}
