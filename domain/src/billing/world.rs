//! A hospital's books in memory, for tests: loads the states a command needs, decides, takes the batch in, and checks
//! after every batch everything that must always be true of money.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{BookKey, Ledger};
use super::*;
use crate::command::Command;
use crate::event::Event;
use crate::kernel::{
    AccountId, AppointmentId, CommandId, CreditNoteId, Evolve, HospitalId, InvoiceId, PatientId, Zone,
};
use crate::organization::Numbering;
use crate::scheduling::AgreedPrice;
use crate::streams;

pub(super) const HOSPITAL: HospitalId = HospitalId(uuid::Uuid::from_u128(7));
pub(super) const ADA: PatientId = PatientId(uuid::Uuid::from_u128(11));
pub(super) const BOB: PatientId = PatientId(uuid::Uuid::from_u128(12));

pub(super) fn pounds(minor: i64) -> Money {
    Money::new(minor, "GBP".parse().expect("a currency"))
}

pub(super) fn yen(minor: i64) -> Money {
    Money::new(minor, "JPY".parse().expect("a currency"))
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(super) fn price(amount: Money, rate_basis_points: u32) -> AgreedPrice {
    AgreedPrice {
        service: "consultation".to_owned(),
        display: "Consultation".to_owned(),
        amount,
        tax: Tax { category: "S".to_owned(), rate_basis_points },
        service_date: "2024-12-02".parse().expect("a date"),
    }
}

/// Everything that has happened, by state.
#[derive(Default)]
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) invoices: BTreeMap<InvoiceId, Invoice>,
    pub(super) accounts: BTreeMap<AccountId, Account>,
    pub(super) notes: BTreeMap<CreditNoteId, CreditNote>,
    series: BTreeMap<StreamName, Series>,
    pub(super) log: Vec<(StreamName, Event)>,
    pub(super) ledger: Ledger,
    asked: u32,
    /// What each invoice and credit note was when it was issued.
    frozen: BTreeMap<InvoiceId, InvoiceDocument>,
    printed: BTreeSet<String>,
}

impl World {
    pub(super) fn new() -> World {
        World { now: at("2024-12-02T09:00:00Z"), ..World::default() }
    }

    fn asked(&self) -> Asked {
        let command = CommandId::of_client_key("test", "any", &self.asked.to_string());
        Asked { command, occurred_at: self.now }
    }

    /// Sends a command and takes what it makes.
    pub(super) fn send(&mut self, command: impl Into<Command>) -> Result<Vec<Event>, BillingRejection> {
        self.asked += 1;
        let batch = self.decide(&command.into())?;
        let events = batch.iter().map(|(_, event)| event.clone()).collect();
        for (stream, event) in batch {
            self.take(stream, event);
        }
        self.check();
        Ok(events)
    }

    fn decide(&self, command: &Command) -> Decision {
        let asked = &self.asked();
        let none = Invoice::default();
        let invoice = |id: &InvoiceId| self.invoices.get(id).unwrap_or(&none);
        let no_account = Account::default();
        let account = |id: &AccountId| self.accounts.get(id).unwrap_or(&no_account);
        let account_of_invoice =
            |id: &InvoiceId| invoice(id).document().map_or(&no_account, |document| account(&document.account));
        let account_of_payment =
            |id: &PaymentId| self.accounts.values().find(|each| each.payment(*id).is_some()).unwrap_or(&no_account);
        let zone: Zone = "Asia/Tokyo".parse().expect("a zone");
        let numbering = Numbering::default();
        match command {
            Command::DraftInvoice(c) => {
                draft_invoice(asked, c, account(&account_of(c.hospital, c.patient, c.price.amount.currency)))
            }
            Command::RepriceDraft(c) => reprice_draft(c, invoice(&c.invoice)),
            Command::CancelDraft(c) => cancel_draft(c, invoice(&c.invoice)),
            Command::IssueInvoice(c) => {
                let place = &SeriesPlace::of_invoice(invoice(&c.invoice), c.imported, asked, zone)?;
                let series = &self.series.get(&place.stream()).copied().unwrap_or_default();
                let numbers = Numbers { place, series, numbering: &numbering };
                issue_invoice(asked, c, invoice(&c.invoice), account_of_invoice(&c.invoice), numbers)
            }
            Command::CreditInvoice(c) => {
                let place = &SeriesPlace::of_credit_note(invoice(&c.invoice), asked, zone)?;
                let series = &self.series.get(&place.stream()).copied().unwrap_or_default();
                let numbers = Numbers { place, series, numbering: &numbering };
                credit_invoice(asked, c, invoice(&c.invoice), account_of_invoice(&c.invoice), numbers)
            }
            Command::RecordPayment(c) => record_payment(asked, c, account(&c.account), c.invoice.as_ref().map(invoice)),
            Command::PayInvoice(c) => pay_invoice(asked, c, invoice(&c.invoice), account_of_invoice(&c.invoice)),
            Command::ResolvePayment(c) => {
                let account = account_of_payment(&c.payment);
                let meant = account.payment(c.payment).and_then(|payment| payment.invoice);
                resolve_payment(asked, c, account, meant.as_ref().map(invoice))
            }
            Command::AllocateCredit(c) => {
                allocate_credit(asked, c, invoice(&c.invoice), account_of_invoice(&c.invoice))
            }
            Command::UndoAllocation(c) => undo_allocation(c, invoice(&c.invoice), account_of_invoice(&c.invoice)),
            Command::RefundPayment(c) => refund_payment(asked, c, account_of_payment(&c.payment)),
            Command::NameGuarantor(c) => name_guarantor(c, account(&c.account)),
            other => panic!("{} is no command about money", other.name()),
        }
    }

