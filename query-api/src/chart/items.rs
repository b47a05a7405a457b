//! The items of a chart as GraphQL shows them.

use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use carelog_domain::billing;
use carelog_domain::kernel::{AppointmentId, HospitalId, InvoiceId, PractitionerId};
use carelog_schemas::read_models::chart::{ChartAppointment, ChartInvoice, Profile};

use crate::hospitals::Hospital;
use crate::loading::one;
use crate::patients::{ContactPoint, Identifier};
use crate::practitioners::Practitioner;
use crate::problem::{Answer, Problem};
use crate::scalars::{Date, DateTime, Money};
use crate::words::{AppointmentStatus, CancelledBy, Gender, InvoiceKind, InvoiceStatus};

/// Who a chart is about.
#[derive(SimpleObject)]
#[graphql(name = "ChartProfile")]
pub(crate) struct ChartedProfile {
    /// Their name; null once erased.
    name: Option<String>,
    /// Administrative gender.
    gender: Option<Gender>,
    /// When they were born.
    birth_date: Option<Date>,
    /// How to reach them.
    contacts: Vec<ContactPoint>,
    /// Where they live, unsplit.
    address: Option<String>,
    /// Their identifiers.
    identifiers: Vec<Identifier>,
    /// True once their identity was erased.
    erased: bool,
    /// When the chain came to know them.
    registered_at: DateTime,
}

/// An appointment in a chart.
#[derive(SimpleObject)]
#[graphql(complex, name = "ChartAppointment")]
pub(crate) struct ChartedAppointment {
    /// Its id.
    id: ID,
    /// How far it has come.
    status: AppointmentStatus,
    /// A code such as `cardiology`.
    specialty: Option<String>,
    /// Service code.
    service: String,
    /// The local day its slot belongs to.
    date: Option<Date>,
    /// When it begins.
    start: Option<DateTime>,
    /// When it ends.
    end: Option<DateTime>,
    /// Why the patient comes; null when none was given or it was erased.
    reason: Option<String>,
    /// When the visit began.
    started_at: Option<DateTime>,
    /// When the visit ended.
    ended_at: Option<DateTime>,
    /// Who cancelled it.
    cancelled_by: Option<CancelledBy>,
    /// Why it was cancelled.
    cancelation_reason: Option<String>,
    #[graphql(skip)]
    keys: (HospitalId, PractitionerId),
}

#[ComplexObject]
impl ChartedAppointment {
    /// Where.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(one::<Hospital>(ctx, self.keys.0).await?)
    }

    /// With whom.
    async fn practitioner(&self, ctx: &Context<'_>) -> Result<Option<Practitioner>> {
        Ok(one::<Practitioner>(ctx, self.keys.1).await?)
    }
}

/// An invoice in a chart.
#[derive(SimpleObject)]
#[graphql(name = "ChartInvoice")]
pub(crate) struct ChartedInvoice {
    /// Its id.
    id: ID,
    /// The appointment it is for.
    appointment_id: Option<ID>,
    /// What it is for.
    kind: InvoiceKind,
    /// Where it stands.
    status: InvoiceStatus,
    /// The number as printed; null until issued.
    number: Option<String>,
    /// The hospital's local date; null until issued.
    issue_date: Option<Date>,
    /// With tax.
    total_gross: Money,
    /// What is left to pay.
    balance: Money,
}

impl From<Profile> for ChartedProfile {
    fn from(item: Profile) -> ChartedProfile {
        ChartedProfile {
            name: item.name,
            gender: item.gender.map(Gender::from),
            birth_date: item.birth_date.map(Date),
            contacts: item.contacts.unwrap_or_default().into_iter().map(ContactPoint::from).collect(),
            address: item.address,
            identifiers: item.identifiers.into_iter().flatten().map(Identifier::from).collect(),
            erased: item.erased,
            registered_at: DateTime(item.registered_at),
        }
    }
}

impl ChartedAppointment {
    pub(super) fn of_item(item: ChartAppointment) -> Answer<ChartedAppointment> {
        let id: AppointmentId = parsed(&item.appointment)?;
        Ok(ChartedAppointment {
            id: id.into(),
            status: item.status.into(),
            specialty: item.specialty,
            service: item.service,
            date: item.date.map(Date),
            start: item.start.map(DateTime),
            end: item.end.map(DateTime),
            reason: item.reason,
            started_at: item.started.map(DateTime),
            ended_at: item.ended.map(DateTime),
            cancelled_by: item.cancelled_by.map(Into::into),
            cancelation_reason: item.cancel_reason,
            keys: (parsed(&item.hospital)?, parsed(&item.practitioner)?),
        })
    }
}

impl ChartedInvoice {
    pub(super) fn of_item(item: ChartInvoice) -> Answer<ChartedInvoice> {
        let id: InvoiceId = parsed(&item.invoice)?;
        let unknown = || Problem::damaged("a chart's invoice", &std::fmt::Error);
        Ok(ChartedInvoice {
            id: id.into(),
            appointment_id: item.appointment.map(ID),
            kind: billing::InvoiceKind::from_word(&item.kind).ok_or_else(unknown)?.into(),
            status: billing::InvoiceStatus::from_word(&item.status).ok_or_else(unknown)?.into(),
            number: item.printed_number,
            issue_date: item.issue_date.map(Date),
            total_gross: item.gross.into(),
            balance: item.balance.into(),
        })
    }
}

fn parsed<T: std::str::FromStr<Err = carelog_domain::kernel::NotAnId>>(text: &str) -> Answer<T> {
    text.parse().map_err(|error| Problem::damaged("a chart's item", &error))
}
