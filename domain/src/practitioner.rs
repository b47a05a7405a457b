//! Practitioners, and their roles at hospitals with specialty, weekly schedule and leave.

pub mod commands;
pub mod events;
pub mod person;
pub mod role;

pub use person::{Practitioner, PractitionerCommand};
pub use role::{Leave, PractitionerRole, RoleFacts};

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
        PractitionerExists = Conflict "practitioner-exists" at "practitioner": "this practitioner is registered already";
        RoleUnknown = NotFound "practitioner-role-unknown" at "role": "there is no such practitioner role";
        RoleExists = Conflict "practitioner-role-exists" at "role": "this role is assigned already";
        HospitalUnknown = NotFound "hospital-unknown" at "hospital": "there is no such hospital";
        NameMissing = Unprocessable "name-missing" at "name": "a name is needed";
        NameTooLong = Unprocessable "name-too-long" at "name": "a name has at most 300 bytes; shorten it";
        SpecialtyInvalid = Unprocessable "specialty-invalid" at "specialty":
            "a specialty is a code of 1 to 64 letters, digits, dots, dashes or underscores, such as cardiology";
        ServicesInvalid = Unprocessable "services-invalid" at "services":
            "services are at most 100 service codes of the hospital's price list";
        BlocksTooMany = Unprocessable "schedule-blocks" at "blocks": "a weekly schedule has at most 50 blocks";
        SlotMinutesInvalid = Unprocessable "slot-minutes" at "blocks": "a slot has 5 to 480 minutes";
        CapacityInvalid = Unprocessable "slot-capacity" at "blocks": "a slot has 1 to 500 seats";
        BlockTooShort = Unprocessable "block-too-short" at "blocks": "a block has to be long enough for one slot";
        BlocksOverlap = Unprocessable "blocks-overlap" at "blocks":
            "two blocks of the week overlap; end one before the other begins";
        LeavePeriodInvalid = Unprocessable "leave-period" at "to":
            "a leave ends after it begins, and lasts at most 400 days";
        LeaveUnknown = NotFound "leave-unknown" at "leave": "this role has no such leave";
        LeaveCancelled = Conflict "leave-cancelled" at "leave": "this leave is cancelled already";
        ReasonTooLong = Unprocessable "reason-too-long" at "reason": "a reason has at most 2,000 bytes; shorten it";
    }
}
