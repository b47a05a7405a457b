//! What a range and a value make of a flag, and what stays undecided.

use super::super::{AppliesTo, Comparator, Flag, ReferenceRange};
use super::{compute_flag, flags_disagree};
use crate::laboratory::tests::observation;
use crate::patient::Gender;

use Comparator::{Greater, GreaterOrEqual, Less, LessOrEqual};
use Flag::{Abnormal, CriticallyAbnormal, CriticallyHigh, CriticallyLow, High, Low, Normal};

fn range(text: &str, low: Option<&str>, high: Option<&str>) -> ReferenceRange {
    let owned = |bound: Option<&str>| bound.map(str::to_owned);
    ReferenceRange { text: text.to_owned(), low: owned(low), high: owned(high), applies_to: None }
}

fn two_sided() -> ReferenceRange {
    range("10 - 20", Some("10"), Some("20"))
}

#[test]
fn a_value_stands_where_its_comparator_leaves_no_doubt() {
    let below_5 = || range("< 5.0", None, Some("5.0"));
    let up_to_5 = || range("<= 5.0", None, Some("5.0"));
    let above_60 = || range("> 60", Some("60"), None);
    let from_60 = || range(">= 60", Some("60"), None);
    let table = [
        // A number by itself.
        (two_sided(), None, "9.99", Some(Low)),
        (two_sided(), None, "10.00", Some(Normal)),
        (two_sided(), None, "20", Some(Normal)),
        (two_sided(), None, "20.01", Some(High)),
        (below_5(), None, "4.99", Some(Normal)),
        (below_5(), None, "5.00", Some(High)),
        (up_to_5(), None, "5.00", Some(Normal)),
        (above_60(), None, "60", Some(Low)),
        (above_60(), None, "60.1", Some(Normal)),
        (from_60(), None, "60", Some(Normal)),
        // Less than something.
        (two_sided(), Some(Less), "5", Some(Low)),
        (two_sided(), Some(Less), "10", Some(Low)),
        (two_sided(), Some(Less), "10.1", None),
        (two_sided(), Some(Less), "30", None),
        (two_sided(), Some(LessOrEqual), "9.9", Some(Low)),
        (two_sided(), Some(LessOrEqual), "10", None),
        (above_60(), Some(LessOrEqual), "60", Some(Low)),
        (below_5(), Some(Less), "5", Some(Normal)),
        (below_5(), Some(LessOrEqual), "5", None),
        (up_to_5(), Some(LessOrEqual), "5", Some(Normal)),
        (up_to_5(), Some(Less), "0.01", Some(Normal)),
        (up_to_5(), Some(Less), "5.01", None),
        // More than something.
        (two_sided(), Some(Greater), "25", Some(High)),
        (two_sided(), Some(Greater), "20", Some(High)),
        (two_sided(), Some(Greater), "19.9", None),
        (two_sided(), Some(Greater), "1", None),
        (two_sided(), Some(GreaterOrEqual), "20", None),
        (two_sided(), Some(GreaterOrEqual), "20.1", Some(High)),
        (below_5(), Some(GreaterOrEqual), "5", Some(High)),
        (above_60(), Some(Greater), "60", Some(Normal)),
        (above_60(), Some(GreaterOrEqual), "60", None),
        (from_60(), Some(GreaterOrEqual), "60", Some(Normal)),
        (above_60(), Some(Greater), "59", None),
    ];
    for (range, comparator, value, expected) in table {
        let found = compute_flag(value, comparator, &range, None, None);
        assert_eq!(found, expected, "{comparator:?} {value} in {}", range.text);
    }
}

#[test]
fn what_cannot_be_decided_has_no_flag_which_is_not_normal() {
    assert_eq!(compute_flag("Negative", None, &two_sided(), None, None), None);
    assert_eq!(compute_flag("12", None, &range("see note", None, None), None, None), None);
    assert_eq!(compute_flag("12", None, &range("20 - 10", Some("20"), Some("10")), None, None), None);
    assert_eq!(compute_flag("12", None, &range("10 - ?", Some("10"), Some("?")), None, None), None);
}

#[test]
fn a_range_for_somebody_else_says_nothing() {
    let of_women = AppliesTo { sex: Some(Gender::Female), age_low: Some(18), age_high: Some(65) };
    let range = ReferenceRange { applies_to: Some(of_women), ..two_sided() };
    let flag = |sex, age| compute_flag("9", None, &range, sex, age);
    assert_eq!(flag(Some(Gender::Female), Some(18)), Some(Low));
    assert_eq!(flag(Some(Gender::Female), Some(65)), Some(Low));
    assert_eq!(flag(Some(Gender::Female), Some(66)), None);
    assert_eq!(flag(Some(Gender::Female), Some(17)), None);
    assert_eq!(flag(Some(Gender::Male), Some(30)), None);
    assert_eq!(flag(None, Some(30)), None);
    assert_eq!(flag(Some(Gender::Female), None), None);
}

#[test]
fn a_printed_flag_disagrees_when_both_cannot_be_right() {
    let table = [
        (Some(Normal), Some(Normal), false),
        (Some(Normal), Some(High), true),
        (Some(High), Some(Normal), true),
        (Some(High), Some(High), false),
        (Some(CriticallyHigh), Some(High), false),
        (Some(High), Some(Low), true),
        (Some(CriticallyLow), Some(Low), false),
        (Some(CriticallyLow), Some(High), true),
        (Some(Abnormal), Some(Low), false),
        (Some(CriticallyAbnormal), Some(High), false),
        (Some(Abnormal), Some(Normal), true),
        (None, Some(High), false),
        (Some(High), None, false),
    ];
    for (printed_flag, computed_flag, expected) in table {
        let mut value = observation(1, "9");
        (value.printed_flag, value.computed_flag) = (printed_flag, computed_flag);
        assert_eq!(flags_disagree(&value), expected, "printed {printed_flag:?}, computed {computed_flag:?}");
    }
}
