//! RFC 6962 Merkle trees: a compact range that grows leaf by leaf, and the subtree roots kept so that the root over
//! any number of leaves is found without hashing from the first.

use carelog_domain::ports::Root;
use sha2::{Digest, Sha256};

/// A node of the tree.
pub(crate) type Hash = [u8; 32];

/// Leaves under one kept subtree root.
pub(crate) const KEPT_EVERY: u64 = 1 << KEPT_LEVEL;
const KEPT_LEVEL: u32 = 8;

/// The hash of a leaf, the frame's bytes.
pub(crate) fn leaf_hash(frame: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0x00]);
    hash.update(frame);
    hash.finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0x01]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// The roots of the full subtrees over the first `size` leaves, largest first: all that is needed to go on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct CompactRange {
    size: u64,
    peaks: Vec<Hash>,
}

impl CompactRange {
    /// The range with these peaks, if their number fits the size.
    pub(crate) fn from_parts(size: u64, peaks: Vec<Hash>) -> Option<CompactRange> {
        (peaks.len() == size.count_ones() as usize).then_some(CompactRange { size, peaks })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds one leaf's hash.
    pub(crate) fn push(&mut self, leaf: Hash) {
        self.push_subtree(leaf, 0);
    }

    /// Adds the root of a full subtree of `1 << level` leaves; the size must be a multiple of that.
    fn push_subtree(&mut self, root: Hash, level: u32) {
        debug_assert_eq!(self.size % (1 << level), 0, "a subtree stands on its boundary");
        let mut node = root;
        let mut ones = self.size >> level;
        while ones & 1 == 1 {
            let left = self.peaks.pop().expect("a peak for every bit set in the size");
            node = node_hash(&left, &node);
            ones >>= 1;
        }
        self.peaks.push(node);
        self.size += 1 << level;
    }

    /// The Merkle tree hash over all leaves so far.
    pub(crate) fn root(&self) -> Root {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Root(Sha256::digest([]).into()) };
        Root(peaks.fold(*last, |right, left| node_hash(left, &right)))
    }
}

/// A partition's tree: the compact range at its end and a subtree root for every [`KEPT_EVERY`] leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    end: CompactRange,
    kept: Vec<Hash>,
    open: CompactRange,
}

impl Tree {
    /// A tree from what the index kept: the range at its end, the kept roots, and the leaves after the last of them.
    pub(crate) fn restore(kept: Vec<Hash>, leaves: impl IntoIterator<Item = Hash>) -> Tree {
        let mut tree = Tree::default();
        for root in &kept {
            tree.end.push_subtree(*root, KEPT_LEVEL);
        }
        tree.kept = kept;
        leaves.into_iter().for_each(|leaf| tree.push(leaf));
        tree
    }

    /// How many leaves.
    pub(crate) fn size(&self) -> u64 {
        self.end.size()
    }

    /// Adds one leaf's hash.
    pub(crate) fn push(&mut self, leaf: Hash) {
        self.end.push(leaf);
        self.open.push(leaf);
        if self.open.size() == KEPT_EVERY {
            self.kept.push(self.open.peaks()[0]);
            self.open = CompactRange::default();
        }
    }

    /// The range over all leaves.
    pub(crate) fn end(&self) -> &CompactRange {
        &self.end
    }

    /// The kept roots from the `first`-th on.
    pub(crate) fn kept_from(&self, first: u64) -> &[Hash] {
        self.kept.get(first as usize..).unwrap_or_default()
    }

    /// The range over the largest multiple of [`KEPT_EVERY`] that is at most `size`; add the leaves up to `size`.
    pub(crate) fn range_below(&self, size: u64) -> CompactRange {
        let mut range = CompactRange::default();
        for root in &self.kept[..((size / KEPT_EVERY) as usize).min(self.kept.len())] {
            range.push_subtree(*root, KEPT_LEVEL);
        }
        range
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, section 2.1, word by word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&by_definition(&leaves[..split]), &by_definition(&leaves[split..]))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_definition_at_every_size() {
        let leaves: Vec<Hash> = (0u32..1_300).map(|n| leaf_hash(&n.to_le_bytes())).collect();
        let mut tree = Tree::default();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.end().root().0, by_definition(&leaves[..size]), "at {size}");
            tree.push(*leaf);
        }
        for size in [0usize, 1, 255, 256, 257, 511, 512, 1_000, 1_300] {
            let mut range = tree.range_below(size as u64);
            leaves[range.size() as usize..size].iter().for_each(|leaf| range.push(*leaf));
            assert_eq!(range.root().0, by_definition(&leaves[..size]), "at {size}");
        }
    }

    #[test]
    fn a_restored_tree_goes_on_where_it_was() {
        let leaves: Vec<Hash> = (0u32..1_300).map(|n| leaf_hash(&n.to_le_bytes())).collect();
        let mut whole = Tree::default();
        leaves.iter().for_each(|leaf| whole.push(*leaf));
        let restored = Tree::restore(whole.kept_from(0).to_vec(), leaves[1_280..].iter().copied());
        assert_eq!(restored.end(), whole.end());
        assert_eq!(restored.kept_from(0), whole.kept_from(0));
    }

    #[test]
    fn the_empty_tree_and_one_leaf_have_the_published_hashes() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Tree::default().end().root().to_string(), empty);
        let leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(hex::encode(leaf_hash(b"")), leaf);
    }
}
