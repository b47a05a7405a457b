//! Episodes about time: moves, holds, full slots, leave, groups, cancellations, no-shows, mistakes.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::place::{Place, id, price, version};

/// What can happen about time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Time {
    Moved,
    HeldUntilItEnded,
    HeldAndReleased,
    Overbooked,
    LeaveOverABookedSlot,
    Group,
    CancelledLateByThePatient,
    CancelledInTimeByThePatient,
    CancelledLateByTheHospital,
    NoShow,
    NoShowUndone,
    EnteredInErrorUnpaid,
    EnteredInErrorPaid,
}

/// All of it.
pub(crate) const ALL: [Time; 13] = [
    Time::Moved,
    Time::HeldUntilItEnded,
    Time::HeldAndReleased,
    Time::Overbooked,
    Time::LeaveOverABookedSlot,
    Time::Group,
    Time::CancelledLateByThePatient,
    Time::CancelledInTimeByThePatient,
    Time::CancelledLateByTheHospital,
    Time::NoShow,
    Time::NoShowUndone,
    Time::EnteredInErrorUnpaid,
    Time::EnteredInErrorPaid,
];

impl Time {
    /// Lets it happen.
    pub(crate) async fn happen(self, place: &mut Place<'_>) {
        match self {
            Time::Moved => moved(place).await,
            Time::HeldUntilItEnded if place.clock.is_some() => held_until_it_ended(place).await,
            Time::HeldUntilItEnded | Time::HeldAndReleased => held_and_released(place).await,
            Time::Overbooked => overbooked(place).await,
            Time::LeaveOverABookedSlot => leave(place).await,
            Time::Group => group(place).await,
            Time::CancelledLateByThePatient => cancelled(place, true, "pat", true).await,
            Time::CancelledInTimeByThePatient => cancelled(place, false, "pat", false).await,
            Time::CancelledLateByTheHospital => cancelled(place, true, "prov", false).await,
            Time::NoShow => no_show(place, false).await,
            Time::NoShowUndone => no_show(place, true).await,
            Time::EnteredInErrorUnpaid => entered_in_error(place, false).await,
            Time::EnteredInErrorPaid => entered_in_error(place, true).await,
        }
    }
}

fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Two weeks later it would cost more; the agreed price stays, on the draft and on the invoice.
async fn moved(place: &mut Place<'_>) {
    let (slot, patient) = (place.near().await, place.patient());
    let mut visit = place.book(&slot, &patient, "MOVED").await;
    let role = place.role.clone();
    let later = place.slots(&role, slot.start + Duration::days(14), 2, false).await.remove(0).0;
    if place.clock.is_some() {
        assert_ne!(price("MOVED", slot.date), price("MOVED", later.date), "the move changes the price of the list");
    }
    let body = json!({ "start": later.start, "by": "pat", "reason": "work" });
    place.on(&visit, "reschedule", body.clone()).await;
    place.refuses(&format!("/v1/appointments/{}/reschedule", visit.id), body, "already-there").await;
    assert_eq!(place.look(&slot).await["free"], 1, "the old seat is free");
    assert_eq!(place.look(&later).await["taken"], 1, "the new one is taken");
    let found = place.appointment(&visit).await;
    let kept = place.amount(price("MOVED", slot.date).net);
    assert_eq!((&found["rescheduled"], &found["price"]["amount"]), (&json!(1), &json!(kept)), "{found}");
    visit.slot = later;
    place.fulfil(&visit).await;
    place.expect(&visit, "ISSUED").await;
}

/// A minute after it was taken a hold of a minute is no more.
async fn held_until_it_ended(place: &mut Place<'_>) {
    let (slot, patient, service) = (place.near().await, place.patient(), place.service());
    place.does("/v1/holds", json!({ "role": slot.role, "start": slot.start, "minutes": 1 })).await;
    let taken = place.now();
    place.reach(taken + Duration::seconds(58));
    let body = place.booking(&slot, &patient, service);
    place.refuses("/v1/appointments", body, "slot-taken").await;
    // The next command occurs a second after this: at the very end of the hold.
    place.reach(taken + Duration::seconds(59));
    assert_eq!(place.look(&slot).await["free"], 1, "a hold that has ended takes no seat");
    place.book(&slot, &patient, service).await;
}

