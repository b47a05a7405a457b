//! How a line comes to its amounts: tax per line, half-up, after discounts; totals are sums of rounded lines.

use super::{BillingRejection, InvoiceLine, Totals};
use crate::kernel::{Currency, Money, MoneyError};
use crate::organization::Tax;
use crate::scheduling::AgreedPrice;

/// A sum inside `evolve`, which cannot fail: whoever decided the event has checked it.
#[track_caller]
pub(super) fn recorded(sum: Result<Money, MoneyError>) -> Money {
    sum.expect("sums of recorded amounts were checked when the event was decided")
}

/// The one line of an invoice for an agreed price.
///
/// # Errors
/// When the price is negative or its sums do not fit.
pub fn line_of_price(price: &AgreedPrice) -> Result<InvoiceLine, BillingRejection> {
    let nothing = Money::zero(price.amount.currency);
    priced_line(1, (&price.service, &price.display), (1, price.amount, nothing), &price.tax)
}

/// A line with its sums: `what` is service and display, `price` quantity, unit price before tax and discount.
///
/// # Errors
/// When an amount is negative, the discount exceeds the line, currencies differ or a sum does not fit.
pub fn priced_line(
    number: u32,
    what: (&str, &str),
    price: (u32, Money, Money),
    tax: &Tax,
) -> Result<InvoiceLine, BillingRejection> {
    let (quantity, unit_price, discount) = price;
    let net = unit_price.times(i64::from(quantity))?.minus(discount)?;
    if unit_price.minor < 0 || discount.minor < 0 || net.minor < 0 {
        return Err(BillingRejection::PriceNegative);
    }
    let tax_amount = net.share(tax.rate_basis_points)?;
    let (service, display) = (what.0.to_owned(), what.1.to_owned());
    Ok(InvoiceLine { number, service, display, quantity, unit_price, discount, net, tax: tax.clone(), tax_amount })
}

/// The sums of net and tax amounts.
///
/// # Errors
/// When currencies differ or a sum does not fit.
pub fn totals_of(
    currency: Currency,
    amounts: impl IntoIterator<Item = (Money, Money)>,
) -> Result<Totals, BillingRejection> {
    let (mut net, mut tax) = (Money::zero(currency), Money::zero(currency));
    for (line_net, line_tax) in amounts {
        net = net.plus(line_net)?;
        tax = tax.plus(line_tax)?;
    }
    Ok(Totals { net, tax, gross: net.plus(tax)? })
}
