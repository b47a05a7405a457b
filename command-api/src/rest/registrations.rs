//! Waiting for the end of a registration, or of an identifier's addition, which sagas bring about: a subscription to every
//! partition, which goes on while somebody waits, wakes whoever waits for that stream. While nobody does, nobody reads
//! what is written.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{Position, StreamName, Version};
use carelog_domain::ports::{CommandDone, DurableEnds, EventLog, Failure, Stored};
use carelog_schemas::sealing;
use futures::StreamExt;
use futures::stream::select_all;
use parking_lot::Mutex;
use tokio::sync::watch;

/// Categories of the streams that are waited for.
const CATEGORIES: [&str; 2] = ["patient-registration", "identifier-addition"];

/// How what a command asked for ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// Registered and linked, or added; where that was written.
    Completed(Position),
    /// It was so before: the command left no request.
    NothingAsked,
    /// Refused, with this code.
    Refused(String),
}

/// Watches registrations end.
pub(crate) struct Registrations {
    log: Arc<dyn EventLog>,
    waiting: Mutex<Waiting>,
    /// Held by who begins to read, so that nobody looks for an end before it would be read.
    beginning: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Waiting {
    streams: HashMap<StreamName, watch::Sender<u64>>,
    /// Whether somebody reads what is written.
    watched: bool,
}

impl Waiting {
    /// A receiver of what happens to a stream.
    fn wait_for(&mut self, stream: &StreamName) -> watch::Receiver<u64> {
        self.forget_gone();
        self.streams.entry(stream.clone()).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    /// Whoever waited may have been answered, or gone away.
    fn forget_gone(&mut self) {
        self.streams.retain(|_, sender| sender.receiver_count() > 0);
    }
}

impl Registrations {
    pub(crate) fn new(log: Arc<dyn EventLog>) -> Arc<Registrations> {
        Arc::new(Registrations { log, waiting: Mutex::default(), beginning: tokio::sync::Mutex::default() })
    }

    /// Waits until what this command asked for has ended; `None` when `at_most` ran out first.
    pub(crate) async fn ended(
        self: &Arc<Self>,
        done: &CommandDone,
        at_most: Duration,
    ) -> Result<Option<Ended>, Failure> {
        let mut moved = self.waiting.lock().wait_for(&done.stream);
        self.watch().await?;
        let waiting = async {
            loop {
                moved.mark_unchanged();
                if let Some(ended) = self.look(done).await? {
                    return Ok(Some(ended));
                }
                if moved.changed().await.is_err() {
                    return Ok(None);
                }
            }
        };
        tokio::time::timeout(at_most, waiting).await.unwrap_or(Ok(None))
    }

    /// How the request on the stream ended, if it has: the command's own, or of registrations the last.
    async fn look(&self, done: &CommandDone) -> Result<Option<Ended>, Failure> {
        let durable = DurableEnds::caught_up(&*self.log, self.log.partition_of(done.stream.slot())).await?;
        let before = Version(done.version.0.saturating_sub(1));
        let stored = self.log.read_stream(&done.stream, before, 1_000).await?;
        if stored.first().is_none_or(|first| first.context.command != done.command) {
            return Ok(Some(Ended::NothingAsked));
        }
        let mut end = None;
        for each in &stored {
            match said(each, done)? {
                Said::Nothing => {}
                Said::Asked => end = None,
                Said::Ended(ended) => end = Some((ended, each.context.position)),
            }
        }
        let Some((ended, position)) = end else { return Ok(None) };
        Ok(durable.include(position).then_some(ended)) // Accepted, not durable: the subscription wakes us when it is.
    }

    /// Sees to it that what is written from now on is read, for as long as somebody waits.
    async fn watch(self: &Arc<Self>) -> Result<(), Failure> {
        let _beginning = self.beginning.lock().await;
        if self.waiting.lock().watched {
            return Ok(());
        }
        let heads = self.log.head().await?;
        self.waiting.lock().watched = true;
        let (log, registrations) = (self.log.clone(), Arc::downgrade(self));
        tokio::spawn(async move {
            let mut events = select_all(heads.iter().map(|head| log.subscribe(head.partition, head.size)));
            while let Some(Ok(chunk)) = events.next().await {
                let Some(registrations) = Weak::upgrade(&registrations) else { return };
                if !registrations.wake(&chunk) {
                    return;
                }
            }
            // The log ended or failed: whoever waits runs into its bound, and the next one starts again.
            if let Some(registrations) = Weak::upgrade(&registrations) {
                registrations.waiting.lock().watched = false;
            }
        });
        Ok(())
    }

    /// Wakes whoever waits for one of these events; false when nobody waits for anything, and nobody reads on.
    fn wake(&self, chunk: &[Stored]) -> bool {
        let mut waiting = self.waiting.lock();
        let streams = chunk.iter().map(|stored| &stored.context.stream);
        for stream in streams.filter(|stream| CATEGORIES.contains(&stream.category())) {
            if let Some(sender) = waiting.streams.get(stream) {
                sender.send_modify(|count| *count += 1);
            }
        }
        waiting.forget_gone();
        waiting.watched = !waiting.streams.is_empty();
        waiting.watched
    }
}

/// What an event says about what a command asked for.
enum Said {
    Nothing,
    Asked,
    Ended(Ended),
}

fn said(stored: &Stored, done: &CommandDone) -> Result<Said, Failure> {
    if !["Registration", "IdentifierAddition"].iter().any(|family| stored.event_type.starts_with(family)) {
        return Ok(Said::Nothing);
    }
    let unreadable = |error| Failure::lasting("event log", format!("{} cannot be read", done.stream)).caused_by(error);
    let completed = Ended::Completed(stored.context.position);
    let Event::ProcessEvent(event) = sealing::read_sealed(stored).map_err(unreadable)?.event else {
        return Ok(Said::Nothing);
    };
    Ok(match event {
        ProcessEvent::RegistrationRequested(_) => Said::Asked,
        ProcessEvent::RegistrationCompleted(_) => Said::Ended(completed),
        ProcessEvent::RegistrationRefused(refused) => Said::Ended(Ended::Refused(refused.code)),
        ProcessEvent::IdentifierAdditionCompleted(e) if e.request == done.command => Said::Ended(completed),
        ProcessEvent::IdentifierAdditionRefused(e) if e.request == done.command => Said::Ended(Ended::Refused(e.code)),
        _ => Said::Nothing,
    })
}
