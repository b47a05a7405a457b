//! Which invoices.

use async_graphql::{ID, InputObject};
use carelog_domain::billing;
use carelog_domain::kernel::{AccountId, AppointmentId, HospitalId, PatientId};
use carelog_domain::policy::Permission;

use crate::asking::Asking;
use crate::problem::Answer;
use crate::scalars::{Date, read_maybe_id};
use crate::sql::Select;
use crate::words::{InvoiceKind, InvoiceStatus};

/// Which invoices. What is given must all hold.
#[derive(InputObject, Default, Debug)]
pub(crate) struct InvoiceFilter {
    /// Those of this hospital.
    hospital: Option<ID>,
    /// Those of this patient.
    patient: Option<ID>,
    /// Those charged to this account.
    account: Option<ID>,
    /// Those for this appointment.
    appointment: Option<ID>,
    /// Those in one of these statuses.
    statuses: Option<Vec<InvoiceStatus>>,
    /// Those of one of these kinds.
    kinds: Option<Vec<InvoiceKind>>,
    /// Those issued on this local date or later.
    issued_from: Option<Date>,
    /// Those issued before this local date.
    issued_to: Option<Date>,
    /// The one with this printed number.
    number: Option<String>,
}

impl InvoiceFilter {
    /// The same, of one patient.
    pub(crate) fn of_patient(self, patient: PatientId) -> InvoiceFilter {
        InvoiceFilter { patient: Some(patient.into()), ..self }
    }

    /// The rows that match, within what the actor may see.
    pub(super) fn apply(self, asking: &Asking, select: Select) -> Answer<Select> {
        let hospital = read_maybe_id::<HospitalId>(self.hospital.as_ref(), "hospital")?;
        asking.permit_at(Permission::ReadBilling, hospital)?;
        let patient = read_maybe_id::<PatientId>(self.patient.as_ref(), "patient")?;
        let account = read_maybe_id::<AccountId>(self.account.as_ref(), "account")?;
        let appointment = read_maybe_id::<AppointmentId>(self.appointment.as_ref(), "appointment")?;
        let statuses = self
            .statuses
            .map(|words| words.into_iter().map(|word| billing::InvoiceStatus::from(word).word().into()).collect());
        let kinds = self
            .kinds
            .map(|words| words.into_iter().map(|word| billing::InvoiceKind::from(word).word().into()).collect());
        Ok(select
            .among_some("hospital IN (??)", asking.reach())
            .and_some("hospital = ?", hospital.map(|id| id.to_string()))
            .and_some("patient = ?", patient.map(|id| id.to_string()))
            .and_some("account = ?", account.map(|id| id.to_string()))
            .and_some("appointment = ?", appointment.map(|id| id.to_string()))
            .among_some("status IN (??)", statuses)
            .among_some("kind IN (??)", kinds)
            .and_some("issue_date >= ?", self.issued_from.map(|date| date.0.to_string()))
            .and_some("issue_date < ?", self.issued_to.map(|date| date.0.to_string()))
            .and_some("printed_number = ?", self.number))
    }
}
