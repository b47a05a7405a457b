//! A long past: days opened for years ahead, the cheapest way to many events of one hospital, and so of one partition.

use chrono::{Days, NaiveDate};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::client::{Client, Targets};
use super::world::{Place, make, must};

/// Most days that a command opens; an event each.
const DAYS: u64 = 400;
/// Commands about one role, so that its dates stay within a century or two.
const RANGES: u64 = 100;
/// Clients that do it.
const CLIENTS: u64 = 8;

/// Writes about so many events into the place's partition.
pub async fn fill(targets: &Targets, place: &Place, events: u64) {
    let roles = events.div_ceil(DAYS * RANGES);
    let clients = (0..CLIENTS).map(|number| async move {
        let mut client = Client::new(1_000 + number as usize, targets.clone(), std::sync::Arc::default());
        for role in (number..roles).step_by(CLIENTS as usize) {
            one_role(&mut client, place, role, events.saturating_sub(role * DAYS * RANGES)).await;
        }
    });
    join_all(clients).await;
}

async fn one_role(client: &mut Client, place: &Place, number: u64, events: u64) {
    let name = format!("fill/{}/{number}", place.hospital);
    let person = json!({ "name": { "text": "Dr. Ahead" } });
    let practitioner = make(client, &name, "RegisterPractitioner", "/v1/practitioners", person).await;
    let role = json!({ "practitioner": practitioner, "hospital": place.hospital, "specialty": "cardiology" });
    let role = make(client, &name, "AssignRole", "/v1/practitioner-roles", role).await;
    let block =
        |day: &str| json!({ "weekday": day, "start": "08:00", "end": "09:00", "slotMinutes": 60, "capacity": 1 });
    let blocks: Vec<_> = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map(block).into();
    let first = NaiveDate::from_ymd_opt(2030, 1, 1).expect("a date");
    let path = format!("/v1/practitioner-roles/{role}");
    let schedule = json!({ "effectiveFrom": first, "blocks": blocks });
    must(client, &name, Method::PUT, "SetSchedule", format!("{path}/schedule"), None, schedule).await;
    for range in 0..RANGES.min(events.div_ceil(DAYS)) {
        let from = first + Days::new(range * DAYS);
        let days = json!({ "from": from, "to": from + Days::new(DAYS - 1) });
        let key = format!("{name}/{range}");
        must(client, &key, Method::POST, "OpenDays", format!("{path}/open-days"), None, days).await;
    }
}
