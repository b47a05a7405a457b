//! Looking things up: the newest events in memory, exactly; older ones in tables, where a hash only says perhaps and
//! the frame is read to be sure. Tables are read without the lock; [`Old`] says which set of them was read.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use carelog_domain::kernel::{CommandId, StreamName, Tag, Version};
use carelog_domain::ports::{Batch, Failure};
use carelog_schemas::frame::Frame;

use super::{Partition, State};
use crate::error::lasting;
use crate::index::key::Kind;
use crate::index::memory::MemoryIndex;
use crate::index::set::TableSet;
use crate::index::store::StoreError;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        lasting("the index could not be used").caused_by(error)
    }
}

/// What the tables say about a batch; true while the partition has this very set of tables.
pub(super) struct Old {
    tables: Arc<TableSet>,
    retractions: u64,
    pub(super) command: Option<u64>,
    pub(super) versions: HashMap<StreamName, Version>,
    tags: HashMap<Tag, u64>,
}

impl Old {
    pub(super) fn is_of(&self, state: &State) -> bool {
        Arc::ptr_eq(&self.tables, &state.tables) && self.retractions == state.retractions
    }
}

impl State {
    /// What is indexed in memory, newest first.
    fn memory(&self) -> impl Iterator<Item = &MemoryIndex> {
        std::iter::once(&self.index).chain(self.frozen.iter().rev().map(|frozen| &**frozen))
    }

    /// The version of a stream that has an event in memory.
    pub(super) fn version_in_memory(&self, stream: &str) -> Option<Version> {
        self.memory().find_map(|index| index.stream(stream)).map(|part| part.last_version())
    }

    /// The version of a stream as far as it is known without asking a table.
    pub(super) fn version_known(&mut self, stream: &str) -> Option<Version> {
        self.version_in_memory(stream).or_else(|| self.versions.get(stream))
    }

    /// Keeps what these tables said of a stream, if they are the ones there are and no event came since.
    fn keep_version(&mut self, tables: &Arc<TableSet>, stream: &StreamName, version: Version) {
        if Arc::ptr_eq(tables, &self.tables) && self.version_known(stream.as_str()).is_none() {
            self.versions.found(stream.as_str(), version);
        }
    }

    fn tag_in_memory(&self, slot: u16, tag: &str) -> Option<u64> {
        self.memory().find_map(|index| index.tag(slot, tag).last().copied())
    }

    /// Where a command that is in memory begins; in any slot if none is given.
    pub(super) fn command_in_memory(&self, slot: Option<u16>, command: CommandId) -> Option<u64> {
        let wanted = |slot_of: u16| slot.is_none_or(|slot| slot == slot_of);
        self.memory().find_map(|index| index.command(command).iter().find(|place| wanted(place.slot))).map(|p| p.offset)
    }

    /// The last offset with a tag.
    pub(super) fn last_with_tag(&self, old: &Old, slot: u16, tag: &Tag) -> Option<u64> {
        self.tag_in_memory(slot, tag.as_str()).or_else(|| old.tags.get(tag).copied())
    }
}

