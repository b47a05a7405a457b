//! Hospitals: their zone, currency, price list and policies.

pub mod commands;
pub mod events;
pub mod hospital;

pub use hospital::{Hospital, HospitalCommand, Settings};

use crate::data::{data, words};
use crate::kernel::{LocalDate, Money};
use crate::rejection::rejections;

words! {
    /// Whether an appointment nobody turned up for is marked by itself.
    enum NoShowPolicy {
        /// Only people mark it.
        Off = "off",
        /// An alarm marks it after the grace period.
        AfterGrace = "after-grace",
    }
    /// What a moved appointment costs.
    enum ReschedulePrice {
        /// The price agreed at first.
        Keep = "keep",
        /// The price of the new date.
        Reprice = "reprice",
    }
}

data! {
    /// What a hospital has decided.
    struct Policies {
        no_show: NoShowPolicy,
        /// Minutes after the start before a no-show may be marked.
        grace_minutes: u32,
        /// Service code of the price list that a no-show is charged with, if it is.
        no_show_fee: Option<String>,
        /// What a late cancellation by the patient costs, if it does.
        late_cancel: Option<LateCancel>,
        /// How many may be booked into a full slot, each with a reason.
        overbooking_per_slot_max: u32,
        reschedule_price: ReschedulePrice,
    }
    /// A fee for cancelling late.
    struct LateCancel {
        /// A cancellation less than this before the start is late.
        hours_before: u32,
        /// Service code of the price list.
        fee: String,
    }
    /// How documents are numbered: `prefix` + year + `-` + the number padded to `digits`.
    struct Numbering { invoice_prefix: String, credit_note_prefix: String, digits: u8 }
    /// What a service costs from a date on.
    struct PriceEntry {
        /// The hospital's code of the service.
        service: String,
        /// What it is called on an invoice.
        display: String,
        /// Before tax.
        amount: Money,
        tax: Tax,
        valid_from: LocalDate,
        /// The last day, if it ends.
        valid_to: Option<LocalDate>,
    }
    /// Tax on a line.
    struct Tax {
        /// UNCL5305 category: `S` standard, `Z` zero-rated, `E` exempt.
        category: String,
        /// 2,000 is 20 %.
        rate_basis_points: u32,
    }
}

impl Default for Policies {
    fn default() -> Policies {
        Policies {
            no_show: NoShowPolicy::AfterGrace,
            grace_minutes: 30,
            no_show_fee: None,
            late_cancel: None,
            overbooking_per_slot_max: 0,
            reschedule_price: ReschedulePrice::Keep,
        }
    }
}

impl Default for Numbering {
    fn default() -> Numbering {
        Numbering { invoice_prefix: "INV-".to_owned(), credit_note_prefix: "CN-".to_owned(), digits: 6 }
    }
}

rejections! {
    /// Why something about a hospital is refused.
    pub enum OrganizationRejection {
        HospitalUnknown = NotFound "hospital-unknown" at "hospital": "there is no such hospital";
        HospitalExists = Conflict "hospital-exists" at "hospital": "this hospital is registered already";
        NameMissing = Unprocessable "name-missing" at "name": "a name is needed";
        NameTooLong = Unprocessable "name-too-long" at "name": "a name has at most 300 bytes; shorten it";
        NumberingInvalid = Unprocessable "numbering-invalid" at "numbering":
            "prefixes have at most 16 letters, digits, dashes or slashes and differ, and digits are 1 to 12";
        GraceTooLong = Unprocessable "grace-too-long" at "policies.graceMinutes": "the grace is at most 1,440 minutes";
        LateCancelTooLong = Unprocessable "late-cancel-too-long" at "policies.lateCancel.hoursBefore":
            "a cancellation is late at most 720 hours before the start";
        OverbookingTooMuch = Unprocessable "overbooking-too-much" at "policies.overbookingPerSlotMax":
            "at most 100 may be overbooked in a slot";
        FeeInvalid = Unprocessable "fee-invalid" at "policies":
            "a fee is the code of a service: 1 to 64 letters, digits, dots, dashes or underscores";
        FeeWithoutPrice { service: String } = Unprocessable "fee-without-price":
            "the policies charge a fee {service:?} that has no entry in the price list; add one, or change the policies";
        PriceCurrencyDiffers { service: String } = Unprocessable "price-currency" at "entries":
            "the price of {service:?} is not in the hospital's currency";
        PriceNegative { service: String } = Unprocessable "price-list-negative" at "entries":
            "the price of {service:?} is negative; a price is 0 or more";
        PricePeriodInvalid { service: String } = Unprocessable "price-period" at "entries":
            "the price of {service:?} ends before it begins; put validTo on or after validFrom, or leave it out";
        PricesOverlap { service: String, date: LocalDate } = Unprocessable "prices-overlap" at "entries":
            "two prices of {service:?} are in force on {date}; end one the day before the other begins";
        TaxInvalid { service: String } = Unprocessable "tax-invalid" at "entries":
            "the tax of {service:?} needs a category of one or two capitals and a rate of 0 to 10,000 basis points, which is 0 unless the category is S";
        ServiceInvalid = Unprocessable "service-invalid" at "entries":
            "each price needs a service code of 1 to 64 letters, digits, dots, dashes or underscores, and a display of 1 to 200 bytes";
        PriceListTooLong = Unprocessable "price-list-too-long" at "entries": "a price list has at most 200 entries";
    }
}
