//! Practitioners and their roles at hospitals, with schedules and leave. Names are staff data, for everybody with a role.

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, Result, SimpleObject};
use carelog_domain::kernel::{HospitalId, PractitionerId, RoleId};
use carelog_domain::practitioner::WeeklyBlock;
use carelog_schemas::read_models::sort_key;
use carelog_schemas::read_models::sort_key::prefix_end;

use crate::asking::Asking;
use crate::fields::{Field, Fields, instant, number, text, truth};
use crate::hospitals::{Hospital, MODELS};
use crate::loading::{Found, FromRow, many, one};
use crate::page::{Connection, List, PageArgs, page_cost};
use crate::problem::Answer;
use crate::scalars::{Date, DateTime, read_id, read_maybe_id};
use crate::sql::{Ordering, Row, Select};

/// A practitioner: the row, of which each field reads what it is asked for.
#[derive(Clone)]
pub(crate) struct Practitioner(Row);

/// A practitioner at a hospital (FHIR PractitionerRole).
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct PractitionerRole {
    /// Its id; bookings name it.
    id: ID,
    /// A code such as `cardiology`.
    specialty: String,
    /// Service codes that can be booked; none means all of the hospital's.
    services: Vec<String>,
    /// How often it was changed; for `If-Match`.
    version: i64,
    #[graphql(skip)]
    key: RoleId,
    #[graphql(skip)]
    of: PractitionerId,
    #[graphql(skip)]
    at: HospitalId,
}

/// A weekly schedule, in force from a date on until the next one.
#[derive(SimpleObject, Clone)]
pub(crate) struct Schedule {
    /// The first local day it is in force.
    effective_from: Date,
    /// Its blocks, each cut into slots.
    blocks: Vec<Block>,
}

/// A block of a week, on the hospital's wall. An end that is not after its start is on the next day.
#[derive(SimpleObject, Clone)]
pub(crate) struct Block {
    /// The day it begins on: `Mon`, `Tue` ...
    weekday: String,
    /// Such as `09:00:00`.
    start: String,
    /// Such as `13:00:00`.
    end: String,
    /// Length of a slot.
    slot_minutes: i32,
    /// Seats of each slot.
    capacity: i32,
}

/// An absence.
#[derive(SimpleObject, Clone)]
pub(crate) struct Leave {
    /// Its id.
    id: ID,
    /// From when.
    from: DateTime,
    /// Until when (exclusive).
    to: DateTime,
    /// True when it does not take place.
    cancelled: bool,
}

/// A practitioner, the person.
#[Object]
impl Practitioner {
    /// Their id.
    async fn id(&self) -> Result<ID> {
        Ok(self.key()?.into())
    }

    /// Their name; null once erased.
    async fn name(&self) -> Result<Option<&str>> {
        Ok(self.0.maybe_text("name")?)
    }

    /// True once their personal data was erased.
    async fn erased(&self) -> Result<bool> {
        Ok(self.0.is("erased")?)
    }

    /// When they joined the chain.
    async fn registered_at(&self) -> Result<DateTime> {
        Ok(DateTime(self.0.instant("registered_at")?))
    }

    /// How often they were changed; for `If-Match`.
    async fn version(&self) -> Result<i64> {
        Ok(self.0.int("version")?)
    }

    /// Where they work, as far as you act for these hospitals.
    #[graphql(complexity = "5 * child_complexity")]
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<PractitionerRole>> {
        Ok(many::<RoleOfPractitioner>(ctx, self.key()?).await?.into_iter().map(|role| role.0).collect())
    }
}

#[ComplexObject]
impl PractitionerRole {
    /// Who it is.
    async fn practitioner(&self, ctx: &Context<'_>) -> Result<Option<Practitioner>> {
        Ok(one::<Practitioner>(ctx, self.of).await?)
    }

    /// Where it is.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(one::<Hospital>(ctx, self.at).await?)
    }

    /// The weekly schedules, oldest first.
    #[graphql(complexity = "5 * child_complexity")]
    async fn schedules(&self, ctx: &Context<'_>) -> Result<Vec<Schedule>> {
        Ok(many::<Schedule>(ctx, self.key).await?)
    }

    /// Leave taken, oldest first.
    #[graphql(complexity = "5 * child_complexity")]
    async fn leave(&self, ctx: &Context<'_>) -> Result<Vec<Leave>> {
        Ok(many::<Leave>(ctx, self.key).await?)
    }
}

impl Practitioner {
    fn key(&self) -> Answer<PractitionerId> {
        self.0.parsed("practitioner")
    }
}

impl FromRow for Practitioner {
    const FIELDS: Fields = &[
        Field::of("id", &["practitioner"], text),
        Field::maybe("name", &["name"], text),
        Field::of("erased", &["erased"], truth),
        Field::of("registeredAt", &["registered_at"], instant),
        Field::of("version", &["version"], number),
        Field::resolved("roles", &["practitioner"]),
    ];

    fn read(row: Row) -> Answer<Practitioner> {
        Ok(Practitioner(row))
    }

    fn row(&self) -> Option<&Row> {
        Some(&self.0)
    }
}

impl Found for Practitioner {
    type Key = PractitionerId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "practitioner";
    const AMONG: &'static str = "practitioner IN (??)";
    const REACH: Option<&'static str> = None;
    const ORDER: &'static str = "ORDER BY practitioner";

    fn select() -> Select {
        Select::new("practitioner, name, name_key, erased, registered_at, version", "{practitioners}")
    }
}

