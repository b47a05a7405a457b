//! What happened, in plain words, for a person who reads an appointment's history. No personal value is ever shown: not
//! the reason, not a name; ids of people are left out too.

use super::{CancelledBy, Period};
use crate::event::{AppointmentEvent, Event};
use crate::kernel::{Timestamp, Zone};

/// The event in one sentence, its times in UTC.
pub fn describe(event: &Event) -> String {
    describe_in(event, Zone::UTC)
}

/// The event in one sentence, its times on the wall of a zone.
pub fn describe_in(event: &Event, zone: Zone) -> String {
    match event {
        Event::AppointmentEvent(event) => appointment(event, zone),
        other => in_words(other.event_type()),
    }
}

fn appointment(event: &AppointmentEvent, zone: Zone) -> String {
    use AppointmentEvent as E;
    let asked = |requested: &Option<Period>| {
        requested.as_ref().map_or(String::new(), |period| format!(" for {}", at(period.start, zone)))
    };
    match event {
        E::AppointmentProposed(e) => format!("Proposed{}", asked(&e.requested)),
        E::AppointmentMadePending(e) => format!("Waiting for agreement{}", asked(&e.requested)),
        E::AppointmentWaitlisted(e) => format!("Put on the waitlist{}", asked(&e.requested)),
        E::AppointmentBooked(e) => {
            let over = if e.overbooking_reason.is_some() { ", into a full slot" } else { "" };
            format!("Booked for {} ({}){over}", at(e.period.start, zone), e.price.display)
        }
        E::AppointmentRescheduled(e) => {
            let (from, to) = (at(e.from.period.start, zone), at(e.to.period.start, zone));
            let other = if e.from.role == e.to.role { "" } else { ", to another practitioner" };
            format!("Moved from {from} to {to}{other}, by {}", who(e.by))
        }
        E::RebookingNeeded(_) => "The practitioner is on leave then: another time has to be found".to_owned(),
        E::RebookingSettled(_) => "The leave was taken back: the time stands".to_owned(),
        E::PatientArrived(_) => "The patient arrived".to_owned(),
        E::PatientCheckedIn(_) => "The patient was checked in".to_owned(),
        E::AppointmentFulfilled(e) => {
            format!("The visit took place, from {} to {}", at(e.started, zone), at(e.ended, zone))
        }
        E::AppointmentCancelled(e) => {
            let fee = if e.fee.is_some() { "; a late cancellation fee is due" } else { "" };
            format!("Cancelled by {}{fee}", who(e.by))
        }
        E::NoShowMarked(e) => {
            let how = if e.automatic { ", marked automatically" } else { "" };
            let fee = if e.fee.is_some() { "; a fee is due" } else { "" };
            format!("The patient did not come{how}{fee}")
        }
        E::AppointmentStatusUndone(e) => format!("Corrected from {} back to {}", e.from, e.to),
        E::AppointmentEnteredInError(e) => format!("Marked as entered in error (it was {})", e.from),
    }
}

fn at(instant: Timestamp, zone: Zone) -> String {
    let name = if zone == Zone::UTC { "UTC".to_owned() } else { zone.to_string() };
    format!("{} {name}", zone.local(instant).format("%Y-%m-%d %H:%M"))
}

const fn who(by: CancelledBy) -> &'static str {
    match by {
        CancelledBy::Patient => "the patient",
        CancelledBy::Provider => "the hospital",
        CancelledBy::Other => "somebody else",
    }
}

/// `InvoiceIssued` becomes `Invoice issued`.
fn in_words(event_type: &str) -> String {
    let mut words = String::new();
    for (index, letter) in event_type.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            words.push(' ');
            words.extend(letter.to_lowercase());
        } else {
            words.push(letter);
        }
    }
    words
}

#[cfg(test)]
mod tests;
