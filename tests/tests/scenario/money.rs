//! Episodes about money: payments, refunds, credit notes.

use rand::Rng;
use serde_json::json;

use super::model::Price;
use super::place::{Place, Visit};

/// What can happen about money.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Money {
    PaidExactly,
    PaidInParts,
    PaidTooMuch,
    PaidBeforeIssue,
    PaidTooMuchBeforeIssue,
    PaymentFailed,
    PaymentUnknown,
    DepositOfWhatTheHospitalCancels,
    CreditedInPartThenPaid,
    CreditedWhollyUnpaid,
    PaidThenCreditedInPart,
    PaidThenCreditedWholly,
    FreeOfCharge,
}

/// All of it.
pub(crate) const ALL: [Money; 13] = [
    Money::PaidExactly,
    Money::PaidInParts,
    Money::PaidTooMuch,
    Money::PaidBeforeIssue,
    Money::PaidTooMuchBeforeIssue,
    Money::PaymentFailed,
    Money::PaymentUnknown,
    Money::DepositOfWhatTheHospitalCancels,
    Money::CreditedInPartThenPaid,
    Money::CreditedWhollyUnpaid,
    Money::PaidThenCreditedInPart,
    Money::PaidThenCreditedWholly,
    Money::FreeOfCharge,
];

/// What can happen to an invoice that is there already.
pub(crate) const OF_AN_INVOICE: [Money; 8] = [
    Money::PaidExactly,
    Money::PaidInParts,
    Money::PaymentFailed,
    Money::PaymentUnknown,
    Money::CreditedInPartThenPaid,
    Money::CreditedWhollyUnpaid,
    Money::PaidThenCreditedInPart,
    Money::PaidThenCreditedWholly,
];

impl Money {
    /// Lets it happen.
    pub(crate) async fn happen(self, place: &mut Place<'_>) {
        match self {
            Money::PaidExactly => {
                let visit = place.visited().await;
                let payment = place.pay(&visit, place.gross(&visit), "SUCCEEDED").await;
                place.expect(&visit, "BALANCED").await;
                place.refuses_refund(&payment, "refund-exceeds-credit").await;
            }
            Money::PaidInParts => {
                let visit = place.visited().await;
                let part = place.part(place.gross(&visit));
                place.pay(&visit, part, "SUCCEEDED").await;
                place.expect(&visit, "ISSUED").await;
                place.pay(&visit, place.gross(&visit) - part, "SUCCEEDED").await;
                place.expect(&visit, "BALANCED").await;
            }
            Money::PaidTooMuch => paid_too_much(place).await,
            Money::PaidBeforeIssue => {
                let part = |place: &mut Place<'_>, gross| place.part(gross);
                let visit = deposit(place, part).await;
                place.fulfil(&visit).await;
                place.expect(&visit, "ISSUED").await;
            }
            Money::PaidTooMuchBeforeIssue => {
                let visit = deposit(place, |_, gross| gross + 777).await;
                place.fulfil(&visit).await;
                place.expect(&visit, "BALANCED").await;
            }
            Money::PaymentFailed => {
                let visit = place.visited().await;
                let payment = place.pay(&visit, place.gross(&visit), "FAILED").await;
                place.expect(&visit, "ISSUED").await;
                place.refuses_refund(&payment, "payment-not-succeeded").await;
                let said = json!({ "status": "succeeded" });
                place.refuses(&format!("/v1/payments/{payment}/resolve"), said, "payment-resolved").await;
            }
            Money::PaymentUnknown => {
                let visit = place.visited().await;
                let payment = place.pay(&visit, place.gross(&visit), "UNKNOWN").await;
                let other = place.pay(&visit, 100, "PENDING").await;
                place.expect(&visit, "ISSUED").await;
                place.refuses_refund(&payment, "payment-not-succeeded").await;
                place.resolve(&other, "FAILED").await;
                place.resolve(&payment, "SUCCEEDED").await;
                place.expect(&visit, "BALANCED").await;
            }
            Money::DepositOfWhatTheHospitalCancels => {
                let visit = deposit(place, |_, gross| gross).await;
                place.on(&visit, "cancel", json!({ "by": "prov", "reason": "ill" })).await;
                place.books.cancel_draft(&visit.invoice);
                place.expect(&visit, "CANCELLED").await;
                assert_eq!(place.invoices_of(&visit).await.len(), 1, "the hospital cancelling costs nothing");
                let payment = place.books.payments.last().expect("the deposit").clone();
                place.refuses_refund(&payment.id, "refund-exceeds-credit").await;
                place.refund(&payment.id, payment.amount).await;
            }
            Money::CreditedInPartThenPaid => {
                let visit = place.visited().await;
                let price = place.price(&visit);
                let (net, tax) = (place.part(price.net), price.tax() / 3);
                place.credit(&visit.invoice, net, tax).await;
                let lines = json!([{ "line": 1, "net": place.money(price.net - net + 1), "tax": place.money(0) }]);
                let path = format!("/v1/invoices/{}/credit-notes", visit.invoice);
                place.refuses(&path, json!({ "lines": lines, "reason": "x" }), "credit-exceeds-line").await;
                place.pay(&visit, price.gross() - net - tax, "SUCCEEDED").await;
                place.expect(&visit, "BALANCED").await;
            }
            Money::CreditedWhollyUnpaid => {
                let visit = place.visited().await;
                place.credit_rest(&visit.invoice).await;
                place.expect(&visit, "CANCELLED").await;
                let path = format!("/v1/invoices/{}/credit-notes", visit.invoice);
                place.refuses(&path, json!({ "reason": "again" }), "invoice-not-issued").await;
            }
            Money::PaidThenCreditedInPart => {
                let visit = place.visited().await;
                let price = place.price(&visit);
                let first = place.part(price.gross());
                place.pay(&visit, first, "SUCCEEDED").await;
                place.pay(&visit, price.gross() - first, "SUCCEEDED").await;
                let net = place.part(price.net);
                place.credit(&visit.invoice, net, price.tax() / 2).await;
                place.expect(&visit, "BALANCED").await;
            }
            Money::PaidThenCreditedWholly => {
                let visit = place.visited().await;
                let payment = place.pay(&visit, place.gross(&visit), "SUCCEEDED").await;
                let net = place.part(place.price(&visit).net);
                place.credit(&visit.invoice, net, 0).await;
                place.credit_rest(&visit.invoice).await;
                place.expect(&visit, "CANCELLED").await;
                place.refuses_refund(&payment, "refund-exceeds-credit").await;
                place.refund(&payment, place.gross(&visit)).await;
            }
            Money::FreeOfCharge => {
                let (slot, patient) = (place.near().await, place.patient());
                let visit = place.book(&slot, &patient, "FREE").await;
                place.fulfil(&visit).await;
                place.expect(&visit, "BALANCED").await;
            }
        }
    }
}

