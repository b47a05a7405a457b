//! Bodies about hospitals.

use carelog_domain::command::Command;
use carelog_domain::kernel::{HospitalId, LocalDate};
use carelog_domain::organization::commands::*;
use carelog_domain::organization::{LateCancel, NoShowPolicy, Numbering, Policies, PriceEntry, ReschedulePrice, Tax};

use crate::problem::Problem;
use crate::rest::body::{Body, MoneyBody, bodies, meaning};

bodies! {
    /// Adds a hospital to the chain.
    struct RegisterHospitalBody {
        name: String,
        /// An IANA time zone, such as `Europe/London`.
        zone: String,
        /// ISO 4217; all its prices are in it.
        currency: String,
        /// What is left out is as by default.
        policies: Option<PoliciesBody>,
        numbering: Option<NumberingBody>,
    }
    /// What a hospital has decided; what is left out is as by default.
    struct PoliciesBody {
        no_show: Option<NoShowPolicy>,
        /// Minutes after the start before a no-show may be marked; 30 unless told.
        grace_minutes: Option<u32>,
        /// Service code of the price list that a no-show is charged with.
        no_show_fee: Option<String>,
        late_cancel: Option<LateCancel>,
        /// How many may be booked into a full slot, each with a reason; none unless told.
        overbooking_per_slot_max: Option<u32>,
        reschedule_price: Option<ReschedulePrice>,
    }
    /// How documents are numbered.
    struct NumberingBody { invoice_prefix: Option<String>, credit_note_prefix: Option<String>, digits: Option<u8> }
    /// Replaces a hospital's policies.
    struct SetPoliciesBody { hospital: HospitalId, policies: PoliciesBody }
    /// Replaces a hospital's price list.
    struct SetPriceListBody { hospital: HospitalId, entries: Vec<PriceEntryBody> }
    /// What a service costs from a date on.
    struct PriceEntryBody {
        /// The hospital's code of the service.
        service: String,
        /// What it is called on an invoice.
        display: String,
        /// Before tax.
        amount: MoneyBody,
        /// Exempt (`E`, 0) unless told.
        tax: Option<Tax>,
        valid_from: LocalDate,
        /// The last day, if it ends.
        valid_to: Option<LocalDate>,
    }
}

impl PoliciesBody {
    fn policies(self) -> Policies {
        let usual = Policies::default();
        Policies {
            no_show: self.no_show.unwrap_or(usual.no_show),
            grace_minutes: self.grace_minutes.unwrap_or(usual.grace_minutes),
            no_show_fee: self.no_show_fee,
            late_cancel: self.late_cancel,
            overbooking_per_slot_max: self.overbooking_per_slot_max.unwrap_or(usual.overbooking_per_slot_max),
            reschedule_price: self.reschedule_price.unwrap_or(usual.reschedule_price),
        }
    }
}

impl NumberingBody {
    fn numbering(self) -> Numbering {
        let usual = Numbering::default();
        Numbering {
            invoice_prefix: self.invoice_prefix.unwrap_or(usual.invoice_prefix),
            credit_note_prefix: self.credit_note_prefix.unwrap_or(usual.credit_note_prefix),
            digits: self.digits.unwrap_or(usual.digits),
        }
    }
}

impl Body for RegisterHospitalBody {
    fn command(self) -> Result<Command, Problem> {
        let register = RegisterHospital {
            zone: meaning("/zone", &self.zone, "an IANA time zone such as Europe/London")?,
            currency: meaning("/currency", &self.currency, "an ISO 4217 currency code such as GBP")?,
            name: self.name,
            policies: self.policies.map_or_else(Policies::default, PoliciesBody::policies),
            numbering: self.numbering.map_or_else(Numbering::default, NumberingBody::numbering),
        };
        Ok(register.into())
    }
}

impl Body for SetPoliciesBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(SetPolicies { hospital: self.hospital, policies: self.policies.policies() }.into())
    }
}

impl Body for SetPriceListBody {
    fn command(self) -> Result<Command, Problem> {
        let entry = |(index, entry): (usize, PriceEntryBody)| {
            Ok(PriceEntry {
                amount: entry.amount.money(&format!("/entries/{index}/amount"))?,
                service: entry.service,
                display: entry.display,
                tax: entry.tax.unwrap_or_else(|| Tax { category: "E".to_owned(), rate_basis_points: 0 }),
                valid_from: entry.valid_from,
                valid_to: entry.valid_to,
            })
        };
        let entries = self.entries.into_iter().enumerate().map(entry).collect::<Result<_, Problem>>()?;
        Ok(SetPriceList { hospital: self.hospital, entries }.into())
    }
}
