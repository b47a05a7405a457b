//! An import of one folder into a hospital: the state of a stream `import:<hospital>:<manifest>`. While it runs, the
//! hospital's alarms follow its watermark, not the clock.

use super::ProcessRejection;
use super::commands::{AdvanceImport, FinishImport, StartImport};
use super::events::{ImportAdvanced, ImportFinished, ImportStarted};
use crate::event::{Changes, ProcessEvent};
use crate::kernel::{Evolve, Timestamp};
use crate::organization::Hospital;
use crate::streams;

/// An import, if it was begun.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Import {
    status: Option<ImportStatus>,
    digest: String,
}

/// How far an import is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportStatus {
    /// Everything that occurred before the watermark is in.
    Running {
        /// How far.
        watermark: Timestamp,
    },
    /// Over.
    Finished,
}

impl Import {
    /// How far it is; `None` if it was never begun.
    pub fn status(&self) -> Option<ImportStatus> {
        self.status
    }
}

impl Evolve for Import {
    type Event = ProcessEvent;

    fn evolve(&mut self, event: &ProcessEvent) {
        match event {
            ProcessEvent::ImportStarted(e) => {
                self.status = Some(ImportStatus::Running { watermark: e.watermark });
                self.digest.clone_from(&e.digest);
            }
            ProcessEvent::ImportAdvanced(e) => self.status = Some(ImportStatus::Running { watermark: e.watermark }),
            ProcessEvent::ImportFinished(_) => self.status = Some(ImportStatus::Finished),
            _ => {}
        }
    }
}

/// An import begins; no event when it runs already: it is taken up again. Streams: the hospital (read), the import
/// (led).
///
/// # Errors
/// Unknown hospital, a manifest's name that is none, a folder that changed since, an import that is over.
pub fn start_import(hospital: &Hospital, import: &Import, command: &StartImport) -> Result<Changes, ProcessRejection> {
    check_manifest(&command.manifest)?;
    if hospital.settings().is_none_or(|settings| settings.hospital != command.hospital) {
        return Err(ProcessRejection::HospitalUnknown);
    }
    match import.status {
        Some(_) if import.digest != command.digest => Err(ProcessRejection::FolderChanged),
        Some(ImportStatus::Running { .. }) => Ok(vec![]),
        Some(ImportStatus::Finished) => Err(ProcessRejection::ImportFinished),
        None => {
            let StartImport { hospital, manifest, digest, watermark } = command.clone();
            let stream = streams::import(hospital, &manifest);
            Ok(vec![(stream, ImportStarted { hospital, manifest, digest, watermark }.into())])
        }
    }
}

/// Everything before the watermark is in; no event when it was there already. Streams: the import (led).
///
/// # Errors
/// An import that was never begun or is over, a watermark that goes back.
pub fn advance_import(import: &Import, command: &AdvanceImport) -> Result<Changes, ProcessRejection> {
    check_manifest(&command.manifest)?;
    match import.status {
        None => Err(ProcessRejection::ImportUnknown),
        Some(ImportStatus::Finished) => Err(ProcessRejection::ImportFinished),
        Some(ImportStatus::Running { watermark }) if command.watermark < watermark => {
            Err(ProcessRejection::WatermarkBack { watermark })
        }
        Some(ImportStatus::Running { watermark }) if command.watermark == watermark => Ok(vec![]),
        Some(ImportStatus::Running { .. }) => {
            let AdvanceImport { hospital, manifest, watermark } = command.clone();
            let stream = streams::import(hospital, &manifest);
            Ok(vec![(stream, ImportAdvanced { hospital, manifest, watermark }.into())])
        }
    }
}

/// The import is over; no event when it was already. Streams: the import (led).
///
/// # Errors
/// An import that was never begun.
pub fn finish_import(import: &Import, command: &FinishImport) -> Result<Changes, ProcessRejection> {
    check_manifest(&command.manifest)?;
    match import.status {
        None => Err(ProcessRejection::ImportUnknown),
        Some(ImportStatus::Finished) => Ok(vec![]),
        Some(ImportStatus::Running { .. }) => {
            let FinishImport { hospital, manifest } = command.clone();
            Ok(vec![(streams::import(hospital, &manifest), ImportFinished { hospital, manifest }.into())])
        }
    }
}

/// The manifest's name is part of a stream's name.
fn check_manifest(manifest: &str) -> Result<(), ProcessRejection> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let good = (1..=100).contains(&manifest.len()) && manifest.bytes().all(plain);
    if good { Ok(()) } else { Err(ProcessRejection::ManifestInvalid) }
}

#[cfg(test)]
mod tests;
