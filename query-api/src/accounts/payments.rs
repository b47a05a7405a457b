//! Payments and refunds.

use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use carelog_domain::billing;
use carelog_domain::kernel::{AccountId, PaymentId};

use crate::invoices::MODELS;
use crate::loading::{Found, FromRow, many};
use crate::problem::Answer;
use crate::scalars::{DateTime, Money};
use crate::sql::{Row, Select};
use crate::words::{PaymentMethod, PaymentStatus};

/// A payment. It is credit of its account; what it pays are allocations.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub(crate) struct Payment {
    /// Its id.
    id: ID,
    /// How much.
    amount: Money,
    /// How it was paid.
    method: PaymentMethod,
    /// What became of it.
    status: PaymentStatus,
    /// The gateway's or bank's reference; null once erased.
    reference: Option<String>,
    /// Who paid, as given; null once erased.
    payer: Option<String>,
    /// Why it failed.
    failure_reason: Option<String>,
    /// When it was first recorded.
    recorded_at: DateTime,
    /// When it arrived.
    succeeded_at: Option<DateTime>,
    /// When it failed.
    failed_at: Option<DateTime>,
    /// Given back of it.
    refunded: Money,
    #[graphql(skip)]
    key: PaymentId,
}

/// Money given back.
#[derive(SimpleObject, Clone)]
pub(crate) struct Refund {
    /// Its id.
    id: ID,
    /// How much.
    amount: Money,
    /// Why; null once erased.
    reason: Option<String>,
    /// When.
    refunded_at: DateTime,
}

#[ComplexObject]
impl Payment {
    /// What was given back of it, oldest first.
    #[graphql(complexity = "2 * child_complexity")]
    async fn refunds(&self, ctx: &Context<'_>) -> Result<Vec<Refund>> {
        Ok(many::<Refund>(ctx, self.key).await?)
    }
}

impl FromRow for Payment {
    fn read(row: Row) -> Answer<Payment> {
        let key: PaymentId = row.parsed("payment")?;
        Ok(Payment {
            id: key.into(),
            amount: Money::of_row(&row, "amount", "currency")?,
            method: row.word("method", billing::PaymentMethod::from_word)?.into(),
            status: row.word("status", billing::PaymentStatus::from_word)?.into(),
            reference: row.maybe_string("reference")?,
            payer: row.maybe_string("payer")?,
            failure_reason: row.maybe_string("failure_reason")?,
            recorded_at: DateTime(row.instant("recorded_at")?),
            succeeded_at: row.maybe_instant("succeeded_at")?.map(DateTime),
            failed_at: row.maybe_instant("failed_at")?.map(DateTime),
            refunded: Money::of_row(&row, "refunded", "currency")?,
            key,
        })
    }
}

impl Found for Payment {
    type Key = AccountId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "account";
    const AMONG: &'static str = "account IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY account, recorded_at, payment";

    fn select() -> Select {
        let columns = "payment, account, hospital, amount, currency, method, status, reference, payer, \
            failure_reason, recorded_at, succeeded_at, failed_at, refunded";
        Select::new(columns, "{payments}")
    }
}

impl FromRow for Refund {
    fn read(row: Row) -> Answer<Refund> {
        Ok(Refund {
            id: row.text("refund")?.into(),
            amount: Money::of_row(&row, "amount", "currency")?,
            reason: row.maybe_string("reason")?,
            refunded_at: DateTime(row.instant("refunded_at")?),
        })
    }
}

impl Found for Refund {
    type Key = PaymentId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "payment";
    const AMONG: &'static str = "payment IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY payment, refunded_at, refund";

    fn select() -> Select {
        Select::new("refund, payment, hospital, amount, currency, reason, refunded_at", "{refunds}")
    }
}
