//! Free text that says why something was done: what every context asks of it.

use super::Personal;

/// Longest reason, in bytes: it travels in one event, sealed.
pub const REASON_BYTES_MAX: usize = 2_000;

/// What is wrong with a reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReasonProblem {
    /// There is none, or one of blanks alone.
    Missing,
    /// It is longer than [`REASON_BYTES_MAX`].
    TooLong,
}

/// A reason that must be given.
///
/// # Errors
/// When it is blank or too long.
pub fn check_reason<P>(reason: &Personal<String, P>) -> Result<(), ReasonProblem> {
    check_length(Some(reason))?;
    if says_something(Some(reason)) { Ok(()) } else { Err(ReasonProblem::Missing) }
}

/// A reason that may be left out.
///
/// # Errors
/// When it is too long.
pub fn check_length<P>(reason: Option<&Personal<String, P>>) -> Result<(), ReasonProblem> {
    let bytes = reason.and_then(Personal::open).map_or(0, String::len);
    if bytes > REASON_BYTES_MAX { Err(ReasonProblem::TooLong) } else { Ok(()) }
}

/// True when there is a readable reason that is not blank.
pub fn says_something<P>(reason: Option<&Personal<String, P>>) -> bool {
    reason.and_then(Personal::open).is_some_and(|text| !text.trim().is_empty())
}

/// A refusal with a variant for each problem.
macro_rules! refused_for_reason {
    ($rejection:ty) => {
        impl From<$crate::kernel::reason::ReasonProblem> for $rejection {
            fn from(problem: $crate::kernel::reason::ReasonProblem) -> Self {
                match problem {
                    $crate::kernel::reason::ReasonProblem::Missing => Self::ReasonMissing,
                    $crate::kernel::reason::ReasonProblem::TooLong => Self::ReasonTooLong,
                }
            }
        }
    };
}

pub(crate) use refused_for_reason;
