//! Who answers for an account, from when on.

use super::*;
use crate::billing::account_of;
use crate::billing::commands::IssueInvoice;
use crate::billing::world::{ADA, BOB, HOSPITAL, World, pounds};
use crate::event::Event;
use crate::kernel::{AccountId, Evolve, Personal};

fn account() -> AccountId {
    account_of(HOSPITAL, ADA, pounds(0).currency)
}

fn names(name: Option<&str>) -> NameGuarantor {
    let guarantor = name.map(|name| Personal::new(name.to_owned()));
    NameGuarantor { account: account(), guarantor, reason: None }
}

fn named(name: Option<&str>) -> Event {
    let NameGuarantor { account, guarantor, reason } = names(name);
    GuarantorNamed { account, hospital: HOSPITAL, patient: ADA, guarantor, reason }.into()
}

/// Ada's account, which opens with a draft.
fn opened() -> World {
    let mut world = World::new();
    world.draft(ADA, pounds(1_000), 0);
    world
}

#[test]
fn somebody_else_answers_for_the_account_until_the_patient_does_again() {
    let mut world = opened();
    assert_eq!(world.account(ADA, pounds(0)).guarantor(), None);
    assert_eq!(world.send(names(Some("Acme Ltd"))), Ok(vec![named(Some("Acme Ltd"))]));
    assert_eq!(
        world.account(ADA, pounds(0)).guarantor().and_then(Personal::open).map(String::as_str),
        Some("Acme Ltd")
    );
    assert_eq!(world.send(names(Some("Bea Example"))), Ok(vec![named(Some("Bea Example"))]));
    assert_eq!(world.send(names(None)), Ok(vec![named(None)]));
    assert_eq!(world.account(ADA, pounds(0)).guarantor(), None);
}

#[test]
fn the_same_guarantor_again_is_no_event() {
    let mut world = opened();
    assert_eq!(world.send(names(None)), Ok(vec![]));
    world.send(names(Some("Acme Ltd"))).expect("named");
    assert_eq!(world.send(names(Some("Acme Ltd"))), Ok(vec![]));
    let why = NameGuarantor { reason: Some(Personal::new("renewed".to_owned())), ..names(Some("Acme Ltd")) };
    assert_eq!(world.send(why), Ok(vec![]));
}

#[test]
fn the_reason_is_kept_when_it_is_given() {
    let reason = Some(Personal::new("employed there".to_owned()));
    let events = opened().send(NameGuarantor { reason: reason.clone(), ..names(Some("Acme Ltd")) }).expect("named");
    let Event::AccountEvent(crate::event::AccountEvent::GuarantorNamed(named)) = &events[0] else { panic!("named") };
    assert_eq!(named.reason, reason);
}

#[test]
fn an_account_that_was_never_opened_has_nobody_who_answers_for_it() {
    let mut world = World::new();
    assert_eq!(world.send(names(Some("Acme Ltd"))), Err(BillingRejection::AccountUnknown));
    world.draft(BOB, pounds(1_000), 0);
    assert_eq!(world.send(names(Some("Acme Ltd"))), Err(BillingRejection::AccountUnknown));
}

#[test]
fn a_name_and_a_reason_make_sense_where_they_are_given() {
    let mut world = opened();
    assert_eq!(world.send(names(Some(" "))), Err(BillingRejection::NameMissing));
    assert_eq!(world.send(names(Some(&"x".repeat(301)))), Err(BillingRejection::NameTooLong));
    let erased = NameGuarantor { guarantor: Some(Personal::Erased), ..names(None) };
    assert_eq!(world.send(erased), Err(BillingRejection::NameMissing));
    let reason = |text: &str| NameGuarantor { reason: Some(Personal::new(text.to_owned())), ..names(Some("Acme Ltd")) };
    assert_eq!(world.send(reason(" ")), Err(BillingRejection::ReasonMissing));
    assert_eq!(world.send(reason(&"x".repeat(2_001))), Err(BillingRejection::ReasonTooLong));
    world.send(names(Some(&"x".repeat(300)))).expect("it just fits");
}

#[test]
fn an_invoice_is_theirs_to_pay_who_answer_for_the_account_when_it_is_issued() {
    let mut world = World::new();
    let [before, during, after] = [(); 3].map(|()| world.draft(ADA, pounds(1_000), 0));
    world.issue(before);
    world.send(names(Some("Acme Ltd"))).expect("named");
    let events = world.send(IssueInvoice { invoice: during, imported: false }).expect("issued");
    let types: Vec<_> = events.iter().map(Event::event_type).collect();
    assert_eq!(types, ["InvoiceIssued", "InvoiceAddressed", "NumberGiven", "InvoiceCharged"]);
    world.send(names(None)).expect("named");
    world.issue(after);
    let recipient = |invoice| world.invoice(invoice).recipient.as_ref().and_then(Personal::open).map(String::as_str);
    assert_eq!([before, during, after].map(recipient), [None, Some("Acme Ltd"), None]);
}

#[test]
fn a_guarantor_whose_name_was_erased_is_no_recipient() {
    let mut world = World::new();
    let invoice = world.draft(ADA, pounds(1_000), 0);
    let (guarantor, reason) = (Some(Personal::Erased), None);
    let erased = GuarantorNamed { account: account(), hospital: HOSPITAL, patient: ADA, guarantor, reason };
    world.accounts.get_mut(&account()).expect("an account").evolve(&erased.into());
    world.issue(invoice);
    assert_eq!(world.invoice(invoice).recipient, None);
}

#[test]
fn money_moves_as_before_whoever_answers_for_the_account() {
    let mut world = opened();
    world.send(names(Some("Acme Ltd"))).expect("named");
    let invoice = world.issued(pounds(1_000));
    world.pay(invoice, pounds(1_000));
    assert_eq!(world.invoice(invoice).balance, pounds(0));
}