    fn take(&mut self, stream: StreamName, event: Event) {
        assert_eq!(stream.slot(), HOSPITAL.slot(), "a batch stays within the hospital's slot");
        self.ledger.post(&event).expect("debits and credits are equal after every event");
        match &event {
            Event::InvoiceEvent(inner) => {
                let id: InvoiceId =
                    stream.as_str().trim_start_matches("invoice:").parse().expect("an invoice's stream");
                self.invoices.entry(id).or_default().evolve(inner);
            }
            Event::AccountEvent(inner) => {
                let id: AccountId =
                    stream.as_str().trim_start_matches("account:").parse().expect("an account's stream");
                self.accounts.entry(id).or_default().evolve(inner);
            }
            Event::CreditNoteEvent(inner) => {
                let id = stream.as_str().trim_start_matches("credit-note:").parse().expect("a credit note's stream");
                self.notes.entry(id).or_default().evolve(inner);
            }
            Event::SeriesEvent(inner) => self.number(&stream, inner),
            other => panic!("{} is no event about money", other.event_type()),
        }
        self.freeze(&event);
        self.log.push((stream, event));
    }

    fn number(&mut self, stream: &StreamName, event: &crate::event::SeriesEvent) {
        let crate::event::SeriesEvent::NumberGiven(given) = event;
        let series = self.series.entry(stream.clone()).or_default();
        assert_eq!(given.number, series.next_number(), "numbers have no gap");
        assert_eq!(series.date_on(given.issue_date), given.issue_date, "dates of a series never go back");
        assert_eq!(streams::invoice_series(given.hospital, &given.series, given.year), *stream);
        assert_eq!(chrono::Datelike::year(&*given.issue_date), given.year);
        series.evolve(event);
    }

    fn freeze(&mut self, event: &Event) {
        use crate::event::{CreditNoteEvent, InvoiceEvent};
        let printed = match event {
            Event::InvoiceEvent(InvoiceEvent::InvoiceIssued(e)) => {
                let document = self.invoices[&e.invoice].document().expect("an issued invoice").clone();
                assert_eq!(self.frozen.insert(e.invoice, document), None, "an invoice is issued once");
                &e.printed_number
            }
            Event::CreditNoteEvent(CreditNoteEvent::CreditNoteIssued(e)) => &e.printed_number,
            _ => return,
        };
        assert!(self.printed.insert(printed.clone()), "{printed} is printed once");
    }

    /// Everything that must be true of money, whatever was sent.
    fn check(&self) {
        self.invoices.values().filter_map(Invoice::document).for_each(|document| self.check_invoice(document));
        self.accounts.values().for_each(|account| self.check_account(account));
    }

    fn check_invoice(&self, document: &InvoiceDocument) {
        let allocated: i64 = document.allocations.iter().map(|(_, amount)| amount.minor).sum();
        let credited: i64 = document.credited.values().map(|line| line.net.minor + line.tax.minor).sum();
        assert_eq!(document.balance.minor, document.totals.gross.minor - allocated - credited, "balance of an invoice");
        assert!(document.balance.minor >= 0, "an invoice is never overpaid: {document:?}");
        assert!(document.allocations.iter().all(|(_, amount)| amount.minor >= 0));
        for line in &document.lines {
            let left = document.creditable(line);
            assert!(left.net.minor >= 0 && left.tax.minor >= 0, "credits of a line never exceed it: {document:?}");
        }
        match document.status {
            InvoiceStatus::Draft => assert!(document.allocations.is_empty() && document.issued.is_none()),
            InvoiceStatus::Issued => assert!(document.balance.minor > 0),
            InvoiceStatus::Balanced => assert_eq!(document.balance.minor, 0),
            InvoiceStatus::Cancelled if document.issued.is_some() => {
                assert_eq!((document.balance.minor, allocated), (0, 0));
                assert_eq!(credited, document.totals.gross.minor);
            }
            InvoiceStatus::Cancelled => assert_eq!(allocated, 0),
            InvoiceStatus::EnteredInError => panic!("no command does this"),
        }
        if let Some(then) = self.frozen.get(&document.invoice) {
            let unchanged = |d: &InvoiceDocument| {
                let parties = (d.hospital, d.patient, d.account, d.appointment, d.kind);
                (parties, d.lines.clone(), d.totals.clone(), d.issued.clone())
            };
            assert_eq!(unchanged(then), unchanged(document), "nothing of an issued invoice changes");
        }
    }

