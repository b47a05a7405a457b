//! Instances: the state of each as of a place in the log, folded from its streams and kept while it is hot.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use carelog_domain::event::{Event, OrganizationEvent, ProcessEvent};
use carelog_domain::kernel::{EventId, HospitalId, Position, Recorded, StreamName, Version};
use carelog_domain::ports::{EventLog, Failure, Stored};
use carelog_domain::streams;
use carelog_schemas::sealing;
use lru::LruCache;

use super::Shared;
use crate::catalog::{Kind, Process};
use crate::saga::Hospital;

/// A hot instance.
pub(crate) struct Instance {
    pub(crate) process: Box<dyn Process>,
    /// Every event up to this offset is folded in.
    pub(crate) upto: Option<u64>,
    /// What was written about it before it became hot.
    pub(crate) known: Arc<Known>,
}

/// What an instance's stream says was done; the steps that are in it are not done again.
#[derive(Default, Debug)]
pub(crate) struct Known {
    pub(crate) reacted: HashSet<EventId>,
    pub(crate) steps: HashMap<String, Outcome>,
    /// How often somebody retried a step; names the records of later failures.
    pub(crate) retries: u32,
    /// The last offset at which something of it stands.
    pub(crate) upto: u64,
}

/// What came of a step.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Done,
    Refused { code: String, attempts: u32, offset: u64 },
}

const READ_MAX: usize = 500;

/// All events of an instance in log order, and what is known of it.
pub(crate) struct History {
    pub(crate) events: Vec<Recorded<Event>>,
    pub(crate) known: Known,
}

impl Shared {
    /// Reads everything there is about an instance.
    pub(crate) async fn history(&self, kind: &Kind, instance: &str) -> Result<History, Failure> {
        let mut events = vec![];
        let mut known = Known::default();
        for stream in (kind.sources)(instance) {
            for stored in self.stream(&stream).await? {
                events.extend(self.taken(kind, instance, &stored).await?);
            }
        }
        for stored in self.stream(&streams::saga(kind.name, instance)).await? {
            if let Event::ProcessEvent(event) = self.read(&stored, false).await?.event {
                known.take(kind, &event, stored.context.position);
            }
            events.extend(self.taken(kind, instance, &stored).await?);
        }
        events.sort_by_key(|recorded| recorded.context.position.offset);
        Ok(History { events, known })
    }

    async fn taken(&self, kind: &Kind, instance: &str, stored: &Stored) -> Result<Option<Recorded<Event>>, Failure> {
        if !kind.takes.contains(&stored.event_type.as_str()) {
            return Ok(None);
        }
        let recorded = self.read(stored, kind.opens).await?;
        Ok(Some(recorded).filter(|recorded| kind.instance(recorded).as_deref() == Some(instance)))
    }

    /// One stored event, with its personal values open if they are needed.
    pub(crate) async fn read(&self, stored: &Stored, open: bool) -> Result<Recorded<Event>, Failure> {
        if !open {
            return read_sealed(stored);
        }
        sealing::open_event(&*self.keys, stored).await.map_err(|error| unreadable(stored, error))
    }

    pub(crate) async fn stream(&self, stream: &StreamName) -> Result<Vec<Stored>, Failure> {
        whole_stream(&*self.log, stream).await
    }
}

/// One stored event, its personal values sealed.
pub(crate) fn read_sealed(stored: &Stored) -> Result<Recorded<Event>, Failure> {
    sealing::read_sealed(stored).map_err(|error| unreadable(stored, error))
}

fn unreadable(stored: &Stored, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    let at = stored.context.position;
    Failure::lasting("sagas", format!("the event at {at} cannot be read")).caused_by(error)
}

/// All events of a stream.
pub(crate) async fn whole_stream(log: &dyn EventLog, stream: &StreamName) -> Result<Vec<Stored>, Failure> {
    let mut all: Vec<Stored> = vec![];
    loop {
        let after = all.last().map_or(Version::NONE, |last| last.context.version);
        let chunk = log.read_stream(stream, after, READ_MAX).await?;
        let more = chunk.len() == READ_MAX;
        all.extend(chunk);
        if !more {
            return Ok(all);
        }
    }
}

impl Known {
    pub(crate) fn take(&mut self, kind: &Kind, event: &ProcessEvent, position: Position) {
        self.upto = self.upto.max(position.offset);
        match event {
            ProcessEvent::SagaReacted(e) => {
                self.reacted.insert(e.cause);
            }
            ProcessEvent::SagaStepDone(e) => {
                self.steps.insert(e.step.clone(), Outcome::Done);
            }
            ProcessEvent::SagaStepFailed(e) => {
                let outcome = Outcome::Refused { code: e.code.clone(), attempts: e.attempts, offset: position.offset };
                self.steps.insert(e.step.clone(), outcome);
            }
            // An expected refusal is an outcome: it was reacted to, and no retry undoes that.
            ProcessEvent::SagaStepRetried(e) if self.is_dead_letter(kind, &e.step) => {
                self.steps.remove(&e.step);
                self.retries += 1;
            }
            _ => {}
        }
    }
}

