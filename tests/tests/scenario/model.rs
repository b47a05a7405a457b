//! The books as a bookkeeper would keep them from the rules in prose: what every invoice, payment and ledger account
//! must hold. It shares no code with the program.

use std::collections::BTreeMap;

/// The accounts of the ledger.
pub(crate) const RECEIVABLE: &str = "assets:receivable";
pub(crate) const CASH: &str = "assets:cash";
pub(crate) const REVENUE: &str = "income:revenue";
pub(crate) const TAX: &str = "liabilities:tax";
pub(crate) const UNAPPLIED: &str = "liabilities:unapplied";

/// A price before tax, in minor units.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Price {
    pub(crate) net: i64,
    pub(crate) basis_points: i64,
}

impl Price {
    /// Half-up.
    pub(crate) const fn tax(self) -> i64 {
        (self.net * self.basis_points + 5_000) / 10_000
    }

    pub(crate) const fn gross(self) -> i64 {
        self.net + self.tax()
    }
}

/// An invoice of one line.
#[derive(Clone, Debug)]
pub(crate) struct Invoice {
    pub(crate) patient: String,
    pub(crate) kind: &'static str,
    pub(crate) status: &'static str,
    pub(crate) price: Price,
    pub(crate) balance: i64,
    credited: (i64, i64),
    /// Payments it was paid with, oldest allocation first.
    shares: Vec<(usize, i64)>,
}

/// A payment.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) patient: String,
    pub(crate) invoice: Option<String>,
    pub(crate) amount: i64,
    pub(crate) status: &'static str,
    pub(crate) unapplied: i64,
    /// When its money came, as a count.
    arrived: usize,
}

/// One hospital's books.
#[derive(Default, Debug)]
pub(crate) struct Books {
    pub(crate) balances: BTreeMap<&'static str, i64>,
    /// Receivable and unapplied of each patient.
    pub(crate) patients: BTreeMap<String, (i64, i64)>,
    pub(crate) invoices: BTreeMap<String, Invoice>,
    pub(crate) payments: Vec<Payment>,
    arrivals: usize,
}

impl Books {
    fn post(&mut self, patient: &str, account: &'static str, amount: i64) {
        if amount == 0 {
            return; // Nothing is written for nothing.
        }
        *self.balances.entry(account).or_default() += amount;
        let own = self.patients.entry(patient.to_owned()).or_default();
        match account {
            RECEIVABLE => own.0 += amount,
            UNAPPLIED => own.1 += amount,
            _ => {}
        }
    }

    pub(crate) fn invoice(&mut self, id: &str) -> &mut Invoice {
        self.invoices.get_mut(id).expect("an invoice of the model")
    }

    pub(crate) fn draft(&mut self, id: &str, patient: &str, kind: &'static str, price: Price) {
        let (patient, status) = (patient.to_owned(), "DRAFT");
        let invoice = Invoice { patient, kind, status, price, balance: 0, credited: (0, 0), shares: vec![] };
        assert!(self.invoices.insert(id.to_owned(), invoice).is_none(), "{id} was drafted before");
    }

    pub(crate) fn cancel_draft(&mut self, id: &str) {
        let invoice = self.invoice(id);
        assert_eq!(invoice.status, "DRAFT");
        invoice.status = "CANCELLED";
    }

    /// Issued; what was paid for it before pays it now.
    pub(crate) fn issue(&mut self, id: &str) {
        let invoice = self.invoice(id);
        assert_eq!(invoice.status, "DRAFT");
        (invoice.status, invoice.balance) = ("ISSUED", invoice.price.gross());
        let (patient, price) = (invoice.patient.clone(), invoice.price);
        self.post(&patient, RECEIVABLE, price.gross());
        self.post(&patient, REVENUE, -price.net);
        self.post(&patient, TAX, -price.tax());
        let deposits = self.money_of(&patient, |payment| payment.invoice.as_deref() == Some(id));
        self.apply(id, price.gross(), &deposits);
    }

    /// A payment for an invoice, or into the account.
    pub(crate) fn pay(&mut self, id: &str, patient: &str, invoice: Option<&str>, amount: i64, status: &'static str) {
        let payment = Payment {
            id: id.to_owned(),
            patient: patient.to_owned(),
            invoice: invoice.map(str::to_owned),
            amount,
            status: "PENDING",
            unapplied: 0,
            arrived: 0,
        };
        self.payments.push(payment);
        self.resolve(self.payments.len() - 1, status);
    }

