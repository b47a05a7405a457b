//! Critical values as tasks.

use async_graphql::{ComplexObject, Context, ID, InputObject, Result, SimpleObject};
use carelog_domain::kernel::{HospitalId, LabReportId, ObservationId, PatientId};
use carelog_domain::policy::Permission;

use super::LabReport;
use crate::asking::Asking;
use crate::chart;
use crate::hospitals::Hospital;
use crate::loading::{FromRow, one};
use crate::patients::Patient;
use crate::problem::Answer;
use crate::scalars::{DateTime, read_maybe_id};
use crate::sql::{Row, Select};

/// A critical value, which is an open task until someone acknowledges it; an amendment opens it again.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct CriticalResult {
    /// Id of the observation: report and number. Acknowledging names it.
    id: ID,
    /// The lab report's id.
    report_id: ID,
    /// Its number in the report.
    number: i64,
    /// True until acknowledged.
    open: bool,
    /// Since when.
    opened_at: DateTime,
    /// When it was acknowledged.
    acknowledged_at: Option<DateTime>,
    /// Id of the user who acknowledged it.
    acknowledged_by: Option<String>,
    #[graphql(skip)]
    keys: (LabReportId, HospitalId, PatientId),
}

#[ComplexObject]
impl CriticalResult {
    /// Whose it is. Needs the permission to read patients.
    async fn patient(&self, ctx: &Context<'_>) -> Result<Option<Patient>> {
        Asking::of(ctx).permit(Permission::ReadPatients)?;
        Ok(one::<Patient>(ctx, self.keys.2).await?)
    }

    /// Where the report was handed in.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(one::<Hospital>(ctx, self.keys.1).await?)
    }

    /// The report with its values, from the patient's chart.
    #[graphql(complexity = "5 + child_complexity")]
    async fn report(&self, ctx: &Context<'_>) -> Result<Option<LabReport>> {
        Ok(chart::report(Asking::of(ctx), self.keys.2, self.keys.0).await?)
    }
}

impl FromRow for CriticalResult {
    fn read(row: Row) -> Answer<CriticalResult> {
        let number = row.int("observation")?;
        let report: LabReportId = row.parsed("report")?;
        let observation = ObservationId { report, number: u32::try_from(number).unwrap_or_default() };
        Ok(CriticalResult {
            id: observation.into(),
            report_id: report.into(),
            number,
            open: row.is("open")?,
            opened_at: DateTime(row.instant("opened_at")?),
            acknowledged_at: row.maybe_instant("acknowledged_at")?.map(DateTime),
            acknowledged_by: row.maybe_string("acknowledged_by")?,
            keys: (report, row.parsed("hospital")?, row.parsed("patient")?),
        })
    }
}

pub(super) fn select() -> Select {
    let columns = "report, observation, hospital, patient, open, held, opened_at, acknowledged_at, acknowledged_by";
    // What waits for a review reaches nobody.
    Select::new(columns, "{critical_tasks}").and("held = 0", [])
}

/// Which critical values. What is given must all hold.
#[derive(InputObject, Default, Debug)]
pub(crate) struct CriticalResultFilter {
    /// Those of reports handed in at this hospital.
    hospital: Option<ID>,
    /// Those of this patient.
    patient: Option<ID>,
    /// Acknowledged ones too.
    #[graphql(default)]
    acknowledged_too: bool,
}

impl CriticalResultFilter {
    pub(super) fn apply(self, asking: &Asking, select: Select) -> Answer<Select> {
        let hospital = read_maybe_id::<HospitalId>(self.hospital.as_ref(), "hospital")?;
        asking.permit_at(Permission::ReadClinical, hospital)?;
        let patient = read_maybe_id::<PatientId>(self.patient.as_ref(), "patient")?;
        let select = select
            .among_some("hospital IN (??)", asking.reach())
            .and_some("hospital = ?", hospital.map(|id| id.to_string()))
            .and_some("patient = ?", patient.map(|id| id.to_string()));
        Ok(if self.acknowledged_too { select } else { select.and("open = 1", []) })
    }
}
