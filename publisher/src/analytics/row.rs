//! A row, from the states it is made of.

use carelog_domain::billing::{Invoice, InvoiceDocument};
use carelog_domain::kernel::{Money, MoneyError};
use carelog_domain::scheduling::AppointmentFacts;
use carelog_schemas::topics::analytics::{AppointmentFact, Message};

use crate::mapper::Draft;
use crate::pseudonyms::Pseudonyms;

/// An appointment as it is now, not yet under pseudonyms.
pub(crate) struct Row {
    facts: AppointmentFacts,
    specialty: String,
    change: &'static str,
    billed: Option<Billed>,
}

/// The sums over the invoices that were issued.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Billed {
    net: Money,
    tax: Money,
    gross: Money,
    credited: Money,
    balance: Money,
}

impl Row {
    pub(crate) fn of<'a>(
        facts: &AppointmentFacts,
        invoices: impl Iterator<Item = &'a Invoice>,
        specialty: String,
        change: &'static str,
    ) -> Row {
        let issued = invoices.filter_map(Invoice::document).filter(|document| document.issued.is_some());
        Row { facts: facts.clone(), specialty, change, billed: billed(issued) }
    }

    pub(crate) fn draft(self, names: &Pseudonyms<'_>) -> Draft {
        let subject = self.facts.stream();
        let message = Message::from(self.message(names));
        Draft { subject, name: message.name(), data: message.data() }
    }

    fn message(self, names: &Pseudonyms<'_>) -> AppointmentFact {
        let Row { facts, specialty, change, billed } = self;
        let amount = |of: fn(Billed) -> Money| billed.map(|billed| of(billed).decimal());
        let (seat, visit, price) = (facts.seat.as_ref(), facts.visit.as_ref(), facts.price.as_ref());
        AppointmentFact {
            appointment: names.appointment(facts.appointment),
            change: change.to_owned(),
            hospital: facts.hospital,
            practitioner: names.practitioner(facts.practitioner),
            specialty,
            service: facts.service.clone(),
            status: facts.status,
            date: seat.map(|seat| seat.date),
            start: seat.map(|seat| seat.period.start.into()),
            end: seat.map(|seat| seat.period.end.into()),
            visit_start: visit.map(|visit| visit.start.into()),
            visit_end: visit.map(|visit| visit.end.into()),
            currency: price.map(|price| price.amount.currency.to_string()),
            agreed: price.map(|price| price.amount.decimal()),
            net: amount(|billed| billed.net),
            tax: amount(|billed| billed.tax),
            gross: amount(|billed| billed.gross),
            credited: amount(|billed| billed.credited),
            balance: amount(|billed| billed.balance),
        }
    }
}

/// `None` without an invoice. All of a hospital are in its currency; sums that do not fit are left out as a whole.
fn billed<'a>(issued: impl Iterator<Item = &'a InvoiceDocument>) -> Option<Billed> {
    let mut sums: Option<Billed> = None;
    for document in issued {
        let one = of_one(document).ok()?;
        sums = Some(match sums {
            None => one,
            Some(so_far) => so_far.plus(one).ok()?,
        });
    }
    sums
}

fn of_one(document: &InvoiceDocument) -> Result<Billed, MoneyError> {
    let totals = &document.totals;
    let nothing = Ok(Money::zero(totals.gross.currency));
    let lines = document.credited.values();
    let credited = lines.fold(nothing, |sum: Result<Money, MoneyError>, line| sum?.plus(line.net)?.plus(line.tax))?;
    Ok(Billed { net: totals.net, tax: totals.tax, gross: totals.gross, credited, balance: document.balance })
}

impl Billed {
    fn plus(self, other: Billed) -> Result<Billed, MoneyError> {
        Ok(Billed {
            net: self.net.plus(other.net)?,
            tax: self.tax.plus(other.tax)?,
            gross: self.gross.plus(other.gross)?,
            credited: self.credited.plus(other.credited)?,
            balance: self.balance.plus(other.balance)?,
        })
    }
}
