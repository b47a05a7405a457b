//! Everything that can be asked, gathered from the contexts into one closed enum.

use serde::{Deserialize, Serialize};

use crate::billing::commands::*;
use crate::laboratory::commands::*;
use crate::organization::commands::*;
use crate::patient::commands::*;
use crate::policy::Permission;
use crate::practitioner::commands::*;
use crate::process::commands::*;
use crate::scheduling::commands::*;

macro_rules! commands {
    ($($name:ident : $permission:ident,)*) => {
        /// Any command.
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(tag = "command", content = "body")]
        #[allow(missing_docs, reason = "each variant is documented at its struct")]
        pub enum Command { $($name($name)),* }

        $(impl From<$name> for Command {
            fn from(command: $name) -> Command { Command::$name(command) }
        })*

        impl Command {
            /// Its name, which is also the operation that scopes idempotency keys.
            pub const fn name(&self) -> &'static str {
                match self { $(Command::$name(_) => stringify!($name)),* }
            }

            /// What whoever sends it must be permitted.
            pub const fn permission(&self) -> Permission {
                match self { $(Command::$name(_) => Permission::$permission),* }
            }
        }
    };
}

commands! {
    RegisterHospital: ManageHospitals,
    SetPolicies: ManageHospitals,
    SetPriceList: ManageHospitals,
    RegisterPractitioner: ManagePractitioners,
    AssignRole: ManagePractitioners,
    SetSchedule: ManagePractitioners,
    TakeLeave: ManagePractitioners,
    CancelLeave: ManagePractitioners,
    RequestRegistration: RegisterPatients,
    RequestLink: RegisterPatients,
    CorrectPatient: RegisterPatients,
    ChangeContacts: RegisterPatients,
    ClaimIdentifier: RunProcesses,
    ConfirmClaim: RunProcesses,
    ReleaseClaim: RunProcesses,
    RegisterPatient: RunProcesses,
    LinkPatient: RunProcesses,
    EndRegistration: RunProcesses,
    OpenDays: ManagePractitioners,
    HoldSlot: Schedule,
    ReleaseHold: Schedule,
    BookAppointment: Schedule,
    AdvanceAppointment: Schedule,
    RescheduleAppointment: Schedule,
    Arrive: Schedule,
    CheckIn: Schedule,
    Fulfil: Treat,
    CancelAppointment: Schedule,
    MarkNoShow: Schedule,
    UndoStatus: Schedule,
    EnterAppointmentInError: CorrectRecords,
    UploadLabReport: HandInResults,
    StartProcessing: RunProcesses,
    RecordExtraction: RunProcesses,
    RecordProcessingFailure: RunProcesses,
    RetryProcessing: HandInResults,
    ResolveReview: ConfirmResults,
    FinaliseLabReport: ConfirmResults,
    AmendLabReport: ConfirmResults,
    CorrectLabReport: ConfirmResults,
    AppendToLabReport: ConfirmResults,
    CancelObservation: ConfirmResults,
    CancelLabReport: ConfirmResults,
    AcknowledgeCritical: Treat,
    DraftInvoice: RunProcesses,
    RepriceDraft: RunProcesses,
    IssueInvoice: RunProcesses,
    CancelDraft: RunProcesses,
    CreditInvoice: CreditInvoices,
    RecordPayment: TakePayments,
    PayInvoice: TakePayments,
    ResolvePayment: TakePayments,
    AllocateCredit: TakePayments,
    UndoAllocation: TakePayments,
    RefundPayment: CreditInvoices,
    RetrySagaStep: Operate,
    SkipProjectionEvent: Operate,
    StartImport: Import,
    AdvanceImport: Import,
    FinishImport: Import,
    AddIdentifier: RegisterPatients,
    RecordIdentifier: RunProcesses,
    RefuseIdentifier: RunProcesses,
    NameGuarantor: TakePayments,
}
