//! What hangs on an invoice: lines, allocations, credit notes.

use async_graphql::{ID, SimpleObject};
use carelog_domain::kernel::InvoiceId;

use super::MODELS;
use crate::loading::{Found, FromRow};
use crate::problem::Answer;
use crate::scalars::{Date, DateTime, Money};
use crate::sql::{Row, Select};

/// A line of an invoice.
#[derive(SimpleObject, Clone)]
pub(crate) struct InvoiceLine {
    /// Its number, from 1.
    number: i64,
    /// Service code.
    service: String,
    /// What the service is called.
    display: String,
    /// How many.
    quantity: i64,
    /// Before tax, for one.
    unit_price: Money,
    /// Taken off before tax.
    discount: Money,
    /// Quantity x unit price - discount.
    net: Money,
    /// UNCL5305 category: `S` standard, `Z` zero-rated, `E` exempt.
    tax_category: String,
    /// Hundredths of a per cent: 2,000 is 20 %.
    tax_rate_basis_points: i64,
    /// Tax on net, half-up.
    tax_amount: Money,
    /// Taken off by credit notes, before tax.
    credited_net: Money,
    /// Tax on what was taken off.
    credited_tax: Money,
}

/// Credit of the account that pays an invoice.
#[derive(SimpleObject, Clone)]
pub(crate) struct InvoiceAllocation {
    /// Its id.
    id: ID,
    /// How much.
    amount: Money,
    /// Since when.
    allocated_at: DateTime,
    /// Until when; null while it stands.
    undone_at: Option<DateTime>,
}

/// A credit note. It is its own document, numbered in its own series, and never undone.
#[derive(SimpleObject, Clone)]
pub(crate) struct CreditNote {
    /// Its id.
    id: ID,
    /// The number as printed.
    number: String,
    /// The hospital's local date.
    issue_date: Date,
    /// Before tax.
    total_net: Money,
    /// Its tax.
    total_tax: Money,
    /// With tax.
    total_gross: Money,
    /// Why; null once erased.
    reason: Option<String>,
    /// When it was issued.
    issued_at: DateTime,
}

impl FromRow for InvoiceLine {
    fn read(row: Row) -> Answer<InvoiceLine> {
        let money = |column: &'static str| Money::of_row(&row, column, "currency");
        Ok(InvoiceLine {
            number: row.int("line")?,
            service: row.string("service")?,
            display: row.string("display")?,
            quantity: row.int("quantity")?,
            unit_price: money("unit_price")?,
            discount: money("discount")?,
            net: money("net")?,
            tax_category: row.string("tax_category")?,
            tax_rate_basis_points: row.int("tax_rate_basis_points")?,
            tax_amount: money("tax_amount")?,
            credited_net: money("credited_net")?,
            credited_tax: money("credited_tax")?,
        })
    }
}

impl Found for InvoiceLine {
    type Key = InvoiceId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "invoice";
    const AMONG: &'static str = "l.invoice IN (??)";
    // The invoice it belongs to was found within reach.
    const REACH: Option<&'static str> = None;
    const ORDER: &'static str = "ORDER BY l.invoice, l.line";

    fn select() -> Select {
        let columns = "l.invoice AS invoice, l.line AS line, l.service AS service, l.display AS display, \
            l.quantity AS quantity, l.unit_price AS unit_price, l.discount AS discount, l.net AS net, \
            l.tax_category AS tax_category, l.tax_rate_basis_points AS tax_rate_basis_points, \
            l.tax_amount AS tax_amount, l.credited_net AS credited_net, l.credited_tax AS credited_tax, \
            i.currency AS currency";
        Select::new(columns, "{invoice_lines} l JOIN {invoices} i ON i.invoice = l.invoice")
    }
}

impl FromRow for InvoiceAllocation {
    fn read(row: Row) -> Answer<InvoiceAllocation> {
        Ok(InvoiceAllocation {
            id: row.text("allocation")?.into(),
            amount: Money::of_row(&row, "amount", "currency")?,
            allocated_at: DateTime(row.instant("allocated_at")?),
            undone_at: row.maybe_instant("undone_at")?.map(DateTime),
        })
    }
}

impl Found for InvoiceAllocation {
    type Key = InvoiceId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "invoice";
    const AMONG: &'static str = "invoice IN (??)";
    // The invoice it belongs to was found within reach.
    const REACH: Option<&'static str> = None;
    const ORDER: &'static str = "ORDER BY invoice, allocated_at, allocation";

    fn select() -> Select {
        Select::new("allocation, invoice, amount, currency, allocated_at, undone_at", "{invoice_allocations}")
    }
}

impl FromRow for CreditNote {
    fn read(row: Row) -> Answer<CreditNote> {
        let money = |column: &'static str| Money::of_row(&row, column, "currency");
        Ok(CreditNote {
            id: row.text("credit_note")?.into(),
            number: row.string("printed_number")?,
            issue_date: Date(row.parsed("issue_date")?),
            total_net: money("net")?,
            total_tax: money("tax")?,
            total_gross: money("gross")?,
            reason: row.maybe_string("reason")?,
            issued_at: DateTime(row.instant("issued_at")?),
        })
    }
}

impl Found for CreditNote {
    type Key = InvoiceId;
    const MODELS: &'static [&'static str] = MODELS;
    const KEY: &'static str = "invoice";
    const AMONG: &'static str = "invoice IN (??)";
    const REACH: Option<&'static str> = Some("hospital IN (??)");
    const ORDER: &'static str = "ORDER BY invoice, issued_at, credit_note";

    fn select() -> Select {
        let columns = "credit_note, invoice, hospital, printed_number, issue_date, net, tax, gross, currency, reason, \
            issued_at";
        Select::new(columns, "{credit_notes}")
    }
}
