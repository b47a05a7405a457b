//! What a client does next: books, moves, cancels, sets prices, and looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::Rng as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::answers::{Reply, version_found};
use super::client::{Client, Wanted};
use super::world::{Booked, Place, SERVICE, World, prices};
use crate::history::audit::{place, places};
use crate::history::{Answer, Asked, Observation, Seen, Standing};

/// Of a hundred things that are done so many are about appointments.
const BEHIND_BOOKINGS: u32 = 65;

/// Works until it is told to stop. The first client does nothing that is about a person, and so needs no key: it goes on
/// where the others wait for the database of keys.
pub(super) async fn work(mut client: Client, rest: Duration, world: Arc<World>, stop: Arc<AtomicBool>) {
    let first_dice = if client.number == 0 { BEHIND_BOOKINGS } else { 0 };
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let place = world.any(client.random.random_range(0..1_000));
        let key = format!("{}/{}/{number}", world.name, client.number);
        if client.random.random_range(0..5) == 0 {
            client.go_elsewhere();
        }
        match client.random.random_range(first_dice..100) {
            0..35 => book(&mut client, place, key).await,
            35..55 => cancel(&mut client, place, key).await,
            55..BEHIND_BOOKINGS => move_elsewhere(&mut client, place, key).await,
            BEHIND_BOOKINGS..75 => set_prices(&mut client, place, key).await,
            75..85 => look_at_status(&mut client, place).await,
            85..92 => look_at_model(&mut client, place).await,
            _ => look_at_version(&mut client, place).await,
        }
        if rest.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(rest).await;
        }
    }
}

fn post(operation: &str, path: String, key: String, body: Value) -> Wanted<'_> {
    Wanted { operation, method: Method::POST, path, key, if_match: None, body }
}

fn says(stream: impl Into<String>, seen: Seen) -> Option<Observation> {
    Some(Observation { stream: stream.into(), seen })
}

async fn book(client: &mut Client, place: &Place, key: String) {
    let slot = place.slots[client.random.random_range(0..place.slots.len())].clone();
    let patient = &place.patients[client.random.random_range(0..place.patients.len())];
    // Only the seats are fought over: a patient may be in two places here.
    let body = json!({
        "role": place.role, "patient": patient, "start": slot, "service": SERVICE, "overlapReason": "a race for seats",
    });
    let refusal = |code: &str, _: &Value| (code == "slot-taken").then(|| says(&place.day, Seen::Full(slot.clone())))?;
    let wanted = post("BookAppointment", "/v1/appointments".to_owned(), key, body);
    if let (Answer::Done(_), body) = client.does(&wanted, refusal).await {
        let text = |name: &str| body[name].as_str().expect("a text").to_owned();
        let booked = Booked { appointment: text("id"), token: text("token"), command: text("command") };
        place.booked.lock().expect("not poisoned").push(booked);
    }
}

/// One of the appointments there, and whether to forget it.
fn any(client: &mut Client, place: &Place) -> Option<Booked> {
    let booked = place.booked.lock().expect("not poisoned");
    let index = client.random.random_range(0..booked.len().max(1));
    booked.get(index).cloned()
}

fn forget(place: &Place, appointment: &str) {
    place.booked.lock().expect("not poisoned").retain(|booked| booked.appointment != appointment);
}

/// Only a cancelled appointment refuses anything here.
fn is_cancelled(appointment: &str, code: &str) -> Option<Observation> {
    (code == "appointment-status")
        .then(|| says(format!("appointment:{appointment}"), Seen::Status(Standing::Cancelled)))?
}

async fn cancel(client: &mut Client, place: &Place, key: String) {
    let Some(Booked { appointment, .. }) = any(client, place) else { return };
    let path = format!("/v1/appointments/{appointment}/cancel");
    let wanted = post("CancelAppointment", path, key, json!({ "by": "prov" }));
    client.does(&wanted, |code, _| is_cancelled(&appointment, code)).await;
    forget(place, &appointment);
}

async fn move_elsewhere(client: &mut Client, place: &Place, key: String) {
    let Some(Booked { appointment, .. }) = any(client, place) else { return };
    let slot = place.slots[client.random.random_range(0..place.slots.len())].clone();
    let body =
        json!({ "start": slot, "by": "prov", "reason": "a race for seats", "overlapReason": "a race for seats" });
    let refusal = |code: &str, _: &Value| match code {
        "slot-taken" => says(&place.day, Seen::Full(slot.clone())),
        "already-there" => says(&place.day, Seen::Seated(slot.clone(), appointment.clone())),
        _ => is_cancelled(&appointment, code),
    };
    let path = format!("/v1/appointments/{appointment}/reschedule");
    client.does(&post("RescheduleAppointment", path, key, body), refusal).await;
}

