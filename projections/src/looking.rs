//! Who waits for read models. How far those have come that another process keeps up is looked up in the stores only while
//! somebody waits for it, and once for all who do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use futures::future::join_all;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::running::Running;
use crate::worker::Shared;

/// How soon it is looked again after somebody began to wait; each time a little later, up to the longest pause.
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// Which read models somebody waits for.
#[derive(Default)]
pub(crate) struct Looking(Arc<Inner>);

#[derive(Default)]
struct Inner {
    waiting: Mutex<BTreeMap<&'static str, usize>>,
    begun: Notify,
    /// Moves when somebody begins to wait, for those who keep read models up here.
    asked: watch::Sender<()>,
}

/// Somebody waits for a read model, until dropped.
pub(crate) struct Waiting {
    inner: Arc<Inner>,
    model: &'static str,
}

impl Looking {
    pub(crate) fn wait_for(&self, model: &'static str) -> Waiting {
        *self.0.waiting.lock().entry(model).or_default() += 1;
        self.0.begun.notify_one();
        self.0.asked.send_replace(());
        Waiting { inner: Arc::clone(&self.0), model }
    }

    /// Returns as soon as somebody waits for the read model.
    pub(crate) async fn waited_for(&self, model: &'static str) {
        let mut asked = self.0.asked.subscribe(); // Before it is looked, so that nobody is missed.
        while !self.is_waited_for(model) {
            if asked.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(crate) fn is_waited_for(&self, model: &'static str) -> bool {
        self.0.waiting.lock().contains_key(model)
    }

    fn wanted(&self) -> Vec<&'static str> {
        self.0.waiting.lock().keys().copied().collect()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = self.inner.waiting.lock();
        if let Some(count) = waiting.get_mut(self.model) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(self.model);
            }
        }
    }
}

/// Looks until everything stops.
pub(crate) async fn look(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    let mut pause = PAUSE_MIN;
    loop {
        let idle = shared.looking.wanted().is_empty();
        let paused = async { if idle { std::future::pending().await } else { tokio::time::sleep(pause).await } };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = shared.looking.0.begun.notified() => pause = PAUSE_MIN,
            () = paused => pause = (pause * 3 / 2).min(PAUSE_MAX),
        }
        let wanted = shared.looking.wanted();
        let models = shared.models.iter().filter(|model| wanted.contains(&model.name()));
        join_all(models.map(|model| look_at(&shared, model))).await;
    }
}

/// Takes over how far the store says the partitions are that others work on.
pub(crate) async fn look_at(shared: &Shared, model: &Running) {
    let elsewhere = |partition| !shared.here.contains(partition);
    if !(0..shared.log.partitions()).map(Partition).any(elsewhere) {
        return;
    }
    match model.home.stored().await {
        Ok(Some(stored)) => {
            stored.marks.iter().filter(|mark| elsewhere(mark.partition)).for_each(|mark| model.reached(mark));
        }
        Ok(None) => {}
        Err(failure) => {
            tracing::warn!(model = model.name(), error = %failure, "how far it has come cannot be seen now")
        }
    }
}