    /// What became of a payment.
    pub(crate) fn resolve(&mut self, index: usize, status: &'static str) {
        self.payments[index].status = status;
        if status != "SUCCEEDED" {
            return;
        }
        self.arrivals += 1;
        let payment = &mut self.payments[index];
        (payment.arrived, payment.unapplied) = (self.arrivals, payment.amount);
        let (patient, amount, meant) = (payment.patient.clone(), payment.amount, payment.invoice.clone());
        self.post(&patient, CASH, amount);
        self.post(&patient, UNAPPLIED, -amount);
        if let Some(invoice) = meant.filter(|id| matches!(self.invoices[id].status, "ISSUED" | "BALANCED")) {
            let part = amount.min(self.invoices[&invoice].balance);
            self.apply(&invoice, part, &[index]);
        }
    }

    pub(crate) fn payment(&self, id: &str) -> usize {
        self.payments.iter().position(|payment| payment.id == id).expect("a payment of the model")
    }

    /// Unapplied credit pays an invoice: first what was paid for it, then the oldest money.
    pub(crate) fn allocate(&mut self, id: &str, amount: i64) {
        let patient = self.invoices[id].patient.clone();
        let mut money = self.money_of(&patient, |payment| payment.invoice.as_deref() == Some(id));
        money.extend(self.money_of(&patient, |payment| payment.invoice.as_deref() != Some(id)));
        self.apply(id, amount, &money);
    }

    /// Unapplied credit of a patient.
    pub(crate) fn unapplied(&self, patient: &str) -> i64 {
        self.payments.iter().filter(|payment| payment.patient == patient).map(|payment| payment.unapplied).sum()
    }

    fn money_of(&self, patient: &str, wanted: impl Fn(&Payment) -> bool) -> Vec<usize> {
        let of = |index: &usize| {
            let payment = &self.payments[*index];
            payment.patient == patient && payment.unapplied > 0 && wanted(payment)
        };
        let mut found: Vec<usize> = (0..self.payments.len()).filter(of).collect();
        found.sort_by_key(|index| self.payments[*index].arrived);
        found
    }

    fn apply(&mut self, id: &str, amount: i64, money: &[usize]) {
        let mut left = amount;
        for &index in money {
            let part = self.payments[index].unapplied.min(left);
            if part == 0 {
                continue;
            }
            left -= part;
            self.payments[index].unapplied -= part;
            let invoice = self.invoice(id);
            invoice.balance -= part;
            invoice.shares.push((index, part));
            let patient = invoice.patient.clone();
            self.post(&patient, UNAPPLIED, part);
            self.post(&patient, RECEIVABLE, -part);
        }
        self.invoice(id).settle();
    }

    /// A credit note; what was paid beyond the new balance is unapplied credit again, the newest first.
    pub(crate) fn credit(&mut self, id: &str, net: i64, tax: i64) {
        let invoice = self.invoice(id);
        let patient = invoice.patient.clone();
        invoice.credited = (invoice.credited.0 + net, invoice.credited.1 + tax);
        let mut excess = (net + tax - invoice.balance).max(0);
        let mut returned = vec![];
        while excess > 0 {
            let (index, amount) = invoice.shares.pop().expect("what is beyond the balance was paid");
            let part = amount.min(excess);
            excess -= part;
            invoice.balance += part;
            returned.push((index, part));
            if amount > part {
                invoice.shares.push((index, amount - part));
            }
        }
        invoice.balance -= net + tax;
        invoice.settle();
        if invoice.credited == (invoice.price.net, invoice.price.tax()) {
            invoice.status = "CANCELLED";
        }
        for (index, part) in returned {
            self.payments[index].unapplied += part;
            self.post(&patient, RECEIVABLE, part);
            self.post(&patient, UNAPPLIED, -part);
        }
        self.post(&patient, REVENUE, net);
        self.post(&patient, TAX, tax);
        self.post(&patient, RECEIVABLE, -net - tax);
    }

    /// All that is left of it.
    pub(crate) fn credit_rest(&mut self, id: &str) {
        let Invoice { price, credited, .. } = self.invoices[id];
        self.credit(id, price.net - credited.0, price.tax() - credited.1);
    }

    pub(crate) fn refund(&mut self, id: &str, amount: i64) {
        let index = self.payment(id);
        let payment = &mut self.payments[index];
        assert!(payment.unapplied >= amount, "the scenario refunds what is not there");
        payment.unapplied -= amount;
        let patient = payment.patient.clone();
        self.post(&patient, UNAPPLIED, amount);
        self.post(&patient, CASH, -amount);
    }
}

impl Invoice {
    fn settle(&mut self) {
        self.status = if self.balance == 0 { "BALANCED" } else { "ISSUED" };
    }
}