async fn set_prices(client: &mut Client, place: &Place, key: String) {
    let seen = *place.version.lock().expect("not poisoned");
    let stream = format!("organization:{}", place.hospital);
    let path = format!("/v1/hospitals/{}/price-list", place.hospital);
    let body = prices(client.random.random_range(1..1_000_000));
    let wanted = Wanted { operation: "SetPriceList", method: Method::PUT, path, key, if_match: Some(seen), body };
    let refusal = |code: &str, body: &Value| {
        let found = version_found(body["detail"].as_str()?).filter(|_| code == "version-differs")?;
        says(&stream, Seen::Version(found))
    };
    let version = match client.does(&wanted, refusal).await {
        (Answer::Done(done), _) => done.version,
        (Answer::Refused { observed: Some(Observation { seen: Seen::Version(found), .. }), .. }, _) => found,
        _ => return,
    };
    let mut last = place.version.lock().expect("not poisoned");
    *last = version.max(*last);
}

/// What a command did that somebody was told of: it must be there, wherever one asks.
async fn look_at_status(client: &mut Client, place: &Place) {
    let Some(Booked { command, .. }) = any(client, place) else { return };
    let asked = Asked::Status { command: command.clone() };
    let request = |http: &reqwest::Client, base: &str| http.get(format!("{base}/v1/commands/{command}"));
    client.reads(asked, request, answer_to_status).await;
}

fn answer_to_status(reply: &Reply) -> Answer {
    let position = |event: &Value| place(event["position"].as_str().expect("a position"));
    match (reply.unavailable(), reply.status) {
        (Some(answer), _) => answer,
        (None, 200) => Answer::Found(reply.body["events"].as_array().expect("events").iter().map(position).collect()),
        (None, _) if reply.code() == "command-unknown" => Answer::Missing,
        (None, _) => Answer::Refused { code: reply.code().to_owned(), observed: None },
    }
}

/// What the read model says of an appointment to somebody who has its token.
async fn look_at_model(client: &mut Client, place: &Place) {
    let Some(Booked { appointment, token, .. }) = any(client, place) else { return };
    let asked = Asked::Model { token: places(&token)[0], what: format!("appointment {appointment}") };
    let body = json!({
        "query": "query($id: ID!) { appointment(id: $id) { status } }", "variables": { "id": appointment },
    });
    let request = |http: &reqwest::Client, base: &str| {
        http.post(format!("{base}/graphql")).header("carelog-token", &token).json(&body)
    };
    let stream = format!("appointment:{appointment}");
    client.reads(asked, request, |reply| answer_of_model(reply, stream)).await;
}

fn answer_of_model(reply: &Reply, stream: String) -> Answer {
    if let Some(answer) = reply.unavailable() {
        return answer;
    }
    let code = reply.body["errors"][0]["extensions"]["code"].as_str().unwrap_or(reply.code());
    let seen = match reply.body["data"]["appointment"]["status"].as_str() {
        Some("BOOKED") => Seen::Status(Standing::Booked),
        Some("CANCELLED") => Seen::Status(Standing::Cancelled),
        None if ["not-yet", "unavailable", "timed-out"].contains(&code) => {
            return Answer::Unavailable { code: code.to_owned(), retry_after: reply.retry_after };
        }
        // A read model that has the token has the appointment.
        None if reply.status == 200 && code.is_empty() => Seen::Version(0),
        other => return Answer::Refused { code: format!("{code} {other:?} {}", reply.body), observed: None },
    };
    Answer::Observed(Observation { stream, seen })
}

/// The version of a hospital, from whichever node: it catches up first, so it is what anybody was answered before, or later.
async fn look_at_version(client: &mut Client, place: &Place) {
    let stream = format!("organization:{}", place.hospital);
    let asked = Asked::Version { what: format!("version of {stream}") };
    let request = |http: &reqwest::Client, base: &str| http.get(format!("{base}/v1/hospitals/{}", place.hospital));
    let read = |reply: &Reply| match (reply.unavailable(), reply.status) {
        (Some(answer), _) => answer,
        (None, 200) => {
            let seen = Seen::Version(reply.body["version"].as_u64().expect("a version"));
            Answer::Observed(Observation { stream, seen })
        }
        (None, 404) => Answer::Observed(Observation { stream, seen: Seen::Version(0) }),
        (None, _) => Answer::Refused { code: reply.code().to_owned(), observed: None },
    };
    client.reads(asked, request, read).await;
}
