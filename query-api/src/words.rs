//! The closed lists of words, as GraphQL enums: FHIR's codes in capitals, `-` written `_`.

use async_graphql::Enum;
use carelog_domain::{billing, laboratory, patient, scheduling};

macro_rules! graphql_words {
    ($($(#[$doc:meta])* $name:ident of $module:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum $name { $($(#[$word_doc])* #[graphql(name = $word)] $variant,)* }

        impl From<$name> for $module::$name {
            fn from(word: $name) -> $module::$name {
                match word { $($name::$variant => $module::$name::$variant,)* }
            }
        }

        impl From<$module::$name> for $name {
            fn from(word: $module::$name) -> $name {
                match word { $($module::$name::$variant => $name::$variant,)* }
            }
        }
    )*};
}

graphql_words! {
    /// How far an appointment has come (FHIR R4 appointmentstatus).
    AppointmentStatus of scheduling {
        /// Somebody would like to come; no seat is taken.
        Proposed = "PROPOSED",
        /// Not everybody has agreed yet; no seat is taken.
        Pending = "PENDING",
        /// A seat is taken.
        Booked = "BOOKED",
        /// The patient is here.
        Arrived = "ARRIVED",
        /// The visit took place and has ended (FHIR says fulfilled when it begins; see docs/fhir-names.md).
        Fulfilled = "FULFILLED",
        /// It will not take place.
        Cancelled = "CANCELLED",
        /// The patient did not come.
        NoShow = "NOSHOW",
        /// It should never have been written.
        EnteredInError = "ENTERED_IN_ERROR",
        /// The desk has taken the patient in.
        CheckedIn = "CHECKED_IN",
        /// Waiting for a seat.
        Waitlist = "WAITLIST",
    }
    /// Who cancelled or moved an appointment (the groups of FHIR's appointment-cancellation-reason).
    CancelledBy of scheduling {
        /// The patient.
        Patient = "PAT",
        /// The hospital or the practitioner.
        Provider = "PROV",
        /// Somebody or something else.
        Other = "OTHER",
    }
    /// FHIR R4 slotstatus, derived from the seats.
    SlotStatus of scheduling {
        /// A seat is left.
        Free = "FREE",
        /// Every seat is taken or held.
        Busy = "BUSY",
        /// The practitioner is on leave.
        BusyUnavailable = "BUSY_UNAVAILABLE",
    }
    /// What an invoice is for.
    InvoiceKind of billing {
        /// A visit.
        Visit = "VISIT",
        /// The patient cancelled late.
        LateCancelFee = "LATE_CANCEL_FEE",
        /// The patient did not come.
        NoShowFee = "NO_SHOW_FEE",
    }
    /// FHIR R4 invoice-status.
    InvoiceStatus of billing {
        /// Being prepared; it has no number and may still change.
        Draft = "DRAFT",
        /// Numbered and final; something is left to pay.
        Issued = "ISSUED",
        /// Nothing is left to pay.
        Balanced = "BALANCED",
        /// A draft given up, or an invoice credited in full.
        Cancelled = "CANCELLED",
        /// It should never have been written.
        EnteredInError = "ENTERED_IN_ERROR",
    }
    /// What became of a payment.
    PaymentStatus of billing {
        /// On its way.
        Pending = "PENDING",
        /// It arrived.
        Succeeded = "SUCCEEDED",
        /// It did not arrive.
        Failed = "FAILED",
        /// Nobody knows yet; it is resolved by asking, never by paying again.
        Unknown = "UNKNOWN",
    }
    /// How it was paid.
    PaymentMethod of billing {
        /// In notes and coins.
        Cash = "CASH",
        /// By card.
        Card = "CARD",
        /// From bank to bank.
        BankTransfer = "BANK_TRANSFER",
        /// Some other way.
        Other = "OTHER",
    }
    /// FHIR R4 diagnostic-report-status.
    ReportStatus of laboratory {
        /// Known, nothing read yet.
        Registered = "REGISTERED",
        /// Some values are in.
        Partial = "PARTIAL",
        /// Values as read by the machine; nobody stands for them yet.
        Preliminary = "PRELIMINARY",
        /// A person stands for it.
        Final = "FINAL",
        /// Changed after it was final.
        Amended = "AMENDED",
        /// Put right after it was final.
        Corrected = "CORRECTED",
        /// Added to after it was final.
        Appended = "APPENDED",
        /// Withdrawn before it was final.
        Cancelled = "CANCELLED",
        /// It should never have been written.
        EnteredInError = "ENTERED_IN_ERROR",
    }
    /// What became of an uploaded file.
    FileStatus of laboratory {
        /// It is kept.
        Uploaded = "UPLOADED",
        /// It is being read.
        Processing = "PROCESSING",
        /// It was read.
        Extracted = "EXTRACTED",
        /// It could not be read; it stays and can be tried again.
        ProcessingFailed = "PROCESSING_FAILED",
        /// It was read, but a person must look before anything reaches the chart.
        NeedsReview = "NEEDS_REVIEW",
    }
    /// FHIR R4 observation-status.
    ObservationStatus of laboratory {
        /// Known, no value yet.
        Registered = "REGISTERED",
        /// As read by the machine.
        Preliminary = "PRELIMINARY",
        /// A person stands for it.
        Final = "FINAL",
        /// Changed after it was final.
        Amended = "AMENDED",
        /// Put right after it was final.
        Corrected = "CORRECTED",
        /// Withdrawn.
        Cancelled = "CANCELLED",
        /// It should never have been written.
        EnteredInError = "ENTERED_IN_ERROR",
    }
    /// How a value compares with its range (HL7 v3 ObservationInterpretation).
    Flag of laboratory {
        /// Normal.
        Normal = "N",
        /// Low.
        Low = "L",
        /// High.
        High = "H",
        /// Critically low.
        CriticallyLow = "LL",
        /// Critically high.
        CriticallyHigh = "HH",
        /// Abnormal.
        Abnormal = "A",
        /// Critically abnormal.
        CriticallyAbnormal = "AA",
    }
    /// Why a person must look before anything of a report reaches the chart.
    ReviewReason of laboratory {
        /// The name printed is not the patient's.
        NameDiffers = "NAME_DIFFERS",
        /// The birth date printed is not the patient's.
        BirthDateDiffers = "BIRTH_DATE_DIFFERS",
        /// The identifier printed is not the patient's.
        IdentifierDiffers = "IDENTIFIER_DIFFERS",
        /// A printed flag is not the one its range gives.
        FlagsDisagree = "FLAGS_DISAGREE",
    }
    /// FHIR administrative-gender.
    Gender of patient {
        /// Male.
        Male = "MALE",
        /// Female.
        Female = "FEMALE",
        /// Other.
        Other = "OTHER",
        /// Not known.
        Unknown = "UNKNOWN",
    }
    /// What kind of contact it is (FHIR contact-point-system).
    ContactSystem of patient {
        /// A telephone number.
        Phone = "PHONE",
        /// An address for e-mail.
        Email = "EMAIL",
        /// A number for text messages.
        Sms = "SMS",
        /// Something else.
        Other = "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::resolver_utils::EnumType;

    use super::*;

    fn agree<G: EnumType + From<D>, D: Copy>(all: &[D], word: fn(D) -> &'static str) {
        for &value in all {
            let name = async_graphql::resolver_utils::enum_value(G::from(value)).to_string();
            assert_eq!(name, word(value).to_uppercase().replace('-', "_"));
        }
        assert_eq!(G::items().len(), all.len());
    }

    #[test]
    fn every_word_is_the_stored_one_in_capitals() {
        agree::<AppointmentStatus, _>(scheduling::AppointmentStatus::ALL, scheduling::AppointmentStatus::word);
        agree::<CancelledBy, _>(scheduling::CancelledBy::ALL, scheduling::CancelledBy::word);
        agree::<SlotStatus, _>(scheduling::SlotStatus::ALL, scheduling::SlotStatus::word);
        agree::<InvoiceKind, _>(billing::InvoiceKind::ALL, billing::InvoiceKind::word);
        agree::<InvoiceStatus, _>(billing::InvoiceStatus::ALL, billing::InvoiceStatus::word);
        agree::<PaymentStatus, _>(billing::PaymentStatus::ALL, billing::PaymentStatus::word);
        agree::<PaymentMethod, _>(billing::PaymentMethod::ALL, billing::PaymentMethod::word);
        agree::<ReportStatus, _>(laboratory::ReportStatus::ALL, laboratory::ReportStatus::word);
        agree::<FileStatus, _>(laboratory::FileStatus::ALL, laboratory::FileStatus::word);
        agree::<ObservationStatus, _>(laboratory::ObservationStatus::ALL, laboratory::ObservationStatus::word);
        agree::<Flag, _>(laboratory::Flag::ALL, laboratory::Flag::word);
        agree::<ReviewReason, _>(laboratory::ReviewReason::ALL, laboratory::ReviewReason::word);
        agree::<Gender, _>(patient::Gender::ALL, patient::Gender::word);
        agree::<ContactSystem, _>(patient::ContactSystem::ALL, patient::ContactSystem::word);
    }
}
