//! Appointments: what they are, who may do what with them, what happened to them. They need `ReadPatients`; reasons are
//! clinical and need `ReadClinical`, invoices `ReadBilling`, the past `ReadHistory`.

mod counts;
mod filter;
mod past;
mod row;

use async_graphql::{ComplexObject, Context, Enum, ID, Object, Result, SimpleObject};
use carelog_domain::kernel::{HospitalId, PatientId, PractitionerId};
use carelog_domain::policy::Permission;
use carelog_domain::scheduling;
use carelog_domain::scheduling::Action as StoredAction;

use crate::asking::Asking;
use crate::hospitals::Hospital;
use crate::invoices::{Invoice, InvoiceOfAppointment};
use crate::loading::{Found, many, one};
use crate::page::{Connection, List, PageArgs, page_cost};
use crate::patients::Patient;
use crate::practitioners::{Practitioner, PractitionerRole};
use crate::problem::Answer;
use crate::scalars::{Date, DateTime, Money, read_id};
use crate::sql::Ordering;
use crate::words::{AppointmentStatus, CancelledBy};
use counts::{AppointmentCount, CountBy};
pub(crate) use filter::AppointmentFilter;
use past::{AppointmentThen, HistoryEntry};

pub(crate) const MODELS: &[&str] = &["appointments"];

/// An appointment (FHIR Appointment).
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct Appointment {
    /// Its id.
    id: ID,
    /// How far it has come.
    status: AppointmentStatus,
    /// When it begins; null until booked.
    start: Option<DateTime>,
    /// When it ends (exclusive); null until booked.
    end: Option<DateTime>,
    /// When it was asked for, before it had a seat.
    requested_start: Option<DateTime>,
    /// Until when it was asked for.
    requested_end: Option<DateTime>,
    /// The local day its slot belongs to; null until booked.
    date: Option<Date>,
    /// A code such as `cardiology`; null until booked.
    specialty: Option<String>,
    /// Code of the service in the hospital's price list.
    service: String,
    /// What the service is called; null until booked.
    service_display: Option<String>,
    /// The price agreed at booking, before tax.
    price: Option<Money>,
    /// When it came to be, in whichever status.
    created_at: Option<DateTime>,
    /// When it was booked.
    booked_at: Option<DateTime>,
    /// When the patient arrived.
    arrived_at: Option<DateTime>,
    /// When the desk took the patient in.
    checked_in_at: Option<DateTime>,
    /// When the visit began.
    started_at: Option<DateTime>,
    /// When the visit ended.
    ended_at: Option<DateTime>,
    /// When it was cancelled.
    cancelled_at: Option<DateTime>,
    /// Who cancelled it.
    cancelled_by: Option<CancelledBy>,
    /// When it was marked as a no-show.
    no_show_at: Option<DateTime>,
    /// True when the alarm marked it, not a person.
    no_show_automatic: Option<bool>,
    /// Service code of the fee that a late cancellation or a no-show made due.
    fee_service: Option<String>,
    /// That fee, before tax.
    fee: Option<Money>,
    /// True while its slot is under leave and somebody must find another.
    needs_rebooking: bool,
    /// How often it was moved.
    rescheduled: i64,
    /// When it was last changed.
    updated_at: DateTime,
    /// How often it was changed; for `If-Match`.
    version: i64,
    #[graphql(skip)]
    reasons: row::Reasons,
    #[graphql(skip)]
    keys: row::Keys,
}

/// What can be done with an appointment; each is a command of the REST API.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "AppointmentAction")]
pub(crate) enum Action {
    /// Off the waitlist, asked for again.
    Propose,
    /// Asked of the others.
    MakePending,
    /// Given a seat.
    Book,
    /// Moved to another time or role.
    Reschedule,
    /// The patient is here.
    Arrive,
    /// The desk takes them in.
    CheckIn,
    /// The visit took place.
    Fulfil,
    /// It will not take place.
    Cancel,
    /// The patient did not come.
    MarkNoShow,
    /// A correction, back to booked.
    UndoToBooked,
    /// A correction, back to arrived: they did come.
    UndoToArrived,
    /// It should never have been written.
    EnterInError,
}

/// The action as shown, with what it takes to do it.
const fn shown(action: StoredAction) -> (Action, Permission) {
    match action {
        StoredAction::Propose => (Action::Propose, Permission::Schedule),
        StoredAction::MakePending => (Action::MakePending, Permission::Schedule),
        StoredAction::Book => (Action::Book, Permission::Schedule),
        StoredAction::Reschedule => (Action::Reschedule, Permission::Schedule),
        StoredAction::Arrive => (Action::Arrive, Permission::Schedule),
        StoredAction::CheckIn => (Action::CheckIn, Permission::Schedule),
        StoredAction::Fulfil => (Action::Fulfil, Permission::Treat),
        StoredAction::Cancel => (Action::Cancel, Permission::Schedule),
        StoredAction::MarkNoShow => (Action::MarkNoShow, Permission::Schedule),
        StoredAction::UndoToBooked => (Action::UndoToBooked, Permission::Schedule),
        StoredAction::UndoToArrived => (Action::UndoToArrived, Permission::Schedule),
        StoredAction::EnterInError => (Action::EnterInError, Permission::CorrectRecords),
    }
}

