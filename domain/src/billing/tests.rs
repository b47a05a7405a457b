//! Given what happened, when a command is sent, then these events or this refusal.

use super::commands::*;
use super::world::{ADA, BOB, HOSPITAL, World, at, pounds, price, yen};
use super::*;
use crate::event::{AccountEvent, CreditNoteEvent, Event, InvoiceEvent, SeriesEvent};
use crate::kernel::{AccountId, AllocationId, AppointmentId, Billing, InvoiceId, Personal};
use crate::rejection::Rejection;
use BillingRejection as No;

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(Event::event_type).collect()
}

fn reason() -> Billing<String> {
    Personal::new("agreed".to_owned())
}

fn credit(invoice: InvoiceId, lines: &[(u32, Money, Money)]) -> CreditInvoice {
    let lines = lines.iter().map(|&(line, net, tax)| CreditedLine { line, net, tax }).collect();
    CreditInvoice { invoice, lines: Some(lines), reason: reason() }
}

fn credit_all(invoice: InvoiceId) -> CreditInvoice {
    CreditInvoice { invoice, lines: None, reason: reason() }
}

fn refund(payment: PaymentId, amount: Money) -> RefundPayment {
    RefundPayment { payment, amount, reason: reason() }
}

fn resolve(payment: PaymentId, status: PaymentStatus) -> ResolvePayment {
    ResolvePayment { payment, status, reason: None }
}

fn record(account: AccountId, amount: Money, invoice: Option<InvoiceId>) -> RecordPayment {
    let (method, status) = (PaymentMethod::Cash, PaymentStatus::Succeeded);
    RecordPayment { account, amount, method, status, reference: None, payer: None, invoice }
}

fn allocations(world: &World, invoice: InvoiceId) -> Vec<AllocationId> {
    world.invoice(invoice).allocations.iter().map(|(allocation, _)| *allocation).collect()
}

fn issued(events: &[Event]) -> &events::InvoiceIssued {
    let [Event::InvoiceEvent(InvoiceEvent::InvoiceIssued(issued)), ..] = events else {
        panic!("the invoice leads: {events:?}");
    };
    issued
}

fn issue(invoice: InvoiceId) -> IssueInvoice {
    IssueInvoice { invoice, imported: false }
}

fn unapplied(world: &World) -> i64 {
    world.account(ADA, pounds(0)).unapplied().expect("an account").minor
}

#[test]
fn the_first_draft_of_a_patient_in_a_currency_opens_the_account() {
    let mut world = World::new();
    let draft = |amount| DraftInvoice {
        hospital: HOSPITAL,
        patient: ADA,
        appointment: AppointmentId(uuid::Uuid::from_u128(1)),
        kind: InvoiceKind::Visit,
        price: price(amount, 2_000),
    };
    let first = world.send(draft(pounds(10_000))).expect("a draft");
    assert_eq!(names(&first), ["InvoiceDrafted", "AccountOpened"]);
    assert_eq!(names(&world.send(draft(pounds(10_000))).expect("a draft")), ["InvoiceDrafted"]);
    assert_eq!(names(&world.send(draft(yen(10_000))).expect("a draft")), ["InvoiceDrafted", "AccountOpened"]);
    assert_ne!(account_of(HOSPITAL, ADA, pounds(0).currency), account_of(HOSPITAL, BOB, pounds(0).currency));
    assert_eq!(account_of(HOSPITAL, ADA, pounds(0).currency).slot(), HOSPITAL.slot());
}

#[test]
fn an_issue_numbers_posts_and_charges_in_one_batch() {
    let mut world = World::new();
    let invoice = world.draft(ADA, pounds(10_000), 2_000);
    let events = world.send(issue(invoice)).expect("issued");
    assert_eq!(names(&events), ["InvoiceIssued", "NumberGiven", "InvoiceCharged"]);
    let issued = issued(&events);
    assert_eq!((issued.number, issued.printed_number.as_str()), (1, "INV-2024-000001"));
    let posted: Vec<_> = issued.postings.iter().map(|each| (each.account, each.amount.minor)).collect();
    let (receivable, revenue, tax) = (LedgerAccount::Receivable, LedgerAccount::Revenue, LedgerAccount::Tax);
    assert_eq!(posted, [(receivable, 12_000), (revenue, -10_000), (tax, -2_000)]);
    assert_eq!(world.invoice(invoice).balance, pounds(12_000));
}