/// A hold takes the seat from everybody who does not name it; given up, the seat is free.
async fn held_and_released(place: &mut Place<'_>) {
    let (slot, patient, service) = (place.near().await, place.patient(), place.service());
    let body = json!({ "role": slot.role, "start": slot.start });
    let hold = id(&place.does("/v1/holds", body.clone()).await);
    let held = i64::from(place.clock.is_none());
    assert_eq!(place.look(&slot).await["held"], held, "held now, but not a year after");
    place.refuses("/v1/holds", body.clone(), "slot-taken").await;
    let booking = place.booking(&slot, &patient, service);
    place.refuses("/v1/appointments", booking.clone(), "slot-taken").await;
    place.sends("DELETE", &format!("/v1/holds/{hold}"), json!({}), None).await;
    assert_eq!(place.look(&slot).await["free"], 1);
    let hold = id(&place.does("/v1/holds", body).await);
    let mut with_hold = booking;
    with_hold["hold"] = json!(hold);
    place.book_as(&slot, with_hold, service).await;
    let node = place.look(&slot).await;
    assert_eq!((&node["taken"], &node["held"], &node["status"]), (&json!(1), &json!(0), &json!("BUSY")), "{node}");
}

/// One more than there are seats, with a reason; not two.
async fn overbooked(place: &mut Place<'_>) {
    let (slot, service) = (place.near().await, place.service());
    let patients = place.patients.clone();
    place.book(&slot, &patients[0], service).await;
    let body = place.booking(&slot, &patients[1], service);
    place.refuses("/v1/appointments", body.clone(), "slot-taken").await;
    let mut wanted = body;
    wanted["overbookingReason"] = json!("cannot wait");
    let visit = place.book_as(&slot, wanted.clone(), service).await;
    assert_eq!(place.appointment(&visit).await["overbookingReason"], "cannot wait");
    wanted["patient"] = json!(patients[2]);
    place.refuses("/v1/appointments", wanted, "overbooking-exhausted").await;
    let node = place.look(&slot).await;
    assert_eq!((&node["taken"], &node["capacity"], &node["free"]), (&json!(2), &json!(1), &json!(0)), "{node}");
}

/// Leave cancels nothing: who is booked is on the worklist until moved.
async fn leave(place: &mut Place<'_>) {
    let (slot, patient, service) = (place.far().await, place.patient(), place.service());
    let visit = place.book(&slot, &patient, service).await;
    let path = format!("/v1/practitioner-roles/{}/leave", slot.role);
    let body = json!({ "from": text(slot.start), "to": text(slot.end), "reason": "a course" });
    place.does(&path, body).await;
    let found = place.appointment(&visit).await;
    assert_eq!((&found["status"], &found["needsRebooking"]), (&json!("BOOKED"), &json!(true)), "{found}");
    assert!(to_rebook(place).await.contains(&json!({ "id": visit.id })));
    assert_eq!(place.look(&slot).await["status"], "BUSY_UNAVAILABLE");
    let other = place.patient();
    let body = place.booking(&slot, &other, service);
    place.refuses("/v1/appointments", body, "slot-on-leave").await;
    place.expect(&visit, "DRAFT").await;
    let to = place.far().await;
    place.on(&visit, "reschedule", json!({ "start": to.start, "by": "prov", "reason": "leave" })).await;
    assert!(!to_rebook(place).await.contains(&json!({ "id": visit.id })), "moved, and still to be moved");
}

async fn to_rebook(place: &Place<'_>) -> Vec<Value> {
    let query = "query($hospital: ID!) {
        appointments(filter: { hospital: $hospital, worklist: TO_REBOOK }, first: 100) { nodes { id } } }";
    place.query(query, json!({})).await["appointments"]["nodes"].as_array().expect("nodes").clone()
}