/// Money for a draft: `how` says how much of what it will come to.
async fn deposit(place: &mut Place<'_>, how: impl FnOnce(&mut Place<'_>, i64) -> i64) -> Visit {
    let (slot, patient, service) = (place.near().await, place.patient(), place.service());
    let visit = place.book(&slot, &patient, service).await;
    let gross = place.gross(&visit);
    let amount = how(place, gross);
    place.pay(&visit, amount, "SUCCEEDED").await;
    place.expect(&visit, "DRAFT").await;
    visit
}

/// What is over is credit: it pays another invoice in part, and is given back in part, never more than is left.
async fn paid_too_much(place: &mut Place<'_>) {
    let first = place.visited().await;
    let payment = place.pay(&first, place.gross(&first) + 901, "SUCCEEDED").await;
    place.expect(&first, "BALANCED").await;
    place.refuses_refund(&payment, "refund-exceeds-credit").await;
    place.refund(&payment, 200).await;
    let slot = place.near().await;
    let second = place.book(&slot, &first.patient, "PLAIN").await;
    place.fulfil(&second).await;
    let path = format!("/v1/invoices/{}/allocations", second.invoice);
    let more = place.books.unapplied(&first.patient) + 1;
    let beyond = place.gross(&second) + 1;
    let body = json!({ "amount": place.money(beyond) });
    place.refuses(&path, body, "allocation-exceeds-balance").await;
    if more <= place.gross(&second) {
        let body = json!({ "amount": place.money(more) });
        place.refuses(&path, body, "allocation-exceeds-credit").await;
    }
    let body = json!({ "amount": place.money(701) });
    place.does(&path, body).await;
    place.books.allocate(&second.invoice, 701);
    place.expect(&second, "ISSUED").await;
}

impl Place<'_> {
    pub(crate) fn price(&self, visit: &Visit) -> Price {
        self.books.invoices[&visit.invoice].price
    }

    pub(crate) fn gross(&self, visit: &Visit) -> i64 {
        self.price(visit).gross()
    }

    /// More than nothing of an amount and less than all of it.
    pub(crate) fn part(&mut self, amount: i64) -> i64 {
        self.random.random_range(1..amount)
    }

    /// The visit's invoice stands like this, for GraphQL and for the books.
    pub(crate) async fn expect(&self, visit: &Visit, status: &str) {
        let query = "query($hospital: ID!, $appointment: ID!) { invoices(filter: { hospital: $hospital,
            appointment: $appointment }) { nodes { id status balance { amount } totalGross { amount } } } }";
        let found = self.query(query, json!({ "appointment": visit.id })).await;
        let nodes = found["invoices"]["nodes"].as_array().expect("nodes").clone();
        let node = nodes.iter().find(|node| node["id"] == visit.invoice).expect("the invoice");
        let known = &self.books.invoices[&visit.invoice];
        let expected = json!({ "id": visit.invoice, "status": status, "balance": { "amount": self.amount(known.balance) },
            "totalGross": { "amount": self.amount(known.price.gross()) } });
        assert_eq!((node, known.status), (&expected, status));
    }
}