#[test]
fn an_invoice_over_nothing_is_issued_and_balanced_at_once() {
    let mut world = World::new();
    let invoice = world.draft(ADA, pounds(0), 2_000);
    let events = world.send(issue(invoice)).expect("issued");
    assert_eq!(names(&events), ["InvoiceIssued", "NumberGiven", "InvoiceCharged", "InvoiceBalanced"]);
    assert_eq!(issued(&events).postings, []);
    let credited = world.send(credit_all(invoice)).expect("credited");
    assert_eq!(names(&credited).last(), Some(&"InvoiceFullyCredited"));
}

#[test]
fn the_issue_date_is_the_hospitals_own_and_never_goes_back_within_a_series() {
    let mut world = World::new(); // In Tokyo, nine hours ahead.
    let mut issue_at = |now: &str, imported: bool| {
        world.now = at(now);
        let invoice = world.draft(ADA, pounds(100), 0);
        let events = world.send(IssueInvoice { invoice, imported }).expect("issued");
        let issued = issued(&events);
        (issued.issue_date.to_string(), issued.printed_number.clone(), issued.series.clone())
    };
    let expected = |date: &str, printed: &str, series: &str| (date.to_owned(), printed.to_owned(), series.to_owned());
    assert_eq!(issue_at("2024-12-30T14:59:59Z", false), expected("2024-12-30", "INV-2024-000001", "visit"));
    assert_eq!(issue_at("2024-12-30T15:00:00Z", false), expected("2024-12-31", "INV-2024-000002", "visit"));
    assert_eq!(issue_at("2024-12-29T00:00:00Z", false), expected("2024-12-31", "INV-2024-000003", "visit"));
    assert_eq!(issue_at("2024-12-31T15:00:00Z", false), expected("2025-01-01", "INV-2025-000001", "visit"));
    let imported = expected("2024-12-29", "INV-M-2024-000001", "visit-imported");
    assert_eq!(issue_at("2024-12-29T00:00:00Z", true), imported);
    assert_eq!(issue_at("2024-12-29T00:00:00Z", false), expected("2024-12-31", "INV-2024-000004", "visit"));
}

#[test]
fn no_two_series_of_a_hospital_print_the_same_number() {
    let mut world = World::new();
    let mut printed = std::collections::BTreeSet::new();
    for kind in InvoiceKind::ALL {
        for imported in [false, true] {
            let invoice = world.draft_of(*kind, ADA, pounds(100), 0);
            let events = world.send(IssueInvoice { invoice, imported }).expect("issued");
            printed.insert(issued(&events).printed_number.clone());
        }
    }
    assert_eq!(printed.len(), 2 * InvoiceKind::ALL.len());
}

#[test]
fn every_command_to_an_invoice_in_every_state_is_allowed_or_refused_for_its_reason() {
    const ISSUED: &str = "invoice-not-issued";
    const DRAFT: &str = "invoice-not-draft";
    // reprice, issue, cancel, credit, pay, allocate, undo
    let table = [
        ("unknown", ["invoice-unknown"; 7]),
        ("draft", ["ok", "ok", "ok", ISSUED, "ok", ISSUED, "allocation-unknown"]),
        ("issued", [DRAFT, DRAFT, DRAFT, "ok", "ok", "ok", "allocation-unknown"]),
        ("balanced", [DRAFT, DRAFT, DRAFT, "ok", "ok", "allocation-exceeds-balance", "ok"]),
        ("reopened", [DRAFT, DRAFT, DRAFT, "ok", "ok", "ok", "allocation-undone"]),
        ("voided", [DRAFT, DRAFT, DRAFT, ISSUED, "ok", ISSUED, "allocation-unknown"]),
        ("credited", [DRAFT, DRAFT, DRAFT, ISSUED, "ok", ISSUED, "allocation-unknown"]),
    ];
    for (state, expected) in table {
        for (index, expected) in expected.into_iter().enumerate() {
            let (mut world, invoice) = invoice_in(state);
            let allocation = world.invoices.get(&invoice).and_then(Invoice::document);
            let allocation = allocation.and_then(|document| document.allocations.first());
            let allocation = allocation.map_or(AllocationId(uuid::Uuid::from_u128(9)), |(each, _)| *each);
            let (method, status) = (PaymentMethod::Cash, PaymentStatus::Succeeded);
            let (amount, reference, payer) = (pounds(50), None, None);
            let sent = match index {
                0 => world.send(RepriceDraft { invoice, price: price(pounds(5), 0) }),
                1 => world.send(issue(invoice)),
                2 => world.send(CancelDraft { invoice }),
                3 => world.send(credit(invoice, &[(1, pounds(50), pounds(0))])),
                4 => world.send(PayInvoice { invoice, amount, method, status, reference, payer }),
                5 => world.send(AllocateCredit { invoice, amount }),
                _ => world.send(UndoAllocation { invoice, allocation }),
            };
            let answer = sent.map_or_else(|no| Rejection::from(no).code, |_| "ok");
            assert_eq!(answer, expected, "command {index} when {state}");
        }
    }
}

