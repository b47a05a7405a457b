//! A patient's chart: who they are, their appointments, lab reports with values, invoices. It needs `ReadClinical`; its
//! invoices `ReadBilling`. Actors of single hospitals see what happened there. Without times it is read from documents;
//! with times it is folded from the log (`past`).

mod current;
mod items;
mod past;

use async_graphql::{ComplexObject, Context, ID, Object, Result, SimpleObject};
use carelog_domain::kernel::{LabReportId, PatientId};
use carelog_domain::policy::Permission;
use carelog_schemas::read_models::chart::{ChartAppointment, ChartInvoice, ChartReport, KnownAt, Profile};

use crate::asking::Asking;
use crate::laboratory::LabReport;
use crate::loading::one;
use crate::patients::{Patient, PatientLink};
use crate::problem::Answer;
use crate::scalars::{DateTime, read_id};
use items::{ChartedAppointment, ChartedInvoice, ChartedProfile};

const MODEL: &str = "chart";

/// A patient's chart.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct Chart {
    /// Who they are.
    profile: ChartedProfile,
    /// Their appointments, in the order they were made.
    appointments: Vec<ChartedAppointment>,
    /// Their lab reports, in the order they were handed in.
    reports: Vec<LabReport>,
    #[graphql(skip)]
    invoices: Vec<ChartedInvoice>,
}

#[ComplexObject]
impl Chart {
    /// Their invoices, in the order they were drafted. Needs the permission to read invoices.
    async fn invoices(&self, ctx: &Context<'_>) -> Result<Option<&[ChartedInvoice]>> {
        Asking::of(ctx).permit(Permission::ReadBilling)?;
        Ok(Some(&self.invoices))
    }
}

/// The items of a chart as they are stored, wherever they came from.
#[derive(Default)]
struct Items {
    profile: Option<Profile>,
    hospitals: Vec<KnownAt>,
    appointments: Vec<ChartAppointment>,
    reports: Vec<ChartReport>,
    invoices: Vec<ChartInvoice>,
}

impl Items {
    /// What the actor may see of it; `None` when that is nothing.
    fn shown_to(mut self, asking: &Asking) -> Answer<Option<Chart>> {
        let here = |hospital: &str| hospital.parse().is_ok_and(|hospital| asking.reaches(hospital));
        if asking.reach().is_some() && !self.hospitals.iter().any(|known| here(&known.hospital)) {
            return Ok(None);
        }
        let Some(profile) = self.profile.take() else { return Ok(None) };
        self.appointments.retain(|item| here(&item.hospital));
        self.reports.retain(|item| here(&item.hospital));
        self.invoices.retain(|item| here(&item.hospital));
        Ok(Some(Chart {
            profile: profile.into(),
            appointments: self.appointments.into_iter().map(ChartedAppointment::of_item).collect::<Answer<_>>()?,
            reports: self.reports.into_iter().map(LabReport::of_item).collect::<Answer<_>>()?,
            invoices: self.invoices.into_iter().map(ChartedInvoice::of_item).collect::<Answer<_>>()?,
        }))
    }
}

/// One report of a chart, if the actor may see it.
pub(crate) async fn report(asking: &Asking, patient: PatientId, report: LabReportId) -> Answer<Option<LabReport>> {
    let item = current::report(asking, patient, report).await?;
    let item = item.filter(|item| item.hospital.parse().is_ok_and(|hospital| asking.reaches(hospital)));
    item.map(LabReport::of_item).transpose()
}

/// Questions about charts.
#[derive(Default)]
pub(crate) struct ChartQueries;

#[Object]
impl ChartQueries {
    /// A patient's chart; null when there is no such patient or you do not act for a hospital that knows them. With a time
    /// it is the chart of then: what was known at `knownAt` about what had happened by `happenedBy`; that needs the
    /// permission to read the history as well.
    #[graphql(complexity = "100 + 10 * child_complexity")]
    async fn chart(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose chart.")] patient: ID,
        #[graphql(desc = "Only what had happened by then; now unless told.")] happened_by: Option<DateTime>,
        #[graphql(desc = "Only what was recorded by then; now unless told.")] known_at: Option<DateTime>,
    ) -> Result<Option<Chart>> {
        let asking = Asking::of(ctx);
        asking.permit(Permission::ReadClinical)?;
        asking.permit(Permission::ReadPatients)?;
        let patient: PatientId = read_id(&patient, "patient")?;
        if happened_by.is_none() && known_at.is_none() {
            return Ok(current::items(asking, patient).await?.shown_to(asking)?);
        }
        asking.permit(Permission::ReadHistory)?;
        // Who may see the patient now decides, also about then.
        if one::<Patient>(ctx, patient).await?.is_none() {
            return Ok(None);
        }
        let links = crate::loading::many::<PatientLink>(ctx, patient).await?;
        let hospitals: Vec<_> = links.iter().map(PatientLink::hospital_key).collect();
        let until = past::Until { happened_by: happened_by.map(|at| at.0), known_at: known_at.map(|at| at.0) };
        Ok(past::items(asking, patient, &hospitals, until).await?.shown_to(asking)?)
    }
}
