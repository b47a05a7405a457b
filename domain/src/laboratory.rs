//! Lab reports: the file, what was read from it, and what people made of it.

pub mod commands;
pub mod decimal;
pub mod events;
pub mod flags;
pub mod matching;

mod decide;
mod observation;
mod report;
mod revise;

pub use decide::{FILE_BYTES_MAX, LabReportCommand};
pub use flags::compute_flag;
pub use matching::{review_reasons, with_computed_flags};
pub use report::{LabReport, ReportRecord};
pub use revise::APPENDED_MAX;

use crate::data::{data, words};
use crate::kernel::LocalDate;
use crate::kernel::reason::refused_for_reason;
use crate::rejection::rejections;

words! {
    /// What became of an uploaded file.
    enum FileStatus {
        Uploaded = "uploaded", Processing = "processing", Extracted = "extracted",
        ProcessingFailed = "processing-failed", NeedsReview = "needs-review",
    }
    /// FHIR R4 diagnostic-report-status, as far as it is used.
    enum ReportStatus {
        Registered = "registered", Partial = "partial", Preliminary = "preliminary", Final = "final",
        Amended = "amended", Corrected = "corrected", Appended = "appended", Cancelled = "cancelled",
        EnteredInError = "entered-in-error",
    }
    /// FHIR R4 observation-status, as far as it is used.
    enum ObservationStatus {
        Registered = "registered", Preliminary = "preliminary", Final = "final", Amended = "amended",
        Corrected = "corrected", Cancelled = "cancelled", EnteredInError = "entered-in-error",
    }
    /// FHIR R4 quantity-comparator.
    enum Comparator { Less = "<", LessOrEqual = "<=", Greater = ">", GreaterOrEqual = ">=" }
    /// FHIR R4 observation-interpretation (v3 ObservationInterpretation), as far as it is used.
    enum Flag {
        Normal = "N", Low = "L", High = "H", CriticallyLow = "LL", CriticallyHigh = "HH", Abnormal = "A",
        CriticallyAbnormal = "AA",
    }
    /// Why a file could not be read.
    enum FailureReason {
        Encrypted = "encrypted", Broken = "broken", NoText = "no-text", TooManyPages = "too-many-pages",
        TooLarge = "too-large", TimedOut = "timed-out", OutOfMemory = "out-of-memory", NoTable = "no-table",
        ReaderCrashed = "reader-crashed", FileMissing = "file-missing",
    }
    /// Why a person must look before anything reaches the chart.
    enum ReviewReason {
        NameDiffers = "name-differs", BirthDateDiffers = "birth-date-differs", IdentifierDiffers = "identifier-differs",
        FlagsDisagree = "flags-disagree",
    }
}

impl Flag {
    /// True for HH, LL and AA: an open task until acknowledged.
    pub const fn is_critical(self) -> bool {
        matches!(self, Flag::CriticallyLow | Flag::CriticallyHigh | Flag::CriticallyAbnormal)
    }
}

data! {
    /// One value of a report: as printed, and what could be understood of it.
    struct Observation {
        /// Its number in the report, from 1.
        number: u32,
        /// The analyte as printed.
        name: String,
        /// LOINC, where known.
        loinc: Option<String>,
        /// The value exactly as printed; `None` when the row had none.
        printed: Option<String>,
        /// The number as a decimal string, digits as printed (`4.10` stays `4.10`), decimal point.
        decimal: Option<String>,
        comparator: Option<Comparator>,
        /// The unit as printed.
        unit: Option<String>,
        /// The same in UCUM, where known.
        ucum: Option<String>,
        range: Option<ReferenceRange>,
        /// The flag as printed.
        printed_flag: Option<Flag>,
        /// The flag computed from the range; `None` when no range matches, which does not mean normal.
        computed_flag: Option<Flag>,
        status: ObservationStatus,
        /// True until a person confirmed it.
        machine_read: bool,
        /// Page and line it was read from, from 1; 0 for a value that a person added.
        page: u32,
        line: u32,
        /// Earlier values of an amended observation, oldest first, as printed.
        earlier: Vec<String>,
    }
    /// A reference range as printed, with what could be understood of it. One bound may be missing.
    struct ReferenceRange { text: String, low: Option<String>, high: Option<String>, applies_to: Option<AppliesTo> }
    /// Whom a range is for.
    struct AppliesTo {
        sex: Option<crate::patient::Gender>,
        /// Years, inclusive.
        age_low: Option<u32>,
        /// Years, inclusive.
        age_high: Option<u32>,
    }
    /// What a file says about whose it is and when.
    struct PrintedHeader {
        name: Option<String>,
        birth_date: Option<LocalDate>,
        identifier: Option<String>,
        sex: Option<crate::patient::Gender>,
        collected: Option<String>,
        laboratory: Option<String>,
    }
    /// All that was read from a file.
    struct Extraction {
        header: PrintedHeader,
        observations: Vec<Observation>,
        /// Lines that were not understood, kept as they are.
        unparsed: Vec<String>,
        pages: u32,
        /// The PDF producer's name.
        producer: Option<String>,
    }
    /// What a person puts right in one value.
    struct ObservationChange {
        number: u32, printed: Option<String>, decimal: Option<String>, comparator: Option<Comparator>,
        unit: Option<String>, flag: Option<Flag>,
    }
    /// A value that a person adds to a final report.
    struct AddedObservation {
        /// The analyte.
        name: String, loinc: Option<String>,
        /// The value as the laboratory gave it.
        printed: String,
        decimal: Option<String>, comparator: Option<Comparator>, unit: Option<String>, ucum: Option<String>,
        range: Option<ReferenceRange>, flag: Option<Flag>,
    }
}

