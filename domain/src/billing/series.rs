//! The numbers of one kind of document of a hospital in one year: 1, 2, 3 ... without a gap, given only at issue, and
//! with dates that never go back.

use super::events::NumberGiven;
use super::{Asked, BillingRejection, Invoice, InvoiceKind};
use crate::event::SeriesEvent;
use crate::kernel::{Evolve, HospitalId, LocalDate, StreamName, Zone};
use crate::organization::Numbering;
use crate::streams;

/// The series credit notes are numbered in.
const CREDIT_NOTES: &str = "credit-note";

/// The state of a series' stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Series {
    last: Option<(u64, LocalDate)>,
}

impl Series {
    /// The number the next document gets.
    pub fn next_number(&self) -> u64 {
        self.last.map_or(1, |(number, _)| number + 1)
    }

    /// The date the next document gets: today, or the last document's date if that is later.
    pub fn date_on(&self, today: LocalDate) -> LocalDate {
        self.last.map_or(today, |(_, last)| today.max(last))
    }
}

impl Evolve for Series {
    type Event = SeriesEvent;

    fn evolve(&mut self, event: &SeriesEvent) {
        let SeriesEvent::NumberGiven(event) = event;
        self.last = Some((event.number, event.issue_date));
    }
}

/// In which series a document will be numbered, known before that series is loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeriesPlace {
    /// Who numbers.
    pub hospital: HospitalId,
    /// The series' name, such as `visit`.
    pub series: String,
    /// The year of its dates.
    pub year: i32,
    /// The hospital's local date when the document is issued.
    pub today: LocalDate,
    mark: &'static str,
}

impl SeriesPlace {
    /// Where an invoice that is issued now gets its number; imported ones have series of their own.
    ///
    /// # Errors
    /// When there is no such invoice.
    pub fn of_invoice(
        invoice: &Invoice,
        imported: bool,
        asked: &Asked,
        zone: Zone,
    ) -> Result<SeriesPlace, BillingRejection> {
        let document = invoice.known()?;
        let series = streams::series_of(document.kind, imported);
        Ok(SeriesPlace::new(document.hospital, series, mark_of(document.kind, imported), asked, zone))
    }

    /// Where a credit note for an invoice gets its number.
    ///
    /// # Errors
    /// When there is no such invoice.
    pub fn of_credit_note(invoice: &Invoice, asked: &Asked, zone: Zone) -> Result<SeriesPlace, BillingRejection> {
        Ok(SeriesPlace::new(invoice.known()?.hospital, CREDIT_NOTES.to_owned(), "", asked, zone))
    }

    fn new(hospital: HospitalId, series: String, mark: &'static str, asked: &Asked, zone: Zone) -> SeriesPlace {
        let today = zone.date_of(asked.occurred_at);
        SeriesPlace { hospital, series, year: chrono::Datelike::year(&*today), today, mark }
    }

    /// The series' stream.
    pub fn stream(&self) -> StreamName {
        streams::invoice_series(self.hospital, &self.series, self.year)
    }

    /// A number as printed, such as `INV-2024-000001`.
    pub(super) fn printed(&self, prefix: &str, digits: u8, number: u64) -> String {
        format!("{prefix}{}{}-{number:0>width$}", self.mark, self.year, width = usize::from(digits))
    }
}

/// What it takes to number a document: its place, that place's series, and how the hospital prints numbers.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a> {
    /// Where the number comes from.
    pub place: &'a SeriesPlace,
    /// The state of that place's stream.
    pub series: &'a Series,
    /// How the hospital prints numbers.
    pub numbering: &'a Numbering,
}

impl Numbers<'_> {
    /// The next number, with its date.
    pub(super) fn next(&self) -> NumberGiven {
        NumberGiven {
            hospital: self.place.hospital,
            series: self.place.series.clone(),
            year: self.place.year,
            number: self.series.next_number(),
            issue_date: self.series.date_on(self.place.today),
        }
    }
}

/// Each series counts from 1, so all but the plain one carry a mark: no two invoices of a hospital print the same.
const fn mark_of(kind: InvoiceKind, imported: bool) -> &'static str {
    match (kind, imported) {
        (InvoiceKind::Visit, false) => "",
        (InvoiceKind::Visit, true) => "M-",
        (InvoiceKind::LateCancelFee, false) => "LC-",
        (InvoiceKind::LateCancelFee, true) => "M-LC-",
        (InvoiceKind::NoShowFee, false) => "NS-",
        (InvoiceKind::NoShowFee, true) => "M-NS-",
    }
}
