//! Clients that do what people at hospitals do, on whichever node, by the rules of docs/guides/commands.md: what is not known
//! is asked again with the same key. Everything they asked and were answered goes into a history for its checker.

pub mod answers;
pub mod client;
pub mod fill;
pub mod work;
pub mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::history::Recorder;
pub use client::{Client, Targets};
pub use world::World;

/// Clients at work.
pub struct Load {
    /// What they asked and were answered.
    pub recorder: Arc<Recorder>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Lets so many clients begin, each of which rests so long after whatever it did.
    pub fn begin(
        clients: usize,
        rest: Duration,
        targets: &Targets,
        world: &Arc<World>,
        recorder: &Arc<Recorder>,
    ) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let begin = |number| {
            let client = Client::new(number, targets.clone(), recorder.clone());
            tokio::spawn(work::work(client, rest, world.clone(), stop.clone()))
        };
        let clients = (0..clients).map(begin).collect();
        Load { recorder: recorder.clone(), stop, clients }
    }

    /// Lets each end what it has begun: what it does not know yet it asks until it knows.
    pub async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.expect("a client does not fail");
        }
    }
}
