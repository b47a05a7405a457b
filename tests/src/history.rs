//! What clients asked and were answered while nodes died under them, and a checker that holds it against the log.
//!
//! The log gives the order of all writes of a partition, so what is left of linearizability is decidable quickly: every
//! answer was true at some size of its partition, that size was reached before the answer, and sizes never go back from
//! one answer to a question that was asked after it. Nothing here opens a socket: `load` and `audit` bring what is checked.

pub mod anomaly;
pub mod attempt;
pub mod audit;
pub mod check;
pub mod clock;
mod commands;
mod states;
mod windows;

pub use anomaly::{Anomaly, Kind};
pub use attempt::{Answer, Asked, Attempt, Done, Observation, Seen, Standing};
pub use audit::{Audit, Entry};
pub use check::check;
pub use clock::Recorder;
