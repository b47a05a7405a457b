//! Opening a log that follows another one, which is the truth: nobody writes to it but whoever applies what stands there.

use super::LocalLog;
use crate::error::OpenError;
use crate::options::Options;
use crate::partition::{Applier, Outbox, Partition};

/// A partition in the hands of whoever follows the truth.
pub struct Following {
    /// Puts in what stands in the truth.
    pub applier: Applier,
    /// Hands out what was accepted.
    pub outbox: Outbox,
}

impl LocalLog {
    /// Opens the log like [`LocalLog::open`], as the local state of another one. It takes batches only in an epoch that
    /// its applier began; they are durable when they have been applied. Drop the appliers before the log.
    pub fn follow(options: Options) -> Result<(LocalLog, Vec<Following>), OpenError> {
        let mut following = Vec::new();
        let log = LocalLog::open_with(&options, |number, recovered, roller| {
            let (partition, applier, outbox, keeper) = Partition::follow(number, &options, recovered, roller)?;
            following.push(Following { applier, outbox });
            Ok((partition, vec![keeper]))
        })?;
        Ok((log, following))
    }

    /// Takes no more batches; what was accepted can still be taken out and applied.
    pub fn begin_close(&self) {
        self.partitions.iter().for_each(|partition| partition.begin_close());
    }
}
