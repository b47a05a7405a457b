//! A small hospital of a test's own, set up over HTTP: one service, practitioners with weekly blocks, patients.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::server::Server;

/// The only service, at [`PRICE`] before tax; exempt.
pub const SERVICE: &str = "VISIT";
/// What it costs.
pub const PRICE: &str = "100.00";

/// A hospital on a server.
pub struct Clinic<'a> {
    /// Where it is.
    pub server: &'a Server,
    /// Its id.
    pub hospital: String,
    /// Makes the keys of its commands its own.
    name: String,
    /// When everything about it is set up; now when left out.
    occurred_at: Option<String>,
}

impl<'a> Clinic<'a> {
    /// Registers a hospital with a price list. With `occurred_at` (an instant) it was opened then.
    pub async fn open(server: &'a Server, name: &str, zone: &str, occurred_at: Option<&str>) -> Clinic<'a> {
        let occurred_at = occurred_at.map(str::to_owned);
        let mut clinic = Clinic { server, hospital: String::new(), name: name.to_owned(), occurred_at };
        let hospital = json!({ "name": name, "zone": zone, "currency": "GBP" });
        clinic.hospital = clinic.does("RegisterHospital", "hospital", hospital).await;
        let price = json!({
            "service": SERVICE, "display": "Visit", "amount": { "amount": PRICE, "currency": "GBP" },
            "validFrom": "2000-01-01",
        });
        let prices = json!({ "hospital": clinic.hospital, "entries": [price] });
        clinic.does("SetPriceList", "prices", prices).await;
        clinic
    }

    /// A practitioner who works 08:00 to 18:00 in quarters of an hour on every day from `from` to `to`, all open for
    /// booking; the id of the role.
    pub async fn role(&self, name: &str, capacity: u16, from: NaiveDate, to: NaiveDate) -> String {
        let hours = json!({ "start": "08:00", "end": "18:00", "slotMinutes": 15, "capacity": capacity });
        let block = |weekday: &str| {
            let mut block = hours.clone();
            block["weekday"] = json!(weekday);
            block
        };
        let blocks: Vec<Value> = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map(block).into();
        let key = |step: &str| format!("{name}/{step}");
        let body = json!({ "name": { "text": name } });
        let practitioner = self.does("RegisterPractitioner", &key("practitioner"), body).await;
        let body = json!({ "practitioner": practitioner, "hospital": self.hospital, "specialty": "cardiology" });
        let role = self.does("AssignRole", &key("role"), body).await;
        let body = json!({ "role": role, "effectiveFrom": from, "blocks": blocks });
        self.does("SetSchedule", &key("schedule"), body).await;
        self.does("OpenDays", &key("days"), json!({ "role": role, "from": from, "to": to })).await;
        role
    }

    /// So many patients of the hospital.
    pub async fn patients(&self, count: usize) -> Vec<String> {
        let line = |number: usize| {
            let name = json!({ "text": format!("Patient {number}") });
            let body = json!({ "hospital": self.hospital, "name": name, "birthDate": "1980-01-01" });
            self.line("RequestRegistration", &format!("patient/{number}"), body)
        };
        let results = self.server.batch(&(0..count).map(line).collect::<Vec<_>>()).await;
        results.iter().map(id_of).collect()
    }

    /// One command of the set-up, which must succeed; the id of what it made or changed.
    pub async fn does(&self, operation: &str, key: &str, body: Value) -> String {
        id_of(&self.server.batch(&[self.line(operation, key, body)]).await[0])
    }

    fn line(&self, operation: &str, key: &str, body: Value) -> Value {
        let key = format!("{}/{key}", self.name);
        let mut line = json!({ "id": key, "operation": operation, "key": key, "body": body });
        if let Some(occurred_at) = &self.occurred_at {
            line["occurredAt"] = json!(occurred_at);
        }
        line
    }
}

fn id_of(result: &Value) -> String {
    result["result"]["id"].as_str().unwrap_or_else(|| panic!("refused: {result}")).to_owned()
}
