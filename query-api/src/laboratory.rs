//! Lab values as the chart shows them, and critical values that wait for someone. They need `ReadClinical`.

mod critical;
mod values;

use async_graphql::{Context, Object, Result};
use carelog_domain::policy::Permission;

use crate::asking::Asking;
use crate::page::{Connection, List, PageArgs, page_cost};
use crate::sql::Ordering;
pub(crate) use critical::{CriticalResult, CriticalResultFilter};
pub(crate) use values::LabReport;

pub(crate) const MODELS: &[&str] = &["critical-results"];

/// Questions about lab results.
#[derive(Default)]
pub(crate) struct LaboratoryQueries;

#[Object]
impl LaboratoryQueries {
    /// Critical values (LL, HH, AA), longest waiting first; those that nobody has acknowledged unless told.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn critical_results(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all open ones you may see unless told.")] filter: Option<CriticalResultFilter>,
        #[graphql(desc = "Rows of a page from the beginning, 1 to 100; 20 unless told.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Rows of a page from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<Option<Connection<CriticalResult>>> {
        let asking = Asking::of(ctx);
        asking.permit(Permission::ReadClinical)?;
        let filter = filter.unwrap_or_default();
        let list = List {
            models: MODELS,
            binding: format!("critical results {filter:?}"),
            select: filter.apply(asking, critical::select())?,
            ordering: Ordering::by(&["opened_at", "report", "observation"]),
        };
        Ok(Some(list.page(ctx, PageArgs { first, after, last, before }).await?))
    }
}
