//! When somebody can be seen: slots of open days with the seats that are left. A seat is taken by an appointment or kept
//! by a hold that has not ended; holds end by time, so the answer depends on the clock. Nothing personal.

use async_graphql::{ComplexObject, Context, ID, Object, Result, SimpleObject};
use carelog_domain::kernel::{HospitalId, PractitionerId, RoleId, Timestamp};
use carelog_domain::scheduling;

use crate::asking::Asking;
use crate::hospitals::Hospital;
use crate::loading::{FromRow, one};
use crate::page::{Connection, List, PageArgs, page_cost};
use crate::practitioners::{Practitioner, PractitionerRole};
use crate::problem::{Answer, Problem};
use crate::scalars::{Date, DateTime, read_maybe_id};
use crate::sql::{Ordering, Row, Select};
use crate::words::SlotStatus;

const MODELS: &[&str] = &["availability"];

/// A slot of an open day (FHIR Slot). Its identity is the role and the start; bookings name both.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct Slot {
    /// When it begins.
    start: DateTime,
    /// When it ends (exclusive).
    end: DateTime,
    /// The local date its block begins on; for a block that crosses midnight that can be the day before.
    date: Date,
    /// A code such as `cardiology`.
    specialty: String,
    /// Free while a seat is left, busy when all are taken or held, busy-unavailable under leave.
    status: SlotStatus,
    /// Seats it has.
    capacity: i64,
    /// Seats taken by appointments, overbooked ones too.
    taken: i64,
    /// Seats kept by holds that have not ended.
    held: i64,
    /// Seats left now; 0 under leave.
    free: i64,
    #[graphql(skip)]
    keys: (HospitalId, PractitionerId, RoleId),
}

#[ComplexObject]
impl Slot {
    /// Where.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(one::<Hospital>(ctx, self.keys.0).await?)
    }

    /// With whom.
    async fn practitioner(&self, ctx: &Context<'_>) -> Result<Option<Practitioner>> {
        Ok(one::<Practitioner>(ctx, self.keys.1).await?)
    }

    /// In which role; holds and bookings name it.
    async fn practitioner_role(&self, ctx: &Context<'_>) -> Result<Option<PractitionerRole>> {
        Ok(one::<PractitionerRole>(ctx, self.keys.2).await?)
    }
}

impl FromRow for Slot {
    fn read(row: Row) -> Answer<Slot> {
        let (capacity, taken, held) = (row.int("capacity")?, row.int("taken")?, row.int("held")?);
        let blocked = row.int("blocked")? > 0;
        let left = (capacity - taken - held).max(0);
        let status = match (blocked, left) {
            (true, _) => scheduling::SlotStatus::BusyUnavailable,
            (false, 0) => scheduling::SlotStatus::Busy,
            (false, _) => scheduling::SlotStatus::Free,
        };
        Ok(Slot {
            start: DateTime(row.instant("start_at")?),
            end: DateTime(row.instant("end_at")?),
            date: Date(row.parsed("date")?),
            specialty: row.string("specialty")?,
            status: status.into(),
            capacity,
            taken,
            held,
            free: if blocked { 0 } else { left },
            keys: (row.parsed("hospital")?, row.parsed("practitioner")?, row.parsed("role")?),
        })
    }
}

/// Questions about free times.
#[derive(Default)]
pub(crate) struct AvailabilityQueries;

#[Object]
impl AvailabilityQueries {
    /// Slots that start in a time span, by start; only those with a seat left unless told.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    #[allow(clippy::too_many_arguments, reason = "arguments of a GraphQL field are its interface")]
    async fn availability(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From this instant.")] from: DateTime,
        #[graphql(desc = "Until this instant (exclusive).")] to: DateTime,
        #[graphql(desc = "At this hospital.")] hospital: Option<ID>,
        #[graphql(desc = "With this practitioner.")] practitioner: Option<ID>,
        #[graphql(desc = "With this practitioner role.")] practitioner_role: Option<ID>,
        #[graphql(desc = "Of this specialty.")] specialty: Option<String>,
        #[graphql(desc = "Full slots and those under leave too.", default)] all: bool,
        #[graphql(desc = "Rows of a page from the beginning, 1 to 100; 20 unless told.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Rows of a page from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<Option<Connection<Slot>>> {
        let asking = Asking::of(ctx);
        asking.permit_directory()?;
        if to.0 <= from.0 {
            return Err(Problem::at("to", "meaningless-value", "`to` is after `from`").into());
        }
        let hospital = read_maybe_id::<HospitalId>(hospital.as_ref(), "hospital")?;
        let practitioner = read_maybe_id::<PractitionerId>(practitioner.as_ref(), "practitioner")?;
        let role = read_maybe_id::<RoleId>(practitioner_role.as_ref(), "practitionerRole")?;
        let binding = format!("slots {from:?} {to:?} {hospital:?} {practitioner:?} {role:?} {specialty:?} {all}");
        let now = asking.deps.clock.now();
        let select = slots(now)
            .among_some("s.hospital IN (??)", asking.reach())
            .and("s.start_at >= ? AND s.start_at < ?", [from.0.into(), to.0.into()])
            .and_some("s.hospital = ?", hospital.map(|id| id.to_string()))
            .and_some("s.practitioner = ?", practitioner.map(|id| id.to_string()))
            .and_some("s.role = ?", role.map(|id| id.to_string()))
            .and_some("d.specialty = ?", specialty);
        let select = if all { select } else { select.and(HAS_SEAT, [now.into()]) };
        let ordering = Ordering::by(&["s.start_at", "s.role"]);
        let list = List { models: MODELS, binding, select, ordering };
        Ok(Some(list.page(ctx, PageArgs { first, after, last, before }).await?))
    }
}

/// Slots with the number of their holds that have not ended by now.
fn slots(now: Timestamp) -> Select {
    let columns = "s.role AS role, s.date AS date, s.start_at AS start_at, s.end_at AS end_at, s.hospital AS hospital, \
        s.practitioner AS practitioner, s.capacity AS capacity, s.taken AS taken, s.blocked AS blocked, \
        d.specialty AS specialty, (SELECT COUNT(*) FROM {holds} h WHERE h.role = s.role AND h.date = s.date AND \
        h.start_at = s.start_at AND h.until_at > ?) AS held";
    Select::with_values(columns, [now.into()], "{slots} s JOIN {days} d ON d.role = s.role AND d.date = s.date")
}

const HAS_SEAT: &str = "s.blocked = 0 AND s.capacity - s.taken > (SELECT COUNT(*) FROM {holds} h WHERE h.role = s.role \
    AND h.date = s.date AND h.start_at = s.start_at AND h.until_at > ?)";
