//! Hospitals with prices and policies; practitioners with their roles, schedules and leave.

use super::table::tables;
use super::{Model, Source};

/// Read model `practitioners`.
pub static MODEL: Model = Model {
    name: "practitioners",
    revision: 1,
    tables: &[&HOSPITALS, &PRICES, &PRACTITIONERS, &PRACTITIONER_ROLES, &SCHEDULES, &LEAVES],
    documents: false,
};

tables! {
    /// A hospital.
    HOSPITALS = "hospitals" from Source::Stream("organization"), key [hospital], index [[name_key hospital]] {
        hospital: Text!,
        name: Text!,
        name_key: Bytes!,
        /// IANA name.
        zone: Text!,
        /// ISO 4217.
        currency: Text!,
        /// Word of NoShowPolicy.
        no_show: Text!,
        grace_minutes: Int!,
        no_show_fee: Text,
        late_cancel_hours: Int,
        late_cancel_fee: Text,
        overbooking_per_slot_max: Int!,
        /// Word of ReschedulePrice.
        reschedule_price: Text!,
        invoice_prefix: Text!,
        credit_note_prefix: Text!,
        number_digits: Int!,
        registered_at: Int!,
        version: Int!,
    }

    /// An entry of a hospital's price list in force.
    PRICES = "prices" from Source::Stream("organization"), key [hospital ordinal], index [] {
        hospital: Text!,
        /// Its place in the list, from 1.
        ordinal: Int!,
        service: Text!,
        display: Text!,
        amount: Int!,
        currency: Text!,
        tax_category: Text!,
        tax_rate_basis_points: Int!,
        valid_from: Text!,
        valid_to: Text,
    }

    /// A practitioner, the person.
    PRACTITIONERS = "practitioners" from Source::Stream("practitioner"), key [practitioner],
        index [[name_key practitioner]] {
        practitioner: Text!,
        /// NULL when erased.
        name: Text,
        /// Empty when erased.
        name_key: Bytes!,
        erased: Int!,
        registered_at: Int!,
        version: Int!,
    }

    /// A practitioner at a hospital.
    PRACTITIONER_ROLES = "practitioner_roles" from Source::Stream("practitioner-role"), key [role],
        index [[hospital specialty role] [practitioner role]] {
        role: Text!,
        practitioner: Text!,
        hospital: Text!,
        specialty: Text!,
        /// JSON array of service codes, `[]` meaning all.
        services: Text!,
        assigned_at: Int!,
        version: Int!,
    }

    /// The weekly schedule of a role from a date on.
    SCHEDULES = "schedules" from Source::Stream("practitioner-role"), key [role effective_from], index [] {
        role: Text!,
        effective_from: Text!,
        /// JSON array of WeeklyBlock.
        blocks: Text!,
        set_at: Int!,
    }

    /// A leave of a role.
    LEAVES = "leaves" from Source::Stream("practitioner-role"), key [leave_id], index [[role from_at]] {
        leave_id: Text!,
        role: Text!,
        practitioner: Text!,
        hospital: Text!,
        from_at: Int!,
        to_at: Int!,
        reason: Text,
        cancelled: Int!,
    }
}
