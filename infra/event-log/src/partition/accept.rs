//! Taking a batch in: everything is decided and fixed here, under the lock and in memory; nothing waits for a disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use carelog_domain::kernel::{CommandId, Context, Position, StreamName, Timestamp, Version};
use carelog_domain::ports::{Accepted, AppendError, Batch, Expected, Failure, Fingerprint, ToAppend};
use carelog_schemas::frame::{self, FRAME_BYTES_MAX, Frame, FrameError, FrameParts};

use super::lookup::Old;
use super::{Partition, State};
use crate::error::{lasting, passing};
use crate::index::memory::MemoryIndex;

/// The largest batch: a batch stands in one segment and is written at once; recovery looks no further for leftovers.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What a frame has at most beside its data and tags, with its length.
const FRAME_REST_BYTES_MAX: usize = 1024;
/// So much may wait for the disk; a disk that hangs must not fill the memory.
const GATHERED_BYTES_MAX: usize = 256 * 1024 * 1024;

impl Partition {
    /// Takes a batch in, or finds what its command did before.
    pub(crate) fn accept(&self, batch: Batch) -> Result<Accepted, AppendError> {
        check_shape(&batch)?;
        loop {
            let old = self.look_up_old(&batch).map_err(AppendError::Failed)?;
            let mut state = self.state.lock();
            if !old.is_of(&state) {
                continue; // A table was written or merged, or something taken back: what memory knew then is elsewhere.
            }
            Self::check_alive(&state).and_then(|()| Self::check_takes(&state)).map_err(AppendError::Failed)?;
            let before = state.command_in_memory(Some(batch.slot.number()), batch.command).or(old.command);
            if let Some(offset) = before {
                let retractions = state.retractions;
                drop(state);
                return self.repeated(offset, retractions, &batch);
            }
            if let Some(decided) = batch.term.filter(|decided| decided.0 != state.epoch) {
                return Err(AppendError::TermOver { decided });
            }
            if state.gathering.bytes.len() > GATHERED_BYTES_MAX {
                return Err(AppendError::Failed(passing("the disk does not keep up; try again later")));
            }
            let versions = Self::check_expected(&state, old.versions.clone(), &batch)?;
            self.check_conditions(&state, &old, &batch)?;
            let plan = self.plan(&state, &batch, versions);
            return self.take_in(&mut state, batch, plan);
        }
    }

    fn repeated(&self, offset: u64, retractions: u64, batch: &Batch) -> Result<Accepted, AppendError> {
        let before = self.accepted_at(offset, retractions).map_err(AppendError::Failed)?;
        match before.fingerprint == batch.fingerprint {
            true => Ok(before),
            false => Err(AppendError::FingerprintDiffers { command: batch.command }),
        }
    }

    /// What the command did, if it was accepted in the slot, or in any if none is given.
    pub(crate) fn find_command(&self, slot: Option<u16>, command: CommandId) -> Result<Option<Accepted>, Failure> {
        let (in_memory, tables, retractions) = {
            let state = self.state.lock();
            Self::check_alive(&state)?;
            (state.command_in_memory(slot, command), state.tables.clone(), state.retractions)
        };
        let place = match in_memory {
            Some(offset) => Some(offset),
            None => self.command_in_tables(&tables, slot, command)?,
        };
        place.map(|offset| self.accepted_at(offset, retractions)).transpose()
    }

    /// The version of every stream the batch names; they start with what the tables know.
    fn check_expected(
        state: &State,
        mut versions: HashMap<StreamName, Version>,
        batch: &Batch,
    ) -> Result<HashMap<StreamName, Version>, AppendError> {
        let streams = batch.expected.iter().map(|(stream, _)| stream).chain(batch.events.iter().map(|e| &e.stream));
        for stream in streams {
            let known = state.version_in_memory(stream.as_str());
            if let Some(version) = known {
                versions.insert(stream.clone(), version);
            } else if !versions.contains_key(stream) {
                versions.insert(stream.clone(), Version::NONE);
            }
        }
        for (stream, expected) in &batch.expected {
            if let Expected::Exactly(expected) = *expected
                && versions[stream] != expected
            {
                return Err(AppendError::StreamMoved { stream: stream.clone(), expected, found: versions[stream] });
            }
        }
        Ok(versions)
    }

    fn check_conditions(&self, state: &State, old: &Old, batch: &Batch) -> Result<(), AppendError> {
        for condition in &batch.conditions {
            let used = state.last_with_tag(old, batch.slot.number(), &condition.tag);
            if let Some(offset) = used
                && condition.after.is_none_or(|after| offset > after)
            {
                let found = Position { partition: self.number, offset };
                return Err(AppendError::TagUsed { tag: condition.tag.clone(), found });
            }
        }
        Ok(())
    }

    /// Version and recorded-at of each event: later than the last one, than the cause, and not before it happened.
    fn plan(
        &self,
        state: &State,
        batch: &Batch,
        mut versions: HashMap<StreamName, Version>,
    ) -> Vec<(Version, Timestamp)> {
        let after = batch.recorded_after.map_or(i64::MIN, |cause| cause.micros() + 1);
        let earliest = self.clock.now().micros().max(after);
        let mut last = state.last_recorded_at.micros();
        let place = |event: &ToAppend| {
            let version = versions.get_mut(&event.stream).expect("every stream of the batch was looked up");
            *version = version.next();
            last = earliest.max(last + 1).max(event.occurred_at.micros());
            (*version, Timestamp::from_micros(last))
        };
        batch.events.iter().map(place).collect()
    }

