//! Random histories of money: whatever is sent, in whatever order, the books stay right (the checks are the world's),
//! and everything that can happen to money does happen in them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::commands::*;
use super::world::{ADA, BOB, HOSPITAL, World, pounds, price, yen};
use super::*;
use crate::kernel::{AllocationId, AppointmentId, InvoiceId, Personal};

/// A name of 301 bytes.
const TOO_LONG: &str = match std::str::from_utf8(&[b'x'; 301]) {
    Ok(text) => text,
    Err(_) => unreachable!(),
};

/// What may be sent; numbers pick among what there is.
#[derive(Clone, Debug)]
enum Step {
    Days(i8),
    Draft { bob: bool, amount: i64, rate: u32, kind: usize },
    Reprice { invoice: usize, amount: i64 },
    Issue { invoice: usize, imported: bool },
    Cancel { invoice: usize },
    CreditAll { invoice: usize },
    Credit { invoice: usize, line: u32, net: i64, tax: i64 },
    Record { bob: bool, amount: i64, status: usize, invoice: Option<usize> },
    Pay { invoice: usize, amount: i64, status: usize },
    Resolve { payment: usize, status: usize },
    Allocate { invoice: usize, amount: i64 },
    Undo { invoice: usize, allocation: usize },
    Refund { payment: usize, amount: i64 },
    Name { bob: bool, name: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let nth = || 0..6_usize;
    let amount = || -5..160_i64;
    let status = || prop_oneof![3 => Just(1_usize), 2 => 0..4_usize];
    prop_oneof![
        1 => (-40..60_i8).prop_map(Step::Days),
        4 => (any::<bool>(), amount(), prop_oneof![Just(0), Just(2_000), Just(777)], 0..3_usize)
            .prop_map(|(bob, amount, rate, kind)| Step::Draft { bob, amount, rate, kind }),
        1 => (nth(), amount()).prop_map(|(invoice, amount)| Step::Reprice { invoice, amount }),
        5 => (nth(), any::<bool>()).prop_map(|(invoice, imported)| Step::Issue { invoice, imported }),
        1 => nth().prop_map(|invoice| Step::Cancel { invoice }),
        2 => nth().prop_map(|invoice| Step::CreditAll { invoice }),
        3 => (nth(), 1..3_u32, amount(), -1..20_i64)
            .prop_map(|(invoice, line, net, tax)| Step::Credit { invoice, line, net, tax }),
        2 => (any::<bool>(), amount(), status(), proptest::option::of(nth()))
            .prop_map(|(bob, amount, status, invoice)| Step::Record { bob, amount, status, invoice }),
        4 => (nth(), amount(), status()).prop_map(|(invoice, amount, status)| Step::Pay { invoice, amount, status }),
        3 => (nth(), status()).prop_map(|(payment, status)| Step::Resolve { payment, status }),
        4 => (nth(), amount()).prop_map(|(invoice, amount)| Step::Allocate { invoice, amount }),
        3 => (nth(), nth()).prop_map(|(invoice, allocation)| Step::Undo { invoice, allocation }),
        3 => (nth(), amount()).prop_map(|(payment, amount)| Step::Refund { payment, amount }),
        1 => (any::<bool>(), nth()).prop_map(|(bob, name)| Step::Name { bob, name }),
    ]
}

fn pick<T: Copy>(from: &[T], index: usize) -> Option<T> {
    from.get(index % from.len().max(1)).copied()
}

fn invoices(world: &World) -> Vec<InvoiceId> {
    world.invoices.keys().copied().collect()
}

fn payments(world: &World) -> Vec<PaymentId> {
    world.accounts.values().flat_map(|account| account.payments().keys().copied()).collect()
}

/// Sends a step if it has something to speak of; refusals are as good as anything else.
fn run(world: &mut World, step: &Step) -> Result<(), BillingRejection> {
    let invoice = |index: usize| pick(&invoices(world), index);
    let nobody = InvoiceId(uuid::Uuid::from_u128(404));
    let (reason, method) = (Personal::new("why".to_owned()), PaymentMethod::Cash);
    let (reference, payer) = (None, None);
    let patient = |bob: bool| if bob { BOB } else { ADA };
    let sent = match step.clone() {
        Step::Days(days) => {
            world.now = world.now.plus_minutes(i64::from(days) * 24 * 60 + 60);
            return Ok(());
        }
        Step::Draft { bob, amount, rate, kind } => {
            let (kind, price) = (InvoiceKind::ALL[kind], price(pounds(amount), rate));
            let appointment = AppointmentId(uuid::Uuid::from_u128(1));
            world.send(DraftInvoice { hospital: HOSPITAL, patient: patient(bob), appointment, kind, price })
        }
        Step::Reprice { invoice: i, amount } => {
            let price = price(pounds(amount), 500);
            world.send(RepriceDraft { invoice: invoice(i).unwrap_or(nobody), price })
        }
        Step::Issue { invoice: i, imported } => {
            world.send(IssueInvoice { invoice: invoice(i).unwrap_or(nobody), imported })
        }
        Step::Cancel { invoice: i } => world.send(CancelDraft { invoice: invoice(i).unwrap_or(nobody) }),
        Step::CreditAll { invoice: i } => {
            world.send(CreditInvoice { invoice: invoice(i).unwrap_or(nobody), lines: None, reason })
        }
        Step::Credit { invoice: i, line, net, tax } => {
            let lines = Some(vec![CreditedLine { line, net: pounds(net), tax: pounds(tax) }]);
            world.send(CreditInvoice { invoice: invoice(i).unwrap_or(nobody), lines, reason })
        }
        Step::Record { bob, amount, status, invoice: i } => {
            let currency = if amount % 10 == 9 { yen(0).currency } else { pounds(0).currency };
            let (account, status) =
                (account_of(HOSPITAL, patient(bob), pounds(0).currency), PaymentStatus::ALL[status]);
            let (amount, invoice) = (Money::new(amount, currency), i.and_then(invoice));
            world.send(RecordPayment { account, amount, method, status, reference, payer, invoice })
        }
        Step::Pay { invoice: i, amount, status } => {
            let (invoice, status) = (invoice(i).unwrap_or(nobody), PaymentStatus::ALL[status]);
            world.send(PayInvoice { invoice, amount: pounds(amount), method, status, reference, payer })
        }
        Step::Resolve { payment, status } => {
            let Some(payment) = pick(&payments(world), payment) else { return Ok(()) };
            world.send(ResolvePayment { payment, status: PaymentStatus::ALL[status], reason: None })
        }
        Step::Allocate { invoice: i, amount } => {
            world.send(AllocateCredit { invoice: invoice(i).unwrap_or(nobody), amount: pounds(amount) })
        }
        Step::Undo { invoice: i, allocation } => {
            let invoice = invoice(i).unwrap_or(nobody);
            let known = world.invoices.get(&invoice).and_then(Invoice::document).map(|each| each.allocations.clone());
            let allocation = pick(&known.unwrap_or_default(), allocation)
                .map_or(AllocationId(uuid::Uuid::from_u128(404)), |(allocation, _)| allocation);
            world.send(UndoAllocation { invoice, allocation })
        }
        Step::Refund { payment, amount } => {
            let Some(payment) = pick(&payments(world), payment) else { return Ok(()) };
            world.send(RefundPayment { payment, amount: pounds(amount), reason })
        }
        Step::Name { bob, name } => {
            let names = [None, Some("Acme"), Some("Bea"), Some(" "), Some(TOO_LONG)];
            let guarantor = pick(&names, name).flatten().map(|name| Personal::new(name.to_owned()));
            let account = account_of(HOSPITAL, patient(bob), pounds(0).currency);
            world.send(NameGuarantor { account, guarantor, reason: None })
        }
    };
    sent.map(|_| ())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_sent_the_books_stay_right(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in &steps {
            let before = world.log.len();
            if run(&mut world, step).is_err() {
                prop_assert_eq!(world.log.len(), before, "a refusal changes nothing");
            }
        }
    }

    #[test]
    fn totals_are_sums_of_lines_that_were_rounded_by_themselves(
        lines in prop::collection::vec((0..100_000_i64, 1..9_u32, 0..1_000_i64, 0..3_000_u32), 1..20)
    ) {
        let lines: Vec<InvoiceLine> = lines.into_iter().zip(1..).filter_map(|((unit, quantity, discount, rate), number)| {
            let tax = Tax { category: "S".to_owned(), rate_basis_points: rate };
            priced_line(number, ("s", "S"), (quantity, pounds(unit), pounds(discount)), &tax).ok()
        }).collect();
        let totals = totals_of(pounds(0).currency, lines.iter().map(|line| (line.net, line.tax_amount))).expect("sums");
        for line in &lines {
            prop_assert_eq!(line.net.minor, line.unit_price.minor * i64::from(line.quantity) - line.discount.minor);
            // Half-up: the rounded amount is less than half a unit below and at most half a unit above the exact one.
            let error = line.tax_amount.minor * 10_000 - line.net.minor * i64::from(line.tax.rate_basis_points);
            prop_assert!(-5_000 < error && error <= 5_000);
        }
        prop_assert_eq!(totals.net.minor, lines.iter().map(|line| line.net.minor).sum::<i64>());
        prop_assert_eq!(totals.tax.minor, lines.iter().map(|line| line.tax_amount.minor).sum::<i64>());
        prop_assert_eq!(totals.gross.minor, totals.net.minor + totals.tax.minor);
    }
}

#[test]
fn random_histories_see_every_event_and_every_refusal() {
    let mut runner = TestRunner::deterministic();
    let histories = prop::collection::vec(step(), 40..60);
    let (mut happened, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..300 {
        let steps = histories.new_tree(&mut runner).expect("a history").current();
        let mut world = World::new();
        for step in &steps {
            if let Err(no) = run(&mut world, step) {
                refused.insert(crate::rejection::Rejection::from(no).code);
            }
        }
        happened.extend(world.log.iter().map(|(_, event)| event.event_type()));
    }
    let expected = [
        "AccountOpened",
        "CreditAllocated",
        "CreditDeallocated",
        "CreditNoteIssued",
        "DraftCancelled",
        "GuarantorNamed",
        "InvoiceAddressed",
        "InvoiceAllocated",
        "InvoiceBalanced",
        "InvoiceCharged",
        "InvoiceCredited",
        "InvoiceDeallocated",
        "InvoiceDrafted",
        "InvoiceFullyCredited",
        "InvoiceIssued",
        "InvoiceReopened",
        "InvoiceRepriced",
        "InvoiceUncharged",
        "NumberGiven",
        "PaymentBecameUnknown",
        "PaymentFailed",
        "PaymentRecorded",
        "PaymentSucceeded",
        "RefundMade",
    ];
    assert_eq!(happened, BTreeSet::from(expected));
    let codes = BillingRejection::CODES.iter().map(|(code, _)| *code);
    // Too rare for chance: a payment of another account, reasons that say nothing, amounts of 2^63, lines of 0. They have
    // tests of their own.
    let never: Vec<_> = codes.filter(|code| !refused.contains(code)).collect();
    assert_eq!(never, ["payment-unknown", "reason-missing", "reason-too-long", "amount-too-large", "credit-nothing"]);
}
