//! Is a checkpoint one of this log?

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{EventLog, Failure};

use crate::home::Mark;

/// What a checkpoint is to this log.
pub(crate) enum Standing {
    /// One of its own.
    Ours,
    /// Further than this copy of the log has come, which follows one elsewhere: it cannot be told yet.
    Beyond,
    /// Not of this log; what was found, and what can be done.
    Wrong(String),
}

/// Compares a checkpoint with the log.
pub(crate) async fn standing(log: &dyn EventLog, mark: &Mark) -> Result<Standing, Failure> {
    if mark.size == 0 {
        return Ok(Standing::Ours);
    }
    let (partition, size) = (mark.partition, mark.size);
    let Some(mut found) = size_of(log, partition).await? else {
        return Ok(Standing::Wrong(format!("its checkpoint names partition {partition}, which the log does not have")));
    };
    if found < size {
        // A copy may be behind what another process has applied; the log itself knows whether this is one.
        match log.catch_up(partition).await {
            Ok(()) => found = size_of(log, partition).await?.unwrap_or(0),
            Err(failure) if failure.retry_helps => return Ok(Standing::Beyond),
            Err(failure) => return Err(failure),
        }
    }
    if found < size {
        return Ok(Standing::Wrong(format!(
            "it has applied {size} events of partition {partition}, the log has {found}: the log lost events or is another \
             one; restore the log, or rebuild the projection if the log is the right one"
        )));
    }
    let root = log.root_at(partition, size).await?;
    if root != mark.root {
        return Ok(Standing::Wrong(format!(
            "after {size} events of partition {partition} its root is {}, the log's is {root}: it was built from \
             another history; find out which is right, then rebuild the projection",
            mark.root
        )));
    }
    Ok(Standing::Ours)
}

/// What is wrong with a checkpoint, if anything is known to be.
pub(crate) async fn compare(log: &dyn EventLog, mark: &Mark) -> Result<Option<String>, Failure> {
    match standing(log, mark).await? {
        Standing::Wrong(message) => Ok(Some(message)),
        Standing::Ours | Standing::Beyond => Ok(None),
    }
}

async fn size_of(log: &dyn EventLog, partition: Partition) -> Result<Option<u64>, Failure> {
    let heads = log.head().await?;
    Ok(heads.iter().find(|head| head.partition == partition).map(|head| head.size))
}