/// A world with an invoice over 100 in that state, and 50 of unapplied credit.
fn invoice_in(state: &str) -> (World, InvoiceId) {
    let mut world = World::new();
    let invoice = world.draft(ADA, pounds(100), 0);
    world.send(record(account_of(HOSPITAL, ADA, pounds(0).currency), pounds(50), None)).expect("credit");
    if !matches!(state, "unknown" | "draft" | "voided") {
        world.issue(invoice);
    }
    match state {
        "unknown" => return (world, InvoiceId(uuid::Uuid::from_u128(404))),
        "balanced" => drop(world.pay(invoice, pounds(100))),
        "reopened" => {
            world.pay(invoice, pounds(100));
            let allocation = allocations(&world, invoice)[0];
            let undone = world.send(UndoAllocation { invoice, allocation }).expect("undone");
            assert_eq!(names(&undone), ["InvoiceDeallocated", "CreditDeallocated", "InvoiceReopened"]);
        }
        "voided" => drop(world.send(CancelDraft { invoice }).expect("voided")),
        "credited" => drop(world.send(credit_all(invoice)).expect("credited")),
        _ => {}
    }
    (world, invoice)
}

#[test]
fn a_draft_is_repriced_only_to_something_else() {
    let mut world = World::new();
    let invoice = world.draft(ADA, pounds(100), 0);
    let reprice = |price| RepriceDraft { invoice, price };
    assert_eq!(world.send(reprice(price(pounds(100), 0))), Ok(vec![]));
    assert_eq!(names(&world.send(reprice(price(pounds(90), 2_000))).expect("repriced")), ["InvoiceRepriced"]);
    assert_eq!(world.invoice(invoice).balance, pounds(108));
    let (expected, given) = (pounds(0).currency, yen(0).currency);
    assert_eq!(world.send(reprice(price(yen(90), 0))), Err(No::CurrencyDiffers { expected, given }));
    assert_eq!(world.send(reprice(price(pounds(-1), 0))), Err(No::PriceNegative));
}

#[test]
fn a_payment_is_applied_as_far_as_its_invoice_is_open() {
    let mut world = World::new();
    let invoice = world.issued(pounds(100));
    world.pay(invoice, pounds(40));
    assert_eq!((world.invoice(invoice).status, world.invoice(invoice).balance), (InvoiceStatus::Issued, pounds(60)));
    world.pay(invoice, pounds(90));
    assert_eq!((world.invoice(invoice).status, world.invoice(invoice).balance), (InvoiceStatus::Balanced, pounds(0)));
    assert_eq!(unapplied(&world), 30);
}

#[test]
fn a_payment_posts_only_once_it_arrived_and_is_applied_then() {
    let mut world = World::new();
    let invoice = world.issued(pounds(100));
    let payment = world.pay_as(invoice, pounds(100), PaymentStatus::Pending);
    assert_eq!(world.invoice(invoice).balance, pounds(100));
    let unknown = world.send(resolve(payment, PaymentStatus::Unknown)).expect("resolved");
    assert_eq!(names(&unknown), ["PaymentBecameUnknown"]);
    let arrived = world.send(resolve(payment, PaymentStatus::Succeeded)).expect("resolved");
    assert_eq!(names(&arrived), ["PaymentSucceeded", "InvoiceAllocated", "CreditAllocated", "InvoiceBalanced"]);
}

