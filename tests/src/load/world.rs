//! What the clients fight over: at each of some hospitals one practitioner's day with few seats, and a price list.

use std::sync::Mutex;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, Wanted};
use crate::history::{Answer, audit};

/// Slots of a day.
const SLOTS: usize = 8;
/// Seats of a slot.
const SEATS: usize = 2;
/// Patients of a hospital.
const PATIENTS: usize = 4;
/// So many are in 64 partitions but once in a hundred thousand times.
const HOSPITALS_MAX: usize = 1_000;
/// The only service.
pub(super) const SERVICE: &str = "VISIT";

/// Some hospitals.
pub struct World {
    /// Makes the keys of its commands its own.
    pub name: String,
    /// They.
    pub places: Vec<Place>,
}

/// One hospital.
pub struct Place {
    /// The partition it lies in.
    pub partition: u16,
    /// Its id.
    pub hospital: String,
    /// The practitioner's role.
    pub role: String,
    /// The stream of the day.
    pub day: String,
    /// Starts of the slots.
    pub slots: Vec<String>,
    /// The patients.
    pub patients: Vec<String>,
    /// The version of the hospital's stream that somebody saw last.
    pub version: Mutex<u64>,
    /// Appointments that were booked here and that nobody has cancelled for certain, with the token of the last word.
    pub booked: Mutex<Vec<Booked>>,
}

/// An appointment.
#[derive(Clone)]
pub struct Booked {
    /// Its id.
    pub appointment: String,
    /// What a read model has to have seen.
    pub token: String,
    /// The command that booked it.
    pub command: String,
}

impl World {
    /// Sets a hospital up in each partition, by one client. Where a hospital lies comes from its id, so it makes some until
    /// each partition has one.
    pub async fn set_up(client: &mut Client, world: &str, partitions: u16) -> World {
        let mut places: Vec<Place> = Vec::new();
        for number in 0..HOSPITALS_MAX {
            let name = format!("{world}/{number}");
            let hospital = json!({ "name": name, "zone": "UTC", "currency": "GBP" });
            let path = "/v1/hospitals".to_owned();
            let made = must(client, &name, Method::POST, "RegisterHospital", path, None, hospital).await;
            let partition = audit::place(made["token"].as_str().expect("a token")).0;
            if places.iter().all(|place| place.partition != partition) {
                places.push(place(client, &name, made["id"].as_str().expect("an id"), partition).await);
            }
            if places.len() == usize::from(partitions) {
                return World { name: world.to_owned(), places };
            }
        }
        panic!("{HOSPITALS_MAX} hospitals are in {} of {partitions} partitions", places.len());
    }

    /// Where something happens next.
    pub fn any(&self, dice: usize) -> &Place {
        &self.places[dice % self.places.len()]
    }
}

async fn place(client: &mut Client, name: &str, hospital: &str, partition: u16) -> Place {
    let day = Utc::now().date_naive() + Days::new(14);
    let version = set_prices(client, name, hospital).await;
    let person = json!({ "name": { "text": "Dr. Steady" } });
    let practitioner = make(client, name, "RegisterPractitioner", "/v1/practitioners", person).await;
    let role = json!({ "practitioner": practitioner, "hospital": hospital, "specialty": "cardiology" });
    let role = make(client, name, "AssignRole", "/v1/practitioner-roles", role).await;
    let weekday = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][day.weekday().num_days_from_monday() as usize];
    let end = slot(day, SLOTS).format("%H:%M").to_string();
    let block = json!({ "weekday": weekday, "start": "08:00", "end": end, "slotMinutes": 15, "capacity": SEATS });
    let path = format!("/v1/practitioner-roles/{role}");
    let schedule = json!({ "effectiveFrom": day, "blocks": [block] });
    must(client, name, Method::PUT, "SetSchedule", format!("{path}/schedule"), None, schedule).await;
    let days = json!({ "from": day, "to": day });
    must(client, name, Method::POST, "OpenDays", format!("{path}/open-days"), None, days).await;
    let mut patients = Vec::new();
    for number in 0..PATIENTS {
        let body =
            json!({ "hospital": hospital, "name": { "text": format!("Patient {number}") }, "birthDate": "1980-01-01" });
        patients.push(make(client, &format!("{name}/{number}"), "RequestRegistration", "/v1/patients", body).await);
    }
    Place {
        day: format!("practitioner-day:{role}:{day}"),
        slots: (0..SLOTS).map(|number| slot(day, number).format("%Y-%m-%dT%H:%M:%SZ").to_string()).collect(),
        version: Mutex::new(version),
        booked: Mutex::default(),
        partition,
        hospital: hospital.to_owned(),
        role,
        patients,
    }
}

fn slot(day: NaiveDate, number: usize) -> DateTime<Utc> {
    day.and_hms_opt(8, 0, 0).expect("a time").and_utc() + TimeDelta::minutes(15 * number as i64)
}

async fn set_prices(client: &mut Client, name: &str, hospital: &str) -> u64 {
    let path = format!("/v1/hospitals/{hospital}/price-list");
    let answer = must(client, name, Method::PUT, "SetPriceList", path, Some(1), prices(10_000)).await;
    answer["version"].as_u64().expect("a version")
}

/// A price list of one entry.
pub(super) fn prices(minor: u64) -> Value {
    let amount = json!({ "amount": format!("{}.{:02}", minor / 100, minor % 100), "currency": "GBP" });
    json!({ "entries": [{ "service": SERVICE, "display": "Visit", "validFrom": "2000-01-01", "amount": amount }] })
}

pub(super) async fn make(client: &mut Client, name: &str, operation: &str, path: &str, body: Value) -> String {
    let answer = must(client, name, Method::POST, operation, path.to_owned(), None, body).await;
    answer["id"].as_str().expect("an id").to_owned()
}

pub(super) async fn must(
    client: &mut Client,
    name: &str,
    method: Method,
    operation: &str,
    path: String,
    if_match: Option<u64>,
    body: Value,
) -> Value {
    let wanted = Wanted { operation, method, path, key: format!("{name}/{operation}"), if_match, body };
    let (answer, body) = client.does(&wanted, |_, _| None).await;
    assert!(matches!(answer, Answer::Done(_)), "{operation} {name}: {answer:?} {body}");
    body
}
