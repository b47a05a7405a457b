//! The journal's text, and that it tells the same balances as the ledger.

use std::collections::BTreeMap;

use super::commands::*;
use super::journal::{Journal, ZoneUnknown};
use super::world::{ADA, BOB, HOSPITAL, World, at, pounds, yen};
use super::*;
use crate::event::Event;
use crate::kernel::{
    Actor, CommandId, Context, EventId, Partition, PatientId, Personal, Position, Recorded, Revision, Version, Zone,
};

fn recorded(index: usize, stream: StreamName, event: Event, occurred_at: Timestamp) -> Recorded<Event> {
    let command = CommandId::of_step("test", &index.to_string());
    let context = Context {
        id: EventId::derive(command, stream.slot(), occurred_at, 0),
        position: Position { partition: Partition(0), offset: index as u64 },
        stream,
        version: Version(1),
        revision: Revision(1),
        occurred_at,
        occurred_assumed: false,
        recorded_at: occurred_at,
        hospital: Some(HOSPITAL),
        actor: Actor::system("test").recorded(),
        command,
        index: 0,
        batch_length: 1,
        correlation: command,
        causation: None,
        traceparent: None,
        tags: vec![],
    };
    Recorded { event, context }
}

fn pseudonym(patient: PatientId) -> String {
    if patient == ADA { "p-1".to_owned() } else { "p-2".to_owned() }
}

fn zone() -> Zone {
    "Asia/Tokyo".parse().expect("a zone")
}

fn journal_of(world: &World) -> String {
    let mut journal = Journal::new(pseudonym).with_zone(HOSPITAL, zone());
    let events = world.log.iter().cloned().enumerate();
    let texts = events.map(|(index, (stream, event))| journal.take(&recorded(index, stream, event, world.now)));
    texts.collect::<Result<String, _>>().expect("a known zone")
}

/// A history with every kind of entry, in three currencies.
fn busy() -> World {
    let mut world = World::new();
    let secret = || Some(Personal::new("SECRET".to_owned()));
    let invoice = world.draft(ADA, pounds(10_000), 2_000);
    world.issue(invoice);
    let status = PaymentStatus::Succeeded;
    let (method, amount) = (PaymentMethod::Card, pounds(15_005));
    let pay = PayInvoice { invoice, amount, method, status, reference: secret(), payer: secret() };
    world.send(pay).expect("paid");
    let lines = Some(vec![CreditedLine { line: 1, net: pounds(1_000), tax: pounds(200) }]);
    world.send(CreditInvoice { invoice, lines, reason: Personal::new("SECRET".to_owned()) }).expect("credited");
    let payment = *world.account(ADA, amount).payments().keys().next().expect("a payment");
    world
        .send(RefundPayment { payment, amount: pounds(500), reason: Personal::new("SECRET".to_owned()) })
        .expect("refund");
    let in_yen = world.draft(BOB, yen(5_000), 1_000);
    world.issue(in_yen);
    world.pay(in_yen, yen(2_000));
    let in_dinars = world.draft(BOB, Money::new(1_234, "KWD".parse().expect("a currency")), 0);
    world.issue(in_dinars);
    world
}

#[test]
fn a_transaction_names_ids_dates_and_exact_amounts() {
    let text = journal_of(&busy());
    let head = text.lines().take(12).collect::<Vec<_>>();
    let hospital = HOSPITAL.to_string();
    assert_eq!(head[..3], ["commodity GBP", "    format 1000.00 GBP", ""]);
    assert!(head[3].starts_with("2024-12-02 * INV-2024-000001 | invoice "), "{}", head[3]);
    assert_eq!(head[4], "    ; position: 0:2");
    assert!(head[5].starts_with("    ; event: "));
    assert_eq!(head[6], format!("    assets:receivable:{hospital}:p-1    120.00 GBP"));
    assert_eq!(head[7], format!("    income:revenue:{hospital}    -100.00 GBP"));
    assert_eq!(head[8], format!("    liabilities:tax:{hospital}    -20.00 GBP"));
    assert_eq!(head[9], "");
    assert!(text.contains(&format!("    assets:receivable:{hospital}:p-2    5500 JPY\n")));
    assert!(text.contains(&format!("    assets:receivable:{hospital}:p-2    1.234 KWD\n")));
}

#[test]
fn nothing_personal_is_in_a_journal() {
    let text = journal_of(&busy());
    assert!(!text.contains("SECRET") && !text.contains(&ADA.to_string()) && !text.contains(&BOB.to_string()));
}

#[test]
fn the_journal_adds_up_to_the_balances_of_the_ledger() {
    let world = busy();
    let mut sums: BTreeMap<(String, String), i128> = BTreeMap::new();
    for line in journal_of(&world).lines().filter(|line| line.starts_with("    ") && line.contains(':')) {
        let Some((account, amount)) = line.trim().split_once("    ") else { continue };
        let (amount, currency) = amount.split_once(' ').expect("an amount with its currency");
        let money = Money::parse_decimal(amount, currency.parse().expect("a currency")).expect("an exact decimal");
        *sums.entry((account.to_owned(), currency.to_owned())).or_default() += i128::from(money.minor);
    }
    let journal = Journal::new(pseudonym);
    let expected = world.ledger.balances().iter();
    let expected = expected.map(|(key, sum)| ((journal.account_name(key), key.currency.to_string()), *sum));
    assert_eq!(sums, expected.collect());
}

#[test]
fn what_is_no_document_is_dated_by_the_hospitals_own_day() {
    let mut world = World::new();
    let invoice = world.issued(pounds(100));
    world.now = at("2024-12-02T15:30:00Z"); // Half past midnight in Tokyo.
    world.pay(invoice, pounds(100));
    let text = journal_of(&world);
    assert!(text.contains("2024-12-03 * payment ") && text.contains("2024-12-03 * allocation "), "{text}");
    assert!(text.contains("2024-12-02 * INV-2024-000001"));
}

#[test]
fn a_hospital_whose_zone_is_not_known_has_no_dates() {
    let mut world = World::new();
    world.issued(pounds(100));
    let mut journal = Journal::new(pseudonym);
    let (stream, event) = world.log[2].clone();
    let unknown = journal.take(&recorded(2, stream.clone(), event.clone(), world.now));
    assert_eq!(unknown, Err(ZoneUnknown { hospital: HOSPITAL }));
    let registered = crate::organization::events::HospitalRegistered {
        hospital: HOSPITAL,
        name: "North".to_owned(),
        zone: zone(),
        currency: pounds(0).currency,
        policies: crate::organization::Policies::default(),
        numbering: crate::organization::Numbering::default(),
    };
    let at = crate::streams::organization(HOSPITAL);
    assert_eq!(journal.take(&recorded(0, at, registered.into(), world.now)), Ok(String::new()));
    assert!(journal.take(&recorded(2, stream, event, world.now)).expect("learned").starts_with("commodity GBP"));
}

#[test]
fn a_hospitals_prefix_cannot_break_the_journal() {
    let mut world = World::new();
    world.issued(pounds(100));
    let (stream, mut event) = world.log[2].clone();
    if let Event::InvoiceEvent(crate::event::InvoiceEvent::InvoiceIssued(issued)) = &mut event {
        issued.printed_number = "A;B|(C)\n2024-01-01 x".to_owned();
    }
    let mut journal = Journal::new(pseudonym).with_zone(HOSPITAL, zone());
    let text = journal.take(&recorded(2, stream, event, world.now)).expect("text");
    assert!(text.contains(" * A_B__C__2024-01-01 x | invoice "), "{text}");
}