#[test]
fn every_outcome_of_a_payment_after_every_other_is_allowed_or_refused_for_its_reason() {
    use PaymentStatus::{Failed, Pending, Succeeded, Unknown};
    let resolved = "payment-resolved";
    let table = [
        (Pending, [(Pending, "payment-not-resolved"), (Succeeded, "ok"), (Failed, "ok"), (Unknown, "ok")]),
        (Unknown, [(Pending, "payment-not-resolved"), (Succeeded, "ok"), (Failed, "ok"), (Unknown, "nothing")]),
        (
            Succeeded,
            [(Pending, "payment-not-resolved"), (Succeeded, "nothing"), (Failed, resolved), (Unknown, resolved)],
        ),
        (Failed, [(Pending, "payment-not-resolved"), (Succeeded, resolved), (Failed, "nothing"), (Unknown, resolved)]),
    ];
    for (before, outcomes) in table {
        for (after, expected) in outcomes {
            let mut world = World::new();
            let invoice = world.issued(pounds(100));
            let payment = world.pay_as(invoice, pounds(100), before);
            let answer = match world.send(resolve(payment, after)) {
                Ok(events) if events.is_empty() => "nothing",
                Ok(_) => "ok",
                Err(no) => Rejection::from(no).code,
            };
            assert_eq!(answer, expected, "{before} -> {after}");
        }
    }
}

#[test]
fn a_deposit_is_applied_when_its_draft_is_issued_and_stays_credit_when_it_is_cancelled() {
    let mut world = World::new();
    let (kept, voided) = (world.draft(ADA, pounds(100), 0), world.draft(ADA, pounds(100), 0));
    world.pay(kept, pounds(30));
    let deposit = world.pay(voided, pounds(30));
    let events = world.send(issue(kept)).expect("issued");
    let expected = ["InvoiceIssued", "NumberGiven", "InvoiceCharged", "InvoiceAllocated", "CreditAllocated"];
    assert_eq!(names(&events), expected);
    world.send(CancelDraft { invoice: voided }).expect("voided");
    assert_eq!((world.invoice(kept).balance, unapplied(&world)), (pounds(70), 30));
    world.send(refund(deposit, pounds(30))).expect("the deposit goes back");
    assert_eq!(unapplied(&world), 0);
}

#[test]
fn an_allocation_takes_what_was_paid_for_the_invoice_and_then_the_oldest_money() {
    let mut world = World::new();
    let account = account_of(HOSPITAL, ADA, pounds(0).currency);
    let invoice = world.draft(ADA, pounds(100), 0);
    world.send(record(account, pounds(20), None)).expect("old money");
    world.send(record(account, pounds(50), None)).expect("newer money");
    world.issue(invoice);
    let own = world.pay(invoice, pounds(40));
    let allocation = allocations(&world, invoice)[0];
    world.send(UndoAllocation { invoice, allocation }).expect("undone");
    world.send(AllocateCredit { invoice, amount: pounds(100) }).expect("allocated");
    let shares = &world.account(ADA, pounds(0)).allocation(allocations(&world, invoice)[1]).expect("known").shares;
    assert_eq!(shares.iter().map(|share| share.amount.minor).collect::<Vec<_>>(), [40, 20, 40]);
    assert_eq!(shares[0].payment, own);
    assert_eq!(world.send(refund(own, pounds(1))), Err(No::RefundExceedsCredit { available: pounds(0) }));
    // What was taken last returns first.
    world.send(credit(invoice, &[(1, pounds(50), pounds(0))])).expect("credited");
    let shares = &world.account(ADA, pounds(0)).allocation(allocations(&world, invoice)[1]).expect("known").shares;
    assert_eq!(shares.iter().map(|share| share.amount.minor).collect::<Vec<_>>(), [40, 10]);
}

#[test]
fn an_allocation_exceeds_neither_the_balance_nor_the_unapplied_credit() {
    let mut world = World::new();
    let invoice = world.issued(pounds(100));
    let allocate = |minor| AllocateCredit { invoice, amount: pounds(minor) };
    assert_eq!(world.send(allocate(1)), Err(No::AllocationExceedsCredit { unapplied: pounds(0) }));
    world.send(record(world.invoice(invoice).account, pounds(500), None)).expect("credit");
    assert_eq!(world.send(allocate(101)), Err(No::AllocationExceedsBalance { balance: pounds(100) }));
    assert_eq!(world.send(allocate(0)), Err(No::AmountNotPositive));
    world.send(allocate(60)).expect("allocated");
    assert_eq!(world.send(allocate(41)), Err(No::AllocationExceedsBalance { balance: pounds(40) }));
    assert_eq!(names(&world.send(allocate(40)).expect("allocated")).last(), Some(&"InvoiceBalanced"));
}

