//! One attempt at one command: the states it looked at, and the times its rules use.

use std::collections::BTreeSet;
use std::sync::Arc;

use carelog_domain::event::Event;
use carelog_domain::kernel::actor::Reach;
use carelog_domain::kernel::{Evolve, HospitalId, PatientId, Slot, StreamName, Tag, Times, Timestamp, Version};
use carelog_domain::patient::PatientRejection;
use carelog_domain::policy::{self, Permission};
use carelog_domain::ports::{CommandRequest, Direction, Expected, Failure, Owner, Stored, Term};
use carelog_domain::streams;
use carelog_schemas::sealing;

use super::cache::Hot;
use super::durability::Durable;
use super::refusal::Refusal;
use super::staging::Staged;
use super::state::State;
use super::{Target, WriteSide};

/// An event and the stream it goes to.
pub(crate) type Decided = (StreamName, Event);

/// Events read from the log at once.
const READ_MAX: usize = 1_000;

/// One attempt at one command.
pub(crate) struct Session<'a> {
    side: &'a WriteSide,
    /// What is asked, and by whom.
    pub(crate) request: &'a CommandRequest,
    target: &'a Target,
    now: Timestamp,
    lifted: Option<Timestamp>,
    term: Term,
    loaded: Vec<(StreamName, Loaded)>,
    /// Slots of other partitions that something was looked up in.
    elsewhere: BTreeSet<Slot>,
}

#[derive(Clone)]
struct Loaded {
    hot: Option<Hot>,
    state: Arc<dyn State>,
}

impl Loaded {
    fn version(&self) -> Version {
        self.hot.as_ref().map_or(Version::NONE, |hot| hot.version)
    }
}

