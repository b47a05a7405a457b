//! The computed flag: where a printed value stands in its printed range. It is `None` whenever that cannot be decided:
//! a text, no range, a range for somebody else, `<5` in a range that begins at 3. `None` never means normal.

use std::cmp::Ordering;

use super::decimal::Decimal;
use super::{AppliesTo, Comparator, Flag, Observation, ReferenceRange};
use crate::patient::Gender;

/// The flag of a value with its comparator in a range, for a person of this sex and age (in whole years).
///
/// A range's bounds belong to it, unless its text is one-sided and strict: 5.0 is not within `< 5.0`.
pub fn compute_flag(
    decimal: &str,
    comparator: Option<Comparator>,
    range: &ReferenceRange,
    sex: Option<Gender>,
    age: Option<u32>,
) -> Option<Flag> {
    if !range.applies_to.as_ref().is_none_or(|whom| whom.includes(sex, age)) {
        return None;
    }
    let value = Decimal::read(decimal)?;
    let bounds = Bounds::of(range)?;
    match comparator {
        None => Some(bounds.place(value)),
        Some(Comparator::Less) => bounds.place_all_below(value, false),
        Some(Comparator::LessOrEqual) => bounds.place_all_below(value, true),
        Some(Comparator::Greater) => bounds.place_all_above(value, false),
        Some(Comparator::GreaterOrEqual) => bounds.place_all_above(value, true),
    }
}

/// True when the laboratory's flag and ours cannot both be right. A laboratory that printed none said nothing; its
/// critical flags rest on limits of its own and include the plain ones; `A` and `AA` name no direction.
pub fn flags_disagree(observation: &Observation) -> bool {
    let (Some(printed), Some(computed)) = (observation.printed_flag, observation.computed_flag) else { return false };
    let agree = match printed {
        Flag::Normal => computed == Flag::Normal,
        Flag::Low | Flag::CriticallyLow => matches!(computed, Flag::Low | Flag::CriticallyLow),
        Flag::High | Flag::CriticallyHigh => matches!(computed, Flag::High | Flag::CriticallyHigh),
        Flag::Abnormal | Flag::CriticallyAbnormal => computed != Flag::Normal,
    };
    !agree
}

impl AppliesTo {
    /// True when a range is for somebody of this sex and age; what is not known does not match.
    pub fn includes(&self, sex: Option<Gender>, age: Option<u32>) -> bool {
        let of_sex = self.sex.is_none_or(|wanted| sex == Some(wanted));
        let old_enough = self.age_low.is_none_or(|low| age.is_some_and(|age| age >= low));
        let young_enough = self.age_high.is_none_or(|high| age.is_some_and(|age| age <= high));
        of_sex && old_enough && young_enough
    }
}

/// A side of a range, and whether the bound itself is still within.
#[derive(Clone, Copy)]
struct Bound<'a> {
    at: Decimal<'a>,
    included: bool,
}

struct Bounds<'a> {
    low: Option<Bound<'a>>,
    high: Option<Bound<'a>>,
}

impl<'a> Bounds<'a> {
    /// `None` when there is no bound, one is not a number, or they are the wrong way round.
    fn of(range: &'a ReferenceRange) -> Option<Bounds<'a>> {
        let strict = |sign: char| {
            let text = range.text.trim_start();
            text.strip_prefix(sign).is_some_and(|rest| !rest.trim_start().starts_with('='))
        };
        let bound = |text: &'a Option<String>, included: bool| match text {
            Some(text) => Decimal::read(text).map(|at| Some(Bound { at, included })),
            None => Some(None),
        };
        let one_sided = range.low.is_none() || range.high.is_none();
        let low = bound(&range.low, !(one_sided && strict('>')))?;
        let high = bound(&range.high, !(one_sided && strict('<')))?;
        match (low, high) {
            (None, None) => None,
            (Some(low), Some(high)) if low.at > high.at => None,
            (low, high) => Some(Bounds { low, high }),
        }
    }

    fn place(&self, value: Decimal<'_>) -> Flag {
        if self.low.is_some_and(|low| low.is_above(value)) {
            return Flag::Low;
        }
        if self.high.is_some_and(|high| high.is_below(value)) { Flag::High } else { Flag::Normal }
    }

    /// Where every number below `value` (and `value` itself, if included) stands, if all stand at the same place.
    fn place_all_below(&self, value: Decimal<'_>, included: bool) -> Option<Flag> {
        match (self.low, self.high) {
            (Some(low), _) => match value.cmp(&low.at) {
                Ordering::Less => Some(Flag::Low),
                Ordering::Equal if !included || !low.included => Some(Flag::Low),
                Ordering::Equal | Ordering::Greater => None,
            },
            (None, Some(high)) if value == high.at => (!included || high.included).then_some(Flag::Normal),
            (None, Some(high)) => (value < high.at).then_some(Flag::Normal),
            (None, None) => None,
        }
    }

    /// Where every number above `value` (and `value` itself, if included) stands, if all stand at the same place.
    fn place_all_above(&self, value: Decimal<'_>, included: bool) -> Option<Flag> {
        match (self.low, self.high) {
            (_, Some(high)) => match value.cmp(&high.at) {
                Ordering::Greater => Some(Flag::High),
                Ordering::Equal if !included || !high.included => Some(Flag::High),
                Ordering::Equal | Ordering::Less => None,
            },
            (Some(low), None) if value == low.at => (!included || low.included).then_some(Flag::Normal),
            (Some(low), None) => (value > low.at).then_some(Flag::Normal),
            (None, None) => None,
        }
    }
}

impl Bound<'_> {
    fn is_above(&self, value: Decimal<'_>) -> bool {
        value < self.at || (value == self.at && !self.included)
    }

    fn is_below(&self, value: Decimal<'_>) -> bool {
        value > self.at || (value == self.at && !self.included)
    }
}

#[cfg(test)]
#[path = "flags_tests.rs"]
mod tests;
