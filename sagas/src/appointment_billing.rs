//! `AppointmentBilling`: carries an appointment to its invoice.
//!
//! ```text
//! booked      -> draft (visit)            rescheduled at another price -> reprice the draft
//! fulfilled   -> issue
//! cancelled   -> cancel the draft, and if a fee is due: draft (fee), issue
//! noshow      -> the same                 noshow undone -> credit the fee, draft (visit) again
//! entered in error -> credit what was issued, cancel what was not
//! ```
//!
//! Everything about one account is sent in the order of the events in the log, and so is whatever gets a number
//! (invoices, credit notes) at one hospital. Other commands overtake each other, so that a hospital's drafts do not wait
//! for one another.

use carelog_domain::billing::InvoiceKind;
use carelog_domain::billing::commands::{CancelDraft, CreditInvoice, DraftInvoice, IssueInvoice, RepriceDraft};
use carelog_domain::event::{AppointmentEvent, Event};
use carelog_domain::kernel::{AppointmentId, Billing, Context, HospitalId, InvoiceId, PatientId, Recorded, StreamName};
use carelog_domain::scheduling::{AgreedPrice, AppointmentStatus};
use carelog_domain::streams;

use crate::saga::{Hospital, Intent, Refused, Saga, command_id, is_imported, step};

/// The invoices of one appointment.
#[derive(Default)]
pub struct AppointmentBilling {
    /// Agreed at booking or at the last move.
    price: Option<AgreedPrice>,
    visit: Option<Paper>,
    fee: Option<Paper>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Paper {
    invoice: InvoiceId,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Stage {
    Draft,
    Issued,
    Void,
}

/// Whom an event of an appointment concerns.
struct Of<'a> {
    appointment: AppointmentId,
    hospital: HospitalId,
    patient: PatientId,
    cause: &'a Context,
}

macro_rules! of {
    ($event:expr, $cause:expr) => {
        Of { appointment: $event.appointment, hospital: $event.hospital, patient: $event.patient, cause: $cause }
    };
}

impl Saga for AppointmentBilling {
    const NAME: &'static str = "appointment-billing";
    const TAKES: &'static [&'static str] = &[
        "AppointmentBooked",
        "AppointmentRescheduled",
        "AppointmentFulfilled",
        "AppointmentCancelled",
        "NoShowMarked",
        "AppointmentStatusUndone",
        "AppointmentEnteredInError",
    ];

    fn instance_of(event: &Recorded<Event>) -> Option<String> {
        matches!(event.event, Event::AppointmentEvent(_)).then(|| event.context.stream.key().to_owned())
    }

    fn sources(instance: &str) -> Vec<StreamName> {
        instance.parse().map(streams::appointment).into_iter().collect()
    }

    fn react(&self, event: &Recorded<Event>, _hospital: &Hospital) -> Vec<Intent> {
        let Event::AppointmentEvent(happened) = &event.event else { return vec![] };
        let cause = &event.context;
        match happened {
            AppointmentEvent::AppointmentBooked(e) => vec![of!(e, cause).draft(InvoiceKind::Visit, &e.price)],
            AppointmentEvent::AppointmentRescheduled(e) => self.reprice(&of!(e, cause), &e.price),
            AppointmentEvent::AppointmentFulfilled(e) => {
                self.visit.iter().flat_map(|p| of!(e, cause).issue(p)).collect()
            }
            AppointmentEvent::AppointmentCancelled(e) => {
                self.void_visit(&of!(e, cause), InvoiceKind::LateCancelFee, e.fee.as_ref())
            }
            AppointmentEvent::NoShowMarked(e) => {
                self.void_visit(&of!(e, cause), InvoiceKind::NoShowFee, e.fee.as_ref())
            }
            AppointmentEvent::AppointmentStatusUndone(e) if e.from == AppointmentStatus::NoShow => {
                self.restore_visit(&of!(e, cause))
            }
            AppointmentEvent::AppointmentEnteredInError(e) => {
                let of = of!(e, cause);
                self.visit.iter().chain(&self.fee).flat_map(|paper| of.take_back(paper)).collect()
            }
            _ => vec![],
        }
    }

    fn evolve(&mut self, event: &Recorded<Event>, _hospital: &Hospital) {
        let Event::AppointmentEvent(happened) = &event.event else { return };
        let cause = &event.context;
        match happened {
            AppointmentEvent::AppointmentBooked(e) => {
                self.price = Some(e.price.clone());
                self.visit = Some(of!(e, cause).drafted(InvoiceKind::Visit, &e.price));
            }
            AppointmentEvent::AppointmentRescheduled(e) => self.price = Some(e.price.clone()),
            AppointmentEvent::AppointmentFulfilled(_) => issue(&mut self.visit),
            AppointmentEvent::AppointmentCancelled(e) => {
                take_back(&mut self.visit);
                self.charge(&of!(e, cause), InvoiceKind::LateCancelFee, e.fee.as_ref());
            }
            AppointmentEvent::NoShowMarked(e) => {
                take_back(&mut self.visit);
                self.charge(&of!(e, cause), InvoiceKind::NoShowFee, e.fee.as_ref());
            }
            AppointmentEvent::AppointmentStatusUndone(e) if e.from == AppointmentStatus::NoShow => {
                take_back(&mut self.fee);
                if let Some(price) = &self.price {
                    self.visit = Some(of!(e, cause).drafted(InvoiceKind::Visit, price));
                }
            }
            AppointmentEvent::AppointmentEnteredInError(_) => {
                take_back(&mut self.visit);
                take_back(&mut self.fee);
            }
            _ => {}
        }
    }

