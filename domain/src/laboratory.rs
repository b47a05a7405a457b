//! Lab reports: the file, what was read from it, and what people made of it.

pub mod commands;
pub mod events;

use crate::data::{data, words};
use crate::kernel::LocalDate;
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
        /// Page and line it was read from, from 1.
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
}

rejections! {
    /// Why something about a lab report is refused.
    pub enum LaboratoryRejection {
        LabReportUnknown = NotFound "lab-report-unknown" at "report": "there is no such lab report";
    }
}
