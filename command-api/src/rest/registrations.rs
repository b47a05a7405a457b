//! Waiting for the end of a registration, which a saga brings about: one subscription per partition, started when
//! somebody first waits, wakes whoever waits for that stream.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{Position, StreamName, Version};
use carelog_domain::ports::{EventLog, Failure};
use carelog_schemas::sealing;
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::sync::watch;

/// How a registration ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// Registered and linked; where that was written.
    Completed(Position),
    /// Refused, with this code.
    Refused(String),
}

/// Watches registrations end.
pub(crate) struct Registrations {
    log: Arc<dyn EventLog>,
    waiting: Mutex<HashMap<StreamName, watch::Sender<u64>>>,
    started: AtomicBool,
}

impl Registrations {
    pub(crate) fn new(log: Arc<dyn EventLog>) -> Arc<Registrations> {
        Arc::new(Registrations { log, waiting: Mutex::default(), started: AtomicBool::new(false) })
    }

    /// Waits until the registration on this stream has ended; `None` when `at_most` ran out first.
    pub(crate) async fn ended(
        self: &Arc<Self>,
        stream: &StreamName,
        at_most: Duration,
    ) -> Result<Option<Ended>, Failure> {
        self.start().await?;
        let mut moved = self.waiting.lock().entry(stream.clone()).or_insert_with(|| watch::channel(0).0).subscribe();
        let waiting = async {
            loop {
                moved.mark_unchanged();
                if let Some(ended) = self.look(stream).await? {
                    return Ok(Some(ended));
                }
                if moved.changed().await.is_err() {
                    return Ok(None);
                }
            }
        };
        let ended = tokio::time::timeout(at_most, waiting).await.unwrap_or(Ok(None));
        drop(moved);
        let mut waiting = self.waiting.lock();
        if waiting.get(stream).is_some_and(|sender| sender.receiver_count() == 0) {
            waiting.remove(stream);
        }
        ended
    }

    /// How the last registration on the stream ended, if it has.
    async fn look(&self, stream: &StreamName) -> Result<Option<Ended>, Failure> {
        let stored = self.log.read_stream(stream, Version::NONE, 1_000).await?;
        let last = stored.iter().rev().find(|each| each.event_type.starts_with("Registration"));
        let Some(last) = last else { return Ok(None) };
        let position = last.context.position;
        let heads = self.log.head().await?;
        if !heads.iter().any(|head| head.partition == position.partition && position.offset < head.size) {
            return Ok(None); // Accepted, not durable: the subscription wakes us when it is.
        }
        let unreadable = |error| Failure::lasting("event log", format!("{stream} cannot be read")).caused_by(error);
        Ok(match sealing::read_sealed(last).map_err(unreadable)?.event {
            Event::ProcessEvent(ProcessEvent::RegistrationCompleted(_)) => Some(Ended::Completed(position)),
            Event::ProcessEvent(ProcessEvent::RegistrationRefused(refused)) => Some(Ended::Refused(refused.code)),
            _ => None,
        })
    }

    async fn start(self: &Arc<Self>) -> Result<(), Failure> {
        if self.started.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let heads = self.log.head().await.inspect_err(|_| self.started.store(false, Ordering::Release))?;
        for head in heads {
            let (log, registrations) = (self.log.clone(), Arc::downgrade(self));
            tokio::spawn(async move {
                let mut events = log.subscribe(head.partition, head.size);
                while let Some(Ok(chunk)) = events.next().await {
                    let Some(registrations) = Weak::upgrade(&registrations) else { return };
                    let streams = chunk.iter().map(|stored| &stored.context.stream);
                    registrations.wake(streams.filter(|stream| stream.category() == "patient-registration"));
                }
                // The log ended or failed: whoever waits runs into its bound, and the next one starts again.
                if let Some(registrations) = Weak::upgrade(&registrations) {
                    registrations.started.store(false, Ordering::Release);
                }
            });
        }
        Ok(())
    }

    fn wake<'a>(&self, streams: impl Iterator<Item = &'a StreamName>) {
        let waiting = self.waiting.lock();
        for stream in streams {
            if let Some(sender) = waiting.get(stream) {
                sender.send_modify(|count| *count += 1);
            }
        }
    }
}