    /// Somebody credited all of it before: then there is nothing left to take back, and what is due instead follows.
    fn refused(step: &str, code: &str) -> Refused {
        match code {
            "invoice-not-issued" | "credit-nothing" if step.starts_with("credit") => Refused::GoOn,
            _ => Refused::DeadLetter,
        }
    }
}

impl AppointmentBilling {
    fn reprice(&self, of: &Of<'_>, price: &AgreedPrice) -> Vec<Intent> {
        let draft = self.visit.filter(|paper| paper.stage == Stage::Draft && self.price.as_ref() != Some(price));
        let send = |paper: Paper| {
            let command = RepriceDraft { invoice: paper.invoice, price: price.clone() };
            Intent::send_in_order(step("reprice", of.cause), command, vec![of.account()])
        };
        draft.map(send).into_iter().collect()
    }

    fn void_visit(&self, of: &Of<'_>, kind: InvoiceKind, fee: Option<&AgreedPrice>) -> Vec<Intent> {
        let visit = self.visit.iter().flat_map(|paper| of.take_back(paper));
        let charged = fee.into_iter().flat_map(|fee| {
            let paper = of.drafted(kind, fee);
            [of.draft(kind, fee)].into_iter().chain(of.issue(&paper))
        });
        visit.chain(charged).collect()
    }

    fn restore_visit(&self, of: &Of<'_>) -> Vec<Intent> {
        let fee = self.fee.iter().flat_map(|paper| of.take_back(paper));
        fee.chain(self.price.as_ref().map(|price| of.draft(InvoiceKind::Visit, price))).collect()
    }

    fn charge(&mut self, of: &Of<'_>, kind: InvoiceKind, fee: Option<&AgreedPrice>) {
        if let Some(fee) = fee {
            self.fee = Some(Paper { stage: Stage::Issued, ..of.drafted(kind, fee) });
        }
    }
}

impl Of<'_> {
    fn draft(&self, kind: InvoiceKind, price: &AgreedPrice) -> Intent {
        Intent::send_in_order(draft_step(kind, self.cause), self.draft_command(kind, price), vec![self.account()])
    }

    fn draft_command(&self, kind: InvoiceKind, price: &AgreedPrice) -> DraftInvoice {
        let Of { appointment, hospital, patient, .. } = *self;
        DraftInvoice { hospital, patient, appointment, kind, price: price.clone() }
    }

    /// The invoice that the draft's command makes: its id derives from the command, as every id does.
    fn drafted(&self, kind: InvoiceKind, price: &AgreedPrice) -> Paper {
        let instance = self.appointment.to_string();
        let command = command_id(AppointmentBilling::NAME, &instance, &draft_step(kind, self.cause));
        Paper { invoice: self.draft_command(kind, price).invoice(command), stage: Stage::Draft }
    }

    fn issue(&self, paper: &Paper) -> Option<Intent> {
        let command = IssueInvoice { invoice: paper.invoice, imported: is_imported(self.cause) };
        let send = || Intent::send_in_order(step("issue", self.cause), command, vec![self.account(), self.numbers()]);
        (paper.stage == Stage::Draft).then(send)
    }

    fn take_back(&self, paper: &Paper) -> Option<Intent> {
        match paper.stage {
            Stage::Draft => {
                let command = CancelDraft { invoice: paper.invoice };
                let step = format!("cancel.{}.{}", paper.invoice, self.cause.version);
                Some(Intent::send_in_order(step, command, vec![self.account()]))
            }
            Stage::Issued => {
                let reason = Billing::new("the appointment's outcome was corrected".to_owned());
                let command = CreditInvoice { invoice: paper.invoice, lines: None, reason };
                let step = format!("credit.{}.{}", paper.invoice, self.cause.version);
                Some(Intent::send_in_order(step, command, vec![self.account(), self.numbers()]))
            }
            Stage::Void => None,
        }
    }

    /// The order of what touches the patient's account at the hospital.
    fn account(&self) -> String {
        format!("account:{}:{}", self.hospital, self.patient)
    }

    /// The order of what gets a number at the hospital.
    fn numbers(&self) -> String {
        format!("numbers:{}", self.hospital)
    }
}

fn draft_step(kind: InvoiceKind, cause: &Context) -> String {
    step(&format!("draft-{kind}"), cause)
}

fn issue(paper: &mut Option<Paper>) {
    if let Some(paper) = paper.as_mut().filter(|paper| paper.stage == Stage::Draft) {
        paper.stage = Stage::Issued;
    }
}

fn take_back(paper: &mut Option<Paper>) {
    if let Some(paper) = paper {
        paper.stage = Stage::Void;
    }
}
