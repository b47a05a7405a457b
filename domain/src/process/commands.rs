//! What can be asked of processes.

use crate::data::data;
use crate::kernel::{HospitalId, Position, Staff, Timestamp};

data! {
    /// Tries a failed step of a saga again.
    struct RetrySagaStep { saga: String, instance: String, step: String }
    /// Lets a projection skip an event it cannot take.
    struct SkipProjectionEvent {
        projection: String,
        #[schemars(with = "String")]
        position: Position,
        reason: Staff<String>,
    }
    /// An import begins.
    struct StartImport {
        hospital: HospitalId, manifest: String,
        /// Hash of the manifest's content: the same name with another one is another body, and refused.
        digest: String,
        watermark: Timestamp,
    }
    /// An import has brought in everything before this instant.
    struct AdvanceImport { hospital: HospitalId, manifest: String, watermark: Timestamp }
    /// An import is over.
    struct FinishImport { hospital: HospitalId, manifest: String }
}
