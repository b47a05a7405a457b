//! Invoices with their lines, allocations and credit notes. They need `ReadBilling`, and `ReadPatients` to see whose they
//! are.

mod filter;
mod parts;

use async_graphql::{ComplexObject, Context, ID, Object, Result, SimpleObject};
use carelog_domain::billing;
use carelog_domain::kernel::{AccountId, AppointmentId, HospitalId, InvoiceId, PatientId};
use carelog_domain::policy::Permission;

use crate::accounts::Account;
use crate::appointments::Appointment;
use crate::asking::Asking;
use crate::hospitals::Hospital;
use crate::loading::{Found, FromRow, many, one};
use crate::page::{Connection, List, PageArgs, page_cost};
use crate::patients::Patient;
use crate::problem::Answer;
use crate::scalars::{Date, DateTime, Money, read_id};
use crate::sql::{Ordering, Row, Select};
use crate::words::{InvoiceKind, InvoiceStatus};
pub(crate) use filter::InvoiceFilter;
use parts::{CreditNote, InvoiceAllocation, InvoiceLine};

pub(crate) const MODELS: &[&str] = &["invoices"];

/// An invoice (FHIR Invoice). Once issued, its lines, parties, dates, totals and number never change.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct Invoice {
    /// Its id.
    id: ID,
    /// What it is for.
    kind: InvoiceKind,
    /// Where it stands.
    status: InvoiceStatus,
    /// The number as printed; null until issued.
    number: Option<String>,
    /// Its number in its series, from 1 without gaps; null until issued.
    sequence: Option<i64>,
    /// The series it is numbered in.
    series: Option<String>,
    /// The hospital's local date; null until issued.
    issue_date: Option<Date>,
    /// Who is to pay it, if not the patient (FHIR recipient): the account's guarantor when it was issued; null once erased.
    recipient: Option<String>,
    /// Sum of the lines before tax (FHIR totalNet).
    total_net: Money,
    /// Sum of the lines' tax.
    total_tax: Money,
    /// Sum of the lines with tax (FHIR totalGross).
    total_gross: Money,
    /// What is left to pay: gross - allocated - credited. 0 for drafts.
    balance: Money,
    /// Paid by allocations.
    allocated: Money,
    /// Taken off by credit notes, tax included.
    credited: Money,
    /// When it was drafted.
    drafted_at: Option<DateTime>,
    /// When it was issued.
    issued_at: Option<DateTime>,
    /// When nothing was left to pay.
    balanced_at: Option<DateTime>,
    /// When it was cancelled.
    cancelled_at: Option<DateTime>,
    /// When it was last changed.
    updated_at: DateTime,
    /// How often it was changed; for `If-Match`.
    version: i64,
    #[graphql(skip)]
    keys: Keys,
}

#[derive(Clone, Copy)]
struct Keys {
    invoice: InvoiceId,
    hospital: HospitalId,
    patient: PatientId,
    account: AccountId,
    appointment: Option<AppointmentId>,
}

#[ComplexObject]
impl Invoice {
    /// Who bills.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(one::<Hospital>(ctx, self.keys.hospital).await?)
    }

    /// Who was treated. Needs the permission to read patients.
    async fn patient(&self, ctx: &Context<'_>) -> Result<Option<Patient>> {
        Asking::of(ctx).permit(Permission::ReadPatients)?;
        Ok(one::<Patient>(ctx, self.keys.patient).await?)
    }

    /// Whose account it is charged to.
    async fn account(&self, ctx: &Context<'_>) -> Result<Option<Account>> {
        Ok(one::<Account>(ctx, self.keys.account).await?)
    }

    /// The appointment it is for. Needs the permission to read patients.
    async fn appointment(&self, ctx: &Context<'_>) -> Result<Option<Appointment>> {
        Asking::of(ctx).permit(Permission::ReadPatients)?;
        Ok(match self.keys.appointment {
            Some(appointment) => one::<Appointment>(ctx, appointment).await?,
            None => None,
        })
    }

    /// Its lines.
    #[graphql(complexity = "3 * child_complexity")]
    async fn lines(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceLine>> {
        Ok(many::<InvoiceLine>(ctx, self.keys.invoice).await?)
    }

    /// What was paid of it, oldest first; undone ones too.
    #[graphql(complexity = "3 * child_complexity")]
    async fn allocations(&self, ctx: &Context<'_>) -> Result<Vec<InvoiceAllocation>> {
        Ok(many::<InvoiceAllocation>(ctx, self.keys.invoice).await?)
    }

    /// Credit notes that name it, oldest first.
    #[graphql(complexity = "2 * child_complexity")]
    async fn credit_notes(&self, ctx: &Context<'_>) -> Result<Vec<CreditNote>> {
        Ok(many::<CreditNote>(ctx, self.keys.invoice).await?)
    }
}

