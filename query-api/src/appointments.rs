//! Appointments: what they are, who may do what with them, what happened to them. They need `ReadPatients`; reasons are
//! clinical and need `ReadClinical`, invoices `ReadBilling`, the past `ReadHistory`.

mod actions;
mod counts;
mod filter;
mod past;
mod row;

use async_graphql::{Context, ID, Object, Result};
use carelog_domain::policy::Permission;
use carelog_domain::scheduling;

use crate::asking::Asking;
use crate::hospitals::Hospital;
use crate::invoices::{Invoice, InvoiceOfAppointment};
use crate::loading::{Found, led, many, one};
use crate::page::{Connection, List, PageArgs, page_cost};
use crate::patients::Patient;
use crate::practitioners::{Practitioner, PractitionerRole};
use crate::problem::Answer;
use crate::scalars::{Date, DateTime, Money, read_id};
use crate::sql::{Ordering, Row};
use crate::words::{AppointmentStatus, CancelledBy};
use actions::{Action, shown};
use counts::{AppointmentCount, CountBy};
pub(crate) use filter::AppointmentFilter;
use past::{AppointmentThen, HistoryEntry};

pub(crate) const MODELS: &[&str] = &["appointments"];

/// An appointment: its row, of which each field reads what it is asked for.
#[derive(Clone)]
pub(crate) struct Appointment(Row);

/// An appointment (FHIR Appointment).
#[Object]
impl Appointment {
    /// Its id.
    async fn id(&self) -> Result<ID> {
        Ok(self.key()?.into())
    }

    /// How far it has come.
    async fn status(&self) -> Result<AppointmentStatus> {
        Ok(self.stored_status()?.into())
    }

