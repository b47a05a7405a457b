//! Printed flags. Only marks whose meaning is fixed: an unknown one is no flag.

use carelog_domain::laboratory::Flag;

/// The flag a mark stands for.
pub(crate) fn flag(printed: &str) -> Option<Flag> {
    let mark: String = printed.trim().trim_matches(['(', ')', '[', ']']).to_lowercase();
    Some(match mark.as_str() {
        "n" | "normal" | "within range" => Flag::Normal,
        "l" | "low" | "\u{2193}" | "\u{25bc}" => Flag::Low,
        "h" | "high" | "\u{2191}" | "\u{25b2}" => Flag::High,
        "ll" | "critical low" | "critically low" | "low critical" | "\u{2193}\u{2193}" => Flag::CriticallyLow,
        "hh" | "critical high" | "critically high" | "high critical" | "\u{2191}\u{2191}" => Flag::CriticallyHigh,
        "a" | "abnormal" | "*" => Flag::Abnormal,
        "aa" | "critical" | "critically abnormal" | "critical abnormal" => Flag::CriticallyAbnormal,
        _ => return None,
    })
}

/// The flag a mark stands for, where it stands beside a value: only marks that cannot be part of the value.
pub(crate) fn beside_value(mark: &str) -> Option<Flag> {
    let sure = matches!(mark.trim_matches(['(', ')', '[', ']']), "H" | "L" | "HH" | "LL" | "A" | "AA" | "N" | "*")
        || mark.chars().all(|character| "\u{2191}\u{2193}\u{25b2}\u{25bc}".contains(character))
        || ["high", "low", "critical high", "critical low"].contains(&mark.to_lowercase().as_str());
    if sure { flag(mark) } else { None }
}

/// The flag a mark stands for, where it stands behind a number, which no word is part of.
pub(crate) fn behind_number(mark: &str) -> Option<Flag> {
    let is_word = mark.chars().filter(|character| character.is_alphabetic()).count() > 2;
    if is_word { flag(mark) } else { beside_value(mark) }
}

#[cfg(test)]
mod tests {
    use super::{beside_value, flag};
    use carelog_domain::laboratory::Flag;

    #[test]
    fn marks_words_and_arrows_are_flags_and_nothing_else_is() {
        assert_eq!(flag("(H)"), Some(Flag::High));
        assert_eq!(flag("Critical high"), Some(Flag::CriticallyHigh));
        assert_eq!(flag("\u{2193}\u{2193}"), Some(Flag::CriticallyLow));
        assert_eq!(flag("?"), None);
        assert_eq!(flag(""), None);
        assert_eq!(beside_value("*"), Some(Flag::Abnormal));
        assert_eq!(beside_value("s"), None);
    }
}
