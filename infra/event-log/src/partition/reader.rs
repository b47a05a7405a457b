//! Finding frames again: in the groups still in memory, else in the segments.

use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::kernel::{Partition as Number, StreamName, Tag, Version};
use carelog_domain::ports::{BoxFuture, Direction, EventFilter, Failure, Stored};
use carelog_schemas::frame::{Frame, FrameError};

use super::lookup::has_tag;
use super::{Partition, State};
use crate::error::{lasting, passing};
use crate::group::Group;
use crate::index::key::Kind;

/// How many frames a chunk of a subscription has at most.
const CHUNK_FRAMES_MAX: usize = 512;
/// How many bytes a chunk of a subscription has at most, about.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;

impl Partition {
    /// The accepted events of a stream after a version.
    pub(crate) fn read_stream(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Stored>, Failure> {
        let layers = self.layers(|index| {
            let Some(part) = index.stream(stream.as_str()) else { return vec![] };
            let skip = (after.0 + 1).saturating_sub(part.first_version) as usize;
            part.offsets.iter().copied().skip(skip).take(limit).collect()
        })?;
        let old = layers.tables.all(Kind::Stream, layers.tables.hasher.stream(stream.as_str()))?;
        let old = old.into_iter().filter(|entry| entry.version > after.0).map(|entry| entry.offset);
        self.collect(old.chain(layers.in_memory), limit, |frame| frame.stream() == stream.as_str())
    }

    /// The last accepted version of a stream.
    pub(crate) fn stream_version(&self, stream: &StreamName) -> Result<Version, Failure> {
        let (known, tables) = {
            let mut state = self.state.lock();
            Self::check_alive(&state)?;
            (state.version_known(stream.as_str()), state.tables.clone())
        };
        match known {
            Some(version) => Ok(version),
            None => Ok(self.version_in_tables(&tables, stream)?.unwrap_or(Version::NONE)),
        }
    }

    /// The accepted events of a slot with a tag.
    pub(crate) fn read_tag(
        &self,
        slot: u16,
        tag: &Tag,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Stored>, Failure> {
        let layers = self.layers(|index| index.tag(slot, tag.as_str()).to_vec())?;
        let wanted = |frame: &Frame<'_>| has_tag(frame, slot, tag);
        let hash = layers.tables.hasher.tag(slot, tag.as_str());
        match direction {
            Direction::Forward => {
                let old = layers.tables.all(Kind::Tag, hash)?.into_iter().map(|entry| entry.offset);
                self.collect(old.chain(layers.in_memory), limit, wanted)
            }
            Direction::Backward => {
                let mut found = self.collect(layers.in_memory.into_iter().rev(), limit, wanted)?;
                if found.len() < limit {
                    layers.tables.newest(Kind::Tag, hash, |entry| {
                        found.extend(self.collect(std::iter::once(entry.offset), 1, wanted)?);
                        Ok::<_, Failure>((found.len() >= limit).then_some(()))
                    })?;
                }
                Ok(found)
            }
        }
    }

    /// The events at these offsets that are wanted, at most `limit`.
    fn collect(
        &self,
        offsets: impl Iterator<Item = u64>,
        limit: usize,
        wanted: impl Fn(&Frame<'_>) -> bool,
    ) -> Result<Vec<Stored>, Failure> {
        let mut found = Vec::new();
        for offset in offsets {
            if found.len() >= limit {
                break;
            }
            if let Some(bytes) = self.check_frame(offset, &wanted)? {
                let frame = Frame::parse_trusted(&bytes).and_then(|frame| frame.stored(&bytes));
                found.push(frame.map_err(|error| unreadable(self.number, offset, error))?);
            }
        }
        Ok(found)
    }

    /// Durable events that match, and where to go on.
    pub(crate) fn read(
        &self,
        from: u64,
        direction: Direction,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<(Vec<Stored>, Option<u64>), Failure> {
        match direction {
            Direction::Forward => self.read_forward(from, filter, limit),
            Direction::Backward => self.read_backward(from, filter, limit),
        }
    }

    fn read_forward(
        &self,
        from: u64,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<(Vec<Stored>, Option<u64>), Failure> {
        let end = self.durable_end();
        let mut found = Vec::new();
        if limit == 0 || from >= end {
            return Ok((found, (from < end).then_some(from)));
        }
        let mut next = end;
        self.for_each_frame(from, end, |offset, bytes| {
            if let Some(stored) = matching(offset, bytes, filter)? {
                found.push(stored);
            }
            let full = found.len() == limit;
            if full {
                next = offset + 1;
            }
            Ok(!full)
        })?;
        Ok((found, (next < end).then_some(next)))
    }

    fn read_backward(
        &self,
        from: u64,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<(Vec<Stored>, Option<u64>), Failure> {
        let durable = self.durable_end();
        let mut found = Vec::new();
        let mut end = from.saturating_add(1).min(durable);
        let mut step = 64u64;
        while end > 0 && found.len() < limit {
            let start = end.saturating_sub(step);
            let mut chunk = Vec::new();
            self.for_each_frame(start, end, |offset, bytes| {
                if let Some(stored) = matching(offset, bytes, filter)? {
                    chunk.push(stored);
                }
                Ok(true)
            })?;
            found.extend(chunk.into_iter().rev().take(limit - found.len()));
            end = match found.last().filter(|_| found.len() == limit) {
                Some(last) => last.context.position.offset,
                None => start,
            };
            step = (step * 2).min(4096);
        }
        Ok((found, end.checked_sub(1)))
    }

    /// Durable events from `from` on, at most a chunk of them.
    pub(crate) fn chunk(&self, from: u64) -> Result<Vec<Stored>, Failure> {
        let mut found = Vec::new();
        let mut bytes_read = 0;
        self.for_each_frame(from, self.durable_end(), |offset, bytes| {
            found.extend(matching(offset, bytes, &EventFilter::default())?);
            bytes_read += bytes.len();
            Ok(found.len() < CHUNK_FRAMES_MAX && bytes_read < CHUNK_BYTES_MAX)
        })?;
        Ok(found)
    }

    /// True when the frame at `from` is still in memory, so that reading it waits for no disk.
    pub(crate) fn is_recent(&self, from: u64) -> bool {
        let state = self.state.lock();
        state.recent.front().is_some_and(|oldest| oldest.first_offset <= from)
    }

    /// Shows durable frames from `from` to `to` in order until told to stop.
    pub(super) fn for_each_frame(
        &self,
        from: u64,
        to: u64,
        mut show: impl FnMut(u64, &Bytes) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut at = from;
        while at < to {
            if let Some(group) = self.recent_group(at) {
                while let Some(frame) = group.frame(at).filter(|_| at < to) {
                    if !show(at, &frame)? {
                        return Ok(());
                    }
                    at += 1;
                }
                continue;
            }
            let upto = self.oldest_recent().unwrap_or(to).clamp(at + 1, to);
            let mut reader = self.segments.reader(at, upto)?;
            while let Some((offset, frame)) = reader.next()? {
                if !show(offset, &frame)? {
                    return Ok(());
                }
                at = offset + 1;
            }
        }
        Ok(())
    }

    fn oldest_recent(&self) -> Option<u64> {
        self.state.lock().recent.front().map(|group| group.first_offset)
    }

    fn recent_group(&self, offset: u64) -> Option<Arc<Group>> {
        recent_group(&self.state.lock(), offset)
    }

    /// The bytes of an accepted frame, durable or not.
    pub(super) fn accepted_frame(&self, offset: u64) -> Result<Bytes, Failure> {
        {
            let state = self.state.lock();
            if let Some(frame) = state.gathering.frame(offset) {
                return Ok(Bytes::copy_from_slice(frame));
            }
            if let Some(frame) = recent_group(&state, offset).and_then(|group| group.frame(offset)) {
                return Ok(frame);
            }
        }
        if offset >= self.durable_end() {
            return Err(taken_back());
        }
        let read = self.segments.reader(offset, offset + 1)?.next()?;
        // A copy, so that whoever keeps the event does not keep the whole window it was read in.
        read.map(|(_, frame)| Bytes::copy_from_slice(&frame))
            .ok_or_else(|| lasting(format!("frame {offset} is missing")))
    }

    pub(super) fn stored(&self, offset: u64) -> Result<Stored, Failure> {
        let bytes = self.accepted_frame(offset)?;
        let frame = Frame::parse(&bytes).map_err(|error| unreadable(self.number, offset, error))?;
        frame.stored(&bytes).map_err(|error| unreadable(self.number, offset, error))
    }

    /// Completes when everything before `end` is durable. Refused where something was taken back since `end` was found.
    pub(super) fn durable_through(
        &self,
        end: u64,
        retractions: u64,
    ) -> Result<BoxFuture<'static, Result<(), Failure>>, Failure> {
        let mut durable = self.watch_durable();
        let state = self.state.lock();
        if state.retractions != retractions {
            return Err(taken_back());
        }
        if self.durable_end() >= end {
            return Ok(Box::pin(std::future::ready(Ok(())))); // Its group may be forgotten already.
        }
        let group = state.recent.iter().find(|group| group.end() >= end).map(|group| group.done.clone());
        let done = group.unwrap_or_else(|| state.gathering.done.clone());
        drop(state);
        Ok(Box::pin(async move {
            done.wait().await?;
            let reached = durable.wait_for(|now| now.end >= end).await;
            reached.map(|_| ()).map_err(|_| passing("the log closed before the batch was durable"))
        }))
    }
}

/// Of an owner whose epoch ended while somebody read what it had accepted.
fn taken_back() -> Failure {
    passing("what was accepted here was taken back, since the partition is another's now; ask again")
}

pub(super) fn recent_group(state: &State, offset: u64) -> Option<Arc<Group>> {
    let after = state.recent.partition_point(|group| group.first_offset <= offset);
    let group = state.recent.get(after.checked_sub(1)?)?;
    (offset < group.end()).then(|| group.clone())
}

fn matching(offset: u64, bytes: &Bytes, filter: &EventFilter) -> Result<Option<Stored>, Failure> {
    let unreadable =
        |error| lasting(format!("frame {offset} cannot be read; run `carelog log verify`")).caused_by(error);
    let frame: Frame<'_> = Frame::parse(bytes).map_err(unreadable)?;
    match frame.matches(filter) {
        true => frame.stored(bytes).map(Some).map_err(unreadable),
        false => Ok(None),
    }
}

pub(super) fn unreadable(partition: Number, offset: u64, error: FrameError) -> Failure {
    lasting(format!("frame {partition}:{offset} cannot be read; run `carelog log verify`")).caused_by(error)
}
