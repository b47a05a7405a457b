//! The price agreed for a service: the price list's entry in force on a local date of the hospital, as known now.

use super::AgreedPrice;
use crate::kernel::{LocalDate, Timestamp};
use crate::organization::Settings;

/// The price of a service on a date; `None` where the list has no entry in force then.
pub fn agreed(settings: &Settings, service: &str, date: LocalDate) -> Option<AgreedPrice> {
    let entry = settings.price(service, date)?;
    Some(AgreedPrice {
        service: entry.service.clone(),
        display: entry.display.clone(),
        amount: entry.amount,
        tax: entry.tax.clone(),
        service_date: date,
    })
}

/// The fee for a cancellation at `now` of a visit that starts at `start`, if the policies call it late.
pub fn late_cancel_fee(settings: &Settings, start: Timestamp, now: Timestamp) -> Option<AgreedPrice> {
    let policy = settings.policies.late_cancel.as_ref()?;
    let late_from = start.plus_minutes(-60 * i64::from(policy.hours_before));
    if now > late_from { agreed(settings, &policy.fee, settings.zone.date_of(now)) } else { None }
}

/// The fee for not showing up, if the policies have one; due on the day it is marked.
pub fn no_show_fee(settings: &Settings, now: Timestamp) -> Option<AgreedPrice> {
    let service = settings.policies.no_show_fee.as_ref()?;
    agreed(settings, service, settings.zone.date_of(now))
}

#[cfg(test)]
mod tests;
