//! Appointments and their worklists.
//!
//! `outcome missing`: `status = 'booked' AND end_at <= now` (arrived and checked-in ones too, where wanted).
//! `to rebook`: `needs_rebooking = 1 AND status = 'booked'`; where the leave was cancelled since, `leaves.cancelled = 1`.

use super::table::tables;
use super::{Model, Source};

/// Read model `appointments`.
pub static MODEL: Model = Model { name: "appointments", revision: 1, tables: &[&APPOINTMENTS], documents: false };

tables! {
    /// An appointment.
    APPOINTMENTS = "appointments" from Source::Stream("appointment"), key [appointment],
        index [
            [hospital start_at appointment] [patient start_at appointment] [practitioner start_at appointment]
            [role start_at appointment] [status end_at appointment] [start_at appointment]
            [needs_rebooking status hospital]
        ] {
        appointment: Text!,
        hospital: Text!,
        patient: Text!,
        practitioner: Text!,
        role: Text!,
        /// NULL until booked.
        specialty: Text,
        /// Service code.
        service: Text!,
        /// NULL until booked.
        service_display: Text,
        /// Word of AppointmentStatus.
        status: Text!,
        /// The local day its slot belongs to; NULL until booked.
        date: Text,
        /// NULL until booked.
        start_at: Int,
        end_at: Int,
        requested_start: Int,
        requested_end: Int,
        /// Agreed price before tax; NULL until booked.
        price_amount: Int,
        price_currency: Text,
        tax_category: Text,
        tax_rate_basis_points: Int,
        /// NULL when none was given or it was erased; the same for the other reasons.
        reason: Text,
        overbooking_reason: Text,
        overlap_reason: Text,
        /// When it came to be, in whichever status.
        created_at: Int,
        booked_at: Int,
        arrived_at: Int,
        checked_in_at: Int,
        started_at: Int,
        ended_at: Int,
        cancelled_at: Int,
        /// Word of CancelledBy.
        cancelled_by: Text,
        cancel_reason: Text,
        noshow_at: Int,
        noshow_automatic: Int,
        /// Service code of the fee due after a late cancellation or a no-show.
        fee_service: Text,
        fee_amount: Int,
        needs_rebooking: Int!,
        /// The leave that covers its slot.
        rebooking_leave: Text,
        /// How often it was moved.
        rescheduled: Int!,
        last_reschedule_reason: Text,
        updated_at: Int!,
        version: Int!,
    }
}
