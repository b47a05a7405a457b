//! The hospital that is booked at: roles with every quarter of an hour of 90 days open, patients, and bookings that
//! never collide, numbered from 0, so that each part of a run goes on where the one before ended.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use chrono::{DateTime, Days, NaiveTime, SecondsFormat, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use crate::api::Api;

/// Practitioners, each with a role of their own.
const ROLES: usize = 20;
/// Days from tomorrow on.
const DAYS: u64 = 90;
/// Slots of a quarter of an hour, day and night.
const SLOTS_OF_A_DAY: usize = 96;
/// Seats of a slot.
const CAPACITY: u16 = 10;
/// From one booking of a patient to the next, in slots; it shares no factor with their number, so that no two meet.
const STEP_OF_BOOKING: usize = 41;
/// From the first booking of a patient to that of the next, in slots.
const STEP_OF_PATIENT: usize = 4;
/// What is booked.
const SERVICE: &str = "VISIT";
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Patients that are registered in one request.
const LINES: usize = 500;
/// Patients whose versions are asked for at once.
const VERSIONS_AT_ONCE: usize = 16;

/// The hospital, or several that share its roles and patients, and the bookings made so far.
pub(crate) struct Hospital {
    /// Its id, or the ids of all.
    pub(crate) ids: Vec<String>,
    /// Starts of its slots, in order.
    pub(crate) starts: Vec<String>,
    /// The same data as a Lua table, for wrk.
    pub(crate) lua: PathBuf,
    roles: Vec<String>,
    patients: Vec<String>,
    next: u64,
}

impl Hospital {
    /// Registers so many hospitals and all that is needed to book, and waits until their days are open. One hospital is
    /// in one partition of the log; many are in all of them.
    pub(crate) async fn open(server: &Api, work: &Path, patients: usize, hospitals: usize) -> anyhow::Result<Hospital> {
        let mut ids = Vec::new();
        for number in 0..hospitals {
            ids.push(register(server, number).await?);
        }
        let roles = staff(server, &ids).await?;
        let mut registered = Vec::new();
        for numbers in (0..patients).collect::<Vec<_>>().chunks(LINES) {
            let lines: Vec<Value> = numbers.iter().map(|number| registration(at(&ids, *number), *number)).collect();
            registered.extend(server.batch(&lines).await?);
        }
        server.drain().await?;
        let lua = work.join("bookings-data.lua");
        let hospital = Hospital { ids, starts: starts(Utc::now()), lua, roles, patients: registered, next: 0 };
        let found = server.query("{ patients { totalCount } }", json!({})).await?;
        ensure!(found["patients"]["totalCount"] == json!(patients), "not every patient was registered: {found}");
        let (slots, open) = (ROLES * (hospital.starts.len() - 1), hospital.open_slots(server).await?);
        ensure!(open == slots as u64, "{open} of {slots} slots are open");
        std::fs::write(&hospital.lua, hospital.as_lua()).context("the data for wrk cannot be written")?;
        Ok(hospital)
    }

    /// The body of a booking. The same arithmetic stands in `bookings.lua`.
    pub(crate) fn booking(&self, number: u64) -> Value {
        let (patient, nth) = (number as usize % self.patients.len(), number as usize / self.patients.len());
        let slot = (nth * STEP_OF_BOOKING + patient * STEP_OF_PATIENT) % self.starts.len();
        json!({
            "role": self.roles[patient % ROLES], "patient": self.patients[patient], "start": self.starts[slot],
            "service": SERVICE, "reason": "a visit to be measured",
        })
    }

    /// The number of the next booking.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Says that the bookings before this number may have been made.
    pub(crate) fn advance_to(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    /// How many appointments the read model holds for it.
    pub(crate) async fn appointments(&self, server: &Api) -> anyhow::Result<u64> {
        let query = "query ($h: ID) { appointments(filter: { hospital: $h }, first: 1) { totalCount } }";
        let mut count = 0;
        for id in &self.ids {
            let found = server.query(query, json!({ "h": id })).await?;
            count += found["appointments"]["totalCount"].as_u64().context("a count of appointments")?;
        }
        Ok(count)
    }

    /// Writes a Lua table for wrk with the patients and the versions they have, and a name for the keys of the commands.
    pub(crate) async fn write_contacts(&self, server: &Api, key: &str, file: &Path) -> anyhow::Result<()> {
        let versions = futures::stream::iter(&self.patients)
            .map(|patient| async move { server.version(&format!("/v1/patients/{patient}")).await })
            .buffered(VERSIONS_AT_ONCE);
        let versions: Vec<String> = versions.try_collect().await?;
        let patients = self.patients.iter().map(|patient| format!("\"{patient}\",")).collect::<String>();
        let table = format!(
            "return {{ key = \"{key}\",\npatients = {{{patients}}},\nversions = {{{}}} }}\n",
            versions.join(",")
        );
        std::fs::write(file, table).context("the data for wrk cannot be written")
    }

    async fn open_slots(&self, server: &Api) -> anyhow::Result<u64> {
        let query = "query ($h: ID, $from: DateTime!, $to: DateTime!) {
            availability(hospital: $h, from: $from, to: $to) { totalCount } }";
        let (from, to) = (self.starts.first(), self.starts.last());
        let mut count = 0;
        for id in &self.ids {
            let found = server.query(query, json!({ "h": id, "from": from, "to": to })).await?;
            count += found["availability"]["totalCount"].as_u64().context("a count of slots")?;
        }
        Ok(count)
    }

