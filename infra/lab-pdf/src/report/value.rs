//! The result cell: a number with or without comparator, maybe a flag, a unit or the earlier value beside it; else text.

use carelog_domain::laboratory::{Comparator, Flag};

use super::number::{self, Style};
use super::{flag, unit};

/// A result cell as understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Value {
    pub(crate) printed: String,
    pub(crate) decimal: Option<String>,
    pub(crate) comparator: Option<Comparator>,
    pub(crate) flag: Option<Flag>,
    pub(crate) unit: Option<String>,
    pub(crate) earlier: Vec<String>,
    /// It is a number, or a word that results are given in.
    pub(crate) is_sure: bool,
}

/// Words and phrases (lower case) that results are given in.
const TEXT_RESULTS: &[&str] = &[
    "negative",
    "positive",
    "neg",
    "pos",
    "not detected",
    "detected",
    "reactive",
    "non-reactive",
    "non reactive",
    "nonreactive",
    "equivocal",
    "indeterminate",
    "borderline",
    "trace",
    "nil",
    "none seen",
    "none",
    "present",
    "absent",
    "normal",
    "abnormal",
    "haemolysed",
    "hemolysed",
    "hemolyzed",
    "lipaemic",
    "lipemic",
    "icteric",
    "clotted",
    "insufficient",
    "insufficient sample",
    "pending",
    "see comment",
    "not performed",
    "cancelled",
    "no growth",
    "growth",
    "clear",
    "cloudy",
    "turbid",
    "yellow",
    "pale yellow",
    "amber",
    "straw",
    "few",
    "many",
    "moderate",
    "rare",
    "occasional",
    "+",
    "++",
    "+++",
    "++++",
    "+/-",
    "\u{b1}",
    "-",
    "--",
    "---",
    "\u{2013}",
    "\u{2014}",
    "a",
    "b",
    "ab",
    "o",
];

/// Reads a result cell. `unit_beside` is its unit where that stands in another cell.
pub(crate) fn read(cell: &str, unit_beside: Option<&str>, style: Style) -> Value {
    let has_unit_column = unit_beside.is_some();
    let (cell, earlier) = split_earlier(cell.trim());
    if let Some(value) = number_with_company(cell, has_unit_column, style) {
        return Value { earlier, ..value };
    }
    let (text, flag) = split_flag(cell);
    let (text, unit) = if has_unit_column { (text, None) } else { split_unit(text) };
    let is_known = is_text_result(text) || is_count_per_field(text, unit_beside.or(unit));
    let (text, flag, unit) = if is_known { (text, flag, unit) } else { (cell, None, None) };
    Value {
        printed: text.to_owned(),
        flag,
        unit: unit.map(str::to_owned),
        is_sure: is_known,
        earlier,
        ..Value::default()
    }
}

/// What looks like a number in a cell: where the style of a whole report is learnt from.
pub(crate) fn learn(cell: &str, style: &mut Style) {
    for word in cell.split(|character: char| !(character.is_ascii_digit() || character == '.' || character == ',')) {
        style.learn(word);
    }
}

fn number_with_company(cell: &str, has_unit_column: bool, style: Style) -> Option<Value> {
    let (front_flag, rest) = match cell.split_once(' ') {
        Some((mark, rest)) if flag::beside_value(mark).is_some() => (flag::beside_value(mark), rest.trim_start()),
        _ => (None, cell),
    };
    let (comparator, after) = number::comparator(rest);
    let end = after.find(char::is_whitespace).unwrap_or(after.len());
    let (digits, company) = (&after[..end], after[end..].trim());
    let (digits, mark) = attached_flag(digits);
    if !looks_numeric(digits) {
        return None;
    }
    let mut value = Value {
        printed: rest[..rest.len() - after.len() + digits.len()].to_owned(),
        decimal: number::decimal(digits, style),
        comparator,
        flag: front_flag.or(mark),
        is_sure: true,
        ..Value::default()
    };
    if company.is_empty() {
        return Some(value);
    }
    let (unit, mark) = unit_and_flag(company, has_unit_column)?;
    value.unit = unit.map(str::to_owned);
    value.flag = value.flag.or(mark);
    Some(value)
}

/// What stands behind a number: a unit, a flag of one word or two, or both. `None` for anything else.
fn unit_and_flag(company: &str, has_unit_column: bool) -> Option<(Option<&str>, Option<Flag>)> {
    if let Some(flag) = flag::behind_number(company) {
        return Some((None, Some(flag)));
    }
    if has_unit_column {
        return None;
    }
    if unit::ucum(company).is_some() {
        return Some((Some(company), None));
    }
    company.match_indices(' ').find_map(|(space, _)| {
        let (unit, mark) = (&company[..space], company[space..].trim());
        unit::ucum(unit)?;
        Some((Some(unit), Some(flag::behind_number(mark)?)))
    })
}

