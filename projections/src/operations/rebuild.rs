//! Building a read model anew beside the live one, comparing the two, switching.

use carelog_schemas::read_models::Set;
use serde::Serialize;

use super::compare::Difference;
use super::fill::Progress;
use super::subject::{OperationError, Subject};
use crate::home::Mark;
use crate::start::{Deps, Projections};

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

/// Fills the other set from the beginning of the log; makes it the live one if `switching`.
///
/// # Errors
/// When there is no such read model, an event cannot be taken, or a port cannot. The live set stays as it is then.
pub async fn rebuild(
    deps: &Deps,
    running: Option<&Projections>,
    model: &str,
    switching: bool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Rebuilt, OperationError> {
    let subject = Subject::of(deps, running, model).await?;
    let set = subject.live().other();
    subject.home.begin(set).await?;
    let mut marks = subject.marks(set).await?;
    for _ in 0..ROUNDS_MAX {
        let targets = sizes(deps).await?;
        let left: u64 = targets.iter().zip(&marks).map(|(target, mark)| target - mark.size).sum();
        subject.fill(set, &mut marks, &targets, progress).await?;
        if left < LAST_ROUND_EVENTS {
            break;
        }
    }
    if switching {
        finish(&subject, set, &mut marks, progress).await?;
    }
    let events = marks.iter().map(|mark| mark.size).sum();
    Ok(Rebuilt { model: model.to_owned(), set: set.word().to_owned(), events, live: switching })
}

/// Makes the set that a rebuild left beside the live one.
///
/// # Errors
/// As [`rebuild`], and when there is no such set.
pub async fn switch(deps: &Deps, running: Option<&Projections>, model: &str) -> Result<Rebuilt, OperationError> {
    let (subject, set, mut marks) = beside(deps, running, model).await?;
    finish(&subject, set, &mut marks, &|_| {}).await?;
    let events = marks.iter().map(|mark| mark.size).sum();
    Ok(Rebuilt { model: model.to_owned(), set: set.word().to_owned(), events, live: true })
}

/// What is different in the live set from the one that a rebuild left beside it, both brought to the same place.
///
/// # Errors
/// As [`switch`].
pub async fn diff(deps: &Deps, running: Option<&Projections>, model: &str) -> Result<Vec<Difference>, OperationError> {
    let (subject, set, mut marks) = beside(deps, running, model).await?;
    let held = subject.hold().await?;
    let live: Vec<u64> = subject.marks(held.set).await?.iter().map(|mark| mark.size).collect();
    let ahead = live.iter().zip(&marks).any(|(live, mark)| mark.size > *live);
    if ahead {
        let message = "the live set is behind the rebuilt one; let it catch up, then compare again";
        return Err(carelog_domain::ports::Failure::passing("projections", message).into());
    }
    subject.fill(set, &mut marks, &live, &|_| {}).await?;
    subject.compare(set, held.set).await
}

async fn beside<'a>(
    deps: &'a Deps,
    running: Option<&Projections>,
    model: &str,
) -> Result<(Subject<'a>, Set, Vec<Mark>), OperationError> {
    let subject = Subject::of(deps, running, model).await?;
    let set = subject.live().other();
    // A set that was never begun, or was removed after a switch, has no marks and perhaps no tables.
    if subject.home.marks(set).await?.is_empty() {
        return Err(OperationError::NothingBeside(model.to_owned()));
    }
    let marks = subject.marks(set).await?;
    Ok((subject, set, marks))
}

/// Holds the workers, brings the set to the end of the log and makes it the live one.
async fn finish(
    subject: &Subject<'_>,
    set: Set,
    marks: &mut [Mark],
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), OperationError> {
    let held = subject.hold().await?;
    let old = held.set;
    let targets = sizes(subject.deps).await?;
    subject.fill(set, marks, &targets, progress).await?;
    subject.home.switch(set).await?;
    held.switched(set);
    subject.home.retire(old).await?;
    subject.resume();
    Ok(())
}

async fn sizes(deps: &Deps) -> Result<Vec<u64>, OperationError> {
    let heads = deps.log.head().await?;
    let size = |partition| heads.iter().find(|head| head.partition.0 == partition).map_or(0, |head| head.size);
    Ok((0..deps.log.partitions()).map(size).collect())
}