    fn check_account(&self, account: &Account) {
        let holder = *account.known().expect("an open account");
        for (id, payment) in account.payments() {
            assert!(payment.unapplied().minor >= 0 && payment.applied.minor >= 0, "{payment:?}");
            assert!(payment.applied.minor + payment.refunded().minor <= payment.amount.minor, "{payment:?}");
            if payment.status != PaymentStatus::Succeeded {
                assert_eq!((payment.applied.minor, payment.refunded().minor), (0, 0), "{id} never arrived");
            }
        }
        let of_account = |account| BookKey {
            hospital: holder.hospital,
            account,
            patient: Some(holder.patient),
            currency: holder.currency,
        };
        let unapplied = account.unapplied().expect("open").minor;
        let receivable = account.receivable().expect("open").minor;
        assert_eq!(self.ledger.balance(&of_account(LedgerAccount::Unapplied)), -i128::from(unapplied));
        assert_eq!(self.ledger.balance(&of_account(LedgerAccount::Receivable)), i128::from(receivable));
        let own = self.invoices.values().filter_map(Invoice::document).filter(|each| each.account == holder.account);
        let own: Vec<_> = own.collect();
        let open: i64 = own.iter().filter(|each| each.takes_money()).map(|each| each.balance.minor).sum();
        assert_eq!(open, receivable, "what invoices ask for is what the account owes");
        for document in own {
            for (id, amount) in &document.allocations {
                let shares = account.allocation(*id).expect("known on both sides").shares.iter();
                assert_eq!(shares.map(|share| share.amount.minor).sum::<i64>(), amount.minor);
            }
        }
    }

    /// Drafts a visit's invoice.
    pub(super) fn draft(&mut self, patient: PatientId, amount: Money, rate: u32) -> InvoiceId {
        self.draft_of(InvoiceKind::Visit, patient, amount, rate)
    }

    /// Drafts an invoice of a kind.
    pub(super) fn draft_of(&mut self, kind: InvoiceKind, patient: PatientId, amount: Money, rate: u32) -> InvoiceId {
        let appointment = AppointmentId(uuid::Uuid::from_u128(u128::from(self.asked) + 100));
        let price = price(amount, rate);
        let command = commands::DraftInvoice { hospital: HOSPITAL, patient, appointment, kind, price };
        self.send(command.clone()).expect("a draft");
        command.invoice(self.asked().command)
    }

    /// Issues a draft.
    pub(super) fn issue(&mut self, invoice: InvoiceId) {
        self.send(commands::IssueInvoice { invoice, imported: false }).expect("issued");
    }

    /// Drafts and issues a visit's invoice without tax.
    pub(super) fn issued(&mut self, amount: Money) -> InvoiceId {
        let invoice = self.draft(ADA, amount, 0);
        self.issue(invoice);
        invoice
    }

    /// Pays an invoice with money that arrived.
    pub(super) fn pay(&mut self, invoice: InvoiceId, amount: Money) -> PaymentId {
        self.pay_as(invoice, amount, PaymentStatus::Succeeded)
    }

    /// Pays an invoice with a payment in a status.
    pub(super) fn pay_as(&mut self, invoice: InvoiceId, amount: Money, status: PaymentStatus) -> PaymentId {
        let method = PaymentMethod::Card;
        let command = commands::PayInvoice { invoice, amount, method, status, reference: None, payer: None };
        self.send(command).expect("a payment");
        PaymentId::derive(self.asked().command, HOSPITAL.slot(), self.now, 0)
    }

    /// An invoice that exists.
    pub(super) fn invoice(&self, invoice: InvoiceId) -> &InvoiceDocument {
        self.invoices[&invoice].document().expect("an invoice")
    }

    /// A patient's account in the currency of an amount.
    pub(super) fn account(&self, patient: PatientId, like: Money) -> &Account {
        &self.accounts[&account_of(HOSPITAL, patient, like.currency)]
    }
}
