//! A hospital: the rules of one stream `organization:<hospital>`.
//!
//! Everybody who books, cancels or bills reads it: the zone its dates are in, the currency of its prices, the price in
//! force at a date, its policies and how it numbers documents.

use super::commands::{RegisterHospital, SetPolicies, SetPriceList};
use super::events::{HospitalRegistered, PoliciesSet, PriceListSet};
use super::{Numbering, OrganizationRejection, Policies, PriceEntry, Tax};
use crate::event::OrganizationEvent;
use crate::kernel::{Currency, Decide, Evolve, HospitalId, LocalDate, Times, Zone};

/// Most entries of a price list: all of them travel in one event, which has to fit a frame of 65,535 bytes.
const ENTRIES_MAX: usize = 200;
/// Longest name of a hospital.
const NAME_BYTES_MAX: usize = 300;
/// Longest grace before a no-show.
const GRACE_MINUTES_MAX: u32 = 1_440;
/// Earliest that a cancellation can be late.
const LATE_HOURS_MAX: u32 = 720;
/// Most seats beyond the capacity.
const OVERBOOKING_MAX: u32 = 100;

/// A hospital, if the chain knows it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Hospital {
    settings: Option<Settings>,
}

/// What a hospital has decided, as it is now.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The hospital.
    pub hospital: HospitalId,
    /// What it is called.
    pub name: String,
    /// The zone of its schedules and billing dates.
    pub zone: Zone,
    /// The currency of all its prices.
    pub currency: Currency,
    /// No-show, late cancellation, overbooking.
    pub policies: Policies,
    /// How its documents are numbered.
    pub numbering: Numbering,
    /// The price list.
    pub prices: Vec<PriceEntry>,
}

/// What can be asked of one hospital; the id of a new one derives from its command.
#[derive(Clone, PartialEq, Debug)]
pub enum HospitalCommand {
    /// Adds it to the chain.
    Register(HospitalId, RegisterHospital),
    /// Replaces its policies.
    SetPolicies(SetPolicies),
    /// Replaces its price list.
    SetPriceList(SetPriceList),
}

impl Hospital {
    /// What it has decided; `None` if the chain does not know it.
    pub fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    fn known(&self) -> Result<&Settings, OrganizationRejection> {
        self.settings().ok_or(OrganizationRejection::HospitalUnknown)
    }
}

impl Settings {
    /// The entry of a service that is in force on a local date, both ends of its validity inclusive.
    pub fn price(&self, service: &str, date: LocalDate) -> Option<&PriceEntry> {
        self.prices.iter().find(|entry| entry.service == service && entry.is_valid_on(date))
    }
}

impl PriceEntry {
    /// True from its first to its last day, both included.
    pub fn is_valid_on(&self, date: LocalDate) -> bool {
        self.valid_from <= date && self.valid_to.is_none_or(|last| date <= last)
    }

    /// A day on which both are in force, if there is one.
    fn common_day(&self, other: &PriceEntry) -> Option<LocalDate> {
        let first = self.valid_from.max(other.valid_from);
        (self.is_valid_on(first) && other.is_valid_on(first)).then_some(first)
    }
}

impl Evolve for Hospital {
    type Event = OrganizationEvent;

    fn evolve(&mut self, event: &OrganizationEvent) {
        match (event, &mut self.settings) {
            (OrganizationEvent::HospitalRegistered(e), settings) => {
                *settings = Some(Settings {
                    hospital: e.hospital,
                    name: e.name.clone(),
                    zone: e.zone,
                    currency: e.currency,
                    policies: e.policies.clone(),
                    numbering: e.numbering.clone(),
                    prices: vec![],
                });
            }
            (OrganizationEvent::PoliciesSet(e), Some(settings)) => settings.policies = e.policies.clone(),
            (OrganizationEvent::PriceListSet(e), Some(settings)) => settings.prices.clone_from(&e.entries),
            (OrganizationEvent::PoliciesSet(_) | OrganizationEvent::PriceListSet(_), None) => {}
        }
    }
}

impl Decide for Hospital {
    type Command = HospitalCommand;
    type Rejection = OrganizationRejection;

    fn decide(&self, command: &HospitalCommand, _: &Times) -> Result<Vec<OrganizationEvent>, OrganizationRejection> {
        match command {
            HospitalCommand::Register(hospital, command) => self.register(*hospital, command),
            HospitalCommand::SetPolicies(command) => self.set_policies(command),
            HospitalCommand::SetPriceList(command) => self.set_price_list(command),
        }
    }
}

impl Hospital {
    fn register(
        &self,
        hospital: HospitalId,
        command: &RegisterHospital,
    ) -> Result<Vec<OrganizationEvent>, OrganizationRejection> {
        if self.settings.is_some() {
            return Err(OrganizationRejection::HospitalExists);
        }
        let name = command.name.trim();
        if name.is_empty() {
            return Err(OrganizationRejection::NameMissing);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(OrganizationRejection::NameTooLong);
        }
        check_numbering(&command.numbering)?;
        check_policies(&command.policies)?;
        Ok(vec![
            HospitalRegistered {
                hospital,
                name: name.to_owned(),
                zone: command.zone,
                currency: command.currency,
                policies: command.policies.clone(),
                numbering: command.numbering.clone(),
            }
            .into(),
        ])
    }

