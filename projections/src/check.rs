//! Is a checkpoint one of this log?

use carelog_domain::ports::{EventLog, Failure, Head};

use crate::home::Mark;

/// What is wrong with a checkpoint, if anything.
pub(crate) async fn compare(log: &dyn EventLog, heads: &[Head], mark: &Mark) -> Result<Option<String>, Failure> {
    if mark.size == 0 {
        return Ok(None);
    }
    let (partition, size) = (mark.partition, mark.size);
    let Some(head) = heads.iter().find(|head| head.partition == partition) else {
        return Ok(Some(format!("its checkpoint names partition {partition}, which the log does not have")));
    };
    if head.size < size {
        return Ok(Some(format!(
            "it has applied {size} events of partition {partition}, the log has {}: the log lost events or is another \
             one; restore the log, or rebuild the projection if the log is the right one",
            head.size
        )));
    }
    let root = log.root_at(partition, size).await?;
    if root != mark.root {
        return Ok(Some(format!(
            "after {size} events of partition {partition} its root is {}, the log's is {root}: it was built from \
             another history; find out which is right, then rebuild the projection",
            mark.root
        )));
    }
    Ok(None)
}