rejections! {
    /// Why something about a lab report is refused.
    pub enum LaboratoryRejection {
        LabReportUnknown = NotFound "lab-report-unknown" at "report": "there is no such lab report";
        ObservationUnknown = NotFound "observation-unknown" at "observation":
            "the report has no value of this number; values are numbered from 1";
        LabReportTaken = Conflict "lab-report-taken" at "report":
            "another file, or the same for another patient, was handed in under this id; hand it in under a new one";
        FileNotPdf = Unprocessable "lab-file-not-pdf" at "mediaType": "a lab report is a PDF file (application/pdf)";
        FileSize { bytes: u64, most: u64 } = Unprocessable "lab-file-size" at "bytes":
            "the file has {bytes} bytes; it must have at least 1 and at most {most}";
        ProcessingNotDue { status: FileStatus } = Conflict "processing-not-due" at "report":
            "the file is {status}; reading begins when it was just uploaded, or with a retry after a failure";
        RetryNotDue { status: FileStatus } = Conflict "retry-not-due" at "report":
            "the file is {status}; only a file that could not be read is read again";
        NotProcessing { status: FileStatus } = Conflict "not-processing" at "report":
            "the file is {status}; what was read is recorded only while it is processing";
        AttemptSuperseded { current: u32 } = Conflict "attempt-superseded" at "attempt":
            "reading number {current} runs now; the result of an earlier one is not taken any more";
        ReviewNotOpen { status: FileStatus } = Conflict "review-not-open" at "report":
            "the file is {status}; there is no review to resolve";
        ReviewOpen = Conflict "review-open" at "report":
            "a person must first say whether the report belongs to its patient; resolve the review";
        NotRead { status: FileStatus } = Conflict "lab-report-not-read" at "report":
            "the file is {status}, so the report has no values yet; wait for it or retry the reading";
        AlreadyFinal { status: ReportStatus } = Conflict "lab-report-final" at "report":
            "the report is {status} already; amend it if something is wrong";
        NotFinal { status: ReportStatus } = Conflict "lab-report-not-final" at "report":
            "the report is {status}; only a final report is changed: finalise it first, or cancel it";
        LabReportCancelled = Conflict "lab-report-cancelled" at "report":
            "the report was withdrawn; hand in the right file";
        AmendmentWithoutChanges = Unprocessable "amendment-without-changes" at "changes":
            "an amendment changes at least one value";
        AmendmentEmpty { number: u32 } = Unprocessable "amendment-empty" at "changes":
            "the change of value {number} changes nothing; give a printed value, a unit or a flag";
        AmendmentValueUnknown { number: u32 } = Unprocessable "amendment-value-unknown" at "changes":
            "the report has no value {number}; values are numbered from 1";
        AmendmentValueRepeated { number: u32 } = Unprocessable "amendment-value-repeated" at "changes":
            "value {number} is changed twice; give each value once";
        AmendmentValueMalformed { number: u32 } = Unprocessable "amendment-value-malformed" at "changes":
            "the number of value {number} must be a plain decimal such as 4.10, given with the value as printed";
        AmendmentValueDiffers { number: u32 } = Unprocessable "amendment-value-differs" at "changes":
            "the number of value {number} is not the one that is printed; give both alike, or the printed value alone";
        AmendmentFlagMissing { number: u32 } = Unprocessable "amendment-flag-missing" at "changes":
            "value {number} is critical; say with a flag what the new value is, so that its task is not closed by chance";
        AppendedCount = Unprocessable "appended-count" at "observations":
            "append 1 to {APPENDED_MAX} values at once";
        AppendedInvalid { place: u32 } = Unprocessable "appended-invalid" at "observations":
            "value {place} of the list needs a name and a printed value, no text of more than 500 bytes, and as its number, \
             if one is told, the printed one as a plain decimal such as 4.10";
        ObservationCancelled { number: u32 } = Conflict "observation-cancelled" at "observation":
            "value {number} was withdrawn and does not change any more; append the right one";
        NotCritical = Conflict "observation-not-critical" at "observation":
            "this value is not critical, so there is nothing to acknowledge";
        CriticalAcknowledged = Conflict "critical-acknowledged" at "observation":
            "somebody has acknowledged this value already";
        CriticalValueChanged = Conflict "critical-value-changed" at "valueSeen":
            "this is not the value the report has now; look at it again and acknowledge what it says";
        ReasonMissing = Unprocessable "reason-missing" at "reason": "a reason is needed";
        ReasonTooLong = Unprocessable "reason-too-long" at "reason": "a reason has at most 2,000 bytes; shorten it";
        ValuesUnreadable = Conflict "lab-values-unreadable" at "report":
            "the values of this report cannot be read any more: the patient's clinical data was erased";
    }
}

refused_for_reason!(LaboratoryRejection);

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
