//! A Bloom filter over the keys of a table: says no for sure, or perhaps.

use super::key::{Kind, mixed};

const BITS_PER_KEY: usize = 10;
const PROBES: u64 = 7;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Filter(Vec<u64>);

impl Filter {
    /// A filter with room for so many keys: about one in a hundred others is let through.
    pub(crate) fn for_keys(keys: usize) -> Filter {
        Filter(vec![0; (keys * BITS_PER_KEY).div_ceil(64).max(1)])
    }

    /// How many keys it has room for.
    pub(crate) fn keys_at_most(&self) -> usize {
        self.0.len() * 64 / BITS_PER_KEY
    }

    pub(crate) fn add(&mut self, kind: Kind, hash: u64) {
        for bit in self.bits(kind, hash) {
            self.0[(bit / 64) as usize] |= 1 << (bit % 64);
        }
    }

    pub(crate) fn may_have(&self, kind: Kind, hash: u64) -> bool {
        self.bits(kind, hash).all(|bit| self.0[(bit / 64) as usize] & (1 << (bit % 64)) != 0)
    }

    fn bits(&self, kind: Kind, hash: u64) -> impl Iterator<Item = u64> + use<> {
        let size = self.0.len() as u64 * 64;
        let first = mixed(hash ^ ((kind as u64 + 1) << 61));
        let step = mixed(first) | 1;
        (0..PROBES).map(move |probe| first.wrapping_add(step.wrapping_mul(probe)) % size)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Filter> {
        let words = bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
        (bytes.len().is_multiple_of(8) && !bytes.is_empty()).then(|| Filter(words.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_never_denies_a_key_it_has_and_lets_few_others_through() {
        let mut filter = Filter::for_keys(10_000);
        (0..10_000u64).for_each(|n| filter.add(Kind::Tag, mixed(n)));
        assert!((0..10_000u64).all(|n| filter.may_have(Kind::Tag, mixed(n))));
        let others = (10_000..110_000u64).filter(|n| filter.may_have(Kind::Tag, mixed(*n))).count();
        assert!(others < 2_000, "{others} of 100,000 were let through");
        let kinds = (0..10_000u64).filter(|n| filter.may_have(Kind::Stream, mixed(*n))).count();
        assert!(kinds < 300, "the kind is part of the key");
        assert_eq!(Filter::from_bytes(&filter.to_bytes()), Some(filter));
    }
}