    /// When it begins; null until booked.
    async fn start(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("start_at")?.map(DateTime))
    }

    /// When it ends (exclusive); null until booked.
    async fn end(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("end_at")?.map(DateTime))
    }

    /// When it was asked for, before it had a seat.
    async fn requested_start(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("requested_start")?.map(DateTime))
    }

    /// Until when it was asked for.
    async fn requested_end(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("requested_end")?.map(DateTime))
    }

    /// The local day its slot belongs to; null until booked.
    async fn date(&self) -> Result<Option<Date>> {
        Ok(self.0.maybe_parsed("date")?.map(Date))
    }

    /// A code such as `cardiology`; null until booked.
    async fn specialty(&self) -> Result<Option<&str>> {
        Ok(self.0.maybe_text("specialty")?)
    }

    /// Code of the service in the hospital's price list.
    async fn service(&self) -> Result<&str> {
        Ok(self.0.text("service")?)
    }

    /// What the service is called; null until booked.
    async fn service_display(&self) -> Result<Option<&str>> {
        Ok(self.0.maybe_text("service_display")?)
    }

    /// The price agreed at booking, before tax.
    async fn price(&self) -> Result<Option<Money>> {
        Ok(self.money("price_amount")?)
    }

    /// When it came to be, in whichever status.
    async fn created_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("created_at")?.map(DateTime))
    }

    /// When it was booked.
    async fn booked_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("booked_at")?.map(DateTime))
    }

    /// When the patient arrived.
    async fn arrived_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("arrived_at")?.map(DateTime))
    }

    /// When the desk took the patient in.
    async fn checked_in_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("checked_in_at")?.map(DateTime))
    }

    /// When the visit began.
    async fn started_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("started_at")?.map(DateTime))
    }

    /// When the visit ended.
    async fn ended_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("ended_at")?.map(DateTime))
    }

    /// When it was cancelled.
    async fn cancelled_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("cancelled_at")?.map(DateTime))
    }

    /// Who cancelled it.
    async fn cancelled_by(&self) -> Result<Option<CancelledBy>> {
        let word = self.0.maybe_text("cancelled_by")?;
        Ok(word.and_then(scheduling::CancelledBy::from_word).map(Into::into))
    }

    /// When it was marked as a no-show.
    async fn no_show_at(&self) -> Result<Option<DateTime>> {
        Ok(self.0.maybe_instant("noshow_at")?.map(DateTime))
    }

    /// True when the alarm marked it, not a person.
    async fn no_show_automatic(&self) -> Result<Option<bool>> {
        Ok(self.0.maybe_int("noshow_automatic")?.map(|truth| truth != 0))
    }

    /// Service code of the fee that a late cancellation or a no-show made due.
    async fn fee_service(&self) -> Result<Option<&str>> {
        Ok(self.0.maybe_text("fee_service")?)
    }

    /// That fee, before tax.
    async fn fee(&self) -> Result<Option<Money>> {
        Ok(self.money("fee_amount")?)
    }

    /// True while its slot is under leave and somebody must find another.
    async fn needs_rebooking(&self) -> Result<bool> {
        Ok(self.0.is("needs_rebooking")?)
    }

    /// How often it was moved.
    async fn rescheduled(&self) -> Result<i64> {
        Ok(self.0.int("rescheduled")?)
    }

    /// When it was last changed.
    async fn updated_at(&self) -> Result<DateTime> {
        Ok(DateTime(self.0.instant("updated_at")?))
    }

    /// How often it was changed; for `If-Match`.
    async fn version(&self) -> Result<i64> {
        Ok(self.0.int("version")?)
    }

    /// Where.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(led::<Hospital>(ctx, &self.0, "hospital").await?)
    }

    /// For whom.
    async fn patient(&self, ctx: &Context<'_>) -> Result<Option<Patient>> {
        Ok(led::<Patient>(ctx, &self.0, "patient").await?)
    }

    /// With whom.
    async fn practitioner(&self, ctx: &Context<'_>) -> Result<Option<Practitioner>> {
        Ok(led::<Practitioner>(ctx, &self.0, "practitioner").await?)
    }

    /// In which role.
    async fn practitioner_role(&self, ctx: &Context<'_>) -> Result<Option<PractitionerRole>> {
        Ok(led::<PractitionerRole>(ctx, &self.0, "role").await?)
    }

    /// Why the patient comes. Clinical: needs the permission to read clinical facts.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.clinical(ctx, "reason")?)
    }

    /// Why it was booked into a full slot. Clinical.
    async fn overbooking_reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.clinical(ctx, "overbooking_reason")?)
    }

    /// Why it may overlap another appointment of the patient. Clinical.
    async fn overlap_reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.clinical(ctx, "overlap_reason")?)
    }

    /// Why it was cancelled (FHIR cancelationReason). Clinical.
    async fn cancelation_reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.clinical(ctx, "cancel_reason")?)
    }

    /// Why it was last moved. Clinical.
    async fn reschedule_reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.clinical(ctx, "last_reschedule_reason")?)
    }

    /// The invoice for the visit; fees have invoices of their own, see `invoices`.
    async fn invoice(&self, ctx: &Context<'_>) -> Result<Option<Invoice>> {
        Ok(self.all_invoices(ctx).await?.into_iter().find(Invoice::is_for_visit))
    }

    /// All its invoices, oldest first: for the visit, for a late cancellation or a no-show.
    #[graphql(complexity = "2 * child_complexity")]
    async fn invoices(&self, ctx: &Context<'_>) -> Result<Option<Vec<Invoice>>> {
        Ok(Some(self.all_invoices(ctx).await?))
    }

    /// What you may do with it now: its status and the clock allow it, and so do your roles. Fetch it again before you
    /// rely on it.
    async fn allowed_actions(&self, ctx: &Context<'_>) -> Result<Vec<Action>> {
        let asking = Asking::of(ctx);
        let hospital = led::<Hospital>(ctx, &self.0, "hospital").await?;
        let policies = hospital.map(|hospital| hospital.grace()).unwrap_or_default();
        let (status, start) = (self.stored_status()?, self.0.maybe_instant("start_at")?);
        let possible = scheduling::transition::actions_from(status, start, asking.deps.clock.now(), &policies);
        let permitted = possible.into_iter().map(shown).filter(|(_, permission)| asking.may(*permission));
        Ok(permitted.map(|(action, _)| action).collect())
    }

    /// What happened to it, in plain words, oldest first. Read from the log, so it may be ahead of the other fields. Needs
    /// the permission to read the history.
    #[graphql(complexity = "50 + 10 * child_complexity")]
    async fn history(&self, ctx: &Context<'_>) -> Result<Option<Vec<HistoryEntry>>> {
        let asking = Asking::of(ctx);
        asking.permit_at(Permission::ReadHistory, Some(self.hospital_key()?))?;
        let zone = led::<Hospital>(ctx, &self.0, "hospital").await?.map(|hospital| hospital.zone_name().to_owned());
        Ok(Some(past::history(asking, self.key()?, zone).await?))
    }

    /// What it was at another time: what was known at `recorded` about what was true at `occurred`. Left out, each means
    /// now. Null when nothing was known yet. Needs the permission to read the history.
    #[graphql(complexity = "50 + child_complexity")]
    async fn as_of(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only what was recorded by then.")] recorded: Option<DateTime>,
        #[graphql(desc = "Only what had happened by then.")] occurred: Option<DateTime>,
    ) -> Result<Option<AppointmentThen>> {
        let asking = Asking::of(ctx);
        asking.permit_at(Permission::ReadHistory, Some(self.hospital_key()?))?;
        Ok(past::as_of(asking, self.key()?, recorded.map(|at| at.0), occurred.map(|at| at.0)).await?)
    }
}

