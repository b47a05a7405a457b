//! Processes that are not anyone's aggregate: what sagas, imports and workers write down about themselves.

pub mod commands;
pub mod events;

use crate::data::{data, words};
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
        ImportUnknown = NotFound "import-unknown": "there is no such import";
    }
}
