//! Flat facts for tables and windows: an appointment as it is after something happened to it or to its invoices. Each
//! replaces the one before it with the same subject.

use carelog_domain::kernel::LocalDate;
use carelog_domain::scheduling::AppointmentStatus;

use super::values::{Hospital, Pseudonym};
use crate::cloud_event::Seconds;

super::topic! { "carelog.analytics.v1": "Appointments as flat rows, with specialty, times, status and amounts, one at each change.";
    /// An appointment as it is now. Amounts are plain decimals of the currency.
    struct AppointmentFact {
        appointment: Pseudonym,
        /// What happened: the name of the event.
        change: String,
        hospital: Hospital,
        practitioner: Pseudonym,
        /// A code such as `cardiology`.
        specialty: String,
        /// Service code of the hospital's price list.
        service: String,
        status: AppointmentStatus,
    } may {
        /// The local day its slot belongs to, once booked.
        date: LocalDate,
        /// Of its slot, once booked.
        start: Seconds,
        /// Of its slot, once booked.
        end: Seconds,
        /// When the visit began, once it has ended.
        visit_start: Seconds,
        /// When the visit ended.
        visit_end: Seconds,
        /// ISO 4217, of all amounts; once booked.
        currency: String,
        /// The price agreed, before tax; once booked.
        agreed: String,
        /// Before tax, of its invoices that are issued.
        net: String,
        /// Of its invoices that are issued.
        tax: String,
        /// Net and tax.
        gross: String,
        /// What of the gross was credited.
        credited: String,
        /// What is left to pay of it.
        balance: String,
    }
}
