//! Why a handler stops: the domain says no, or a port could not. Also the few refusals that are the write side's own.

use std::borrow::Cow;
use std::fmt::Display;

use carelog_domain::ports::Failure;
use carelog_domain::rejection::{Rejection, RejectionClass};

/// Why a handler stops.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The domain says no.
    Rejected(Rejection),
    /// A port could not.
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        Refusal::Failed(failure)
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Refusal {
        Refusal::Rejected(rejection)
    }
}

macro_rules! refusals_of {
    ($($ty:ty),* $(,)?) => {$(
        impl From<$ty> for Refusal {
            fn from(refusal: $ty) -> Refusal { Refusal::Rejected(refusal.into()) }
        }
    )*};
}

refusals_of!(
    carelog_domain::policy::PolicyRejection,
    carelog_domain::organization::OrganizationRejection,
    carelog_domain::practitioner::PractitionerRejection,
    carelog_domain::patient::PatientRejection,
    carelog_domain::scheduling::SchedulingRejection,
    carelog_domain::laboratory::LaboratoryRejection,
    carelog_domain::billing::BillingRejection,
    carelog_domain::process::ProcessRejection,
    ApiRejection,
);

/// Refusals that no context knows: they are about time, size and contention.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ApiRejection {
    /// An occurred-at after now.
    OccurredInFuture,
    /// An occurred-at before the last event of a stream it changes.
    OccurredBeforeLast,
    /// An event beyond the limit of a frame.
    EventTooLarge,
    /// Another writer kept changing the same streams.
    TooBusy,
    /// A claim's hash that is none.
    NotAHash,
}

impl ApiRejection {
    /// All of them.
    pub(crate) const ALL: [ApiRejection; 5] = [
        ApiRejection::OccurredInFuture,
        ApiRejection::OccurredBeforeLast,
        ApiRejection::EventTooLarge,
        ApiRejection::TooBusy,
        ApiRejection::NotAHash,
    ];

    /// With the reason the log gave.
    pub(crate) fn because(self, reason: impl Display) -> Rejection {
        Rejection { message: reason.to_string(), ..self.into() }
    }
}

impl From<ApiRejection> for Rejection {
    fn from(refusal: ApiRejection) -> Rejection {
        let (code, class, field, message) = match refusal {
            ApiRejection::OccurredInFuture => (
                "occurred-at-in-future",
                RejectionClass::Unprocessable,
                Some("occurredAt"),
                "occurred-at is later than now; nothing can be recorded before it happens",
            ),
            ApiRejection::OccurredBeforeLast => (
                "occurred-at-before-last",
                RejectionClass::Unprocessable,
                Some("occurredAt"),
                "occurred-at is before the last event of what it changes; send events in the order they happened",
            ),
            ApiRejection::EventTooLarge => (
                "event-too-large",
                RejectionClass::Unprocessable,
                None,
                "what would be recorded is larger than one event may be; send less at once",
            ),
            ApiRejection::TooBusy => (
                "too-busy",
                RejectionClass::Conflict,
                None,
                "others kept changing the same records; send it again with the same key",
            ),
            ApiRejection::NotAHash => (
                "not-a-hash",
                RejectionClass::Unprocessable,
                Some("keyedHash"),
                "the claim's hash is not 64 hex digits",
            ),
        };
        Rejection { code, class, field: field.map(Cow::Borrowed), message: message.to_owned() }
    }
}
