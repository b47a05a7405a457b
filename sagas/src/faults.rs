//! A fault that tests plant, to see that checks find it. Only with the feature `faults`, which no release has.

use std::sync::atomic::{AtomicBool, Ordering};

use carelog_domain::kernel::{Partition, Position};
use carelog_domain::ports::{DocumentKey, DocumentStore, Failure};

static BLIND: AtomicBool = AtomicBool::new(false);

/// Lets checkpoints be saved over whatever is there, in this whole process, or no more.
pub fn save_checkpoints_blindly(blind: bool) {
    BLIND.store(blind, Ordering::SeqCst);
}

/// The position to write under: of another partition than what is there a write always counts as newer.
pub(crate) async fn position(
    documents: &dyn DocumentStore,
    key: &DocumentKey,
    position: Position,
) -> Result<Position, Failure> {
    if !BLIND.load(Ordering::SeqCst) {
        return Ok(position);
    }
    let stored = documents.get(key).await?;
    let same = stored.is_some_and(|stored| stored.position.partition == position.partition);
    Ok(if same { Position { partition: Partition(u16::MAX), ..position } } else { position })
}
