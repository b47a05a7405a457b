//! Bodies of imports and of what operators do.

use carelog_domain::command::Command;
use carelog_domain::kernel::{HospitalId, Position, Staff, Timestamp};
use carelog_domain::process::commands::*;

use crate::problem::Problem;
use crate::rest::body::{Body, bodies};

bodies! {
    /// An import begins.
    struct StartImportBody {
        hospital: HospitalId,
        manifest: String,
        /// What the folder holds (a hash of its files), so that it cannot change under the same manifest.
        digest: String,
        watermark: Timestamp,
    }
    /// Everything that occurred before the watermark is in.
    struct AdvanceImportBody { hospital: HospitalId, manifest: String, watermark: Timestamp }
    /// An import is over.
    struct FinishImportBody { hospital: HospitalId, manifest: String }
    /// Tries a failed step of a saga again.
    struct RetrySagaStepBody { saga: String, instance: String, step: String }
    /// Lets a projection skip an event it cannot take.
    struct SkipProjectionEventBody {
        projection: String,
        /// `partition:offset`.
        #[schemars(with = "String")]
        position: Position,
        reason: String,
    }
}

impl Body for StartImportBody {
    fn command(self) -> Result<Command, Problem> {
        let StartImportBody { hospital, manifest, digest, watermark } = self;
        Ok(StartImport { hospital, manifest, digest, watermark }.into())
    }
}

impl Body for AdvanceImportBody {
    fn command(self) -> Result<Command, Problem> {
        let AdvanceImportBody { hospital, manifest, watermark } = self;
        Ok(AdvanceImport { hospital, manifest, watermark }.into())
    }
}

impl Body for FinishImportBody {
    fn command(self) -> Result<Command, Problem> {
        Ok(FinishImport { hospital: self.hospital, manifest: self.manifest }.into())
    }
}

impl Body for RetrySagaStepBody {
    fn command(self) -> Result<Command, Problem> {
        let RetrySagaStepBody { saga, instance, step } = self;
        Ok(RetrySagaStep { saga, instance, step }.into())
    }
}

impl Body for SkipProjectionEventBody {
    fn command(self) -> Result<Command, Problem> {
        let SkipProjectionEventBody { projection, position, reason } = self;
        Ok(SkipProjectionEvent { projection, position, reason: Staff::new(reason) }.into())
    }
}
