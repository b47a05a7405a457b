//! What can be asked of a hospital.

use super::{Numbering, Policies, PriceEntry};
use crate::data::data;
use crate::kernel::{Currency, HospitalId, Zone};

data! {
    /// Adds a hospital to the chain.
    struct RegisterHospital { name: String, zone: Zone, currency: Currency, policies: Policies, numbering: Numbering }
    /// Replaces its policies.
    struct SetPolicies { hospital: HospitalId, policies: Policies }
    /// Replaces its price list.
    struct SetPriceList { hospital: HospitalId, entries: Vec<PriceEntry> }
}