impl FromRow for PractitionerRole {
    fn read(row: Row) -> Answer<PractitionerRole> {
        let key: RoleId = row.parsed("role")?;
        Ok(PractitionerRole {
            id: key.into(),
            specialty: row.string("specialty")?,
            services: row.json("services")?,
            version: row.int("version")?,
            key,
            of: row.parsed("practitioner")?,
            at: row.parsed("hospital")?,
        })
    }
}

const ROLE_COLUMNS: &str = "role, practitioner, hospital, specialty, services, version";

impl Found for PractitionerRole {
    type Key = RoleId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "role";
    const AMONG: &'static str = "role IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY role";

    fn select() -> Select {
        Select::new(ROLE_COLUMNS, "{practitioner_roles}")
    }
}

/// The same row, found by its practitioner.
#[derive(Clone)]
struct RoleOfPractitioner(PractitionerRole);

impl FromRow for RoleOfPractitioner {
    fn read(row: Row) -> Answer<RoleOfPractitioner> {
        PractitionerRole::read(row).map(RoleOfPractitioner)
    }
}

impl Found for RoleOfPractitioner {
    type Key = PractitionerId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "practitioner";
    const AMONG: &'static str = "practitioner IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY practitioner, role";

    fn select() -> Select {
        Select::new(ROLE_COLUMNS, "{practitioner_roles}")
    }
}

impl FromRow for Schedule {
    fn read(row: Row) -> Answer<Schedule> {
        let blocks: Vec<WeeklyBlock> = row.json("blocks")?;
        let block = |block: WeeklyBlock| Block {
            weekday: block.weekday.to_string(),
            start: block.start.to_string(),
            end: block.end.to_string(),
            slot_minutes: block.slot_minutes.into(),
            capacity: block.capacity.into(),
        };
        Ok(Schedule {
            effective_from: Date(row.parsed("effective_from")?),
            blocks: blocks.into_iter().map(block).collect(),
        })
    }
}

impl Found for Schedule {
    type Key = RoleId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "role";
    const AMONG: &'static str = "role IN (??)";
    const REACH: Option<&'static str> = None;
    const ORDER: &'static str = "ORDER BY role, effective_from";

    fn select() -> Select {
        Select::new("role, effective_from, blocks", "{schedules}")
    }
}

impl FromRow for Leave {
    fn read(row: Row) -> Answer<Leave> {
        Ok(Leave {
            id: row.text("leave_id")?.into(),
            from: DateTime(row.instant("from_at")?),
            to: DateTime(row.instant("to_at")?),
            cancelled: row.is("cancelled")?,
        })
    }
}

impl Found for Leave {
    type Key = RoleId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "role";
    const AMONG: &'static str = "role IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY role, from_at, leave_id";

    fn select() -> Select {
        Select::new("leave_id, role, hospital, from_at, to_at, cancelled", "{leaves}")
    }
}

/// Which practitioners.
#[derive(InputObject, Default, Debug)]
pub(crate) struct PractitionerFilter {
    /// Those with a role at this hospital.
    hospital: Option<ID>,
    /// Those with a role of this specialty (at that hospital, if one is given).
    specialty: Option<String>,
    /// Those whose name begins with this; case and accents do not matter.
    name: Option<String>,
}

/// Questions about practitioners.
#[derive(Default)]
pub(crate) struct PractitionerQueries;

#[Object]
impl PractitionerQueries {
    /// One practitioner, or null.
    async fn practitioner(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Their id.")] id: ID,
    ) -> Result<Option<Practitioner>> {
        Asking::of(ctx).permit_directory()?;
        Ok(one::<Practitioner>(ctx, read_id(&id, "id")?).await?)
    }

    /// The practitioners by name.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn practitioners(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all unless told.")] filter: Option<PractitionerFilter>,
        #[graphql(desc = "Rows of a page from the beginning, 1 to 100; 20 unless told.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Rows of a page from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<Option<Connection<Practitioner>>> {
        Asking::of(ctx).permit_directory()?;
        let filter = filter.unwrap_or_default();
        let list = List {
            models: MODELS,
            binding: format!("practitioners {filter:?}"),
            select: filter.apply(Practitioner::select())?,
            ordering: Ordering::by(&["name_key", "practitioner"]),
        };
        Ok(Some(list.page(ctx, PageArgs { first, after, last, before }).await?))
    }
}

impl PractitionerFilter {
    fn apply(self, select: Select) -> Answer<Select> {
        let hospital = read_maybe_id::<HospitalId>(self.hospital.as_ref(), "hospital")?.map(|id| id.to_string());
        let select = match (hospital, self.specialty) {
            (None, None) => select,
            (Some(hospital), None) => select.and(
                "practitioner IN (SELECT practitioner FROM {practitioner_roles} WHERE hospital = ?)",
                [hospital.into()],
            ),
            (None, Some(specialty)) => select.and(
                "practitioner IN (SELECT practitioner FROM {practitioner_roles} WHERE specialty = ?)",
                [specialty.into()],
            ),
            (Some(hospital), Some(specialty)) => select.and(
                "practitioner IN (SELECT practitioner FROM {practitioner_roles} WHERE hospital = ? AND specialty = ?)",
                [hospital.into(), specialty.into()],
            ),
        };
        let Some(name) = self.name else { return Ok(select) };
        let prefix = sort_key(&name);
        let end = prefix_end(&prefix);
        Ok(select.and("name_key >= ?", [prefix.into()]).and_some("name_key < ?", end))
    }
}
