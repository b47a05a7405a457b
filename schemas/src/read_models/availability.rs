//! Days, their slots, and who sits in them.
//!
//! Free seats of a slot = `capacity - taken -` its holds with `until_at > now`, none while `blocked > 0`.

use super::table::tables;
use super::{Model, Source};

/// Read model `availability`.
pub static MODEL: Model =
    Model { name: "availability", revision: 1, tables: &[&DAYS, &SLOTS, &SEATS, &HOLDS], documents: false };

const DAY: Source = Source::Stream("practitioner-day");

tables! {
    /// A day of a role that is open.
    DAYS = "days" from DAY, key [role date], index [[hospital date] [specialty date] [practitioner date]] {
        role: Text!,
        date: Text!,
        hospital: Text!,
        practitioner: Text!,
        specialty: Text!,
        opened_at: Int!,
    }

    /// A slot. Its specialty is that of its day (`days`, same role and date).
    SLOTS = "slots" from DAY, key [role date start_at],
        index [[hospital start_at role] [practitioner start_at role] [start_at role]] {
        role: Text!,
        /// The local date its block begins on.
        date: Text!,
        start_at: Int!,
        end_at: Int!,
        hospital: Text!,
        practitioner: Text!,
        capacity: Int!,
        /// Seats taken by appointments, overbooked ones too.
        taken: Int!,
        /// How many leaves cover it; busy-unavailable when above 0.
        blocked: Int!,
    }

    /// An appointment sits in a slot.
    SEATS = "seats" from DAY, key [role date start_at appointment], index [[appointment]] {
        role: Text!,
        date: Text!,
        start_at: Int!,
        appointment: Text!,
        overbooked: Int!,
    }

    /// A seat is kept until an instant; rows stay after it, so compare `until_at` with now.
    HOLDS = "holds" from DAY, key [hold_id], index [[role date start_at]] {
        hold_id: Text!,
        role: Text!,
        date: Text!,
        start_at: Int!,
        hospital: Text!,
        /// User id.
        owner: Text!,
        until_at: Int!,
    }
}