    fn take_in(
        &self,
        state: &mut State,
        batch: Batch,
        plan: Vec<(Version, Timestamp)>,
    ) -> Result<Accepted, AppendError> {
        let length = batch.events.len() as u16;
        let first_offset = state.next_offset;
        let position = |index: u16| Position { partition: self.number, offset: first_offset + u64::from(index) };
        let encode = |index: u16, out: &mut Vec<u8>| {
            let (event, (version, recorded_at)) = (&batch.events[usize::from(index)], plan[usize::from(index)]);
            let parts = FrameParts {
                position: position(index),
                slot: batch.slot,
                id: event.id,
                stream: &event.stream,
                version,
                event_type: &event.event_type,
                revision: event.revision,
                occurred_at: event.occurred_at,
                occurred_assumed: event.occurred_assumed,
                recorded_at,
                hospital: event.hospital,
                actor: &batch.actor,
                command: batch.command,
                index,
                batch_length: length,
                fingerprint: (index == 0).then_some(batch.fingerprint),
                correlation: batch.correlation,
                causation: batch.causation,
                traceparent: batch.traceparent.as_deref(),
                tags: &event.tags,
                data: &event.data,
            };
            frame::encode(&parts, out)
        };
        state.gathering.add(length, encode).map_err(refused)?;
        let mut contexts = Vec::with_capacity(batch.events.len());
        for (index, (event, (version, recorded_at))) in batch.events.into_iter().zip(plan).enumerate() {
            let position = position(index as u16);
            let tags = event.tags.iter().map(|tag| tag.as_str());
            let first_of = (index == 0).then_some(batch.command);
            state.index.add((position.offset, batch.slot.number()), (event.stream.as_str(), version), tags, first_of);
            state.versions.moved(event.stream.as_str(), version);
            state.last_recorded_at = recorded_at;
            contexts.push(Context {
                id: event.id,
                position,
                stream: event.stream,
                version,
                revision: event.revision,
                occurred_at: event.occurred_at,
                occurred_assumed: event.occurred_assumed,
                recorded_at,
                hospital: event.hospital,
                actor: batch.actor.clone(),
                command: batch.command,
                index: index as u16,
                batch_length: length,
                correlation: batch.correlation,
                causation: batch.causation,
                traceparent: batch.traceparent.clone(),
                tags: event.tags,
            });
        }
        state.next_offset += u64::from(length);
        self.freeze_if_full(state);
        state.gathering.last_recorded_at = state.last_recorded_at;
        let durable = state.gathering.done.wait();
        if std::mem::take(&mut state.writer_waits) {
            self.work.notify_one();
        }
        Ok(Accepted { repeated: false, events: contexts, fingerprint: batch.fingerprint, durable: Box::pin(durable) })
    }

    /// An index in memory that is full waits to become a table.
    pub(super) fn freeze_if_full(&self, state: &mut State) {
        if state.index.events() < self.memory_index_events_max {
            return;
        }
        let full = std::mem::replace(&mut state.index, MemoryIndex::starting_at(state.next_offset));
        if state.frozen.is_empty() {
            self.frozen_end.store(full.next_offset, Ordering::Release);
        }
        state.frozen.push_back(Arc::new(full));
        self.backlog.set_waiting(self.number.0, &state.frozen);
    }

    /// The batch that begins at an accepted offset, as a repeat of its command is answered. The place was found after so
    /// many retractions: what was taken back since is not what was found, and another batch may stand there by now.
    fn accepted_at(&self, offset: u64, retractions: u64) -> Result<Accepted, Failure> {
        let first = self.accepted_frame(offset)?;
        let unreadable = |error: FrameError| lasting(format!("frame {offset} cannot be read")).caused_by(error);
        let view = Frame::parse(&first).map_err(unreadable)?;
        let fingerprint = view.fingerprint().unwrap_or(Fingerprint([0; 32]));
        let mut events = vec![view.context().map_err(unreadable)?];
        for next in 1..u64::from(view.batch_length()) {
            let frame = self.accepted_frame(offset + next)?;
            events.push(Frame::parse(&frame).and_then(|frame| frame.context()).map_err(unreadable)?);
        }
        let last = offset + events.len() as u64;
        Ok(Accepted { repeated: true, events, fingerprint, durable: self.durable_through(last, retractions)? })
    }
}

/// What is wrong with a batch before anything is looked up.
fn check_shape(batch: &Batch) -> Result<(), AppendError> {
    let bad = |what: String| Err(AppendError::Failed(lasting(what)));
    if batch.events.is_empty() || batch.events.len() > usize::from(u16::MAX) {
        return bad(format!("a batch has 1 to 65,535 events, not {}", batch.events.len()));
    }
    let tag_bytes = |event: &ToAppend| event.tags.iter().map(|tag| tag.as_str().len() + 1).sum::<usize>();
    let bytes: usize =
        batch.events.iter().map(|event| event.data.len() + tag_bytes(event) + FRAME_REST_BYTES_MAX).sum();
    if bytes > BATCH_BYTES_MAX {
        return bad(format!("a batch of about {bytes} bytes exceeds {BATCH_BYTES_MAX}"));
    }
    let streams = batch.expected.iter().map(|(stream, _)| stream).chain(batch.events.iter().map(|e| &e.stream));
    let mut checked: Option<&StreamName> = None;
    for stream in streams {
        if checked != Some(stream) && stream.slot() != batch.slot {
            return bad(format!("stream {stream} is not of the batch's slot {}", batch.slot.number()));
        }
        checked = Some(stream);
    }
    Ok(())
}

fn refused(error: FrameError) -> AppendError {
    match error {
        FrameError::TooLarge { bytes } => AppendError::TooLarge { bytes, bytes_max: FRAME_BYTES_MAX },
        other => AppendError::Failed(lasting("an event cannot be written as a frame").caused_by(other)),
    }
}
