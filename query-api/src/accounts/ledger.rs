//! The ledger's balances.

use async_graphql::SimpleObject;
use carelog_domain::kernel::{self, HospitalId};

use crate::asking::Asking;
use crate::invoices::MODELS;
use crate::problem::{Answer, Problem};
use crate::scalars::Money;
use crate::sql::{Row, Select, rows};

/// What one ledger account of a hospital holds in one currency.
#[derive(SimpleObject)]
pub(crate) struct LedgerBalance {
    /// The ledger account, such as `assets:receivable`; the names of the exported journal.
    account: String,
    /// Sum of the debits.
    debits: Money,
    /// Sum of the credits.
    credits: Money,
    /// Debits - credits. All balances of a hospital in one currency sum to 0.
    balance: Money,
    /// How many postings there were.
    postings: i64,
}

pub(super) async fn balances(asking: &Asking, hospital: HospitalId) -> Answer<Vec<LedgerBalance>> {
    let select = Select::new("account, currency, debits, credits, postings", "{ledger_balances}")
        .and("hospital = ?", [hospital.to_string().into()])
        .ending("ORDER BY account, currency");
    let found = asking.read_one(MODELS, select.statement()).await?;
    rows(found).map(read).collect()
}

fn read(row: Row) -> Answer<LedgerBalance> {
    let currency: kernel::Currency = row.parsed("currency")?;
    let (debits, credits) =
        (kernel::Money::new(row.int("debits")?, currency), kernel::Money::new(row.int("credits")?, currency));
    let balance = debits.minus(credits).map_err(|error| Problem::damaged("a ledger balance", &error))?;
    Ok(LedgerBalance {
        account: row.string("account")?,
        debits: debits.into(),
        credits: credits.into(),
        balance: balance.into(),
        postings: row.int("postings")?,
    })
}
