//! Practitioners, and their roles at hospitals with specialty, weekly schedule and leave.

pub mod commands;
pub mod events;

use chrono::{NaiveTime, Weekday};

use crate::data::data;
use crate::rejection::rejections;

data! {
    /// A block of a week: from `start` to `end` on the wall, cut into slots by elapsed time. An end that is not after
    /// its start is on the next day.
    struct WeeklyBlock {
        weekday: Weekday,
        start: NaiveTime,
        end: NaiveTime,
        slot_minutes: u16,
        /// Seats of each slot, 1 or more.
        capacity: u16,
    }
}

rejections! {
    /// Why something about a practitioner is refused.
    pub enum PractitionerRejection {
        PractitionerUnknown = NotFound "practitioner-unknown" at "practitioner": "there is no such practitioner";
        RoleUnknown = NotFound "practitioner-role-unknown" at "role": "there is no such practitioner role";
    }
}
