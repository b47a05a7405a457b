//! How many appointments there are, by something.

use async_graphql::{Enum, SimpleObject};

use super::{AppointmentFilter, MODELS};
use crate::asking::Asking;
use crate::problem::{Answer, Problem};
use crate::sql::{Select, rows};

/// More groups than this are no overview.
const GROUPS_MAX: usize = 1_000;

/// What appointments are counted by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "AppointmentCountBy")]
pub(crate) enum CountBy {
    /// How far they have come.
    Status,
    /// The local day of their slot.
    Date,
    /// The hospital, by id.
    Hospital,
    /// The practitioner, by id.
    Practitioner,
    /// The specialty.
    Specialty,
    /// The service code.
    Service,
}

/// How many appointments share something.
#[derive(SimpleObject)]
pub(crate) struct AppointmentCount {
    /// What they share: a status in capitals, a date, an id, a code; null for those that have none yet.
    key: Option<String>,
    /// How many there are.
    count: i64,
}

pub(super) async fn count(asking: &Asking, filter: AppointmentFilter, by: CountBy) -> Answer<Vec<AppointmentCount>> {
    let (columns, ending) = match by {
        CountBy::Status => ("status AS shared, COUNT(*) AS total", "GROUP BY status"),
        CountBy::Date => ("date AS shared, COUNT(*) AS total", "GROUP BY date"),
        CountBy::Hospital => ("hospital AS shared, COUNT(*) AS total", "GROUP BY hospital"),
        CountBy::Practitioner => ("practitioner AS shared, COUNT(*) AS total", "GROUP BY practitioner"),
        CountBy::Specialty => ("specialty AS shared, COUNT(*) AS total", "GROUP BY specialty"),
        CountBy::Service => ("service AS shared, COUNT(*) AS total", "GROUP BY service"),
    };
    let select = filter.apply(asking, Select::new(columns, "{appointments}"))?;
    let found = asking.read_one(MODELS, select.ending(ending).limit(GROUPS_MAX + 1).statement()).await?;
    if found.rows.len() > GROUPS_MAX {
        return Err(Problem::new("too-many-groups", format!("more than {GROUPS_MAX} groups; narrow the filter")));
    }
    let read = |row: crate::sql::Row| {
        let key = row.maybe_text("shared")?.map(|key| match by {
            CountBy::Status => key.to_uppercase().replace('-', "_"),
            _ => key.to_owned(),
        });
        Ok(AppointmentCount { key, count: row.int("total")? })
    };
    let mut counts: Vec<AppointmentCount> = rows(found).map(read).collect::<Answer<_>>()?;
    counts.sort_by(|one, other| (one.key.is_none(), &one.key).cmp(&(other.key.is_none(), &other.key)));
    Ok(counts)
}