#[test]
fn a_credit_before_payment_lowers_the_balance() {
    let mut world = World::new();
    let invoice = world.draft(ADA, pounds(10_000), 2_000);
    world.issue(invoice);
    let events = world.send(credit(invoice, &[(1, pounds(1_000), pounds(200))])).expect("credited");
    assert_eq!(names(&events), ["InvoiceCredited", "CreditNoteIssued", "NumberGiven", "InvoiceUncharged"]);
    let note = events.iter().find_map(|event| match event {
        Event::CreditNoteEvent(CreditNoteEvent::CreditNoteIssued(note)) => Some(note),
        _ => None,
    });
    let note = note.expect("a note");
    assert_eq!((note.printed_number.as_str(), note.totals.gross), ("CN-2024-000001", pounds(1_200)));
    assert_eq!(world.notes[&note.credit_note].issued(), Some(note));
    assert_eq!(world.invoice(invoice).balance, pounds(10_800));
    let given = events.iter().any(
        |event| matches!(event, Event::SeriesEvent(SeriesEvent::NumberGiven(given)) if given.series == "credit-note"),
    );
    assert!(given, "credit notes have a series of their own");
}

#[test]
fn a_credit_after_payment_frees_what_was_paid_beyond_the_new_balance_newest_first() {
    let mut world = World::new();
    let invoice = world.issued(pounds(100));
    let (first, second) = (world.pay(invoice, pounds(70)), world.pay(invoice, pounds(30)));
    let events = world.send(credit(invoice, &[(1, pounds(50), pounds(0))])).expect("credited");
    let returned = events.iter().filter_map(|event| match event {
        Event::AccountEvent(AccountEvent::CreditDeallocated(e)) => Some((e.shares[0].payment, e.amount.minor)),
        _ => None,
    });
    assert_eq!(returned.collect::<Vec<_>>(), [(second, 30), (first, 20)]);
    assert_eq!((world.invoice(invoice).status, unapplied(&world)), (InvoiceStatus::Balanced, 50));
    assert_eq!(world.send(refund(first, pounds(21))), Err(No::RefundExceedsCredit { available: pounds(20) }));
    world.send(refund(first, pounds(20))).expect("refunded");
}

#[test]
fn a_credit_of_everything_cancels_the_invoice_and_frees_all_that_was_paid() {
    let mut world = World::new();
    let invoice = world.issued(pounds(100));
    world.pay(invoice, pounds(60));
    world.send(credit(invoice, &[(1, pounds(10), pounds(0))])).expect("a part");
    world.send(credit_all(invoice)).expect("the rest");
    assert_eq!((world.invoice(invoice).status, unapplied(&world)), (InvoiceStatus::Cancelled, 60));
    let status = InvoiceStatus::Cancelled;
    assert_eq!(world.send(credit_all(invoice)), Err(No::InvoiceNotIssued { status }));
}

#[test]
fn credits_of_a_line_never_exceed_it() {
    let mut world = World::new();
    let invoice = world.draft(ADA, pounds(1_000), 2_000);
    world.issue(invoice);
    let line = |net, tax| credit(invoice, &[(1, pounds(net), pounds(tax))]);
    world.send(line(600, 0)).expect("credited");
    let left = No::CreditExceedsLine { line: 1, net: pounds(400), tax: pounds(200) };
    assert_eq!(world.send(line(401, 0)), Err(left.clone()));
    assert_eq!(world.send(line(0, 201)), Err(left.clone()));
    let twice = credit(invoice, &[(1, pounds(300), pounds(0)), (1, pounds(300), pounds(0))]);
    assert_eq!(world.send(twice), Err(left));
    assert_eq!(world.send(line(0, 0)), Err(No::CreditNothing));
    assert_eq!(world.send(line(-1, 5)), Err(No::AmountNotPositive));
    assert_eq!(world.send(credit(invoice, &[(2, pounds(1), pounds(0))])), Err(No::CreditLineUnknown { line: 2 }));
}

#[test]
fn money_given_back_says_why() {
    let mut world = World::new();
    let invoice = world.issued(pounds(100));
    let payment = world.pay(invoice, pounds(150));
    let long = "x".repeat(2_001);
    for (text, expected) in [(" ", No::ReasonMissing), (long.as_str(), No::ReasonTooLong)] {
        let reason = Billing::new(text.to_owned());
        let credited = CreditInvoice { invoice, lines: None, reason: reason.clone() };
        assert_eq!(world.send(credited), Err(expected.clone()));
        assert_eq!(world.send(RefundPayment { payment, amount: pounds(1), reason }), Err(expected));
    }
}

