//! Faults that tests plant to see a check turn red. Without the cargo feature `faults` there are none to plant, so a
//! release cannot have them.

/// What the log is told to do wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// Call a batch durable when Kafka has it, before it is read back and counts.
    #[cfg(feature = "faults")]
    pub acknowledge_at_delivery: bool,
    /// Answer without asking where the partition ends now.
    #[cfg(feature = "faults")]
    pub skip_read_barrier: bool,
    /// Count what is sent in an epoch that is over.
    #[cfg(feature = "faults")]
    pub accept_old_epochs: bool,
}

#[cfg(feature = "faults")]
impl Faults {
    pub(crate) fn acknowledge_at_delivery(self) -> bool {
        self.acknowledge_at_delivery
    }

    pub(crate) fn skip_read_barrier(self) -> bool {
        self.skip_read_barrier
    }

    pub(crate) fn accept_old_epochs(self) -> bool {
        self.accept_old_epochs
    }
}

#[cfg(not(feature = "faults"))]
impl Faults {
    pub(crate) fn acknowledge_at_delivery(self) -> bool {
        false
    }

    pub(crate) fn skip_read_barrier(self) -> bool {
        false
    }

    pub(crate) fn accept_old_epochs(self) -> bool {
        false
    }
}
