//! An appointment's row.

use async_graphql::Value;
use carelog_domain::kernel::{AppointmentId, HospitalId, PatientId, PractitionerId};
use carelog_domain::ports::SqlValue;
use carelog_domain::scheduling;

use super::{Appointment, MODELS};
use crate::fields::{Field, Fields, Kind, date, instant, number, text, truth, word};
use crate::hospitals::Hospital;
use crate::loading::{Found, FromRow};
use crate::patients::Patient;
use crate::practitioners::{Practitioner, PractitionerRole};
use crate::problem::Answer;
use crate::scalars::Money;
use crate::sql::{Row, Select};
use crate::words::{AppointmentStatus, CancelledBy};

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
        Select::new(COLUMNS, "{appointments}")
    }
}

impl FromRow for Appointment {
    const FIELDS: Fields = &[
        Field::of("id", &["appointment"], text),
        Field::of("status", &["status"], status),
        Field::maybe("start", &["start_at"], instant),
        Field::maybe("end", &["end_at"], instant),
        Field::maybe("requestedStart", &["requested_start"], instant),
        Field::maybe("requestedEnd", &["requested_end"], instant),
        Field::maybe("date", &["date"], date),
        Field::maybe("specialty", &["specialty"], text),
        Field::of("service", &["service"], text),
        Field::maybe("serviceDisplay", &["service_display"], text),
        Field::resolved("price", &["price_amount", "price_currency"]),
        Field::maybe("createdAt", &["created_at"], instant),
        Field::maybe("bookedAt", &["booked_at"], instant),
        Field::maybe("arrivedAt", &["arrived_at"], instant),
        Field::maybe("checkedInAt", &["checked_in_at"], instant),
        Field::maybe("startedAt", &["started_at"], instant),
        Field::maybe("endedAt", &["ended_at"], instant),
        Field::maybe("cancelledAt", &["cancelled_at"], instant),
        Field::maybe("cancelledBy", &["cancelled_by"], cancelled_by),
        Field::maybe("noShowAt", &["noshow_at"], instant),
        Field::maybe("noShowAutomatic", &["noshow_automatic"], truth),
        Field::maybe("feeService", &["fee_service"], text),
        Field::resolved("fee", &["fee_amount", "price_currency"]),
        Field::of("needsRebooking", &["needs_rebooking"], truth),
        Field::of("rescheduled", &["rescheduled"], number),
        Field::of("updatedAt", &["updated_at"], instant),
        Field::of("version", &["version"], number),
        Field::led("hospital", &["hospital"], Kind::of::<Hospital>),
        Field::led("patient", &["patient"], Kind::of::<Patient>),
        Field::led("practitioner", &["practitioner"], Kind::of::<Practitioner>),
        Field::led("practitionerRole", &["role"], Kind::of::<PractitionerRole>),
        Field::resolved("reason", &["reason"]),
        Field::resolved("overbookingReason", &["overbooking_reason"]),
        Field::resolved("overlapReason", &["overlap_reason"]),
        Field::resolved("cancelationReason", &["cancel_reason"]),
        Field::resolved("rescheduleReason", &["last_reschedule_reason"]),
        Field::resolved("invoice", &["appointment"]),
        Field::resolved("invoices", &["appointment"]),
        Field::resolved("allowedActions", &["hospital", "status", "start_at"]),
        Field::resolved("history", &["appointment", "hospital"]),
        Field::resolved("asOf", &["appointment", "hospital"]),
    ];

    fn read(row: Row) -> Answer<Appointment> {
        Ok(Appointment(row))
    }

    fn row(&self) -> Option<&Row> {
        Some(&self.0)
    }
}

fn status(value: &SqlValue) -> Option<Value> {
    word::<AppointmentStatus>(value, |text| scheduling::AppointmentStatus::from_word(text).map(Into::into))
}

fn cancelled_by(value: &SqlValue) -> Option<Value> {
    word::<CancelledBy>(value, |text| scheduling::CancelledBy::from_word(text).map(Into::into))
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
