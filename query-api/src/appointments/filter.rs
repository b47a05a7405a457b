//! Which appointments.

use async_graphql::{Enum, ID, InputObject};
use carelog_domain::kernel::{HospitalId, PatientId, PractitionerId, RoleId};
use carelog_domain::policy::Permission;
use carelog_domain::ports::SqlValue;
use carelog_domain::scheduling;

use crate::asking::Asking;
use crate::problem::Answer;
use crate::scalars::{Date, DateTime, read_maybe_id};
use crate::sql::Select;
use crate::words::AppointmentStatus;

/// Which appointments. What is given must all hold.
#[derive(InputObject, Default, Debug)]
pub(crate) struct AppointmentFilter {
    /// Those at this hospital.
    hospital: Option<ID>,
    /// Those with this practitioner.
    practitioner: Option<ID>,
    /// Those with this practitioner role.
    practitioner_role: Option<ID>,
    /// Those of this patient.
    patient: Option<ID>,
    /// Those of this specialty.
    specialty: Option<String>,
    /// Those for this service code.
    service: Option<String>,
    /// Those in one of these statuses.
    statuses: Option<Vec<AppointmentStatus>>,
    /// Those that start at or after this.
    from: Option<DateTime>,
    /// Those that start before this.
    to: Option<DateTime>,
    /// Those whose slot belongs to this local day.
    date: Option<Date>,
    /// Those on this worklist.
    worklist: Option<Worklist>,
}

/// Appointments somebody has to look after.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Worklist {
    /// Over, and nobody has said how: still booked, arrived or checked in.
    OutcomeMissing,
    /// Booked into a slot that is under leave: another time has to be found.
    ToRebook,
    /// Live, while the same patient is expected at another hospital at the same time: nobody could refuse it there.
    Overlapping,
}

/// Another live appointment of the patient, elsewhere at the same time. Where only some hospitals may be seen, what others
/// have planned must not be found out either.
macro_rules! overlapping {
    ($reach:literal) => {
        concat!(
            "status IN ('booked', 'arrived', 'checked-in') AND EXISTS (SELECT 1 FROM {appointments} AS other \
             WHERE other.patient = {appointments}.patient AND other.hospital <> {appointments}.hospital \
             AND other.status IN ('booked', 'arrived', 'checked-in') \
             AND other.start_at < {appointments}.end_at AND other.end_at > {appointments}.start_at",
            $reach,
            ")"
        )
    };
}

impl AppointmentFilter {
    /// The same, of one patient.
    pub(crate) fn of_patient(self, patient: PatientId) -> AppointmentFilter {
        AppointmentFilter { patient: Some(patient.into()), ..self }
    }

    /// True when only appointments with a start match.
    pub(super) fn needs_a_start(&self) -> bool {
        self.from.is_some() || self.to.is_some() || self.date.is_some()
    }

    /// The rows that match, within what the actor may see.
    pub(super) fn apply(self, asking: &Asking, select: Select) -> Answer<Select> {
        let hospital = read_maybe_id::<HospitalId>(self.hospital.as_ref(), "hospital")?;
        asking.permit_at(Permission::ReadPatients, hospital)?;
        let practitioner = read_maybe_id::<PractitionerId>(self.practitioner.as_ref(), "practitioner")?;
        let role = read_maybe_id::<RoleId>(self.practitioner_role.as_ref(), "practitionerRole")?;
        let patient = read_maybe_id::<PatientId>(self.patient.as_ref(), "patient")?;
        let words = |statuses: Vec<AppointmentStatus>| -> Vec<SqlValue> {
            statuses.into_iter().map(|status| scheduling::AppointmentStatus::from(status).word().into()).collect()
        };
        let select = select
            .among_some("hospital IN (??)", asking.reach())
            .and_some("hospital = ?", hospital.map(|id| id.to_string()))
            .and_some("practitioner = ?", practitioner.map(|id| id.to_string()))
            .and_some("role = ?", role.map(|id| id.to_string()))
            .and_some("patient = ?", patient.map(|id| id.to_string()))
            .and_some("specialty = ?", self.specialty)
            .and_some("service = ?", self.service)
            .among_some("status IN (??)", self.statuses.map(words))
            .and_some("start_at >= ?", self.from.map(|at| at.0))
            .and_some("start_at < ?", self.to.map(|at| at.0))
            .and_some("date = ?", self.date.map(|date| date.0.to_string()));
        Ok(match self.worklist {
            None => select,
            Some(Worklist::OutcomeMissing) => select
                .and("status IN ('booked', 'arrived', 'checked-in') AND end_at <= ?", [asking.deps.clock.now().into()]),
            Some(Worklist::ToRebook) => select.and("needs_rebooking = 1 AND status = 'booked'", []),
            Some(Worklist::Overlapping) => match asking.reach() {
                Some(seen) => select.among(overlapping!(" AND other.hospital IN (??)"), seen),
                None => select.and(overlapping!(""), []),
            },
        })
    }
}
