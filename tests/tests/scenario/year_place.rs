//! The hospital of an imported year as a place of the scenario: its invoices as GraphQL tells them are the books it
//! begins with, and their sum is the one that the generator's files alone come to.

use carelog_tests::server::Server;
use chrono::{DateTime, NaiveDate, Utc};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use serde_json::Value;

use super::model::{Price, RECEIVABLE};
use super::place::{Kind, Place, Slot, Visit};

const YEAR: Kind = Kind { name: "The year", zone: "Europe/London", currency: "GBP", decimals: 2 };

impl<'a> Place<'a> {
    /// Takes the hospital over as its import left it.
    pub(crate) async fn of_year(server: &'a Server, hospital: String, expected: &Value, random: SmallRng) -> Place<'a> {
        let mut place = Place::unknown(server, YEAR, random);
        place.hospital = hospital;
        let fields = "id status patient { id } appointment { id start end } totalNet { amount } totalTax { amount }";
        for node in place.all("invoices", fields).await {
            place.take_over(&node);
        }
        let issued = place.imported.len();
        assert_eq!(issued, expected["total"]["invoicesIssued"].as_u64().expect("a count") as usize);
        assert_eq!(
            place.amount(place.books.balances[RECEIVABLE]),
            expected["total"]["sumIssued"].as_str().expect("a sum")
        );
        place.balances_agree().await;
        place.imported.shuffle(&mut place.random);
        place
    }

    fn take_over(&mut self, node: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("a text in {node}")).to_owned();
        let minor = |value: &Value| text(&value["amount"]).replace('.', "").parse::<i64>().expect("an amount");
        let (id, patient) = (text(&node["id"]), text(&node["patient"]["id"]));
        assert_eq!(minor(&node["totalTax"]), 0, "the year's visits are exempt");
        self.books.draft(&id, &patient, "VISIT", Price { net: minor(&node["totalNet"]), basis_points: 0 });
        match text(&node["status"]).as_str() {
            "ISSUED" => {
                self.books.issue(&id);
                let instant = |value: &Value| text(value).parse::<DateTime<Utc>>().expect("an instant");
                let appointment = &node["appointment"];
                let (start, end) = (instant(&appointment["start"]), instant(&appointment["end"]));
                let slot = Slot { role: String::new(), start, end, date: NaiveDate::default() };
                self.imported.push(Visit { id: text(&appointment["id"]), patient, invoice: id, slot });
            }
            "CANCELLED" => self.books.cancel_draft(&id),
            status => assert_eq!(status, "DRAFT", "an invoice that an import does not leave: {node}"),
        }
    }
}
