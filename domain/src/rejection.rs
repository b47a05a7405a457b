//! How the domain says no: a closed enum per context, each variant with a stable code that has a page in docs/errors.

use std::borrow::Cow;
use std::fmt;

/// What kind of "no", which decides the HTTP status.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RejectionClass {
    /// There is no such thing (404).
    NotFound,
    /// The state it is in does not allow it (409).
    Conflict,
    /// The values make no sense together or by themselves (422).
    Unprocessable,
    /// Whoever asks may not (403).
    Forbidden,
}

/// A refusal, as the edges show it. Holds nothing personal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// Stable, such as `slot-taken`.
    pub code: &'static str,
    /// What kind of "no".
    pub class: RejectionClass,
    /// The field of the command that is at fault, if one is.
    pub field: Option<Cow<'static, str>>,
    /// For people: what is wrong and how to mend it.
    pub message: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Rejection {}

/// A context's own enum of refusals.
macro_rules! rejections {
    ($(#[$doc:meta])* pub enum $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident $({ $($field:ident : $ty:ty),* $(,)? })?
            = $class:ident $code:literal $(at $at:literal)? : $message:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
        #[allow(missing_docs, reason = "the message of each variant says what its fields are")]
        pub enum $name {
            $($(#[$variant_doc])* #[error($message)] $variant $({ $($field: $ty),* })?,)*
        }

        impl $name {
            /// Every code with its class, for the pages in docs/errors and the API description.
            pub const CODES: &'static [(&'static str, $crate::rejection::RejectionClass)] =
                &[$(($code, $crate::rejection::RejectionClass::$class)),*];
        }

        impl From<$name> for $crate::rejection::Rejection {
            fn from(refusal: $name) -> Self {
                let message = refusal.to_string();
                match refusal {
                    $($name::$variant $({ $($field: _),* })? => $crate::rejection::Rejection {
                        code: $code,
                        class: $crate::rejection::RejectionClass::$class,
                        field: [$($at,)?].first().copied().map(::std::borrow::Cow::Borrowed),
                        message,
                    },)*
                }
            }
        }
    };
}

pub(crate) use rejections;

/// The codes of every context, for documentation and its test.
pub fn all_codes() -> Vec<(&'static str, RejectionClass)> {
    [
        crate::policy::PolicyRejection::CODES,
        crate::organization::OrganizationRejection::CODES,
        crate::practitioner::PractitionerRejection::CODES,
        crate::patient::PatientRejection::CODES,
        crate::scheduling::SchedulingRejection::CODES,
        crate::laboratory::LaboratoryRejection::CODES,
        crate::billing::BillingRejection::CODES,
        crate::process::ProcessRejection::CODES,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_code_means_one_class_and_has_a_page_that_says_so() {
        let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
        let mut classes: BTreeMap<&str, RejectionClass> = BTreeMap::new();
        for (code, class) in all_codes() {
            assert_eq!(*classes.entry(code).or_insert(class), class, "{code} is of two classes");
            let page = std::fs::read_to_string(pages.join(format!("{code}.md"))).unwrap_or_default();
            let status = match class {
                RejectionClass::NotFound => 404,
                RejectionClass::Conflict => 409,
                RejectionClass::Unprocessable => 422,
                RejectionClass::Forbidden => 403,
            };
            assert!(page.starts_with(&format!("# {code}\n\n**{status}.**")), "docs/errors/{code}.md says {status}");
            assert!(page.contains("**To mend it:**"), "docs/errors/{code}.md says how to mend it");
        }
    }
}