impl Known {
    /// True when the step failed and its saga does not expect that.
    pub(crate) fn is_dead_letter(&self, kind: &Kind, step: &str) -> bool {
        matches!(self.steps.get(step), Some(Outcome::Refused { code, .. }) if !kind.expects(step, code))
    }
}

/// The hot instances of a partition.
pub(crate) struct Instances {
    hot: LruCache<(&'static str, String), Instance>,
    hospitals: Hospitals,
}

impl Instances {
    pub(crate) fn new(instances_max: usize) -> Instances {
        let size = std::num::NonZeroUsize::new(instances_max).unwrap_or(std::num::NonZeroUsize::MIN);
        Instances { hot: LruCache::new(size), hospitals: Hospitals::default() }
    }

    /// Takes an organization's event in, if its hospital is in use.
    pub(crate) fn follow(&mut self, recorded: &Recorded<Event>) {
        self.hospitals.follow(recorded);
    }

    /// Forgets an instance, so that it is folded from the log when it is next needed.
    pub(crate) fn forget(&mut self, kind: &Kind, instance: &str) {
        self.hot.pop(&(kind.name, instance.to_owned()));
    }

    /// The instance with every event before `offset` folded in.
    pub(crate) async fn before(
        &mut self,
        shared: &Shared,
        kind: &Kind,
        instance: &str,
        offset: u64,
    ) -> Result<&mut Instance, Failure> {
        let key = (kind.name, instance.to_owned());
        if !self.hot.contains(&key) {
            let history = shared.history(kind, instance).await?;
            let mut process = (kind.fresh)();
            let earlier = history.events.iter().filter(|recorded| recorded.context.position.offset < offset);
            for recorded in earlier {
                let hospital = self.hospitals.at(shared, kind, recorded).await?;
                process.take(recorded, &hospital);
            }
            let known = Arc::new(history.known);
            self.hot.put(key.clone(), Instance { process, upto: offset.checked_sub(1), known });
        }
        Ok(self.hot.get_mut(&key).expect("it was just put there"))
    }

    /// What the saga may know of the event's hospital.
    pub(crate) async fn hospital(
        &mut self,
        shared: &Shared,
        kind: &Kind,
        recorded: &Recorded<Event>,
    ) -> Result<Arc<Hospital>, Failure> {
        self.hospitals.at(shared, kind, recorded).await
    }

    /// Puts a state that was folded elsewhere in.
    pub(crate) fn put(&mut self, kind: &Kind, instance: &str, state: Instance) {
        self.hot.put((kind.name, instance.to_owned()), state);
    }
}

/// What hospitals were like, from which offset on.
#[derive(Default)]
struct Hospitals {
    known: HashMap<HospitalId, Vec<(u64, Arc<Hospital>)>>,
    none: Arc<Hospital>,
}

impl Hospitals {
    fn follow(&mut self, recorded: &Recorded<Event>) {
        let Event::OrganizationEvent(event) = &recorded.event else { return };
        let Some(seen) = recorded.event.hospital().and_then(|hospital| self.known.get_mut(&hospital)) else { return };
        append(seen, recorded.context.position.offset, event);
    }

    /// As recorded before the event. Hospital and event are in the same slot, so their offsets can be compared.
    async fn at(&mut self, shared: &Shared, kind: &Kind, recorded: &Recorded<Event>) -> Result<Arc<Hospital>, Failure> {
        let hospital = recorded.event.hospital().or(recorded.context.hospital);
        let Some(hospital) = hospital.filter(|_| kind.needs_hospital) else { return Ok(self.none.clone()) };
        let seen = match self.known.entry(hospital) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let mut seen = vec![];
                for stored in shared.stream(&streams::organization(hospital)).await? {
                    if let Event::OrganizationEvent(event) = shared.read(&stored, false).await?.event {
                        append(&mut seen, stored.context.position.offset, &event);
                    }
                }
                place.insert(seen)
            }
        };
        let until = seen.partition_point(|(offset, _)| *offset < recorded.context.position.offset);
        Ok(until.checked_sub(1).map_or_else(|| self.none.clone(), |last| seen[last].1.clone()))
    }
}

fn append(seen: &mut Vec<(u64, Arc<Hospital>)>, offset: u64, event: &OrganizationEvent) {
    if seen.last().is_some_and(|(last, _)| *last >= offset) {
        return; // Read from the stream before the log delivered it.
    }
    let mut hospital = seen.last().map(|(_, hospital)| (**hospital).clone()).unwrap_or_default();
    hospital.evolve(event);
    seen.push((offset, Arc::new(hospital)));
}
