//! The hospitals that the ids in other topics stand for.

use super::values::Hospital;

super::topic! { "carelog.hospitals.v1": "The hospitals of the chain, whose ids stand in all other topics.";
    /// A hospital joined the chain.
    struct HospitalRegistered {
        hospital: Hospital, name: String,
        /// IANA time zone.
        zone: String,
        /// ISO 4217.
        currency: String,
    }
}
