//! What entries are sorted by: the kind of thing and a hash of its name. Two names may share a hash; whoever looks one
//! up reads the frame to be sure.

use carelog_domain::kernel::CommandId;

/// What is looked up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Kind {
    Stream = 0,
    Tag = 1,
    Command = 2,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Stream, Kind::Tag, Kind::Command];
}

/// How names become hashes. Tests keep few bits, so that names collide all the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hasher {
    bits: u32,
}

impl Hasher {
    pub(crate) fn keeping(bits: u32) -> Hasher {
        Hasher { bits: bits.clamp(1, 64) }
    }

    pub(crate) fn bits(self) -> u32 {
        self.bits
    }

    pub(crate) fn stream(self, name: &str) -> u64 {
        self.cut(fnv(FNV_START, name.as_bytes()))
    }

    /// Tags are scoped by slot.
    pub(crate) fn tag(self, slot: u16, tag: &str) -> u64 {
        self.cut(fnv(fnv(FNV_START, &slot.to_be_bytes()), tag.as_bytes()))
    }

    pub(crate) fn tag_key(self, key: &[u8]) -> u64 {
        self.cut(fnv(FNV_START, key))
    }

    /// Commands are looked up with and without their slot, so the slot is read from the frame.
    pub(crate) fn command(self, command: CommandId) -> u64 {
        self.cut(fnv(FNV_START, command.0.as_bytes()))
    }

    fn cut(self, hash: u64) -> u64 {
        mixed(hash) >> (64 - self.bits)
    }
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Spreads every bit over the whole word (the finaliser of MurmurHash3).
pub(crate) fn mixed(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
