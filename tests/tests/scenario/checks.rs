//! What must agree: the books of the model, GraphQL, the exported journal added up by hledger, and the program's own
//! checks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use carelog_tests::server::Server;
use serde_json::{Value, json};

use super::model::{RECEIVABLE, UNAPPLIED};
use super::place::Place;

impl Place<'_> {
    /// GraphQL's ledger says what the books say.
    pub(crate) async fn balances_agree(&self) {
        let found = self
            .query(
                "query($hospital: ID!) { ledgerBalances(hospital: $hospital) {
            account balance { amount currency } } }",
                json!({}),
            )
            .await;
        let found: BTreeMap<String, Value> = found["ledgerBalances"]
            .as_array()
            .expect("balances")
            .iter()
            .map(|each| (each["account"].as_str().expect("an account").to_owned(), each["balance"].clone()))
            .collect();
        let own = |(account, minor): (&&str, &i64)| ((*account).to_owned(), self.money(*minor));
        assert_eq!(found, self.books.balances.iter().map(own).collect());
    }

    /// Every invoice, payment and account stands as in the books.
    pub(crate) async fn everything_agrees(&self) {
        let mut found = BTreeMap::new();
        for node in
            self.all("invoices", "id kind status balance { amount } totalNet { amount } totalTax { amount }").await
        {
            let id = node["id"].as_str().expect("an id").to_owned();
            found.insert(
                id.clone(),
                json!({ "id": id, "kind": node["kind"], "status": node["status"],
                "balance": node["balance"]["amount"], "net": node["totalNet"]["amount"],
                "tax": node["totalTax"]["amount"] }),
            );
        }
        for (id, invoice) in &self.books.invoices {
            let expected = json!({ "id": id, "kind": invoice.kind, "status": invoice.status,
                "balance": self.amount(invoice.balance), "net": self.amount(invoice.price.net),
                "tax": self.amount(invoice.price.tax()) });
            assert_eq!(found.remove(id), Some(expected));
        }
        assert_eq!(found, BTreeMap::new(), "invoices nobody knows of");

        let accounts = self
            .all(
                "accounts",
                "patient { id } unapplied { amount } owed { amount }
            payments { id status amount { amount } refunded { amount } }",
            )
            .await;
        let mut payments = 0;
        for account in &accounts {
            let patient = account["patient"]["id"].as_str().expect("a patient");
            let (receivable, unapplied) = self.books.patients.get(patient).copied().unwrap_or_default();
            assert_eq!(account["owed"]["amount"], self.amount(receivable), "{patient}");
            assert_eq!(account["unapplied"]["amount"], self.amount(-unapplied), "{patient}");
            for payment in account["payments"].as_array().expect("payments") {
                let index = self.books.payment(payment["id"].as_str().expect("an id"));
                let known = &self.books.payments[index];
                let expected = (known.status, self.amount(known.amount), patient);
                let status = payment["status"].as_str().expect("a status");
                let amount = payment["amount"]["amount"].as_str().expect("an amount").to_owned();
                assert_eq!((status, amount, known.patient.as_str()), expected);
                payments += 1;
            }
        }
        assert_eq!(payments, self.books.payments.len());
        self.balances_agree().await;
    }

    /// Every node of a connection at this hospital.
    pub(crate) async fn all(&self, what: &str, fields: &str) -> Vec<Value> {
        let query = format!(
            "query($hospital: ID!, $after: String) {{ {what}(filter: {{ hospital: $hospital }}, first: 50,
               after: $after) {{ nodes {{ {fields} }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let (mut nodes, mut after) = (vec![], Value::Null);
        loop {
            let page = self.query(&query, json!({ "after": after })).await[what].clone();
            nodes.extend(page["nodes"].as_array().expect("nodes").iter().cloned());
            if page["pageInfo"]["hasNextPage"] != json!(true) {
                return nodes;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }

    /// Every series counts from 1 without a gap, its dates never go back, no two documents print the same, and what was
    /// imported and what was not has a series each.
    pub(crate) async fn numbers_have_no_gap(&self) {
        let names = self.numbers_run_on().await;
        for name in ["visit", "late-cancel-fee", "no-show-fee"] {
            let kinds = names.iter().filter(|each| each.contains(name)).count();
            assert!(kinds >= 2, "what was imported and what was not has a series each: {names:?}");
        }
    }

    /// Every series counts from 1 without a gap, its dates never go back, and no two documents print the same; the
    /// names of the series.
    pub(crate) async fn numbers_run_on(&self) -> BTreeSet<String> {
        let invoices = self.all("invoices", "number sequence series issueDate creditNotes { number issueDate }").await;
        let mut series: BTreeMap<(String, String), Vec<(u64, String)>> = BTreeMap::new();
        let mut printed = vec![];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        for invoice in &invoices {
            for note in invoice["creditNotes"].as_array().expect("credit notes") {
                let (number, date) = (text(&note["number"]), text(&note["issueDate"]));
                let (name, sequence) = number.rsplit_once('-').expect("prefix, year, number");
                let place = series.entry((name.to_owned(), date[..4].to_owned())).or_default();
                place.push((sequence.parse().expect("a number"), date));
                printed.push(number);
            }
            if let Some(sequence) = invoice["sequence"].as_u64() {
                let date = text(&invoice["issueDate"]);
                let place = series.entry((text(&invoice["series"]), date[..4].to_owned())).or_default();
                place.push((sequence, date));
                printed.push(text(&invoice["number"]));
            }
        }
        let given = printed.len();
        printed.sort();
        printed.dedup();
        assert_eq!(printed.len(), given, "two documents print the same number");
        for (name, documents) in &mut series {
            documents.sort();
            let numbers: Vec<u64> = documents.iter().map(|document| document.0).collect();
            assert_eq!(numbers, (1..=documents.len() as u64).collect::<Vec<_>>(), "{name:?}");
            assert!(documents.is_sorted_by_key(|document| &document.1), "dates go back in {name:?}: {documents:?}");
        }
        series.into_keys().map(|(name, _)| name).collect()
    }
}

/// A subcommand that must succeed; what it prints.
pub(crate) fn succeeds(server: &Server, arguments: &[&str]) -> String {
    let output = server.run(arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The journal, added up by hledger: balances in minor units by account.
pub(crate) fn hledger(journal: &str, folder: &Path) -> BTreeMap<String, (String, i64)> {
    let path = folder.join("ledger.journal");
    std::fs::write(&path, journal).expect("written");
    let run = |arguments: &[&str]| {
        let output = Command::new("hledger").arg("-f").arg(&path).args(arguments).output().expect("hledger");
        assert!(output.status.success(), "hledger {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    run(&["check"]);
    let table = run(&["balance", "--flat", "--no-total", "--empty", "--output-format", "csv"]);
    let mut balances = BTreeMap::new();
    for row in csv::Reader::from_reader(&table[..]).records() {
        let row = row.expect("a row");
        let (amount, currency) = row[1].split_once(' ').unwrap_or((&row[1], ""));
        let minor = amount.replace([',', '.'], "").parse().unwrap_or_else(|_| panic!("an amount: {row:?}"));
        balances.insert(row[0].to_owned(), (currency.to_owned(), minor));
    }
    balances
}

impl Place<'_> {
    /// hledger's balances are the books': each account, and each patient's share under whatever name.
    pub(crate) fn hledger_agrees(&self, balances: &BTreeMap<String, (String, i64)>) {
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        let mut patients: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for (name, (currency, minor)) in balances {
            let Some((account, rest)) = name.split_once(&format!(":{}", self.hospital)) else { continue };
            assert!(*minor == 0 || *currency == self.kind.currency, "{name} {currency}");
            *sums.entry(account).or_default() += minor;
            match account {
                RECEIVABLE => patients.entry(rest).or_default().0 += minor,
                UNAPPLIED => patients.entry(rest).or_default().1 += minor,
                _ => {}
            }
        }
        let own = self.books.balances.iter().map(|(account, minor)| (*account, *minor));
        assert_eq!(sums, own.collect(), "hledger and the books differ at {}", self.kind.name);
        let sorted = |shares: Vec<(i64, i64)>| {
            let mut shares: Vec<_> = shares.into_iter().filter(|share| *share != (0, 0)).collect();
            shares.sort_unstable();
            shares
        };
        assert_eq!(
            sorted(patients.into_values().collect()),
            sorted(self.books.patients.values().copied().collect()),
            "hledger and the books differ about patients at {}",
            self.kind.name
        );
    }
}
