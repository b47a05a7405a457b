//! Keeps the read models up with the log: a file for each projection (pure), and the runner that applies what they ask
//! for, exactly once, with checkpoints that are compared with the log's Merkle roots.
//!
//! ```text
//! EventLog --subscribe--> feed (one a partition: decodes once) --chunks--> workers (one a read model and partition)
//!                                                                  -> SQL: rows + checkpoint in one transaction
//!                                                                  -> documents: items with positions, then checkpoint
//! ```
//! Feeds and workers are those of the partitions that are assigned to this process; what other processes do with the
//! others is looked up in the stores.
//!
//! It knows the ports and the tables in `carelog-schemas`, nothing of whoever reads them.

pub mod change;
pub mod operations;
pub mod projection;
pub mod state;

pub mod appointments;
pub mod availability;
pub mod chart;
pub mod critical_results;
pub mod imports;
pub mod invoices;
pub mod patients;
pub mod practitioners;
pub mod skips;

mod apply;
mod assigned;
mod catching_up;
mod check;
mod chunk;
mod document_home;
mod feed;
mod freshness;
mod heed;
mod home;
mod lag;
mod looking;
mod plan;
mod running;
mod sql_home;
mod start;
mod worker;

#[cfg(feature = "faults")]
pub mod faults;

pub use home::Mark;
pub use lag::Lag;
pub use projection::{ALL, Projection, Registered};
pub use start::{Deps, Projections};
pub use state::{Doing, Fault, Line};
