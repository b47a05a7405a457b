//! Where a read model lives: the few things the runner needs of it, whether its rows are in SQL or in documents.

use carelog_domain::kernel::{Partition, Position, Timestamp};
use carelog_domain::ports::{BoxFuture, Failure, Root};
use carelog_schemas::read_models::Set;

use crate::change::Change;

/// How far a set has come in a partition: the checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The partition.
    pub partition: Partition,
    /// How many frames were applied.
    pub size: u64,
    /// The Merkle root over them.
    pub root: Root,
    /// Recorded-at of the last of them.
    pub recorded_at: Option<Timestamp>,
}

impl Mark {
    /// Before the first frame; the root is that of nothing, and is never compared.
    pub(crate) fn start(partition: Partition) -> Mark {
        Mark { partition, size: 0, root: Root([0; 32]), recorded_at: None }
    }

    /// The last position applied.
    pub fn position(&self) -> Option<Position> {
        Some(Position { partition: self.partition, offset: self.size.checked_sub(1)? })
    }
}

/// The live set of a read model, and its checkpoints.
pub(crate) struct Stored {
    pub(crate) set: Set,
    pub(crate) marks: Vec<Mark>,
    /// Whether it was ever filled up to the log's end; until then it is shown to nobody.
    pub(crate) filled: bool,
}

/// What a few events come to, and the checkpoint's way over them.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) from: Mark,
    pub(crate) to: Mark,
    pub(crate) changes: Vec<(Position, Vec<Change>)>,
}

/// A read model's home.
pub(crate) trait Home: Send + Sync {
    /// Makes what is missing and says what is there. Other layouts of the read model are other homes.
    fn prepare(&self) -> BoxFuture<'_, Result<Stored, Failure>>;

    /// The checkpoints of a set; partitions it has not begun are absent.
    fn marks(&self, set: Set) -> BoxFuture<'_, Result<Vec<Mark>, Failure>>;

    /// Applies all of it or nothing, and moves the checkpoint, if it is where the work expects it.
    fn apply<'a>(&'a self, set: Set, work: &'a Work) -> BoxFuture<'a, Result<(), Failure>>;

    /// How far the live set has come, as the store has it; partitions it has not begun are absent, and there is none
    /// before the first [`Home::prepare`]. Cheap enough to be asked again and again.
    fn stored(&self) -> BoxFuture<'_, Result<Option<Stored>, Failure>>;

    /// The same where no program may have begun with the store at all.
    fn look(&self) -> BoxFuture<'_, Result<Option<Stored>, Failure>> {
        self.stored()
    }

    /// The live set was filled up to the log's end, and may be shown.
    fn set_filled(&self) -> BoxFuture<'_, Result<(), Failure>>;

    /// Makes durable what [`Home::apply`] left to be made durable later, of one partition or of all. A checkpoint that
    /// somebody else has moved further meanwhile stays, and is returned.
    fn settle(&self, set: Set, partition: Option<Partition>) -> BoxFuture<'_, Result<Option<Mark>, Failure>>;

    /// Forgets what [`Home::apply`] left to be made durable later: the partition is no longer worked on here, or its
    /// place is read afresh.
    fn forget(&self, set: Set, partition: Partition);

    /// Empties a set, ready to be filled; never the live one, whoever made it that.
    fn begin(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>>;

    /// A set that was live until a moment ago: removed, where no reader can still be in it.
    fn retire(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>>;

    /// Removes a set.
    fn discard(&self, set: Set) -> BoxFuture<'_, Result<(), Failure>>;

    /// Makes a set the live one, at once for every reader, if it is filled up to these marks.
    fn switch<'a>(&'a self, set: Set, marks: &'a [Mark]) -> BoxFuture<'a, Result<(), Failure>>;

    /// The next rows or items of a set in key order, for comparing: under a name, after the last one seen.
    fn page<'a>(
        &'a self,
        set: Set,
        table: usize,
        after: Option<&'a Entry>,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Failure>>;

    /// How many tables [`Home::page`] can be asked for, by name.
    fn tables(&self) -> Vec<&'static str>;
}

/// A row or an item, as it is compared.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    /// Its key; what sorts.
    pub(crate) key: Vec<carelog_domain::ports::SqlValue>,
    /// Names of its fields and what they hold, keys excluded.
    pub(crate) fields: Vec<(String, serde_json::Value)>,
}
