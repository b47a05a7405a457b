//! Faults that tests plant to see a check turn red. Without the cargo feature `faults` there are none to plant, so a
//! release cannot have them.

/// What the log is told to do wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// Never ask the disk to make written bytes durable.
    #[cfg(feature = "faults")]
    pub skip_data_sync: bool,
    /// Report a batch durable before it is written.
    #[cfg(feature = "faults")]
    pub acknowledge_early: bool,
    /// Never make a new segment's name durable.
    #[cfg(feature = "faults")]
    pub skip_folder_sync: bool,
    /// Never make a new folder's name durable.
    #[cfg(feature = "faults")]
    pub skip_parent_sync: bool,
}

#[cfg(feature = "faults")]
impl Faults {
    pub(crate) fn skip_data_sync(self) -> bool {
        self.skip_data_sync
    }

    pub(crate) fn acknowledge_early(self) -> bool {
        self.acknowledge_early
    }

    pub(crate) fn skip_folder_sync(self) -> bool {
        self.skip_folder_sync
    }

    pub(crate) fn skip_parent_sync(self) -> bool {
        self.skip_parent_sync
    }
}

#[cfg(not(feature = "faults"))]
impl Faults {
    pub(crate) fn skip_data_sync(self) -> bool {
        false
    }

    pub(crate) fn acknowledge_early(self) -> bool {
        false
    }

    pub(crate) fn skip_folder_sync(self) -> bool {
        false
    }

    pub(crate) fn skip_parent_sync(self) -> bool {
        false
    }
}
