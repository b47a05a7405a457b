//! The index over the newest events, exact and in memory.

use std::collections::HashMap;

use carelog_domain::kernel::{CommandId, Version};
use carelog_schemas::frame::Frame;

use super::block::Entry;
use super::key::{Hasher, Kind};

/// Offsets of a stream's events, without gaps from `first_version` on.
#[derive(Clone, Debug)]
pub(crate) struct StreamPart {
    pub(crate) first_version: u64,
    pub(crate) offsets: Vec<u64>,
}

impl StreamPart {
    pub(crate) fn last_version(&self) -> Version {
        Version(self.first_version + self.offsets.len() as u64 - 1)
    }
}

/// Where a command's batch begins, in which slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CommandPlace {
    pub(crate) slot: u16,
    pub(crate) offset: u64,
}

/// What is known of the events from `first_offset` up to, not including, `next_offset`.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryIndex {
    pub(crate) first_offset: u64,
    pub(crate) next_offset: u64,
    streams: HashMap<Box<str>, StreamPart>,
    tags: HashMap<Box<[u8]>, Vec<u64>>,
    commands: HashMap<CommandId, Vec<CommandPlace>>,
}

impl MemoryIndex {
    pub(crate) fn starting_at(offset: u64) -> MemoryIndex {
        MemoryIndex { first_offset: offset, next_offset: offset, ..MemoryIndex::default() }
    }

    /// How many events are indexed here.
    pub(crate) fn events(&self) -> usize {
        (self.next_offset - self.first_offset) as usize
    }

    /// Takes in one event, in order of offsets.
    pub(crate) fn add<'a>(
        &mut self,
        (offset, slot): (u64, u16),
        (stream, version): (&str, Version),
        tags: impl Iterator<Item = &'a str>,
        first_of: Option<CommandId>,
    ) {
        debug_assert_eq!(offset, self.next_offset, "events are indexed in order");
        match self.streams.get_mut(stream) {
            Some(part) => part.offsets.push(offset),
            None => {
                let part = StreamPart { first_version: version.0, offsets: vec![offset] };
                self.streams.insert(stream.into(), part);
            }
        }
        let mut key = Vec::with_capacity(64);
        for tag in tags {
            tag_key(slot, tag, &mut key);
            match self.tags.get_mut(key.as_slice()) {
                Some(offsets) if offsets.last() == Some(&offset) => {} // The tag stands on the event twice.
                Some(offsets) => offsets.push(offset),
                None => {
                    self.tags.insert(key.as_slice().into(), vec![offset]);
                }
            }
        }
        if let Some(command) = first_of {
            self.commands.entry(command).or_default().push(CommandPlace { slot, offset });
        }
        self.next_offset = offset + 1;
    }

    /// Takes in one stored frame.
    pub(crate) fn add_frame(&mut self, frame: &Frame<'_>) {
        let first_of = (frame.index() == 0).then(|| frame.command());
        let place = (frame.position().offset, frame.slot_number());
        self.add(place, (frame.stream(), frame.version()), frame.tags(), first_of);
    }

    /// Forgets the events from `end` on.
    pub(crate) fn truncate(&mut self, end: u64) {
        let cut = |offsets: &mut Vec<u64>| {
            offsets.truncate(offsets.partition_point(|offset| *offset < end));
            !offsets.is_empty()
        };
        self.streams.retain(|_, part| cut(&mut part.offsets));
        self.tags.retain(|_, offsets| cut(offsets));
        self.commands.retain(|_, places| {
            places.retain(|place| place.offset < end);
            !places.is_empty()
        });
        self.next_offset = self.next_offset.min(end);
    }

    /// Everything of a kind as entries of a table, in no order.
    #[allow(clippy::borrowed_box, reason = "a map with boxed keys hands out borrowed boxes")]
    pub(crate) fn entries(&self, kind: Kind, hasher: Hasher) -> Vec<Entry> {
        let plain = |hash: u64| move |offset: &u64| Entry { hash, offset: *offset, version: 0 };
        match kind {
            Kind::Stream => {
                let of = |(name, part): (&Box<str>, &StreamPart)| {
                    let (hash, first) = (hasher.stream(name), part.first_version);
                    let versioned =
                        |(at, offset): (usize, &u64)| Entry { hash, offset: *offset, version: first + at as u64 };
                    part.offsets.iter().enumerate().map(versioned).collect::<Vec<_>>()
                };
                self.streams.iter().flat_map(of).collect()
            }
            Kind::Tag => {
                let of = |(key, offsets): (&Box<[u8]>, &Vec<u64>)| {
                    offsets.iter().map(plain(hasher.tag_key(key))).collect::<Vec<_>>()
                };
                self.tags.iter().flat_map(of).collect()
            }
            Kind::Command => {
                let of = |(command, places): (&CommandId, &Vec<CommandPlace>)| {
                    let hash = hasher.command(*command);
                    places.iter().map(|place| Entry { hash, offset: place.offset, version: 0 }).collect::<Vec<_>>()
                };
                self.commands.iter().flat_map(of).collect()
            }
        }
    }

    pub(crate) fn stream(&self, stream: &str) -> Option<&StreamPart> {
        self.streams.get(stream)
    }

    pub(crate) fn tag(&self, slot: u16, tag: &str) -> &[u64] {
        let mut key = Vec::with_capacity(64);
        tag_key(slot, tag, &mut key);
        self.tags.get(key.as_slice()).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn command(&self, command: CommandId) -> &[CommandPlace] {
        self.commands.get(&command).map_or(&[], Vec::as_slice)
    }
}

/// Tags are scoped by slot, so the slot is part of the key.
pub(crate) fn tag_key(slot: u16, tag: &str, key: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(&slot.to_be_bytes());
    key.extend_from_slice(tag.as_bytes());
}
