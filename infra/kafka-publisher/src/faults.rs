//! Faults that tests plant to see a check turn red. Without the cargo feature `faults` there are none to plant, so a
//! release cannot have them.

/// What the publisher is told to do wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// Send the records by a producer of their own, outside of the transaction that holds the marks.
    #[cfg(feature = "faults")]
    pub outside_transaction: bool,
    /// Die, as by kill -9, after this step of the first publication: nothing is undone and nothing works any more.
    #[cfg(feature = "faults")]
    pub die_after: Option<Step>,
}

/// The steps of a publication.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Step {
    /// The transaction has begun.
    Begun,
    /// Half of the records are on the brokers.
    HalfSent,
    /// All records are on the brokers.
    Sent,
    /// The marks are too.
    Marked,
    /// The transaction is committed, and nobody was told.
    Committed,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Step; 5] = [Step::Begun, Step::HalfSent, Step::Sent, Step::Marked, Step::Committed];
}

#[cfg(feature = "faults")]
impl Faults {
    pub(crate) fn outside_transaction(self) -> bool {
        self.outside_transaction
    }

    pub(crate) fn die_after(self, step: Step) -> bool {
        self.die_after == Some(step)
    }

    pub(crate) fn dies(self) -> bool {
        self.die_after.is_some()
    }
}

#[cfg(not(feature = "faults"))]
impl Faults {
    pub(crate) fn outside_transaction(self) -> bool {
        false
    }

    pub(crate) fn die_after(self, _: Step) -> bool {
        false
    }

    pub(crate) fn dies(self) -> bool {
        false
    }
}
