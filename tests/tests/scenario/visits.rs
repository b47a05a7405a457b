//! Steps that episodes are made of: each sends one command and writes the same into the books.

use chrono::{Duration, SecondsFormat};
use serde_json::{Value, json};

use super::place::{Place, Slot, Visit, id, price, version};

impl Place<'_> {
    /// The body of a booking.
    pub(crate) fn booking(&self, slot: &Slot, patient: &str, service: &str) -> Value {
        json!({ "role": slot.role, "patient": patient, "start": slot.start, "service": service })
    }

    /// Books a slot; a draft follows.
    pub(crate) async fn book(&mut self, slot: &Slot, patient: &str, service: &'static str) -> Visit {
        let body = self.booking(slot, patient, service);
        self.book_as(slot, body, service).await
    }

    /// Books with a body of its own.
    pub(crate) async fn book_as(&mut self, slot: &Slot, body: Value, service: &'static str) -> Visit {
        let patient = body["patient"].as_str().expect("a patient").to_owned();
        let appointment = id(&self.does("/v1/appointments", body).await);
        let mut visit = Visit { id: appointment, patient, invoice: String::new(), slot: slot.clone() };
        visit.invoice = self.adopt(&visit, "VISIT", service).await;
        visit
    }

    /// Takes the one invoice of a visit that the books do not know yet into them, as a draft.
    pub(crate) async fn adopt(&mut self, visit: &Visit, kind: &'static str, service: &str) -> String {
        let invoices = self.invoices_of(visit).await;
        let new: Vec<&Value> = invoices
            .iter()
            .filter(|node| !self.books.invoices.contains_key(node["id"].as_str().expect("id")))
            .collect();
        assert_eq!(new.len(), 1, "one new invoice of {}: {invoices:?}", visit.id);
        assert_eq!(new[0]["kind"], kind);
        let invoice = new[0]["id"].as_str().expect("an id").to_owned();
        self.books.draft(&invoice, &visit.patient, kind, price(service, visit.slot.date));
        invoice
    }

    /// Every invoice of a visit is one the books know.
    pub(crate) async fn invoices_of(&self, visit: &Visit) -> Vec<Value> {
        let query = "query($hospital: ID!, $appointment: ID!) {
            invoices(filter: { hospital: $hospital, appointment: $appointment }) { nodes { id kind status } } }";
        let found = self.query(query, json!({ "appointment": visit.id })).await;
        found["invoices"]["nodes"].as_array().expect("nodes").clone()
    }

    /// What GraphQL says of an appointment.
    pub(crate) async fn appointment(&self, visit: &Visit) -> Value {
        let query = "query($appointment: ID!) { appointment(id: $appointment) {
            status start rescheduled needsRebooking overbookingReason price { amount } fee { amount } } }";
        let body = json!({ "query": query, "variables": { "appointment": visit.id } });
        self.ask(&body).await["appointment"].clone()
    }

    /// An action on an appointment; its version after it.
    pub(crate) async fn on(&mut self, visit: &Visit, action: &str, body: Value) -> u64 {
        version(&self.does(&format!("/v1/appointments/{}/{action}", visit.id), body).await)
    }

    /// The visit takes place and its draft is issued.
    pub(crate) async fn fulfil(&mut self, visit: &Visit) -> u64 {
        self.on(visit, "arrive", json!({})).await;
        let version = self.end(visit).await;
        self.books.issue(&visit.invoice);
        version
    }

    /// The end of a visit of somebody who is here.
    pub(crate) async fn end(&mut self, visit: &Visit) -> u64 {
        let ended = self.now();
        let text = |minutes| (ended - Duration::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Micros, true);
        self.on(visit, "fulfil", json!({ "started": text(20), "ended": text(0) })).await
    }

    /// A visit that took place, of any patient at any price; one of the imported ones while there are any.
    pub(crate) async fn visited(&mut self) -> Visit {
        if let Some(visit) = self.imported.pop() {
            return visit;
        }
        let (slot, patient, service) = (self.near().await, self.patient(), self.service());
        let visit = self.book(&slot, &patient, service).await;
        self.fulfil(&visit).await;
        visit
    }

    /// Pays an invoice; the payment.
    pub(crate) async fn pay(&mut self, visit: &Visit, amount: i64, status: &'static str) -> String {
        let body = json!({ "amount": self.money(amount), "method": "card", "status": status.to_lowercase() });
        let payment = id(&self.does(&format!("/v1/invoices/{}/payments", visit.invoice), body).await);
        self.books.pay(&payment, &visit.patient, Some(&visit.invoice), amount, status);
        payment
    }

    /// The gateway says what became of a payment.
    pub(crate) async fn resolve(&mut self, payment: &str, status: &'static str) {
        let body = json!({ "status": status.to_lowercase() });
        self.does(&format!("/v1/payments/{payment}/resolve"), body).await;
        let index = self.books.payment(payment);
        self.books.resolve(index, status);
    }

    /// Credits a part of the one line.
    pub(crate) async fn credit(&mut self, invoice: &str, net: i64, tax: i64) {
        let body =
            json!({ "lines": [{ "line": 1, "net": self.money(net), "tax": self.money(tax) }], "reason": "agreed" });
        self.does(&format!("/v1/invoices/{invoice}/credit-notes"), body).await;
        self.books.credit(invoice, net, tax);
    }

    /// Credits all that is left.
    pub(crate) async fn credit_rest(&mut self, invoice: &str) {
        self.does(&format!("/v1/invoices/{invoice}/credit-notes"), json!({ "reason": "a mistake" })).await;
        self.books.credit_rest(invoice);
    }

    /// Gives money back.
    pub(crate) async fn refund(&mut self, payment: &str, amount: i64) {
        let body = json!({ "amount": self.money(amount), "reason": "asked for" });
        self.does(&format!("/v1/payments/{payment}/refunds"), body).await;
        self.books.refund(payment, amount);
    }

    /// One minor unit more than is left of a payment is not given back.
    pub(crate) async fn refuses_refund(&mut self, payment: &str, code: &str) {
        let left = self.books.payments[self.books.payment(payment)].unapplied;
        let body = json!({ "amount": self.money(left + 1), "reason": "asked for" });
        self.refuses(&format!("/v1/payments/{payment}/refunds"), body, code).await;
    }
}