    fn as_lua(&self) -> String {
        let list = |items: &[String]| items.iter().map(|item| format!("\"{item}\",")).collect::<String>();
        format!(
            "return {{ stepOfBooking = {STEP_OF_BOOKING}, stepOfPatient = {STEP_OF_PATIENT}, service = \"{SERVICE}\",\n\
             hospital = \"{}\",\nroles = {{{}}},\npatients = {{{}}},\nstarts = {{{}}} }}\n",
            self.ids[0],
            list(&self.roles),
            list(&self.patients),
            list(&self.starts)
        )
    }
}

/// The hospital of a role, or of the patients that book there.
fn at(hospitals: &[String], number: usize) -> &str {
    &hospitals[number % ROLES % hospitals.len()]
}

/// A hospital with prices; its id.
async fn register(server: &Api, number: usize) -> anyhow::Result<String> {
    let hospital = json!({ "name": format!("Bench Hospital {number}"), "zone": "UTC", "currency": "GBP" });
    let id = one(server, line("RegisterHospital", &format!("hospital-{number}"), &hospital)).await?;
    let price = json!({
        "service": SERVICE, "display": "Visit", "amount": { "amount": "80.00", "currency": "GBP" },
        "tax": { "category": "E", "rateBasisPoints": 0 }, "validFrom": Utc::now().date_naive(),
    });
    let prices = json!({ "hospital": id, "entries": [price] });
    one(server, line("SetPriceList", &format!("prices-{number}"), &prices)).await?;
    Ok(id)
}

/// The ids of roles at the hospitals.
async fn staff(server: &Api, hospitals: &[String]) -> anyhow::Result<Vec<String>> {
    let today = Utc::now().date_naive();
    let block = |weekday: &&str| {
        json!({
            "weekday": weekday, "start": "00:00", "end": "00:00", "slotMinutes": 24 * 60 / SLOTS_OF_A_DAY,
            "capacity": CAPACITY,
        })
    };
    let blocks: Vec<Value> = WEEKDAYS.iter().map(block).collect();
    let mut roles = Vec::new();
    for number in 0..ROLES {
        let name = json!({ "name": { "text": format!("Dr. Bench {number}") } });
        let practitioner = one(server, line("RegisterPractitioner", &format!("practitioner-{number}"), &name)).await?;
        let assign = json!({
            "practitioner": practitioner, "hospital": at(hospitals, number), "specialty": "general-practice", "services": [SERVICE],
        });
        let role = one(server, line("AssignRole", &format!("role-{number}"), &assign)).await?;
        let schedule = json!({ "role": role, "effectiveFrom": today, "blocks": blocks });
        one(server, line("SetSchedule", &format!("schedule-{number}"), &schedule)).await?;
        roles.push(role);
    }
    Ok(roles)
}

async fn one(server: &Api, line: Value) -> anyhow::Result<String> {
    let mut ids = server.batch(&[line]).await?;
    ids.pop().context("a line was answered")
}

fn line(operation: &str, key: &str, body: &Value) -> Value {
    json!({ "id": key, "operation": operation, "key": format!("bench/{key}"), "body": body })
}

fn registration(hospital: &str, number: usize) -> Value {
    let body = json!({
        "hospital": hospital, "name": { "text": format!("Patient Number {number}") }, "gender": "unknown",
        "birthDate": "1970-01-01",
        "identifiers": [{ "system": "urn:carelog:bench", "kind": "MR", "value": format!("B{number:06}") }],
    });
    line("RequestRegistration", &format!("patient-{number}"), &body)
}

/// The starts of all slots from tomorrow on.
fn starts(now: DateTime<Utc>) -> Vec<String> {
    let tomorrow = now.date_naive() + Days::new(1);
    let first = tomorrow.and_time(NaiveTime::MIN).and_utc();
    let minutes = (24 * 60 / SLOTS_OF_A_DAY) as i64;
    let count = DAYS as i64 * SLOTS_OF_A_DAY as i64;
    let text = |slot: i64| {
        let start = first + TimeDelta::minutes(slot * minutes);
        start.to_rfc3339_opts(SecondsFormat::Secs, true)
    };
    (0..count).map(text).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn bookings_never_take_a_patient_twice_at_once_nor_more_seats_than_there_are() {
        let names = |kind: &str, count| (0..count).map(|number| format!("{kind}-{number}")).collect::<Vec<_>>();
        let (roles, patients) = (names("role", ROLES), names("patient", 2_000));
        let (ids, lua) = (vec![String::new()], PathBuf::new());
        let hospital = Hospital { ids, starts: starts(Utc::now()), lua, roles, patients, next: 0 };
        let (mut visits, mut seats) = (HashSet::new(), HashMap::new());
        for number in 0..1_000_000 {
            let booking = hospital.booking(number);
            let text = |field: &str| booking[field].as_str().expect("a text").to_owned();
            assert!(visits.insert((text("patient"), text("start"))), "booking {number} repeats a visit");
            let taken = seats.entry((text("role"), text("start"))).or_insert(0);
            *taken += 1;
            assert!(*taken <= CAPACITY, "booking {number} finds no seat");
        }
    }
}