    fn set_policies(&self, command: &SetPolicies) -> Result<Vec<OrganizationEvent>, OrganizationRejection> {
        let settings = self.known()?;
        check_policies(&command.policies)?;
        if settings.policies == command.policies {
            return Ok(vec![]);
        }
        // Before its first price list a hospital may say what will cost a fee; nothing can be booked until then.
        if !settings.prices.is_empty() {
            check_fees(&command.policies, &settings.prices)?;
        }
        Ok(vec![PoliciesSet { hospital: settings.hospital, policies: command.policies.clone() }.into()])
    }

    fn set_price_list(&self, command: &SetPriceList) -> Result<Vec<OrganizationEvent>, OrganizationRejection> {
        let settings = self.known()?;
        if settings.prices == command.entries {
            return Ok(vec![]);
        }
        if command.entries.len() > ENTRIES_MAX {
            return Err(OrganizationRejection::PriceListTooLong);
        }
        command.entries.iter().try_for_each(|entry| check_entry(entry, settings.currency))?;
        for (index, entry) in command.entries.iter().enumerate() {
            let others = command.entries[index + 1..].iter().filter(|other| other.service == entry.service);
            if let Some(date) = others.filter_map(|other| entry.common_day(other)).next() {
                return Err(OrganizationRejection::PricesOverlap { service: entry.service.clone(), date });
            }
        }
        check_fees(&settings.policies, &command.entries)?;
        Ok(vec![PriceListSet { hospital: settings.hospital, entries: command.entries.clone() }.into()])
    }
}

fn check_numbering(numbering: &Numbering) -> Result<(), OrganizationRejection> {
    let plain = |prefix: &str| {
        prefix.len() <= 16 && prefix.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/'))
    };
    let differ = numbering.invoice_prefix != numbering.credit_note_prefix;
    let prefixes = plain(&numbering.invoice_prefix) && plain(&numbering.credit_note_prefix) && differ;
    if prefixes && (1..=12).contains(&numbering.digits) { Ok(()) } else { Err(OrganizationRejection::NumberingInvalid) }
}

fn check_policies(policies: &Policies) -> Result<(), OrganizationRejection> {
    if policies.grace_minutes > GRACE_MINUTES_MAX {
        return Err(OrganizationRejection::GraceTooLong);
    }
    if policies.late_cancel.as_ref().is_some_and(|late| late.hours_before > LATE_HOURS_MAX) {
        return Err(OrganizationRejection::LateCancelTooLong);
    }
    if policies.overbooking_per_slot_max > OVERBOOKING_MAX {
        return Err(OrganizationRejection::OverbookingTooMuch);
    }
    if fees(policies).any(|fee| !is_service_code(fee)) {
        return Err(OrganizationRejection::FeeInvalid);
    }
    Ok(())
}

/// The services that are charged as fees.
fn fees(policies: &Policies) -> impl Iterator<Item = &String> {
    policies.no_show_fee.iter().chain(policies.late_cancel.as_ref().map(|late| &late.fee))
}

/// A fee that the policies name must be on the price list, else it would silently not be charged.
fn check_fees(policies: &Policies, prices: &[PriceEntry]) -> Result<(), OrganizationRejection> {
    match fees(policies).find(|fee| !prices.iter().any(|entry| entry.service == **fee)) {
        Some(fee) => Err(OrganizationRejection::FeeWithoutPrice { service: fee.clone() }),
        None => Ok(()),
    }
}

fn check_entry(entry: &PriceEntry, currency: Currency) -> Result<(), OrganizationRejection> {
    let service = || entry.service.clone();
    if !is_service_code(&entry.service) || entry.display.trim().is_empty() || entry.display.len() > 200 {
        return Err(OrganizationRejection::ServiceInvalid);
    }
    if entry.amount.currency != currency {
        return Err(OrganizationRejection::PriceCurrencyDiffers { service: service() });
    }
    if entry.amount.minor < 0 {
        return Err(OrganizationRejection::PriceNegative { service: service() });
    }
    if entry.valid_to.is_some_and(|last| last < entry.valid_from) {
        return Err(OrganizationRejection::PricePeriodInvalid { service: service() });
    }
    check_tax(&entry.tax).map_err(|()| OrganizationRejection::TaxInvalid { service: service() })
}

fn check_tax(tax: &Tax) -> Result<(), ()> {
    let category = (1..=2).contains(&tax.category.len()) && tax.category.bytes().all(|b| b.is_ascii_uppercase());
    let rate = tax.rate_basis_points <= 10_000 && (tax.rate_basis_points == 0 || tax.category == "S");
    if category && rate { Ok(()) } else { Err(()) }
}

/// 1 to 64 letters, digits, dots, dashes or underscores: it travels in addresses and stream tags.
pub(crate) fn is_service_code(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;
