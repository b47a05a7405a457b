//! An invoice: draft -> issued <-> balanced; draft -> cancelled; fully credited -> cancelled. After issue its lines,
//! parties, dates, totals and number never change; what changes is what was allocated to it and credited on it.

use std::collections::BTreeMap;

use super::events::{InvoiceDrafted, InvoiceIssued};
use super::money::recorded;
use super::{BillingRejection, CreditedLine, InvoiceKind, InvoiceLine, InvoiceStatus, Totals};
use crate::event::InvoiceEvent;
use crate::kernel::{
    AccountId, AllocationId, AppointmentId, Billing, Evolve, HospitalId, InvoiceId, LocalDate, Money, PatientId,
};

/// The state of an invoice's stream; without a document while the stream is empty.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Invoice {
    document: Option<InvoiceDocument>,
}

/// All that is known of an invoice.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs, reason = "fields whose names say everything")]
pub struct InvoiceDocument {
    pub invoice: InvoiceId,
    pub hospital: HospitalId,
    pub patient: PatientId,
    pub account: AccountId,
    pub appointment: Option<AppointmentId>,
    pub kind: InvoiceKind,
    pub status: InvoiceStatus,
    pub lines: Vec<InvoiceLine>,
    pub totals: Totals,
    /// Its number and date, from issue on.
    pub issued: Option<Issued>,
    /// Who is to pay it, if not the patient; from issue on.
    pub recipient: Option<Billing<String>>,
    /// What is allocated to it, oldest first; an undone allocation stays with 0.
    pub allocations: Vec<(AllocationId, Money)>,
    /// What credit notes took off each line so far.
    pub credited: BTreeMap<u32, CreditedLine>,
    /// What is left to pay: total - allocations - credits.
    pub balance: Money,
}

/// What an invoice gets at issue and keeps for ever.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs, reason = "fields whose names say everything")]
pub struct Issued {
    pub number: u64,
    pub printed_number: String,
    pub series: String,
    pub issue_date: LocalDate,
}

impl Invoice {
    /// The invoice, if there is one.
    pub const fn document(&self) -> Option<&InvoiceDocument> {
        self.document.as_ref()
    }

    /// The invoice.
    ///
    /// # Errors
    /// When there is none.
    pub fn known(&self) -> Result<&InvoiceDocument, BillingRejection> {
        self.document.as_ref().ok_or(BillingRejection::InvoiceUnknown)
    }

    /// The invoice while it is a draft.
    pub(super) fn draft(&self) -> Result<&InvoiceDocument, BillingRejection> {
        let known = self.known()?;
        match known.status {
            InvoiceStatus::Draft => Ok(known),
            status => Err(BillingRejection::InvoiceNotDraft { status }),
        }
    }

    /// The invoice while it takes allocations and credits.
    pub(super) fn issued(&self) -> Result<&InvoiceDocument, BillingRejection> {
        let known = self.known()?;
        if known.takes_money() {
            return Ok(known);
        }
        Err(BillingRejection::InvoiceNotIssued { status: known.status })
    }
}

impl InvoiceDocument {
    /// True from issue on, until it is cancelled.
    pub const fn takes_money(&self) -> bool {
        matches!(self.status, InvoiceStatus::Issued | InvoiceStatus::Balanced)
    }

    /// What is left to credit on a line.
    pub(super) fn creditable(&self, line: &InvoiceLine) -> CreditedLine {
        let number = line.number;
        match self.credited.get(&number) {
            None => CreditedLine { line: number, net: line.net, tax: line.tax_amount },
            Some(so_far) => CreditedLine {
                line: number,
                net: recorded(line.net.minus(so_far.net)),
                tax: recorded(line.tax_amount.minus(so_far.tax)),
            },
        }
    }

    fn drafted(event: &InvoiceDrafted) -> InvoiceDocument {
        InvoiceDocument {
            invoice: event.invoice,
            hospital: event.hospital,
            patient: event.patient,
            account: event.account,
            appointment: event.appointment,
            kind: event.kind,
            status: InvoiceStatus::Draft,
            lines: event.lines.clone(),
            totals: event.totals.clone(),
            issued: None,
            recipient: None,
            allocations: vec![],
            credited: BTreeMap::new(),
            balance: event.totals.gross,
        }
    }

    fn issue(&mut self, event: &InvoiceIssued) {
        self.status = InvoiceStatus::Issued;
        self.lines.clone_from(&event.lines);
        self.totals = event.totals.clone();
        self.balance = event.totals.gross;
        self.issued = Some(Issued {
            number: event.number,
            printed_number: event.printed_number.clone(),
            series: event.series.clone(),
            issue_date: event.issue_date,
        });
    }

    fn reprice(&mut self, lines: &[InvoiceLine], totals: &Totals) {
        self.lines = lines.to_vec();
        self.totals = totals.clone();
        self.balance = totals.gross;
    }

    fn deallocate(&mut self, allocation: AllocationId, amount: Money) {
        for (_, left) in self.allocations.iter_mut().filter(|(each, _)| *each == allocation) {
            *left = recorded(left.minus(amount));
        }
    }

    fn credit(&mut self, lines: &[CreditedLine]) {
        for line in lines {
            let nothing = Money::zero(line.net.currency);
            let fresh = CreditedLine { line: line.line, net: nothing, tax: nothing };
            let so_far = self.credited.entry(line.line).or_insert(fresh);
            so_far.net = recorded(so_far.net.plus(line.net));
            so_far.tax = recorded(so_far.tax.plus(line.tax));
        }
    }

    fn take(&mut self, event: &InvoiceEvent) {
        match event {
            InvoiceEvent::InvoiceDrafted(event) => *self = InvoiceDocument::drafted(event),
            InvoiceEvent::InvoiceRepriced(event) => self.reprice(&event.lines, &event.totals),
            InvoiceEvent::InvoiceIssued(event) => self.issue(event),
            InvoiceEvent::DraftCancelled(_) => self.status = InvoiceStatus::Cancelled,
            InvoiceEvent::InvoiceAllocated(event) => {
                self.allocations.push((event.allocation, event.amount));
                self.balance = event.balance;
            }
            InvoiceEvent::InvoiceDeallocated(event) => {
                self.deallocate(event.allocation, event.amount);
                self.balance = event.balance;
            }
            InvoiceEvent::InvoiceCredited(event) => {
                self.credit(&event.lines);
                self.balance = event.balance;
            }
            InvoiceEvent::InvoiceBalanced(_) => self.status = InvoiceStatus::Balanced,
            InvoiceEvent::InvoiceReopened(_) => self.status = InvoiceStatus::Issued,
            InvoiceEvent::InvoiceFullyCredited(_) => self.status = InvoiceStatus::Cancelled,
            InvoiceEvent::InvoiceAddressed(event) => self.recipient = Some(event.recipient.clone()),
        }
    }
}

impl Evolve for Invoice {
    type Event = InvoiceEvent;

    fn evolve(&mut self, event: &InvoiceEvent) {
        match (&mut self.document, event) {
            (Some(document), event) => document.take(event),
            (document @ None, InvoiceEvent::InvoiceDrafted(event)) => {
                *document = Some(InvoiceDocument::drafted(event));
            }
            (None, _) => {} // No invoice begins with anything but its draft.
        }
    }
}