#[ComplexObject]
impl Appointment {
    /// Where.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(one::<Hospital>(ctx, self.keys.hospital).await?)
    }

    /// For whom.
    async fn patient(&self, ctx: &Context<'_>) -> Result<Option<Patient>> {
        Ok(one::<Patient>(ctx, self.keys.patient).await?)
    }

    /// With whom.
    async fn practitioner(&self, ctx: &Context<'_>) -> Result<Option<Practitioner>> {
        Ok(one::<Practitioner>(ctx, self.keys.practitioner).await?)
    }

    /// In which role.
    async fn practitioner_role(&self, ctx: &Context<'_>) -> Result<Option<PractitionerRole>> {
        Ok(one::<PractitionerRole>(ctx, self.keys.role).await?)
    }

    /// Why the patient comes. Clinical: needs the permission to read clinical facts.
    async fn reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.clinical(ctx, &self.reasons.visit)?)
    }

    /// Why it was booked into a full slot. Clinical.
    async fn overbooking_reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.clinical(ctx, &self.reasons.overbooking)?)
    }

    /// Why it may overlap another appointment of the patient. Clinical.
    async fn overlap_reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.clinical(ctx, &self.reasons.overlap)?)
    }

    /// Why it was cancelled (FHIR cancelationReason). Clinical.
    async fn cancelation_reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.clinical(ctx, &self.reasons.cancel)?)
    }

    /// Why it was last moved. Clinical.
    async fn reschedule_reason(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.clinical(ctx, &self.reasons.reschedule)?)
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
        let hospital = one::<Hospital>(ctx, self.keys.hospital).await?;
        let policies = hospital.map(|hospital| hospital.grace()).unwrap_or_default();
        let start = self.start.map(|start| start.0);
        let possible =
            scheduling::transition::actions_from(self.status.into(), start, asking.deps.clock.now(), &policies);
        let permitted = possible.into_iter().map(shown).filter(|(_, permission)| asking.may(*permission));
        Ok(permitted.map(|(action, _)| action).collect())
    }

    /// What happened to it, in plain words, oldest first. Read from the log, so it may be ahead of the other fields. Needs
    /// the permission to read the history.
    #[graphql(complexity = "50 + 10 * child_complexity")]
    async fn history(&self, ctx: &Context<'_>) -> Result<Option<Vec<HistoryEntry>>> {
        let asking = Asking::of(ctx);
        asking.permit_at(Permission::ReadHistory, Some(self.keys.hospital))?;
        let zone = one::<Hospital>(ctx, self.keys.hospital).await?.map(|hospital| hospital.zone_name().to_owned());
        Ok(Some(past::history(asking, self.keys.appointment, zone).await?))
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
        asking.permit_at(Permission::ReadHistory, Some(self.keys.hospital))?;
        Ok(past::as_of(asking, self.keys.appointment, recorded.map(|at| at.0), occurred.map(|at| at.0)).await?)
    }
}

impl Appointment {
    fn clinical<'a>(&self, ctx: &Context<'_>, reason: &'a Option<String>) -> Answer<Option<&'a str>> {
        Asking::of(ctx).permit(Permission::ReadClinical)?;
        Ok(reason.as_deref())
    }

    async fn all_invoices(&self, ctx: &Context<'_>) -> Answer<Vec<Invoice>> {
        Asking::of(ctx).permit(Permission::ReadBilling)?;
        let found = many::<InvoiceOfAppointment>(ctx, self.keys.appointment).await?;
        Ok(found.into_iter().map(|found| found.0).collect())
    }
}

const BY_START: Ordering = Ordering { first_may_be_null: true, ..Ordering::by(&["start_at", "appointment"]) };

/// A page of appointments by start; those without one come last.
pub(crate) async fn appointments_of(
    ctx: &Context<'_>,
    filter: AppointmentFilter,
    newest_first: bool,
    page: PageArgs,
) -> Answer<Connection<Appointment>> {
    let asking = Asking::of(ctx);
    let list = List {
        models: MODELS,
        binding: format!("appointments {newest_first} {filter:?}"),
        select: filter.apply(asking, Appointment::select())?,
        ordering: Ordering { descending: newest_first, ..BY_START },
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

/// Something about the appointment that only its own ids say; for other modules.
impl Appointment {
    pub(crate) const fn hospital_key(&self) -> HospitalId {
        self.keys.hospital
    }

    pub(crate) const fn patient_key(&self) -> PatientId {
        self.keys.patient
    }

    pub(crate) const fn practitioner_key(&self) -> PractitionerId {
        self.keys.practitioner
    }
}
