//! Is a read model what the log makes of it?

use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::Root;
use carelog_schemas::read_models::Set;
use serde::Serialize;

use super::carry::Asked;
use super::compare::Difference;
use super::progress::{Progress, Report};
use super::subject::{OperationError, Subject};
use crate::check;
use crate::home::Mark;
use crate::running;
use crate::start::{Deps, Projections};
use crate::state::Fault;

/// What was found.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The read model.
    pub model: String,
    /// False while it is being filled for the first time, and shown to nobody.
    pub filled: bool,
    /// Each partition's checkpoint.
    pub partitions: Vec<PartitionVerdict>,
    /// Events it was allowed to skip.
    pub skipped: Vec<Position>,
    /// Events that hold it up.
    pub stopped: Vec<Fault>,
    /// Rows that are not what the log makes of them; `None` unless asked for.
    pub differences: Option<Vec<Difference>>,
}

/// A checkpoint, compared with the log.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionVerdict {
    /// The partition.
    pub partition: Partition,
    /// How many events were applied.
    pub applied: u64,
    /// How many the log has.
    pub log_size: u64,
    /// The root over what was applied, as the read model says.
    #[serde(serialize_with = "as_text")]
    pub root: Root,
    /// What is wrong with it, if anything.
    pub wrong: Option<String>,
}

fn as_text<S: serde::Serializer>(root: &Root, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(root)
}

impl Verdict {
    /// True when nothing is wrong (what was skipped on purpose is not).
    pub fn holds(&self) -> bool {
        self.partitions.iter().all(|partition| partition.wrong.is_none())
            && self.stopped.is_empty()
            && self.differences.as_ref().is_none_or(Vec::is_empty)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wrong: Vec<String> = self.partitions.iter().filter_map(|partition| partition.wrong.clone()).collect();
        let skipped: Vec<String> = self.skipped.iter().map(Position::to_string).collect();
        let differences = self.differences.as_deref().unwrap_or_default();
        write!(f, "{}: ", self.model)?;
        if !wrong.is_empty() {
            return write!(f, "{}", wrong.join("; "));
        }
        if let Some(fault) = self.stopped.first() {
            return write!(f, "stopped at {} ({}): {}", fault.position, fault.event_type, fault.message);
        }
        if let Some(first) = differences.first() {
            return write!(f, "{} rows are not what the log makes of them, such as {first}", differences.len());
        }
        if !self.filled {
            let sum = |number: fn(&PartitionVerdict) -> u64| self.partitions.iter().map(number).sum::<u64>();
            let (applied, all) = (sum(|each| each.applied), sum(|each| each.log_size));
            return write!(f, "being filled, {applied} of {all} events so far, and shown to nobody");
        }
        match skipped.as_slice() {
            [] => f.write_str("complete"),
            skipped => write!(f, "complete except {}", skipped.join(", ")),
        }
    }
}

/// Compares a read model's checkpoints with the log, and (`deep`) its rows with a second projection made beside it.
///
/// # Errors
/// When there is no such read model, another operation works on it (`deep`), or a port cannot.
pub async fn verify(
    deps: &Deps,
    running: Option<&Projections>,
    model: &str,
    deep: bool,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Verdict, OperationError> {
    let asked = Asked::of(deps, running, model)?;
    if deep {
        return asked.carried_out("verify", progress, |subject| async move { subject.verify(true).await }).await;
    }
    let report = Report::new("verify", asked.projection.model.name);
    Subject::of(asked, report).await?.verify(false).await
}

impl Subject {
    async fn verify(&self, deep: bool) -> Result<Verdict, OperationError> {
        let (key, faults) = (self.projection.model.key(), running::faults(self.deps.sql.as_ref()).await?);
        let marks = self.marks(self.live()).await?;
        let mut partitions = self.partition_verdicts(&marks).await?;
        let stopped = marks.iter().filter_map(|mark| faults.standing(&key, mark)).cloned().collect();
        let mut differences = None;
        if deep && partitions.iter().all(|partition| partition.wrong.is_none()) {
            let (found, marks) = self.project_beside().await?;
            differences = Some(found);
            partitions = self.partition_verdicts(&marks).await?;
        }
        let within = |position: &Position| {
            partitions.iter().any(|each| each.partition == position.partition && each.applied > position.offset)
        };
        let skipped = self.skipped.of(self.name()).into_iter().filter(within).collect();
        let filled = self.home.stored().await?.is_some_and(|stored| stored.filled);
        Ok(Verdict { model: self.name().to_owned(), filled, partitions, skipped, stopped, differences })
    }

    async fn partition_verdicts(&self, marks: &[Mark]) -> Result<Vec<PartitionVerdict>, OperationError> {
        let heads = self.deps.log.head().await?;
        let mut verdicts = Vec::with_capacity(marks.len());
        for mark in marks {
            let head = heads.iter().find(|head| head.partition == mark.partition);
            verdicts.push(PartitionVerdict {
                partition: mark.partition,
                applied: mark.size,
                log_size: head.map_or(0, |head| head.size),
                root: mark.root,
                wrong: check::compare(self.deps.log.as_ref(), mark).await?,
            });
        }
        Ok(verdicts)
    }

    /// Projects again beside, up to where the live set is, and compares; the live set stands still only for the last
    /// part.
    async fn project_beside(&self) -> Result<(Vec<Difference>, Vec<Mark>), OperationError> {
        self.home.begin(Set::Beside).await?;
        let mut beside = self.marks(Set::Beside).await?;
        let before: Vec<u64> = self.marks(self.live()).await?.iter().map(|mark| mark.size).collect();
        self.fill(Set::Beside, &mut beside, &before).await?;
        let found = self.compare_with_live(Set::Beside, &mut beside).await?;
        self.home.discard(Set::Beside).await?;
        Ok(found)
    }
}
