//! Taking a chunk into a set: events to changes, changes and checkpoint written together, the event at fault found.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use carelog_domain::kernel::Position;
use carelog_domain::ports::{EventLog, Failure};
use carelog_schemas::read_models::Set;

use crate::change::Change;
use crate::chunk::{Chunk, Item};
use crate::home::{Home, Mark, Work};
use crate::projection::Registered;
use crate::running::Skipped;
use crate::state::Fault;

/// Why a chunk was not taken.
pub(crate) enum Refusal {
    /// This event cannot be taken; everything before it was.
    Poison(Fault),
    /// Somebody else moved the checkpoint; this is where it is.
    Moved(Mark),
    /// A port cannot; the same again may work.
    Port(Failure),
}

/// What it takes to take a chunk in.
pub(crate) struct Applier<'a> {
    pub(crate) projection: &'static Registered,
    pub(crate) home: &'a dyn Home,
    pub(crate) log: &'a Arc<dyn EventLog>,
    pub(crate) skipped: &'a Skipped,
}

impl Applier<'_> {
    /// Applies what of the chunk lies after `mark`, and moves `mark`. Whoever asks knows that between the two nothing lies
    /// that the read model wants.
    pub(crate) async fn take(&self, set: Set, mark: &mut Mark, chunk: &Chunk) -> Result<(), Refusal> {
        if chunk.end <= mark.size {
            return Ok(());
        }
        let model = self.projection.model.name;
        let wanted: Vec<&Item> = chunk
            .items
            .iter()
            .filter(|item| item.position.offset >= mark.size && self.projection.wants(&item.event_type))
            .filter(|item| !self.skipped.contains(model, item.position))
            .collect();
        let mut changes = Vec::with_capacity(wanted.len());
        for item in &wanted {
            match self.project(item) {
                Ok(found) => changes.push((item.position, found)),
                Err(message) => {
                    self.up_to(set, mark, item, changes).await?;
                    return Err(Refusal::Poison(fault(item, message)));
                }
            }
        }
        let work = Work { from: mark.clone(), to: chunk.mark(), changes };
        match self.write(set, &work).await {
            Ok(()) => *mark = work.to,
            Err(Refusal::Port(failure)) if !failure.retry_helps => {
                self.one_by_one(set, mark, &wanted, work, failure).await?;
            }
            Err(refusal) => return Err(refusal),
        }
        Ok(())
    }

    /// Moves `mark` over events of which it wants none.
    pub(crate) async fn pass(&self, set: Set, mark: &mut Mark, to: Mark) -> Result<(), Refusal> {
        assert!(mark.size < to.size, "a checkpoint never goes back");
        let work = Work { from: mark.clone(), to, changes: vec![] };
        self.write(set, &work).await?;
        *mark = work.to;
        Ok(())
    }

    fn project(&self, item: &Item) -> Result<Vec<Change>, String> {
        let recorded = item.recorded.as_ref().map_err(Clone::clone)?;
        let projected = std::panic::catch_unwind(AssertUnwindSafe(|| {
            planted(self.projection, recorded, (self.projection.project)(recorded))
        }));
        projected.map_err(|_| "the projection panicked; its message is in the program's log".to_owned())
    }

    /// Writes what came before an event, so that the checkpoint stands exactly at it.
    async fn up_to(
        &self,
        set: Set,
        mark: &mut Mark,
        item: &Item,
        changes: Vec<(Position, Vec<Change>)>,
    ) -> Result<(), Refusal> {
        if item.position.offset <= mark.size {
            return Ok(());
        }
        let to = self.mark_at(item.position.offset, mark, Some(item)).await?;
        let work = Work { from: mark.clone(), to, changes };
        self.write(set, &work).await?;
        *mark = work.to;
        Ok(())
    }

    /// A chunk was refused for good: finds the event at fault by applying one at a time.
    async fn one_by_one(
        &self,
        set: Set,
        mark: &mut Mark,
        wanted: &[&Item],
        work: Work,
        whole: Failure,
    ) -> Result<(), Refusal> {
        for (item, change) in wanted.iter().zip(work.changes) {
            let to = self.mark_at(item.position.offset + 1, mark, Some(item)).await?;
            let single = Work { from: mark.clone(), to, changes: vec![change] };
            match self.write(set, &single).await {
                Ok(()) => *mark = single.to,
                Err(Refusal::Port(failure)) if !failure.retry_helps => {
                    self.up_to(set, mark, item, vec![]).await?;
                    return Err(Refusal::Poison(fault(item, with_cause(&failure))));
                }
                Err(refusal) => return Err(refusal),
            }
        }
        // Each event by itself was taken: what remains is the way to the chunk's end.
        if mark.size < work.to.size {
            let rest = Work { from: mark.clone(), to: work.to, changes: vec![] };
            self.write(set, &rest).await.map_err(|_| Refusal::Port(whole))?;
            *mark = rest.to;
        }
        Ok(())
    }

    async fn mark_at(&self, size: u64, mark: &Mark, item: Option<&Item>) -> Result<Mark, Refusal> {
        let root = self.log.root_at(mark.partition, size).await.map_err(Refusal::Port)?;
        let recorded_at = item.map(|item| item.recorded_at).or(mark.recorded_at);
        Ok(Mark { partition: mark.partition, size, root, recorded_at })
    }

    async fn write(&self, set: Set, work: &Work) -> Result<(), Refusal> {
        let Err(failure) = self.home.apply(set, work).await else { return Ok(()) };
        if failure.retry_helps {
            return Err(Refusal::Port(failure));
        }
        // A checkpoint that is not where it was expected refuses the whole transaction: was it that?
        let marks = self.home.marks(set).await.map_err(Refusal::Port)?;
        let found = marks.into_iter().find(|mark| mark.partition == work.from.partition);
        match found.unwrap_or_else(|| Mark::start(work.from.partition)) {
            found if found.size != work.from.size || (found.size > 0 && found.root != work.from.root) => {
                Err(Refusal::Moved(found))
            }
            _ => Err(Refusal::Port(failure)),
        }
    }
}

fn fault(item: &Item, message: String) -> Fault {
    Fault { position: item.position, event: item.id, event_type: item.event_type.clone(), message }
}

fn with_cause(failure: &Failure) -> String {
    match &failure.source {
        Some(source) => format!("{failure}: {source}"),
        None => failure.to_string(),
    }
}

#[cfg(not(feature = "faults"))]
fn planted(
    _projection: &Registered,
    _recorded: &carelog_domain::kernel::Recorded<carelog_domain::event::Event>,
    changes: Vec<Change>,
) -> Vec<Change> {
    changes
}

#[cfg(feature = "faults")]
fn planted(
    projection: &Registered,
    recorded: &carelog_domain::kernel::Recorded<carelog_domain::event::Event>,
    changes: Vec<Change>,
) -> Vec<Change> {
    crate::faults::apply(projection, recorded, changes)
}
