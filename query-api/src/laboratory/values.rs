//! Reports and values as the chart keeps them.

use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use carelog_domain::kernel::{HospitalId, LabReportId, ObservationId};
use carelog_schemas::read_models::chart::{ChartObservation, ChartReport};

use crate::hospitals::Hospital;
use crate::loading::one;
use crate::problem::{Answer, Problem};
use crate::scalars::{DateTime, Decimal};
use crate::words::{FileStatus, Flag, ObservationStatus, ReportStatus, ReviewReason};

/// A lab report (FHIR DiagnosticReport) and what became of its file.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct LabReport {
    /// Its id.
    id: ID,
    /// How far it has come.
    status: ReportStatus,
    /// What became of its file.
    file_status: FileStatus,
    /// The file's name as handed in; null once erased.
    file_name: Option<String>,
    /// Why the file could not be read, such as `encrypted`.
    failure: Option<String>,
    /// Why a person must look first.
    review_reasons: Vec<ReviewReason>,
    /// False until its values may be shown: not read yet, waiting for a review, or withdrawn.
    reaches_chart: bool,
    /// When the file was handed in.
    uploaded_at: DateTime,
    /// When the sample was taken, as printed.
    collected: Option<String>,
    /// The laboratory, as printed.
    laboratory: Option<String>,
    /// Its values; none while it does not reach the chart.
    observations: Vec<Observation>,
    /// Lines that were not understood, as printed; none while it does not reach the chart.
    unparsed: Vec<String>,
    /// True once its clinical data was erased.
    erased: bool,
    /// When a person made it final.
    finalised_at: Option<DateTime>,
    /// How often it was changed; for `If-Match`.
    version: i64,
    #[graphql(skip)]
    at: HospitalId,
}

#[ComplexObject]
impl LabReport {
    /// Where it was handed in.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(one::<Hospital>(ctx, self.at).await?)
    }
}

/// One value (FHIR Observation): as printed, and what could be understood of it.
#[derive(SimpleObject, Clone)]
pub(crate) struct Observation {
    /// Its id: report and number.
    id: ID,
    /// Its number in the report, from 1.
    number: i64,
    /// The analyte as printed.
    name: String,
    /// LOINC, where known.
    loinc: Option<String>,
    /// The value exactly as printed; null when the row had none.
    printed: Option<String>,
    /// The number, digits as printed; null when the value is no number.
    decimal: Option<Decimal>,
    /// `<`, `<=`, `>` or `>=` before the number.
    comparator: Option<String>,
    /// The unit as printed.
    unit: Option<String>,
    /// The unit in UCUM, where known.
    ucum: Option<String>,
    /// The reference range as printed.
    range: Option<String>,
    /// Its lower bound.
    range_low: Option<Decimal>,
    /// Its upper bound.
    range_high: Option<Decimal>,
    /// The flag as printed.
    printed_flag: Option<Flag>,
    /// The flag the range gives; null when no range matches, which does not mean normal.
    computed_flag: Option<Flag>,
    /// How far it has come.
    status: ObservationStatus,
    /// True until a person confirmed it.
    machine_read: bool,
    /// The page it was read from.
    page: i64,
    /// The line of that page.
    line: i64,
    /// Earlier values of an amended one, oldest first, as printed.
    earlier: Vec<String>,
    /// True while it is critical and nobody has acknowledged it.
    open_task: bool,
    /// Id of the user who acknowledged it.
    acknowledged_by: Option<String>,
    /// When it was acknowledged.
    acknowledged_at: Option<DateTime>,
    /// The value that was acknowledged, as seen then.
    value_seen: Option<String>,
}

impl LabReport {
    /// A report as the chart keeps it; its values are left out until they may be shown.
    pub(crate) fn of_item(item: ChartReport) -> Answer<LabReport> {
        let report: LabReportId = item.report.parse().map_err(|error| Problem::damaged("a chart's report", &error))?;
        let at = item.hospital.parse().map_err(|error| Problem::damaged("a chart's report", &error))?;
        let shown = item.reaches_chart;
        let observations = item.observations.into_iter().filter(|_| shown);
        Ok(LabReport {
            id: report.into(),
            status: item.status.into(),
            file_status: item.file_status.into(),
            file_name: item.file_name,
            failure: item.failure,
            review_reasons: item.review_reasons.into_iter().map(Into::into).collect(),
            reaches_chart: shown,
            uploaded_at: DateTime(item.uploaded_at),
            collected: item.collected.filter(|_| shown),
            laboratory: item.laboratory.filter(|_| shown),
            observations: observations.map(|item| Observation::of_item(report, item)).collect(),
            unparsed: if shown { item.unparsed } else { vec![] },
            erased: item.erased,
            finalised_at: item.finalised_at.map(DateTime),
            version: i64::try_from(item.version).unwrap_or(i64::MAX),
            at,
        })
    }
}

impl Observation {
    fn of_item(report: LabReportId, item: ChartObservation) -> Observation {
        let ChartObservation { value, open_task, acknowledged_by, acknowledged_at, value_seen } = item;
        let (range, low, high) = value
            .range
            .map_or((None, None, None), |range| (Some(range.text), range.low.map(Decimal), range.high.map(Decimal)));
        Observation {
            id: ObservationId { report, number: value.number }.into(),
            number: value.number.into(),
            name: value.name,
            loinc: value.loinc,
            printed: value.printed,
            decimal: value.decimal.map(Decimal),
            comparator: value.comparator.map(|comparator| comparator.word().to_owned()),
            unit: value.unit,
            ucum: value.ucum,
            range,
            range_low: low,
            range_high: high,
            printed_flag: value.printed_flag.map(Into::into),
            computed_flag: value.computed_flag.map(Into::into),
            status: value.status.into(),
            machine_read: value.machine_read,
            page: value.page.into(),
            line: value.line.into(),
            earlier: value.earlier,
            open_task,
            acknowledged_by,
            acknowledged_at: acknowledged_at.map(DateTime),
            value_seen,
        }
    }
}
