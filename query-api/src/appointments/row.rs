//! An appointment's row.

use carelog_domain::kernel::{AppointmentId, HospitalId, PatientId, PractitionerId, RoleId};
use carelog_domain::scheduling;

use super::{Appointment, MODELS};
use crate::loading::{Found, FromRow};
use crate::problem::Answer;
use crate::scalars::{Date, DateTime, Money};
use crate::sql::{Row, Select};

/// Clinical texts of an appointment.
#[derive(Clone)]
pub(super) struct Reasons {
    pub(super) visit: Option<String>,
    pub(super) overbooking: Option<String>,
    pub(super) overlap: Option<String>,
    pub(super) cancel: Option<String>,
    pub(super) reschedule: Option<String>,
}

/// What it refers to.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    pub(super) appointment: AppointmentId,
    pub(super) hospital: HospitalId,
    pub(super) patient: PatientId,
    pub(super) practitioner: PractitionerId,
    pub(super) role: RoleId,
}

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
    fn read(row: Row<'_>) -> Answer<Appointment> {
        let keys = Keys {
            appointment: row.parsed("appointment")?,
            hospital: row.parsed("hospital")?,
            patient: row.parsed("patient")?,
            practitioner: row.parsed("practitioner")?,
            role: row.parsed("role")?,
        };
        let reasons = Reasons {
            visit: row.maybe_string("reason")?,
            overbooking: row.maybe_string("overbooking_reason")?,
            overlap: row.maybe_string("overlap_reason")?,
            cancel: row.maybe_string("cancel_reason")?,
            reschedule: row.maybe_string("last_reschedule_reason")?,
        };
        Ok(Appointment {
            id: keys.appointment.into(),
            status: row.word("status", scheduling::AppointmentStatus::from_word)?.into(),
            start: row.maybe_instant("start_at")?.map(DateTime),
            end: row.maybe_instant("end_at")?.map(DateTime),
            requested_start: row.maybe_instant("requested_start")?.map(DateTime),
            requested_end: row.maybe_instant("requested_end")?.map(DateTime),
            date: row.maybe_parsed("date")?.map(Date),
            specialty: row.maybe_string("specialty")?,
            service: row.string("service")?,
            service_display: row.maybe_string("service_display")?,
            price: money(row, "price_amount")?,
            created_at: row.maybe_instant("created_at")?.map(DateTime),
            booked_at: row.maybe_instant("booked_at")?.map(DateTime),
            arrived_at: row.maybe_instant("arrived_at")?.map(DateTime),
            checked_in_at: row.maybe_instant("checked_in_at")?.map(DateTime),
            started_at: row.maybe_instant("started_at")?.map(DateTime),
            ended_at: row.maybe_instant("ended_at")?.map(DateTime),
            cancelled_at: row.maybe_instant("cancelled_at")?.map(DateTime),
            cancelled_by: row.maybe_text("cancelled_by")?.and_then(scheduling::CancelledBy::from_word).map(Into::into),
            no_show_at: row.maybe_instant("noshow_at")?.map(DateTime),
            no_show_automatic: row.maybe_int("noshow_automatic")?.map(|truth| truth != 0),
            fee_service: row.maybe_string("fee_service")?,
            fee: money(row, "fee_amount")?,
            needs_rebooking: row.is("needs_rebooking")?,
            rescheduled: row.int("rescheduled")?,
            updated_at: DateTime(row.instant("updated_at")?),
            version: row.int("version")?,
            reasons,
            keys,
        })
    }
}

fn money(row: Row<'_>, column: &'static str) -> Answer<Option<Money>> {
    match (row.maybe_int(column)?, row.maybe_text("price_currency")?) {
        (Some(_), Some(_)) => Money::of_row(row, column, "price_currency").map(Some),
        _ => Ok(None),
    }
}