#[test]
fn a_refund_never_exceeds_what_is_left_of_its_payment() {
    let mut world = World::new();
    let invoice = world.issued(pounds(100));
    let payment = world.pay(invoice, pounds(150));
    let available = |minor| Err(No::RefundExceedsCredit { available: pounds(minor) });
    assert_eq!(world.send(refund(payment, pounds(51))), available(50));
    world.send(refund(payment, pounds(20))).expect("refunded");
    assert_eq!(world.send(refund(payment, pounds(31))), available(30));
    world.send(refund(payment, pounds(30))).expect("refunded");
    assert_eq!(world.send(refund(payment, pounds(1))), available(0));
    assert_eq!(world.send(refund(PaymentId(uuid::Uuid::from_u128(4)), pounds(1))), Err(No::AccountUnknown));
    let failed = world.pay_as(invoice, pounds(5), PaymentStatus::Failed);
    let status = PaymentStatus::Failed;
    assert_eq!(world.send(refund(failed, pounds(5))), Err(No::PaymentNotSucceeded { status }));
}

#[test]
fn an_invoice_is_paid_through_its_own_account() {
    let mut world = World::new();
    let (invoice, of_bob) = (world.issued(pounds(100)), world.draft(BOB, pounds(100), 0));
    let bob = world.invoice(of_bob).account;
    assert_eq!(world.send(record(bob, pounds(1), Some(invoice))), Err(No::InvoiceOfAnotherAccount));
    let nobody = account_of(HOSPITAL, BOB, yen(0).currency);
    assert_eq!(world.send(record(nobody, yen(1), None)), Err(No::AccountUnknown));
    let (expected, given) = (pounds(0).currency, yen(0).currency);
    assert_eq!(world.send(record(bob, yen(1), None)), Err(No::CurrencyDiffers { expected, given }));
}

#[test]
fn a_payment_is_known_to_its_own_account_alone() {
    let mut world = World::new();
    let invoice = world.issued(pounds(100));
    let of_ada = world.pay(invoice, pounds(100));
    world.draft(BOB, pounds(100), 0);
    let asked = Asked { command: crate::kernel::CommandId::of_step("test", "1"), occurred_at: world.now };
    let bob = world.account(BOB, pounds(0));
    let resolved = resolve_payment(&asked, &resolve(of_ada, PaymentStatus::Failed), bob, None);
    assert_eq!(resolved, Err(No::PaymentUnknown));
    assert_eq!(refund_payment(&asked, &refund(of_ada, pounds(1)), bob), Err(No::PaymentUnknown));
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_recorded() {
    let mut world = World::new();
    let most = pounds(i64::MAX);
    let small = world.issued(pounds(1));
    let account = world.invoice(small).account;
    world.send(record(account, pounds(i64::MAX - 1), None)).expect("as much as fits");
    assert_eq!(world.send(record(account, pounds(2), None)), Err(No::AmountTooLarge));
    let large = world.draft(ADA, most, 0);
    assert_eq!(world.send(issue(large)), Err(No::AmountTooLarge));
    let taxed = line_of_price(&price(most, 2_000)).expect("the tax alone fits");
    let totals = totals_of(most.currency, [(taxed.net, taxed.tax_amount)]);
    assert_eq!(totals, Err(No::AmountTooLarge));
}

#[test]
fn tax_is_rounded_half_up_after_the_discount() {
    let tax = Tax { category: "S".to_owned(), rate_basis_points: 2_000 };
    let line = priced_line(1, ("s", "S"), (3, pounds(25), pounds(2)), &tax).expect("a line");
    // 3 x 25 - 2 = 73, a fifth of it 14.6.
    assert_eq!((line.net, line.tax_amount), (pounds(73), pounds(15)));
    let half = priced_line(1, ("s", "S"), (1, pounds(5), pounds(0)), &Tax { rate_basis_points: 1_000, ..tax.clone() });
    assert_eq!(half.expect("a line").tax_amount, pounds(1));
    let beyond = priced_line(1, ("s", "S"), (1, pounds(5), pounds(6)), &tax);
    assert_eq!(beyond, Err(No::PriceNegative));
}
