//! Hospitals: zone, currency, prices and policies. No personal data; everybody who is anybody may read them.

use async_graphql::{ComplexObject, Context, Enum, ID, Object, Result, SimpleObject};
use carelog_domain::kernel::HospitalId;
use carelog_domain::organization::{NoShowPolicy, Policies, ReschedulePrice};

use crate::asking::Asking;
use crate::loading::{Found, FromRow, many, one};
use crate::page::{Connection, List, PageArgs, page_cost};
use crate::problem::Answer;
use crate::scalars::{Date, Money, read_id};
use crate::sql::{Ordering, Row, Select};

pub(crate) const MODELS: &[&str] = &["practitioners"];

/// A hospital of the chain.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct Hospital {
    /// Its id.
    id: ID,
    /// What it is called.
    name: String,
    /// Its IANA time zone, such as `Europe/London`; its days and dates are on this wall.
    zone: String,
    /// The currency it bills in (ISO 4217).
    currency: String,
    /// Whether an appointment nobody turned up for is marked by itself.
    no_show: NoShow,
    /// Minutes after the start before a no-show may be marked.
    grace_minutes: i64,
    /// Service code a no-show is charged with, if it is.
    no_show_fee: Option<String>,
    /// A cancellation by the patient less than this many hours before the start is late, if there is such a rule.
    late_cancel_hours: Option<i64>,
    /// Service code a late cancellation is charged with.
    late_cancel_fee: Option<String>,
    /// How many may be booked into a full slot, each with a reason.
    overbooking_per_slot_max: i64,
    /// What a moved appointment costs.
    reschedule_price: Reprice,
    /// How often it was changed; for `If-Match`.
    version: i64,
    #[graphql(skip)]
    key: HospitalId,
}

/// Whether an appointment nobody turned up for is marked by itself.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "NoShowPolicy")]
pub(crate) enum NoShow {
    /// Only people mark it.
    Off,
    /// An alarm marks it after the grace period.
    AfterGrace,
}

/// What a moved appointment costs.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "ReschedulePrice")]
pub(crate) enum Reprice {
    /// The price agreed at first.
    Keep,
    /// The price of the new date.
    Reprice,
}

/// An entry of a price list.
#[derive(SimpleObject, Clone)]
pub(crate) struct Price {
    /// The hospital's code of the service; bookings name it.
    service: String,
    /// What it is called on an invoice.
    display: String,
    /// Before tax.
    amount: Money,
    /// UNCL5305 category: `S` standard, `Z` zero-rated, `E` exempt.
    tax_category: String,
    /// Hundredths of a per cent: 2,000 is 20 %.
    tax_rate_basis_points: i64,
    /// The first local day it is in force.
    valid_from: Date,
    /// The last local day, if it ends.
    valid_to: Option<Date>,
}

#[ComplexObject]
impl Hospital {
    /// Its price list.
    #[graphql(complexity = "10 * child_complexity")]
    async fn prices(&self, ctx: &Context<'_>) -> Result<Vec<Price>> {
        Ok(many::<Price>(ctx, self.key).await?)
    }
}

impl Hospital {
    pub(crate) fn grace(&self) -> Policies {
        Policies { grace_minutes: u32::try_from(self.grace_minutes).unwrap_or(u32::MAX), ..Policies::default() }
    }

    pub(crate) fn zone_name(&self) -> &str {
        &self.zone
    }
}

impl FromRow for Hospital {
    fn read(row: Row) -> Answer<Hospital> {
        let key: HospitalId = row.parsed("hospital")?;
        Ok(Hospital {
            id: key.into(),
            name: row.string("name")?,
            zone: row.string("zone")?,
            currency: row.string("currency")?,
            no_show: match row.word("no_show", NoShowPolicy::from_word)? {
                NoShowPolicy::Off => NoShow::Off,
                NoShowPolicy::AfterGrace => NoShow::AfterGrace,
            },
            grace_minutes: row.int("grace_minutes")?,
            no_show_fee: row.maybe_string("no_show_fee")?,
            late_cancel_hours: row.maybe_int("late_cancel_hours")?,
            late_cancel_fee: row.maybe_string("late_cancel_fee")?,
            overbooking_per_slot_max: row.int("overbooking_per_slot_max")?,
            reschedule_price: match row.word("reschedule_price", ReschedulePrice::from_word)? {
                ReschedulePrice::Keep => Reprice::Keep,
                ReschedulePrice::Reprice => Reprice::Reprice,
            },
            version: row.int("version")?,
            key,
        })
    }
}

const COLUMNS: &str = "hospital, name, name_key, zone, currency, no_show, grace_minutes, no_show_fee, \
    late_cancel_hours, late_cancel_fee, overbooking_per_slot_max, reschedule_price, version";

impl Found for Hospital {
    type Key = HospitalId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "hospital";
    const AMONG: &'static str = "hospital IN (??)";
    const REACH: Option<&'static str> = None;
    const ORDER: &'static str = "ORDER BY hospital";

    fn select() -> Select {
        Select::new(COLUMNS, "{hospitals}")
    }
}

impl FromRow for Price {
    fn read(row: Row) -> Answer<Price> {
        Ok(Price {
            service: row.string("service")?,
            display: row.string("display")?,
            amount: Money::of_row(&row, "amount", "currency")?,
            tax_category: row.string("tax_category")?,
            tax_rate_basis_points: row.int("tax_rate_basis_points")?,
            valid_from: Date(row.parsed("valid_from")?),
            valid_to: row.maybe_parsed("valid_to")?.map(Date),
        })
    }
}

impl Found for Price {
    type Key = HospitalId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "hospital";
    const AMONG: &'static str = "hospital IN (??)";
    const REACH: Option<&'static str> = None;
    const ORDER: &'static str = "ORDER BY hospital, ordinal";

    fn select() -> Select {
        let columns = "hospital, ordinal, service, display, amount, currency, tax_category, tax_rate_basis_points, \
            valid_from, valid_to";
        Select::new(columns, "{prices}")
    }
}

/// Questions about hospitals.
#[derive(Default)]
pub(crate) struct HospitalQueries;

#[Object]
impl HospitalQueries {
    /// One hospital, or null.
    async fn hospital(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Hospital>> {
        Asking::of(ctx).permit_directory()?;
        Ok(one::<Hospital>(ctx, read_id(&id, "id")?).await?)
    }

    /// The hospitals of the chain by name.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn hospitals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Rows of a page from the beginning, 1 to 100; 20 unless told.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Rows of a page from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<Option<Connection<Hospital>>> {
        Asking::of(ctx).permit_directory()?;
        let list = List {
            models: MODELS,
            select: Hospital::select(),
            ordering: Ordering::by(&["name_key", "hospital"]),
            binding: "hospitals".to_owned(),
        };
        Ok(Some(list.page(ctx, PageArgs { first, after, last, before }).await?))
    }
}
