//! Processes that are not anyone's aggregate: what sagas, imports and workers write down about themselves.

pub mod commands;
pub mod events;
pub mod import;
pub mod operations;

pub use import::{Import, ImportStatus, advance_import, finish_import, start_import};
pub use operations::{SagaSteps, skip_projection_event};

use crate::data::{data, words};
use crate::kernel::reason::refused_for_reason;
use crate::kernel::{AlarmId, Timestamp};
use crate::rejection::rejections;

words! {
    /// What a saga wants done.
    enum IntentKind { Send = "send", SetAlarm = "set-alarm", CancelAlarm = "cancel-alarm" }
}

data! {
    /// One thing a saga decided to do, by the step that names it for ever.
    struct IntentRecord {
        /// Unique within the saga's instance.
        step: String,
        kind: IntentKind,
        /// The command's name, for `send`.
        command: Option<String>,
        /// For alarms.
        alarm: Option<AlarmId>,
        due_at: Option<Timestamp>,
    }
}

rejections! {
    /// Why something about a process is refused.
    pub enum ProcessRejection {
        SagaUnknown = NotFound "saga-unknown": "there is no such saga";
        StepUnknown = NotFound "saga-step-unknown" at "step": "the saga has no such failed step";
        HospitalUnknown = NotFound "hospital-unknown" at "hospital": "there is no such hospital";
        ImportUnknown = NotFound "import-unknown" at "manifest": "there is no such import";
        ManifestInvalid = Unprocessable "manifest-invalid" at "manifest":
            "a manifest's name is 1 to 100 letters, digits, dots, dashes or underscores";
        ImportFinished = Conflict "import-finished" at "manifest": "this import is over; begin another one";
        FolderChanged = Conflict "import-folder-changed" at "digest":
            "an import of this name began with other files; restore them, or begin another import";
        WatermarkBack { watermark: Timestamp } = Conflict "watermark-back" at "watermark":
            "the import is at {watermark} already, and a watermark never goes back";
        ReasonMissing = Unprocessable "reason-missing" at "reason": "a reason is needed";
        ReasonTooLong = Unprocessable "reason-too-long" at "reason":
            "a reason has at most 2,000 bytes; shorten it";
    }
}

refused_for_reason!(ProcessRejection);
