//! Accounts of payers, their payments, and what the ledger says. They need `ReadBilling`.

mod ledger;
mod payments;

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, Result, SimpleObject};
use carelog_domain::kernel::{self, AccountId, HospitalId, PatientId};
use carelog_domain::policy::Permission;

use crate::asking::Asking;
use crate::hospitals::Hospital;
use crate::invoices::MODELS;
use crate::loading::{Found, FromRow, many, one};
use crate::page::{Connection, List, PageArgs, page_cost};
use crate::patients::Patient;
use crate::problem::{Answer, Problem};
use crate::scalars::{DateTime, Money, read_id, read_maybe_id};
use crate::sql::{Ordering, Row, Select};
use ledger::LedgerBalance;
use payments::Payment;

/// A payer's account at one hospital in one currency.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct Account {
    /// Its id.
    id: ID,
    /// Its currency (ISO 4217).
    currency: String,
    /// Who answers for it, if not the patient; null once erased.
    guarantor: Option<String>,
    /// Since when they do; null while the patient does.
    guarantor_since: Option<DateTime>,
    /// When it was opened.
    opened_at: DateTime,
    /// Issued invoices.
    charged: Money,
    /// Taken off by credit notes.
    credited: Money,
    /// Payments that arrived.
    received: Money,
    /// Credit that pays invoices.
    allocated: Money,
    /// Given back.
    refunded: Money,
    /// Credit that pays nothing yet: received - allocated - refunded.
    unapplied: Money,
    /// What is left to pay: charged - credited - allocated.
    owed: Money,
    #[graphql(skip)]
    keys: (AccountId, HospitalId, PatientId),
}

#[ComplexObject]
impl Account {
    /// Where it is.
    async fn hospital(&self, ctx: &Context<'_>) -> Result<Option<Hospital>> {
        Ok(one::<Hospital>(ctx, self.keys.1).await?)
    }

    /// Whose treatment it pays. Needs the permission to read patients.
    async fn patient(&self, ctx: &Context<'_>) -> Result<Option<Patient>> {
        Asking::of(ctx).permit(Permission::ReadPatients)?;
        Ok(one::<Patient>(ctx, self.keys.2).await?)
    }

    /// Its payments, oldest first, whatever became of them.
    #[graphql(complexity = "5 * child_complexity")]
    async fn payments(&self, ctx: &Context<'_>) -> Result<Vec<Payment>> {
        Ok(many::<Payment>(ctx, self.keys.0).await?)
    }
}

impl FromRow for Account {
    fn read(row: Row) -> Answer<Account> {
        let currency: kernel::Currency = row.parsed("currency")?;
        let amount =
            |column: &'static str| -> Answer<kernel::Money> { Ok(kernel::Money::new(row.int(column)?, currency)) };
        let (charged, credited) = (amount("charged")?, amount("credited")?);
        let (received, allocated, refunded) = (amount("received")?, amount("allocated")?, amount("refunded")?);
        let less = |from: kernel::Money, parts: [kernel::Money; 2]| {
            let rest = parts.into_iter().try_fold(from, kernel::Money::minus);
            rest.map(Money::from).map_err(|error| Problem::damaged("an account's sums", &error))
        };
        let keys: (AccountId, _, _) = (row.parsed("account")?, row.parsed("hospital")?, row.parsed("patient")?);
        Ok(Account {
            id: keys.0.into(),
            currency: currency.to_string(),
            guarantor: row.maybe_string("guarantor")?,
            guarantor_since: row.maybe_instant("guarantor_since")?.map(DateTime),
            opened_at: DateTime(row.instant("opened_at")?),
            unapplied: less(received, [allocated, refunded])?,
            owed: less(charged, [credited, allocated])?,
            charged: charged.into(),
            credited: credited.into(),
            received: received.into(),
            allocated: allocated.into(),
            refunded: refunded.into(),
            keys,
        })
    }
}

impl Found for Account {
    type Key = AccountId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "account";
    const AMONG: &'static str = "account IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY account";

    fn select() -> Select {
        let columns = "account, hospital, patient, currency, guarantor, guarantor_since, opened_at, charged, \
            credited, received, allocated, refunded";
        Select::new(columns, "{accounts}")
    }
}

/// Which accounts. What is given must all hold.
#[derive(InputObject, Default, Debug)]
pub(crate) struct AccountFilter {
    /// Those at this hospital.
    hospital: Option<ID>,
    /// Those that pay for this patient.
    patient: Option<ID>,
    /// Those with credit that pays nothing yet (or those without).
    has_unapplied: Option<bool>,
    /// Those with something left to pay (or those without).
    owes: Option<bool>,
}

impl AccountFilter {
    fn apply(self, asking: &Asking, select: Select) -> Answer<Select> {
        let hospital = read_maybe_id::<HospitalId>(self.hospital.as_ref(), "hospital")?;
        asking.permit_at(Permission::ReadBilling, hospital)?;
        let patient = read_maybe_id::<PatientId>(self.patient.as_ref(), "patient")?;
        let select = select
            .among_some("hospital IN (??)", asking.reach())
            .and_some("hospital = ?", hospital.map(|id| id.to_string()))
            .and_some("patient = ?", patient.map(|id| id.to_string()));
        let select = match self.has_unapplied {
            Some(true) => select.and("received - allocated - refunded > 0", []),
            Some(false) => select.and("received - allocated - refunded = 0", []),
            None => select,
        };
        Ok(match self.owes {
            Some(true) => select.and("charged - credited - allocated > 0", []),
            Some(false) => select.and("charged - credited - allocated = 0", []),
            None => select,
        })
    }
}

/// Questions about accounts and the ledger.
#[derive(Default)]
pub(crate) struct AccountQueries;

#[Object]
impl AccountQueries {
    /// One account; null when there is none or you do not act for its hospital.
    async fn account(&self, ctx: &Context<'_>, #[graphql(desc = "Its id.")] id: ID) -> Result<Option<Account>> {
        Asking::of(ctx).permit(Permission::ReadBilling)?;
        Ok(one::<Account>(ctx, read_id(&id, "id")?).await?)
    }

    /// Accounts by the time they were opened.
    #[graphql(complexity = "page_cost(first, last, child_complexity)")]
    async fn accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; all you may see unless told.")] filter: Option<AccountFilter>,
        #[graphql(desc = "Rows of a page from the beginning, 1 to 100; 20 unless told.")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Rows of a page from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<Option<Connection<Account>>> {
        let filter = filter.unwrap_or_default();
        let list = List {
            models: MODELS,
            binding: format!("accounts {filter:?}"),
            select: filter.apply(Asking::of(ctx), Account::select())?,
            // Ids begin with the time they were made.
            ordering: Ordering::by(&["account"]),
        };
        Ok(Some(list.page(ctx, PageArgs { first, after, last, before }).await?))
    }

    /// What the ledger accounts of a hospital hold: the sums of every posting ever made.
    #[graphql(complexity = "10 * child_complexity")]
    async fn ledger_balances(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The hospital.")] hospital: ID,
    ) -> Result<Option<Vec<LedgerBalance>>> {
        let asking = Asking::of(ctx);
        let hospital: HospitalId = read_id(&hospital, "hospital")?;
        asking.permit_at(Permission::ReadBilling, Some(hospital))?;
        Ok(Some(ledger::balances(asking, hospital).await?))
    }
}