impl Appointment {
    fn clinical(&self, ctx: &Context<'_>, column: &'static str) -> Answer<Option<&str>> {
        Asking::of(ctx).permit(Permission::ReadClinical)?;
        self.0.maybe_text(column)
    }

    async fn all_invoices(&self, ctx: &Context<'_>) -> Answer<Vec<Invoice>> {
        Asking::of(ctx).permit(Permission::ReadBilling)?;
        let found = many::<InvoiceOfAppointment>(ctx, self.key()?).await?;
        Ok(found.into_iter().map(|found| found.0).collect())
    }
}

const BY_START: Ordering = Ordering::by(&["start_at", "appointment"]);

/// A page of appointments by start; those without one come last.
pub(crate) async fn appointments_of(
    ctx: &Context<'_>,
    filter: AppointmentFilter,
    newest_first: bool,
    page: PageArgs,
) -> Answer<Connection<Appointment>> {
    let asking = Asking::of(ctx);
    let first_may_be_null = !filter.needs_a_start();
    let list = List {
        models: MODELS,
        binding: format!("appointments {newest_first} {filter:?}"),
        select: filter.apply(asking, Appointment::select())?,
        ordering: Ordering { descending: newest_first, first_may_be_null, ..BY_START },
    };
    list.page(ctx, page).await
}

/// Questions about appointments.
#[derive(Default)]
pub(crate) struct AppointmentQueries;

#[Object]
impl AppointmentQueries {
    /// One appointment; null when there is none or you do not act for its hospital.
    async fn appointment(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Appointment>> {
        Asking::of(ctx).permit(Permission::ReadPatients)?;
        Ok(one::<Appointment>(ctx, read_id(&id, "id")?).await?)
    }

    /// Appointments by start; those without one (proposed, pending, waitlist) come last.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn appointments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all you may see unless told.")] filter: Option<AppointmentFilter>,
        #[graphql(desc = "Latest first.", default)] newest_first: bool,
        #[graphql(desc = "Rows of a page from the beginning, 1 to 100; 20 unless told.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Rows of a page from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<Option<Connection<Appointment>>> {
        let page = PageArgs { first, after, last, before };
        Ok(Some(appointments_of(ctx, filter.unwrap_or_default(), newest_first, page).await?))
    }

    /// How many appointments there are, by something.
    #[graphql(complexity = "50 + child_complexity")]
    async fn appointment_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all you may see unless told.")] filter: Option<AppointmentFilter>,
        #[graphql(desc = "What they are counted by.")] by: CountBy,
    ) -> Result<Option<Vec<AppointmentCount>>> {
        Ok(Some(counts::count(Asking::of(ctx), filter.unwrap_or_default(), by).await?))
    }
}