impl Invoice {
    pub(crate) fn is_for_visit(&self) -> bool {
        self.kind == InvoiceKind::Visit
    }

    pub(crate) const fn hospital_key(&self) -> HospitalId {
        self.keys.hospital
    }

    pub(crate) const fn patient_key(&self) -> PatientId {
        self.keys.patient
    }
}

impl FromRow for Invoice {
    fn read(row: Row) -> Answer<Invoice> {
        let money = |column: &'static str| Money::of_row(&row, column, "currency");
        let keys = Keys {
            invoice: row.parsed("invoice")?,
            hospital: row.parsed("hospital")?,
            patient: row.parsed("patient")?,
            account: row.parsed("account")?,
            appointment: row.maybe_parsed("appointment")?,
        };
        Ok(Invoice {
            id: keys.invoice.into(),
            kind: row.word("kind", billing::InvoiceKind::from_word)?.into(),
            status: row.word("status", billing::InvoiceStatus::from_word)?.into(),
            number: row.maybe_string("printed_number")?,
            sequence: row.maybe_int("number")?,
            series: row.maybe_string("series")?,
            issue_date: row.maybe_parsed("issue_date")?.map(Date),
            recipient: row.maybe_string("recipient")?,
            total_net: money("net")?,
            total_tax: money("tax")?,
            total_gross: money("gross")?,
            balance: money("balance")?,
            allocated: money("allocated")?,
            credited: money("credited")?,
            drafted_at: row.maybe_instant("drafted_at")?.map(DateTime),
            issued_at: row.maybe_instant("issued_at")?.map(DateTime),
            balanced_at: row.maybe_instant("balanced_at")?.map(DateTime),
            cancelled_at: row.maybe_instant("cancelled_at")?.map(DateTime),
            updated_at: DateTime(row.instant("updated_at")?),
            version: row.int("version")?,
            keys,
        })
    }
}

const COLUMNS: &str = "invoice, hospital, patient, account, appointment, kind, status, number, printed_number, series, \
    issue_date, recipient, net, tax, gross, currency, balance, allocated, credited, drafted_at, issued_at, balanced_at, \
    cancelled_at, updated_at, version";

impl Found for Invoice {
    type Key = InvoiceId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "invoice";
    const AMONG: &'static str = "invoice IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY invoice";

    fn select() -> Select {
        Select::new(COLUMNS, "{invoices}")
    }
}

/// The same row, found by its appointment.
#[derive(Clone)]
pub(crate) struct InvoiceOfAppointment(pub(crate) Invoice);

impl FromRow for InvoiceOfAppointment {
    fn read(row: Row) -> Answer<InvoiceOfAppointment> {
        Invoice::read(row).map(InvoiceOfAppointment)
    }
}

impl Found for InvoiceOfAppointment {
    type Key = AppointmentId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "appointment";
    const AMONG: &'static str = "appointment IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY appointment, invoice";

    fn select() -> Select {
        Select::new(COLUMNS, "{invoices}")
    }
}

const BY_DRAFT: Ordering = Ordering { first_may_be_null: true, ..Ordering::by(&["drafted_at", "invoice"]) };

/// A page of invoices by the time they were drafted.
pub(crate) async fn invoices_of(
    ctx: &Context<'_>,
    filter: InvoiceFilter,
    newest_first: bool,
    page: PageArgs,
) -> Answer<Connection<Invoice>> {
    let asking = Asking::of(ctx);
    let list = List {
        models: MODELS,
        binding: format!("invoices {newest_first} {filter:?}"),
        select: filter.apply(asking, Invoice::select())?,
        ordering: Ordering { descending: newest_first, ..BY_DRAFT },
    };
    list.page(ctx, page).await
}

/// Questions about invoices.
#[derive(Default)]
pub(crate) struct InvoiceQueries;

#[Object]
impl InvoiceQueries {
    /// One invoice; null when there is none or you do not act for its hospital.
    async fn invoice(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Invoice>> {
        Asking::of(ctx).permit(Permission::ReadBilling)?;
        Ok(one::<Invoice>(ctx, read_id(&id, "id")?).await?)
    }

    /// Invoices by the time they were drafted.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all you may see unless told.")] filter: Option<InvoiceFilter>,
        #[graphql(desc = "Latest first.", default)] newest_first: bool,
        #[graphql(desc = "Rows of a page from the beginning, 1 to 100; 20 unless told.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Rows of a page from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<Option<Connection<Invoice>>> {
        let page = PageArgs { first, after, last, before };
        Ok(Some(invoices_of(ctx, filter.unwrap_or_default(), newest_first, page).await?))
    }
}
