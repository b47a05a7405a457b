//! Numbers as printed. A separator that may part thousands is never guessed: no decimal then, the text stays.

use carelog_domain::laboratory::Comparator;

/// What the numbers of a whole report say about its decimal separator.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// A comma that can only be a decimal comma was seen, such as in `4,10`.
    pub(crate) comma: bool,
    /// A point that can only be a decimal point was seen, such as in `4.10`.
    pub(crate) point: bool,
}

impl Style {
    /// Adds what one number proves.
    pub(crate) fn learn(&mut self, text: &str) {
        let Some((separator, whole, fraction)) = parts(unsigned(text)) else { return };
        if could_be_thousands(whole, fraction) {
            return;
        }
        self.comma |= separator == ',';
        self.point |= separator == '.';
    }
}

/// The decimal string of a printed number: digits as printed, a decimal point. `None` when it is not one for certain.
pub(crate) fn decimal(text: &str, style: Style) -> Option<String> {
    let digits = unsigned(text);
    let sign = if digits.len() == text.len() { "" } else { "-" };
    if is_digits(digits) {
        let padded = digits.len() > 1 && digits.starts_with('0');
        return (!padded).then(|| format!("{sign}{digits}"));
    }
    let (separator, whole, fraction) = parts(digits)?;
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    if could_be_thousands(whole, fraction) && (separator == ',' || style.comma || !style.point) {
        return None;
    }
    Some(format!("{sign}{whole}.{fraction}"))
}

/// Splits a comparator off the front.
pub(crate) fn comparator(text: &str) -> (Option<Comparator>, &str) {
    const SIGNS: [(&str, Comparator); 8] = [
        ("<=", Comparator::LessOrEqual),
        ("=<", Comparator::LessOrEqual),
        ("\u{2264}", Comparator::LessOrEqual),
        (">=", Comparator::GreaterOrEqual),
        ("=>", Comparator::GreaterOrEqual),
        ("\u{2265}", Comparator::GreaterOrEqual),
        ("<", Comparator::Less),
        (">", Comparator::Greater),
    ];
    let found = SIGNS.iter().find_map(|(sign, comparator)| Some((*comparator, text.strip_prefix(sign)?)));
    found.map_or((None, text), |(comparator, rest)| (Some(comparator), rest.trim_start()))
}

/// A decimal string as a number, for comparing two bounds.
pub(crate) fn size(decimal: &str) -> f64 {
    decimal.parse().unwrap_or(f64::NAN)
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '\u{2212}']).unwrap_or(text)
}

fn parts(text: &str) -> Option<(char, &str, &str)> {
    let at = text.find([',', '.'])?;
    let (whole, rest) = text.split_at(at);
    let separator = rest.chars().next()?;
    let fraction = &rest[1..];
    (is_digits(whole) && is_digits(fraction)).then_some((separator, whole, fraction))
}

fn is_digits(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn could_be_thousands(whole: &str, fraction: &str) -> bool {
    fraction.len() == 3 && whole.len() <= 3 && !whole.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::{Style, comparator, decimal};
    use carelog_domain::laboratory::Comparator;

    const POINT: Style = Style { comma: false, point: true };
    const COMMA: Style = Style { comma: true, point: false };
    const NONE: Style = Style { comma: false, point: false };

    #[test]
    fn digits_stay_as_printed() {
        assert_eq!(decimal("4.10", NONE).as_deref(), Some("4.10"));
        assert_eq!(decimal("4,10", NONE).as_deref(), Some("4.10"));
        assert_eq!(decimal("\u{2212}2.5", NONE).as_deref(), Some("-2.5"));
        assert_eq!(decimal("0,123", NONE).as_deref(), Some("0.123"));
        assert_eq!(decimal("7500", COMMA).as_deref(), Some("7500"));
    }

    #[test]
    fn a_separator_that_may_part_thousands_is_not_guessed() {
        for text in ["1,234", "12,500", "1.234.567", "1,234.5", "1'234", "1 234", "12.345,6"] {
            assert_eq!(decimal(text, POINT), None, "{text}");
            assert_eq!(decimal(text, COMMA), None, "{text}");
        }
        assert_eq!(decimal("1.234", NONE), None);
        assert_eq!(decimal("1.234", COMMA), None);
        assert_eq!(decimal("1.234", POINT).as_deref(), Some("1.234"));
    }

    #[test]
    fn what_is_not_a_plain_number_has_no_decimal() {
        for text in ["", "-", "+", "1+", "+2", "1:80", "007", ".5", "5.", "10^9", "1e5", "Negative", "5-6", "\u{fffd}5"]
        {
            assert_eq!(decimal(text, POINT), None, "{text}");
        }
    }

    #[test]
    fn only_a_sure_separator_teaches_the_style() {
        let mut style = Style::default();
        style.learn("1,234");
        style.learn("1.234");
        assert_eq!(style, NONE);
        style.learn("4,1");
        assert_eq!(style, COMMA);
    }

    #[test]
    fn comparators_are_split_off() {
        assert_eq!(comparator("<0.01"), (Some(Comparator::Less), "0.01"));
        assert_eq!(comparator("\u{2265} 60"), (Some(Comparator::GreaterOrEqual), "60"));
        assert_eq!(comparator("5"), (None, "5"));
    }
}
