//! Building a read model anew beside the live one, comparing the two, switching.

use carelog_domain::ports::Failure;
use carelog_schemas::read_models::Set;
use serde::Serialize;

use super::carry::Asked;
use super::compare::Difference;
use super::progress::Progress;
use super::subject::{OperationError, Subject};
use crate::home::Mark;
use crate::start::{Deps, Projections};

const PORT: &str = "projections";
/// Rounds of catching up with a log that goes on, before workers are held for the rest.
const ROUNDS_MAX: usize = 5;
/// So few events are left to the round in which workers are held.
const LAST_ROUND_EVENTS: u64 = 1_000;

/// What a rebuild came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rebuilt {
    /// The read model.
    pub model: String,
    /// The set that was filled.
    pub set: String,
    /// How many events were read.
    pub events: u64,
    /// True when it is the live one now.
    pub live: bool,
}

/// Fills the other set from the beginning of the log; makes it the live one if `switching`. Once begun it goes on to its
/// end, also when nobody waits for it any more.
///
/// # Errors
/// When there is no such read model, another operation works on it, an event cannot be taken, or a port cannot. The live
/// set stays as it is then.
pub async fn rebuild(
    deps: &Deps,
    running: Option<&Projections>,
    model: &str,
    switching: bool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Rebuilt, OperationError> {
    let asked = Asked::of(deps, running, model)?;
    asked.carried_out("rebuild", progress, move |subject| async move { subject.rebuild(switching).await }).await
}

/// Makes the set that a rebuild left beside the live one.
///
/// # Errors
/// As [`rebuild`], and when there is no such set.
pub async fn switch(deps: &Deps, running: Option<&Projections>, model: &str) -> Result<Rebuilt, OperationError> {
    let asked = Asked::of(deps, running, model)?;
    let switch = |subject: Subject| async move {
        let (set, mut marks) = subject.beside().await?;
        subject.finish(set, &mut marks).await?;
        Ok(subject.rebuilt(set, &marks, true))
    };
    asked.carried_out("switch", &|_| {}, switch).await
}

/// What is different in the live set from the one that a rebuild left beside it, both brought to the same place.
///
/// # Errors
/// As [`switch`].
pub async fn diff(deps: &Deps, running: Option<&Projections>, model: &str) -> Result<Vec<Difference>, OperationError> {
    let asked = Asked::of(deps, running, model)?;
    asked.carried_out("diff", &|_| {}, |subject| async move { subject.diff().await }).await
}

impl Subject {
    async fn rebuild(&self, switching: bool) -> Result<Rebuilt, OperationError> {
        let set = self.live().other();
        self.home.begin(set).await?;
        let mut marks = self.marks(set).await?;
        for _ in 0..ROUNDS_MAX {
            let targets = self.sizes().await?;
            let left: u64 = targets.iter().zip(&marks).map(|(target, mark)| target - mark.size).sum();
            self.fill(set, &mut marks, &targets).await?;
            if left < LAST_ROUND_EVENTS {
                break;
            }
        }
        if switching {
            self.finish(set, &mut marks).await?;
        }
        Ok(self.rebuilt(set, &marks, switching))
    }

    async fn diff(&self) -> Result<Vec<Difference>, OperationError> {
        let (set, mut marks) = self.beside().await?;
        let live = self.marks(self.live()).await?;
        if live.iter().zip(&marks).any(|(live, mark)| mark.size > live.size) {
            let message = "the live set is behind the rebuilt one; let it catch up, then compare again";
            return Err(Failure::passing(PORT, message).into());
        }
        Ok(self.compare_with_live(set, &mut marks).await?.0)
    }

    /// The set that a rebuild left beside the live one.
    async fn beside(&self) -> Result<(Set, Vec<Mark>), OperationError> {
        let set = self.live().other();
        // A set that was never begun, or was removed after a switch, has no marks and perhaps no tables.
        if self.home.marks(set).await?.is_empty() {
            return Err(OperationError::NothingBeside(self.name().to_owned()));
        }
        Ok((set, self.marks(set).await?))
    }

    /// Holds the workers, brings the set to the end of the log and makes it the live one.
    async fn finish(&self, set: Set, marks: &mut [Mark]) -> Result<(), OperationError> {
        let held = self.hold().await?;
        let old = held.set;
        if old == set {
            // What would be removed afterwards is what everybody reads.
            let message = "the set that was filled is the live one by now; nothing was switched, rebuild again";
            return Err(Failure::lasting(PORT, message).into());
        }
        let targets = self.sizes().await?;
        self.fill(set, marks, &targets).await?;
        self.home.switch(set, marks).await?;
        held.switched(set);
        self.home.retire(old).await?;
        self.resume();
        Ok(())
    }

    fn rebuilt(&self, set: Set, marks: &[Mark], live: bool) -> Rebuilt {
        let events = marks.iter().map(|mark| mark.size).sum();
        Rebuilt { model: self.name().to_owned(), set: set.word().to_owned(), events, live }
    }

    /// How many events each partition of the log has.
    async fn sizes(&self) -> Result<Vec<u64>, OperationError> {
        let heads = self.deps.log.head().await?;
        let size = |partition| heads.iter().find(|head| head.partition.0 == partition).map_or(0, |head| head.size);
        Ok((0..self.deps.log.partitions()).map(size).collect())
    }
}
