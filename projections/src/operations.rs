//! What an operator does with read models: list, verify, rebuild, compare, retry, skip, remove old layouts. Each works beside a running
//! program (given its [`Projections`](crate::Projections)) and without one.

mod carry;
mod compare;
mod fill;
mod layouts;
mod list;
mod progress;
mod rebuild;
mod skip;
mod steady;
mod subject;
mod verify;

pub use compare::{Difference, How};
pub use layouts::{checkpoints, others, prune};
pub use list::list;
pub use progress::{Progress, Report, Underway};
pub use rebuild::{Rebuilt, diff, rebuild, switch};
pub use skip::skip;
pub use subject::OperationError;
pub use verify::{PartitionVerdict, Verdict, verify};
