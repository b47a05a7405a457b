//! The engine over a log in memory and a write side that knows only what these tests need: what it does when everything
//! works, when steps are repeated or fail, and when it is killed between any two things it does.

mod alarms;
mod faults;
mod kills;
mod lab_reports;
mod memory_documents;
mod memory_log;
mod settling;
mod story;
mod world;
#[allow(clippy::collapsible_match, reason = "an arm is a command, and what becomes of it stands in it")]
mod write_side;
