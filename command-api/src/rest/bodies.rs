//! Bodies of every operation, by context.

pub(crate) mod appointments;
pub(crate) mod billing;
pub(crate) mod hospitals;
pub(crate) mod laboratory;
pub(crate) mod operations;
pub(crate) mod patients;
pub(crate) mod practitioners;
