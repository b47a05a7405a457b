//! What can happen to a hospital.

use super::{Numbering, Policies, PriceEntry};
use crate::data::data;
use crate::kernel::{Currency, HospitalId, Zone};

data! {
    /// A hospital joined the chain.
    struct HospitalRegistered {
        hospital: HospitalId, name: String, zone: Zone, currency: Currency, policies: Policies, numbering: Numbering,
    }
    /// Its policies from now on.
    struct PoliciesSet { hospital: HospitalId, policies: Policies }
    /// Its whole price list from now on.
    struct PriceListSet { hospital: HospitalId, entries: Vec<PriceEntry> }
}
