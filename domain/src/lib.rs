//! What is true in a hospital chain. Pure: no IO, no clock, no randomness, no vendor.
//!
//! `kernel` holds what every context is made of (ids, time, money, personal data, `Decide`/`Evolve`), `ports` the
//! traits the outside world implements, and every other module is one bounded context: its events, its commands and
//! the state machines that turn one into the other. `event` and `command` gather the contexts into the two closed
//! enums that the log and the command bus carry; `policy` answers every "may they?".

mod data;

pub mod kernel;
pub mod ports;

pub mod billing;
pub mod laboratory;
pub mod organization;
pub mod patient;
pub mod practitioner;
pub mod process;
pub mod scheduling;

pub mod command;
pub mod event;
pub mod policy;
pub mod rejection;
pub mod streams;