/// Five seats: five get one, the sixth when somebody leaves, and nobody else notices.
async fn group(place: &mut Place<'_>) {
    let (slot, patients) = (place.group_slot().await, place.patients.clone());
    let mut visits = vec![];
    for patient in &patients[..5] {
        visits.push(place.book(&slot, patient, "HALF").await);
    }
    let node = place.look(&slot).await;
    assert_eq!((&node["taken"], &node["free"], &node["capacity"]), (&json!(5), &json!(0), &json!(5)), "{node}");
    let sixth = place.booking(&slot, &patients[5], "HALF");
    place.refuses("/v1/appointments", sixth.clone(), "slot-taken").await;
    let left = visits.remove(2);
    place.on(&left, "cancel", json!({ "by": "pat" })).await;
    place.books.cancel_draft(&left.invoice);
    visits.push(place.book_as(&slot, sixth, "HALF").await);
    for visit in &visits {
        assert_eq!(place.appointment(visit).await["status"], "BOOKED");
        place.expect(visit, "DRAFT").await;
    }
    for visit in &visits[..3] {
        place.fulfil(visit).await;
    }
}

/// A late cancellation by the patient costs its fee; one in time, or by the hospital, nothing.
async fn cancelled(place: &mut Place<'_>, late: bool, by: &str, costs: bool) {
    let slot = if late { place.near().await } else { place.far().await };
    let (patient, service) = (place.patient(), place.service());
    let mut visit = place.book(&slot, &patient, service).await;
    place.on(&visit, "cancel", json!({ "by": by, "reason": "cannot" })).await;
    place.books.cancel_draft(&visit.invoice);
    place.expect(&visit, "CANCELLED").await;
    assert_eq!(place.look(&slot).await["free"], 1, "its seat is free");
    if costs {
        visit.invoice = place.adopt(&visit, "LATE_CANCEL_FEE", "LATE").await;
        place.books.issue(&visit.invoice);
        place.pay(&visit, 100, "SUCCEEDED").await;
        place.expect(&visit, "ISSUED").await;
    } else {
        assert_eq!(place.invoices_of(&visit).await.len(), 1, "nothing is charged");
    }
}

/// A no-show costs its fee; one taken back gives it back, and the visit is billed after all.
async fn no_show(place: &mut Place<'_>, undone: bool) {
    let (slot, patient, service) = (place.passing().await, place.patient(), place.service());
    let mut visit = place.book(&slot, &patient, service).await;
    if place.clock.is_some() {
        place.reach(slot.start + Duration::minutes(28));
        place.refuses(&format!("/v1/appointments/{}/no-show", visit.id), json!({}), "no-show-too-early").await;
    }
    place.reach(slot.start + Duration::minutes(30));
    let marked = place.on(&visit, "no-show", json!({})).await;
    place.books.cancel_draft(&visit.invoice);
    place.expect(&visit, "CANCELLED").await;
    assert_eq!(place.look(&slot).await["free"], 0, "a no-show frees no seat");
    visit.invoice = place.adopt(&visit, "NO_SHOW_FEE", "NOSHOW").await;
    place.books.issue(&visit.invoice);
    place.expect(&visit, "ISSUED").await;
    if !undone {
        return;
    }
    let fee = place.gross(&visit);
    place.pay(&visit, fee, "SUCCEEDED").await;
    let body = json!({ "to": "arrived", "reason": "was in the waiting room" });
    place.sends("POST", &format!("/v1/appointments/{}/undo", visit.id), body, Some(marked)).await;
    place.books.credit_rest(&visit.invoice);
    place.expect(&visit, "CANCELLED").await;
    visit.invoice = place.adopt(&visit, "VISIT", service).await;
    place.end(&visit).await;
    place.books.issue(&visit.invoice);
    place.expect(&visit, "ISSUED").await;
}

/// What should never have been written is credited, paid or not.
async fn entered_in_error(place: &mut Place<'_>, paid: bool) {
    let (slot, patient, service) = (place.near().await, place.patient(), place.service());
    let visit = place.book(&slot, &patient, service).await;
    let fulfilled = place.fulfil(&visit).await;
    if paid {
        let gross = place.gross(&visit);
        place.pay(&visit, gross, "SUCCEEDED").await;
    }
    let path = format!("/v1/appointments/{}/entered-in-error", visit.id);
    let entered = place.sends("POST", &path, json!({ "reason": "another patient" }), Some(fulfilled)).await;
    assert_eq!(version(&entered), fulfilled + 1);
    place.books.credit_rest(&visit.invoice);
    place.expect(&visit, "CANCELLED").await;
    assert_eq!(place.appointment(&visit).await["status"], "ENTERED_IN_ERROR");
}