impl Partition {
    /// Asks the tables what memory does not know about a batch.
    pub(super) fn look_up_old(&self, batch: &Batch) -> Result<Old, Failure> {
        let slot = batch.slot.number();
        let (mut old, streams, tags) = {
            let mut state = self.state.lock();
            let (tables, retractions) = (state.tables.clone(), state.retractions);
            let mut old = Old { tables, retractions, command: None, versions: HashMap::new(), tags: HashMap::new() };
            let mut streams: Vec<&StreamName> = Vec::new();
            let mut tags: Vec<&Tag> = Vec::new();
            if !old.tables.tables.is_empty() {
                let named = batch.expected.iter().map(|(s, _)| s).chain(batch.events.iter().map(|e| &e.stream));
                for stream in named {
                    if state.version_in_memory(stream.as_str()).is_some() {
                        continue;
                    }
                    match state.versions.get(stream.as_str()) {
                        Some(version) => _ = old.versions.insert(stream.clone(), version),
                        None => streams.push(stream),
                    }
                }
                let asked = batch.conditions.iter().map(|condition| &condition.tag);
                tags.extend(asked.filter(|tag| state.tag_in_memory(slot, tag.as_str()).is_none()));
            }
            (old, streams, tags)
        };
        old.command = self.command_in_tables(&old.tables, Some(slot), batch.command)?;
        for stream in streams {
            if !old.versions.contains_key(stream)
                && let Some(version) = self.version_in_tables(&old.tables, stream)?
            {
                old.versions.insert(stream.clone(), version);
            }
        }
        for tag in tags {
            if let Some(offset) = self.tag_in_tables(&old.tables, slot, tag)? {
                old.tags.insert(tag.clone(), offset);
            }
        }
        Ok(old)
    }

    pub(super) fn command_in_tables(
        &self,
        tables: &TableSet,
        slot: Option<u16>,
        command: CommandId,
    ) -> Result<Option<u64>, Failure> {
        tables.newest(Kind::Command, tables.hasher.command(command), |entry| {
            let found = self.check_frame(entry.offset, |frame| {
                frame.command() == command && slot.is_none_or(|slot| slot == frame.slot_number())
            })?;
            Ok(found.map(|_| entry.offset))
        })
    }

    /// What these tables say of a stream; kept for whoever asks next.
    pub(super) fn version_in_tables(
        &self,
        tables: &Arc<TableSet>,
        stream: &StreamName,
    ) -> Result<Option<Version>, Failure> {
        let version = tables.newest(Kind::Stream, tables.hasher.stream(stream.as_str()), |entry| {
            let found = self.check_frame(entry.offset, |frame| frame.stream() == stream.as_str())?;
            Ok::<_, Failure>(found.map(|_| Version(entry.version)))
        })?;
        if let Some(version) = version {
            self.state.lock().keep_version(tables, stream, version);
        }
        Ok(version)
    }

    fn tag_in_tables(&self, tables: &TableSet, slot: u16, tag: &Tag) -> Result<Option<u64>, Failure> {
        tables.newest(Kind::Tag, tables.hasher.tag(slot, tag.as_str()), |entry| {
            Ok(self.check_frame(entry.offset, |frame| has_tag(frame, slot, tag))?.map(|_| entry.offset))
        })
    }

    /// The frame, if it is the one that is looked for.
    pub(super) fn check_frame(
        &self,
        offset: u64,
        wanted: impl Fn(&Frame<'_>) -> bool,
    ) -> Result<Option<Bytes>, Failure> {
        let bytes = self.accepted_frame(offset)?;
        let frame = Frame::parse(&bytes).map_err(|error| super::reader::unreadable(self.number, offset, error))?;
        Ok(wanted(&frame).then_some(bytes))
    }
}

pub(super) fn has_tag(frame: &Frame<'_>, slot: u16, tag: &Tag) -> bool {
    frame.slot_number() == slot && frame.tags().any(|stored| stored == tag.as_str())
}

/// The layers that were there at one moment, for reads of many events.
pub(super) struct Layers {
    pub(super) tables: Arc<TableSet>,
    pub(super) in_memory: Vec<u64>,
}

impl Partition {
    /// The tables, and the offsets in memory that `of` picks, oldest first.
    pub(super) fn layers(&self, of: impl Fn(&MemoryIndex) -> Vec<u64>) -> Result<Layers, Failure> {
        let state = self.state.lock();
        Self::check_alive(&state)?;
        let mut in_memory: Vec<u64> = state.frozen.iter().flat_map(|frozen| of(frozen)).collect();
        in_memory.extend(of(&state.index));
        Ok(Layers { tables: state.tables.clone(), in_memory })
    }
}
