//! Which partition holds which slot. The map stands in the header of every segment, so it is part of the log and a
//! hand-over one day begins a new segment (docs/decisions/0010).

use carelog_domain::kernel::{Partition, Slot};

/// A map from all slots to partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SlotMap {
    /// One more with every change.
    pub(crate) version: u32,
    partitions: Box<[u16]>,
}

impl SlotMap {
    /// The map a new log begins with: slots dealt out in turn.
    pub(crate) fn dealt(partitions: u16) -> SlotMap {
        SlotMap { version: 1, partitions: (0..Slot::COUNT).map(|slot| slot % partitions).collect() }
    }

    pub(crate) fn from_table(version: u32, partitions: Box<[u16]>) -> Option<SlotMap> {
        (partitions.len() == usize::from(Slot::COUNT)).then_some(SlotMap { version, partitions })
    }

    pub(crate) fn partition_of(&self, slot: Slot) -> Partition {
        Partition(self.partitions[usize::from(slot.number())])
    }

    pub(crate) fn table(&self) -> &[u16] {
        &self.partitions
    }
}
