//! What an operator does with read models: list, verify, rebuild, compare, retry, skip. Each works while the program
//! runs and while it does not.

mod compare;
mod fill;
mod list;
mod rebuild;
mod skip;
mod verify;

pub use compare::{Difference, How};
pub use fill::Progress;
pub use list::{checkpoints, list};
pub use rebuild::{diff, rebuild, switch};
pub use skip::skip;
pub use verify::{Verdict, verify};
