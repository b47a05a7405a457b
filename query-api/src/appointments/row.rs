//! An appointment's row.

use carelog_domain::kernel::{AppointmentId, HospitalId, PatientId, PractitionerId};
use carelog_domain::scheduling;

use super::{Appointment, MODELS};
use crate::hospitals::Hospital;
use crate::loading::{Fields, Found, FromRow, Kind, Lead};
use crate::patients::Patient;
use crate::practitioners::{Practitioner, PractitionerRole};
use crate::problem::Answer;
use crate::scalars::Money;
use crate::sql::{Row, Select};

const COLUMNS: &str = "appointment, hospital, patient, practitioner, role, specialty, service, service_display, status, \
    date, start_at, end_at, requested_start, requested_end, price_amount, price_currency, reason, overbooking_reason, \
    overlap_reason, created_at, booked_at, arrived_at, checked_in_at, started_at, ended_at, cancelled_at, cancelled_by, \
    cancel_reason, noshow_at, noshow_automatic, fee_service, fee_amount, needs_rebooking, rescheduled, \
    last_reschedule_reason, updated_at, version";

impl Found for Appointment {
    type Key = AppointmentId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "appointment";
    const AMONG: &'static str = "appointment IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY appointment";

    fn select() -> Select {
        Select::new(COLUMNS, "appointments")
    }
}

impl FromRow for Appointment {
    const FIELDS: Fields = &[
        ("id", &["appointment"]),
        ("status", &["status"]),
        ("start", &["start_at"]),
        ("end", &["end_at"]),
        ("requestedStart", &["requested_start"]),
        ("requestedEnd", &["requested_end"]),
        ("date", &["date"]),
        ("specialty", &["specialty"]),
        ("service", &["service"]),
        ("serviceDisplay", &["service_display"]),
        ("price", &["price_amount", "price_currency"]),
        ("createdAt", &["created_at"]),
        ("bookedAt", &["booked_at"]),
        ("arrivedAt", &["arrived_at"]),
        ("checkedInAt", &["checked_in_at"]),
        ("startedAt", &["started_at"]),
        ("endedAt", &["ended_at"]),
        ("cancelledAt", &["cancelled_at"]),
        ("cancelledBy", &["cancelled_by"]),
        ("noShowAt", &["noshow_at"]),
        ("noShowAutomatic", &["noshow_automatic"]),
        ("feeService", &["fee_service"]),
        ("fee", &["fee_amount", "price_currency"]),
        ("needsRebooking", &["needs_rebooking"]),
        ("rescheduled", &["rescheduled"]),
        ("updatedAt", &["updated_at"]),
        ("version", &["version"]),
        ("hospital", &["hospital"]),
        ("patient", &["patient"]),
        ("practitioner", &["practitioner"]),
        ("practitionerRole", &["role"]),
        ("reason", &["reason"]),
        ("overbookingReason", &["overbooking_reason"]),
        ("overlapReason", &["overlap_reason"]),
        ("cancelationReason", &["cancel_reason"]),
        ("rescheduleReason", &["last_reschedule_reason"]),
        ("invoice", &["appointment"]),
        ("invoices", &["appointment"]),
        ("allowedActions", &["hospital", "status", "start_at"]),
        ("history", &["appointment", "hospital"]),
        ("asOf", &["appointment", "hospital"]),
    ];

    const LEADS: &'static [Lead] = &[
        Lead { field: "hospital", column: "hospital", to: Kind::of::<Hospital> },
        Lead { field: "patient", column: "patient", to: Kind::of::<Patient> },
        Lead { field: "practitioner", column: "practitioner", to: Kind::of::<Practitioner> },
        Lead { field: "practitionerRole", column: "role", to: Kind::of::<PractitionerRole> },
    ];

    fn read(row: Row) -> Answer<Appointment> {
        Ok(Appointment(row))
    }
}

impl Appointment {
    pub(super) fn key(&self) -> Answer<AppointmentId> {
        self.0.parsed("appointment")
    }

    pub(crate) fn hospital_key(&self) -> Answer<HospitalId> {
        self.0.parsed("hospital")
    }

    pub(crate) fn patient_key(&self) -> Answer<PatientId> {
        self.0.parsed("patient")
    }

    pub(crate) fn practitioner_key(&self) -> Answer<PractitionerId> {
        self.0.parsed("practitioner")
    }

    pub(super) fn stored_status(&self) -> Answer<scheduling::AppointmentStatus> {
        self.0.word("status", scheduling::AppointmentStatus::from_word)
    }

    pub(super) fn money(&self, column: &'static str) -> Answer<Option<Money>> {
        match (self.0.maybe_int(column)?, self.0.maybe_text("price_currency")?) {
            (Some(_), Some(_)) => Money::of_row(&self.0, column, "price_currency").map(Some),
            _ => Ok(None),
        }
    }
}
