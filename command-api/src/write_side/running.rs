//! The commands being carried out right now, so that the same one sent twice at once runs once.

use std::collections::HashSet;
use std::sync::Arc;

use carelog_domain::kernel::CommandId;
use parking_lot::Mutex;

const SHARDS: usize = 64;

/// Ids of running commands.
pub(crate) struct Running(Vec<Mutex<HashSet<CommandId>>>);

/// One running command; it ends when this is dropped.
pub(crate) struct RunningGuard {
    running: Arc<Running>,
    command: CommandId,
}

impl Running {
    pub(crate) fn new() -> Running {
        Running((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    /// Begins a command, unless it is running.
    pub(crate) fn begin(self: &Arc<Self>, command: CommandId) -> Option<RunningGuard> {
        let first = self.shard(command).lock().insert(command);
        first.then(|| RunningGuard { running: self.clone(), command })
    }

    fn shard(&self, command: CommandId) -> &Mutex<HashSet<CommandId>> {
        // The last byte of a hashed id is as good as any.
        &self.0[usize::from(command.0.as_bytes()[15]) % SHARDS]
    }
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.running.shard(self.command).lock().remove(&self.command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_runs_once_at_a_time() {
        let running = Arc::new(Running::new());
        let id = CommandId::of_client_key("clinic", "BookAppointment", "k");
        let first = running.begin(id);
        assert!(first.is_some() && running.begin(id).is_none());
        drop(first);
        assert!(running.begin(id).is_some());
    }
}