/// `0-2 /HPF`: what is counted under a microscope is given as from and to.
fn is_count_per_field(cell: &str, unit: Option<&str>) -> bool {
    let digits = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let per_field = unit.and_then(unit::ucum).is_some_and(|ucum| ucum.ends_with("PF]"));
    per_field && cell.split_once(['-', '\u{2013}']).is_some_and(|(low, high)| digits(low.trim()) && digits(high.trim()))
}

/// True for digits with separators: a number even where its decimal is not sure.
fn looks_numeric(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '\u{2212}']).unwrap_or(text);
    let inner = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'\'');
    digits.bytes().all(|byte| inner(&byte))
        && digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        && digits.bytes().last().is_some_and(|byte| byte.is_ascii_digit())
}

/// `5.6H`, `5.6*`, `5.6↑`: a mark without a space.
fn attached_flag(text: &str) -> (&str, Option<Flag>) {
    let end = text.rfind(|character: char| character.is_ascii_digit()).map_or(0, |at| at + 1);
    match flag::beside_value(&text[end..]) {
        Some(flag) if end > 0 && end < text.len() => (&text[..end], Some(flag)),
        _ => (text, None),
    }
}

fn split_flag(text: &str) -> (&str, Option<Flag>) {
    if let Some((front, mark)) = text.rsplit_once(' ')
        && let Some(flag) = flag::beside_value(mark)
    {
        return (front.trim_end(), Some(flag));
    }
    (text, None)
}

/// `haemolysed mmol/L`: a text result with the unit that the number would have had.
fn split_unit(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(' ') {
        Some((front, unit)) if unit::ucum(unit).is_some() => (front.trim_end(), Some(unit)),
        _ => (text, None),
    }
}

/// `5.9 (previously 5.6)`: an amended value names the one before.
fn split_earlier(cell: &str) -> (&str, Vec<String>) {
    const WORDS: [&str; 6] =
        ["previously reported as ", "previously ", "corrected from ", "amended from ", "was ", "prev. "];
    if let Some((value, bracket)) = cell.strip_suffix(')').and_then(|cell| cell.rsplit_once('('))
        && let Some(earlier) = WORDS.iter().find_map(|word| bracket.strip_prefix(word))
    {
        return (value.trim_end(), vec![earlier.trim().to_owned()]);
    }
    (cell, Vec::new())
}

fn is_text_result(text: &str) -> bool {
    let lower = text.to_lowercase();
    let plus = |text: &str| {
        text.len() <= 3 && text.ends_with('+') && text[..text.len() - 1].bytes().all(|b| b.is_ascii_digit())
    };
    let titre = |text: &str| {
        text.split_once(':').is_some_and(|(one, many)| {
            let digits =
                |part: &str| !part.is_empty() && part.len() < 7 && part.bytes().all(|byte| byte.is_ascii_digit());
            digits(one.trim_start_matches(['<', '>', '=', ' '])) && digits(many)
        })
    };
    TEXT_RESULTS.contains(&lower.as_str()) || plus(&lower) || titre(&lower)
}

#[cfg(test)]
mod tests {
    use super::{Value, read};
    use crate::report::number::Style;
    use carelog_domain::laboratory::{Comparator, Flag};

    fn with_column(cell: &str) -> Value {
        read(cell, Some("mmol/L"), Style { comma: false, point: true })
    }

    #[test]
    fn a_number_keeps_its_digits_and_its_company_goes_elsewhere() {
        let value = with_column("<0.010 L");
        assert_eq!((value.printed.as_str(), value.decimal.as_deref()), ("<0.010", Some("0.010")));
        assert_eq!((value.comparator, value.flag), (Some(Comparator::Less), Some(Flag::Low)));
        let value = read("5.60 mmol/L HH", None, Style::default());
        assert_eq!((value.printed.as_str(), value.unit.as_deref()), ("5.60", Some("mmol/L")));
        assert_eq!(value.flag, Some(Flag::CriticallyHigh));
        let value = read("<0.01 mIU/L Critical low", None, Style::default());
        assert_eq!((value.printed.as_str(), value.flag), ("<0.01", Some(Flag::CriticallyLow)));
        let value = read("0-2 /HPF", None, Style::default());
        assert_eq!((value.printed.as_str(), value.decimal, value.is_sure), ("0-2", None, true));
        assert_eq!(with_column("\u{2191} 7").flag, Some(Flag::High));
    }

    #[test]
    fn text_stays_text() {
        for cell in ["Negative", "1+", "1:80", "haemolysed", "5.6 of 10", "5-6", "7 days", "> 1:640"] {
            let value = with_column(cell);
            assert_eq!((value.printed.as_str(), value.decimal), (cell, None));
        }
    }

    #[test]
    fn an_amended_value_names_the_one_before() {
        let value = with_column("5.9 (previously 5.6)");
        assert_eq!((value.printed.as_str(), value.earlier), ("5.9", vec!["5.6".to_owned()]));
    }

    #[test]
    fn a_number_with_a_thousands_mark_stays_without_decimal() {
        let value = with_column("12,500");
        assert_eq!((value.printed.as_str(), value.decimal, value.is_sure), ("12,500", None, true));
    }
}