impl<'a> Session<'a> {
    /// `term` is that of the target's partition, and was asked for before anything is read.
    pub(crate) fn new(
        side: &'a WriteSide,
        request: &'a CommandRequest,
        target: &'a Target,
        now: Timestamp,
        lifted: Option<Timestamp>,
        term: Term,
    ) -> Session<'a> {
        let (loaded, elsewhere) = (Vec::with_capacity(6), BTreeSet::new());
        Session { side, request, target, now, lifted, term, loaded, elsewhere }
    }

    /// The term it decides in.
    pub(crate) fn term(&self) -> Term {
        self.term
    }

    /// Slots of other partitions that something was looked up in.
    pub(crate) fn elsewhere(&self) -> &BTreeSet<Slot> {
        &self.elsewhere
    }

    /// The slot of everything this command writes.
    pub(crate) fn slot(&self) -> Slot {
        self.target.slot
    }

    /// The write side, for the few handlers that need its keys or the log.
    pub(crate) fn side(&self) -> &'a WriteSide {
        self.side
    }

    /// The state of a stream; personal values in it may be sealed.
    pub(crate) async fn load<S>(&mut self, stream: &StreamName) -> Result<Arc<S>, Refusal>
    where
        S: Evolve + Clone + Send + Sync + 'static,
        S::Event: TryFrom<Event>,
    {
        self.load_as(stream, false).await
    }

    /// The state of a stream with every personal value open (or erased).
    pub(crate) async fn load_open<S>(&mut self, stream: &StreamName) -> Result<Arc<S>, Refusal>
    where
        S: Evolve + Clone + Send + Sync + 'static,
        S::Event: TryFrom<Event>,
    {
        self.load_as(stream, true).await
    }

    async fn load_as<S>(&mut self, stream: &StreamName, open: bool) -> Result<Arc<S>, Refusal>
    where
        S: Evolve + Clone + Send + Sync + 'static,
        S::Event: TryFrom<Event>,
    {
        let known = self.loaded.iter().find(|(name, _)| name == stream).map(|(_, loaded)| loaded.clone());
        let known = known.filter(|loaded| !open || loaded.hot.as_ref().is_none_or(|hot| hot.opened));
        let loaded = match known {
            Some(loaded) => loaded,
            None => {
                let term = self.look_in(stream);
                let hot = term.and_then(|term| self.side.cache.get(stream, term));
                let loaded = match hot.filter(|hot| hot.opened || !open) {
                    Some(hot) => Loaded { state: hot.state.clone(), hot: Some(hot) },
                    None => self.read::<S>(stream, open, term).await?,
                };
                self.loaded.retain(|(name, _)| name != stream);
                self.loaded.push((stream.clone(), loaded.clone()));
                loaded
            }
        };
        loaded.state.any().downcast::<S>().map_err(|_| wrong_type(stream).into())
    }

    /// The term in which a stream is looked at; `None` where another process owns its partition, so that what this one
    /// knows of it is soon old and is never kept.
    fn look_in(&mut self, stream: &StreamName) -> Option<Term> {
        let log = &self.side.log;
        let partition = log.partition_of(stream.slot());
        if partition == log.partition_of(self.slot()) {
            return Some(self.term);
        }
        self.elsewhere.insert(stream.slot());
        match log.owner(partition) {
            Owner::Here(term) => Some(term),
            Owner::Elsewhere(_) | Owner::Nobody => None,
        }
    }

    /// Reads a stream that is not in the cache, and puts it there if it was read in a term.
    async fn read<S>(&self, stream: &StreamName, open: bool, term: Option<Term>) -> Result<Loaded, Refusal>
    where
        S: Evolve + Clone + Send + Sync + 'static,
        S::Event: TryFrom<Event>,
    {
        let mut state = S::default();
        let mut last: Option<Stored> = None;
        loop {
            let after = last.as_ref().map_or(Version::NONE, |stored| stored.context.version);
            let mut chunk = self.side.log.read_stream(stream, after, READ_MAX).await?;
            let more = chunk.len() == READ_MAX;
            for stored in &chunk {
                let recorded = if open {
                    sealing::open_event(&*self.side.keys, stored).await
                } else {
                    sealing::read_sealed(stored)
                };
                let recorded = recorded.map_err(|error| unreadable(stream, error))?;
                let event = S::Event::try_from(recorded.event).map_err(|_| wrong_type(stream))?;
                state.evolve(&event);
            }
            last = chunk.pop().or(last);
            if !more {
                break;
            }
        }
        let state: Arc<dyn State> = Arc::new(state);
        let Some(last) = last else { return Ok(Loaded { hot: None, state }) };
        let durable = self.side.watermarks.wait_for(&*self.side.log, &last.context).await?;
        self.ensure_still_in(term, stream)?;
        let hot = Hot {
            term: term.unwrap_or_default(),
            state: state.clone(),
            version: last.context.version,
            last_occurred: Some(last.context.occurred_at),
            durable,
            opened: open,
        };
        if term.is_some() && super::handlers::fresh(stream).is_some() {
            self.side.cache.put(stream.clone(), hot.clone());
        }
        Ok(Loaded { hot: Some(hot), state })
    }

    /// What was read of another partition while this process owned it may have been taken back when it no longer did. Of
    /// the target's own the term is compared when the batch is appended.
    fn ensure_still_in(&self, term: Option<Term>, stream: &StreamName) -> Result<(), Failure> {
        let Some(then) = term else { return Ok(()) };
        let log = &self.side.log;
        let partition = log.partition_of(stream.slot());
        match log.owner(partition) {
            _ if partition == log.partition_of(self.slot()) => Ok(()),
            Owner::Here(now) if now == then => Ok(()),
            _ => Err(Failure::passing("event log", "a partition that was read went to another process; ask again")),
        }
    }

    /// Takes a stream that was looked at out of what the decision rests on.
    pub(crate) fn rely_not_on(&mut self, stream: &StreamName) {
        self.loaded.retain(|(name, _)| name != stream);
    }

    /// True when something happened in the stream; nothing is loaded, and the decision does not rely on it.
    pub(crate) async fn exists(&mut self, stream: &StreamName) -> Result<bool, Refusal> {
        self.look_in(stream);
        Ok(self.side.log.stream_version(stream).await? != Version::NONE)
    }

    /// The oldest accepted event of this slot with a tag, for ids that do not name their stream.
    pub(crate) async fn first_with_tag(&self, tag: &Tag) -> Result<Option<Stored>, Refusal> {
        Ok(self.side.log.read_tag(self.slot(), tag, Direction::Forward, 1).await?.into_iter().next())
    }

    /// May the actor do this at that hospital? Asked before anything about the hospital is told.
    pub(crate) fn authorize(&self, hospital: HospitalId) -> Result<(), Refusal> {
        let permission = self.request.command.permission();
        Ok(policy::permits(&self.request.actor, permission, Some(hospital))?)
    }

    /// May the actor change this patient of the chain? Whoever acts for single hospitals may if one of them knows the
    /// patient; to anybody else there is no such patient.
    pub(crate) async fn authorize_for(&mut self, patient: PatientId) -> Result<(), Refusal> {
        let Reach::Hospitals(own) = &self.request.actor.reach else { return Ok(()) };
        for hospital in own {
            let link = streams::patient_schedule(*hospital, patient);
            self.look_in(&link);
            if self.authorize(*hospital).is_ok() && self.side.log.stream_version(&link).await? != Version::NONE {
                return Ok(());
            }
        }
        Err(PatientRejection::PatientUnknown.into())
    }

    /// Whether the actor may also do this at that hospital.
    pub(crate) fn may(&self, permission: Permission, hospital: HospitalId) -> bool {
        policy::permits(&self.request.actor, permission, Some(hospital)).is_ok()
    }

    /// The times to decide with; to be asked for after everything was loaded. Live traffic happens now, yet never
    /// before what it builds on. A process says when something happened and is moved up to what it builds on; an
    /// import's time stands, and is refused when it does not fit (rule 10).
    pub(crate) fn times(&self) -> Times {
        let last = self.loaded.iter().filter_map(|(_, loaded)| loaded.hot.as_ref()?.last_occurred).max();
        let last = last.unwrap_or_default();
        let occurred_at = match self.request.occurred_at {
            // What is only read may have changed since without moving what happened then.
            Some(given) if self.is_process() => given.max(self.lifted.unwrap_or(given)),
            Some(given) => given,
            None => self.now.max(last).max(self.lifted.unwrap_or(self.now)),
        };
        Times { occurred_at, recorded_at: self.now.max(occurred_at) }
    }

    /// When the command came.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether Carelog itself asks.
    pub(crate) fn is_process(&self) -> bool {
        policy::permits(&self.request.actor, Permission::RunProcesses, None).is_ok()
    }

    /// The version of a stream that was looked at.
    pub(crate) fn version(&self, stream: &StreamName) -> Option<Version> {
        self.loaded.iter().find(|(name, _)| name == stream).map(|(_, loaded)| loaded.version())
    }

    /// When the last event of a stream that was looked at occurred.
    pub(crate) fn last_occurred(&self, stream: &StreamName) -> Option<Timestamp> {
        let (_, loaded) = self.loaded.iter().find(|(name, _)| name == stream)?;
        loaded.hot.as_ref()?.last_occurred
    }

    /// The stream a success without events was about.
    pub(crate) fn about(&self) -> StreamName {
        let first = self.loaded.first().map(|(name, _)| name);
        self.target.existing.as_ref().or(first).unwrap_or(&self.target.about).clone()
    }

    /// The versions to insist on: of every stream looked at in this slot, and none for every new one.
    pub(crate) fn expected(&self, staged: &Staged) -> Vec<(StreamName, Expected)> {
        let looked_at = self.loaded.iter().filter(|(name, _)| name.slot() == self.slot());
        let new = staged.streams.iter().filter(|name| self.version(name).is_none());
        looked_at
            .map(|(name, loaded)| (name.clone(), Expected::Exactly(loaded.version())))
            .chain(new.map(|name| (name.clone(), Expected::Exactly(Version::NONE))))
            .collect()
    }

    /// Whether nothing that was looked at has moved since, as far as this process knows.
    pub(crate) fn is_current(&self) -> bool {
        self.loaded.iter().all(|(name, loaded)| {
            let term = loaded.hot.as_ref().map_or(self.term, |hot| hot.term);
            self.side.cache.version(name, term).is_none_or(|version| version == loaded.version())
        })
    }

    /// Every stream looked at in this slot, and those to be written.
    pub(crate) fn touched(&self, staged: &Staged) -> Vec<StreamName> {
        let looked_at = self.loaded.iter().map(|(name, _)| name).filter(|name| name.slot() == self.slot());
        looked_at.chain(&staged.streams).cloned().collect()
    }

    /// Everything looked at is read from the log again.
    pub(crate) fn forget(&self) {
        self.loaded.iter().for_each(|(name, _)| self.side.cache.remove(name));
    }

    /// What to wait for before a refusal may be told.
    pub(crate) fn durable(&self) -> Vec<Durable> {
        self.waits(|_| true)
    }

    /// What to wait for beyond the batch itself: what was looked at in other slots.
    pub(crate) fn foreign_durable(&self) -> Vec<Durable> {
        self.waits(|stream| stream.slot() != self.slot())
    }

    fn waits(&self, wanted: impl Fn(&StreamName) -> bool) -> Vec<Durable> {
        let wanted = self.loaded.iter().filter(|(name, _)| wanted(name));
        let waits = wanted.filter_map(|(_, loaded)| loaded.hot.as_ref()?.durable.clone());
        waits.filter(|durable| !matches!(durable.peek(), Some(Ok(())))).collect()
    }

    /// Puts the states after an accepted batch into the cache, changed in place where nobody else looks at them.
    pub(crate) fn keep(self, staged: Staged, accepted: &[carelog_domain::kernel::Context], durable: &Durable) {
        let (cache, term) = (&self.side.cache, self.term);
        let mut states: Vec<(StreamName, Hot)> = Vec::with_capacity(staged.streams.len());
        let mut before = self.loaded;
        for ((stream, event), context) in staged.events.into_iter().zip(accepted) {
            if !states.iter().any(|(name, _)| *name == stream) {
                let loaded =
                    before.iter().position(|(name, _)| *name == stream).map(|index| before.swap_remove(index).1);
                let opened = loaded.as_ref().is_none_or(|loaded| loaded.hot.as_ref().is_none_or(|hot| hot.opened));
                let Some(fresh) = super::handlers::fresh(&stream) else { continue };
                let state = loaded.map_or(fresh, |loaded| loaded.state);
                cache.remove(&stream);
                let hot = Hot { term, state, version: Version::NONE, last_occurred: None, durable: None, opened };
                states.push((stream.clone(), hot));
            }
            let Some(index) = states.iter().position(|(name, _)| *name == stream) else { continue };
            let (name, mut hot) = states.swap_remove(index);
            match hot.state.with(event) {
                Some(state) => hot.state = state,
                None => {
                    tracing::error!(stream = %name, "an event was staged on a stream of another family");
                    continue;
                }
            }
            hot.version = context.version;
            hot.last_occurred = Some(context.occurred_at);
            hot.durable = Some(durable.clone());
            states.push((name, hot));
        }
        states.into_iter().for_each(|(name, hot)| cache.put(name, hot));
    }
}

fn wrong_type(stream: &StreamName) -> Failure {
    Failure::lasting("event log", format!("stream {stream} holds events of another family"))
}

fn unreadable(stream: &StreamName, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::lasting("event log", format!("stream {stream} cannot be read")).caused_by(error)
}
