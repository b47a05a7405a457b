//! What every context is made of. Nothing here knows a hospital.

pub mod actor;
pub mod aggregate;
pub mod ids;
pub mod local_date;
pub mod money;
pub mod personal;
pub mod place;
pub mod reason;
pub mod recorded;
pub mod time;

pub use actor::{Actor, PurposeOfUse, Role};
pub use aggregate::{Decide, Evolve, fold};
pub use ids::*;
pub use money::{Currency, Money, MoneyError};
pub use personal::{Billing, Clinical, Identity, Personal, Purpose, PurposeOf, Staff};
pub use place::{Partition, Position, Revision, Slot, StreamName, Tag, Token, Version};
pub use recorded::{Context, Recorded};
pub use time::{LocalDate, Times, Timestamp, Zone};
