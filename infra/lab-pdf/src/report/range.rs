//! Reference ranges. The text is always kept; bounds only where the whole text was understood and, for ranges by sex or
//! age, where exactly one part is for this patient.

use carelog_domain::laboratory::{AppliesTo, Comparator, ReferenceRange};
use carelog_domain::patient::Gender;

use super::number::{self, Style};
use super::unit;

/// What decides which part of a range is the patient's.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Person {
    pub(crate) sex: Option<Gender>,
    /// Full years when the sample was taken.
    pub(crate) age: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(String),
    Dash,
    Compare(Comparator),
    Sex(Gender),
    Years,
    Separator,
}

#[derive(Clone, Debug, Default)]
struct Part {
    low: Option<String>,
    high: Option<String>,
    sex: Option<Gender>,
    ages: Option<(Option<u32>, Option<u32>)>,
}

/// Reads a range cell. `printed_unit` may stand behind the numbers.
pub(crate) fn read(cell: &str, printed_unit: Option<&str>, person: Person, style: Style) -> ReferenceRange {
    let text = cell.trim().to_owned();
    let parts = tokens(&text, printed_unit).and_then(|tokens| parts(&tokens, style)).unwrap_or_default();
    let Some(part) = choose(&parts, person) else {
        return ReferenceRange { text, low: None, high: None, applies_to: None };
    };
    let ages = part.ages.unwrap_or_default();
    let applies_to = (part.sex.is_some() || part.ages.is_some()).then_some(AppliesTo {
        sex: part.sex,
        age_low: ages.0,
        age_high: ages.1,
    });
    ReferenceRange { text, low: part.low.clone(), high: part.high.clone(), applies_to }
}

/// True for a range that something is missing of: it ends where a number must follow, or in an open bracket.
pub(crate) fn is_cut(text: &str) -> bool {
    let text = text.trim_end();
    let opens = text.matches(['[', '(']).count() > text.matches([']', ')']).count();
    let asks = |end: char| "-\u{2013}\u{2212}<>=\u{2264}\u{2265}:;/([".contains(end);
    opens || text.ends_with(asks) || text.ends_with(" to")
}

/// Two bounds that stand in two cells. One alone, or one that is no plain number, keeps its text and its side only.
pub(crate) fn of_bounds(low: &str, high: &str, style: Style) -> ReferenceRange {
    let text = format!("{low} - {high}").trim().to_owned();
    let bound = |cell: &str| if cell.is_empty() { Some(None) } else { number::decimal(cell, style).map(Some) };
    let (low, high) = bound(low).zip(bound(high)).unwrap_or_default();
    let ordered = low.as_deref().zip(high.as_deref()).is_none_or(|(low, high)| number::size(low) <= number::size(high));
    let (low, high) = if ordered { (low, high) } else { (None, None) };
    ReferenceRange { text, low, high, applies_to: None }
}

fn choose(parts: &[Part], person: Person) -> Option<&Part> {
    if let [only] = parts
        && only.sex.is_none()
        && only.ages.is_none()
    {
        return Some(only);
    }
    let fits = |part: &&Part| {
        part.sex.is_none_or(|sex| person.sex == Some(sex))
            && part.ages.is_none_or(|(low, high)| {
                person.age.is_some_and(|age| low.is_none_or(|low| age >= low) && high.is_none_or(|high| age <= high))
            })
    };
    let qualified = parts.iter().all(|part| part.sex.is_some() || part.ages.is_some());
    let mut fitting = parts.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(part), None) if qualified => Some(part),
        _ => None,
    }
}

fn tokens(text: &str, printed_unit: Option<&str>) -> Option<Vec<Token>> {
    let mut text = text.replace(['\u{2013}', '\u{2014}', '\u{2212}', '\u{2010}', '\u{2011}'], "-");
    if let Some(unit) = printed_unit {
        text = text.replace(unit, " ");
    }
    let text = signs_marked(&text);
    let spaced: String = text
        .chars()
        .flat_map(|character| match character {
            '-' | '<' | '>' | '=' | '\u{2264}' | '\u{2265}' | ':' | ';' | '(' | ')' | '[' | ']' | '|' => {
                vec![' ', character, ' ']
            }
            other => vec![other],
        })
        .collect();
    let spaced = spaced.replace("<  =", "<=").replace(">  =", ">=");
    let mut tokens = Vec::new();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    while let [word, after @ ..] = rest {
        rest = after;
        tokens.push(match (word.trim_end_matches(',').to_lowercase().as_str(), after) {
            ("-" | "to", _) => Token::Dash,
            ("<" | "under" | "below", _) => Token::Compare(Comparator::Less),
            ("less" | "lower", [next, after @ ..]) if *next == "than" => {
                rest = after;
                Token::Compare(Comparator::Less)
            }
            ("up", [next, after @ ..]) if *next == "to" => {
                rest = after;
                Token::Compare(Comparator::LessOrEqual)
            }
            ("at", [next, after @ ..]) if *next == "least" => {
                rest = after;
                Token::Compare(Comparator::GreaterOrEqual)
            }
            ("greater" | "more", [next, after @ ..]) if *next == "than" => {
                rest = after;
                Token::Compare(Comparator::Greater)
            }
            ("<=" | "\u{2264}", _) => Token::Compare(Comparator::LessOrEqual),
            (">" | "over" | "above", _) => Token::Compare(Comparator::Greater),
            (">=" | "\u{2265}", _) => Token::Compare(Comparator::GreaterOrEqual),
            ("m" | "male" | "males" | "men" | "\u{2642}", _) => Token::Sex(Gender::Male),
            ("f" | "female" | "females" | "women" | "w" | "\u{2640}", _) => Token::Sex(Gender::Female),
            ("y" | "yr" | "yrs" | "year" | "years", _) => Token::Years,
            (":" | ";" | "(" | ")" | "[" | "]" | "|" | "/" | "", _) => Token::Separator,
            (number, _) if number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'~')) => {
                Token::Number(number.replace('~', "-"))
            }
            _ if unit::ucum(word).is_some() => Token::Separator,
            _ => return None,
        });
    }
    Some(tokens)
}

/// A dash right before a digit is a sign where a bound begins; it becomes `~`, so that other dashes can be told apart.
fn signs_marked(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut begins = true;
    let mut marked = String::with_capacity(text.len());
    for (index, character) in characters.iter().enumerate() {
        let before_digit = characters.get(index + 1).is_some_and(char::is_ascii_digit);
        let sign = *character == '-' && begins && before_digit;
        marked.push(if sign { '~' } else { *character });
        begins = match character {
            '-' | '(' | '[' | ':' | ';' => !sign,
            ' ' => begins,
            _ => false,
        };
    }
    marked
}

fn parts(tokens: &[Token], style: Style) -> Option<Vec<Part>> {
    // `13.5-17.5 (M) 12.0-15.5 (F)` names the sex behind, `M: 13.5-17.5 F: 12.0-15.5` before the bounds.
    let sex_behind =
        matches!(tokens.iter().find(|token| **token != Token::Separator), Some(Token::Number(_) | Token::Compare(_)))
            && !tokens.contains(&Token::Years);
    let mut parts: Vec<Part> = Vec::new();
    let mut open = Part::default();
    let mut rest = tokens;
    while let [token, after @ ..] = rest {
        rest = after;
        match token {
            Token::Separator => {}
            Token::Sex(sex) => {
                let owner = if sex_behind { parts.last_mut()? } else { &mut open };
                if owner.sex.replace(*sex).is_some() {
                    return None;
                }
            }
            Token::Years | Token::Dash => return None,
            Token::Number(_) | Token::Compare(_) => {
                let bounds = Bounds::read(std::slice::from_ref(token), after, style)?;
                rest = bounds.rest;
                if let [Token::Years, after @ ..] = rest {
                    rest = after;
                    if open.ages.replace(bounds.ages()?).is_some() {
                        return None;
                    }
                } else {
                    parts.push(Part { low: bounds.low, high: bounds.high, ..std::mem::take(&mut open) });
                }
            }
        }
    }
    // A qualifier without bounds was not understood.
    (open.sex.is_none() && open.ages.is_none() && !parts.is_empty()).then_some(parts)
}

struct Bounds<'a> {
    low: Option<String>,
    high: Option<String>,
    comparator: Option<Comparator>,
    rest: &'a [Token],
}

impl<'a> Bounds<'a> {
    fn read(first: &[Token], after: &'a [Token], style: Style) -> Option<Bounds<'a>> {
        match (first, after) {
            ([Token::Number(low)], [Token::Dash, Token::Number(high), rest @ ..]) => {
                let (low, high) = (number::decimal(low, style)?, number::decimal(high, style)?);
                let ordered = number::size(&low) <= number::size(&high);
                ordered.then_some(Bounds { low: Some(low), high: Some(high), comparator: None, rest })
            }
            ([Token::Compare(comparator)], [Token::Number(bound), rest @ ..]) => {
                let bound = Some(number::decimal(bound, style)?);
                let is_high = matches!(comparator, Comparator::Less | Comparator::LessOrEqual);
                let (low, high) = if is_high { (None, bound) } else { (bound, None) };
                Some(Bounds { low, high, comparator: Some(*comparator), rest })
            }
            _ => None,
        }
    }

    /// As an age in full years: `< 18` means up to 17.
    fn ages(&self) -> Option<(Option<u32>, Option<u32>)> {
        let years = |bound: &Option<String>| match bound {
            None => Some(None),
            Some(bound) => bound.parse::<u32>().ok().map(Some),
        };
        let (low, high) = (years(&self.low)?, years(&self.high)?);
        match self.comparator {
            Some(Comparator::Less) => Some((None, Some(high?.checked_sub(1)?))),
            Some(Comparator::Greater) => Some((Some(low?.checked_add(1)?), None)),
            _ => Some((low, high)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Person, read};
    use crate::report::number::Style;
    use carelog_domain::patient::Gender;

    const STYLE: Style = Style { comma: false, point: true };
    const WOMAN: Person = Person { sex: Some(Gender::Female), age: Some(45) };

    fn bounds(cell: &str, person: Person) -> (Option<String>, Option<String>) {
        let range = read(cell, Some("mmol/L"), person, STYLE);
        assert_eq!(range.text, cell);
        (range.low, range.high)
    }

    fn pair(low: &str, high: &str) -> (Option<String>, Option<String>) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (some(low), some(high))
    }

    #[test]
    fn two_sided_and_one_sided_ranges_have_bounds() {
        for cell in
            ["3.5 - 5.1", "3.5-5.1", "3.5\u{2013}5.1", "3.5 to 5.1", "[3.5 - 5.1]", "(3.5-5.1)", "3.5 - 5.1 mmol/L"]
        {
            assert_eq!(bounds(cell, Person::default()), pair("3.5", "5.1"), "{cell}");
        }
        assert_eq!(bounds("< 5.0", WOMAN), pair("", "5.0"));
        assert_eq!(bounds("up to 40", WOMAN), pair("", "40"));
        assert_eq!(bounds("\u{2265}60", WOMAN), pair("60", ""));
        assert_eq!(bounds("> 60", WOMAN), pair("60", ""));
        assert_eq!(bounds("-2.0 - 3.0", WOMAN), pair("-2.0", "3.0"));
        assert_eq!(bounds("-3.5--2.5", WOMAN), pair("-3.5", "-2.5"));
    }

    #[test]
    fn a_range_by_sex_and_age_is_the_patients_own_or_none() {
        for cell in ["M: 13.5-17.5; F: 12.0-15.5", "Male 13.5-17.5 Female 12.0-15.5", "13.5-17.5 (M) 12.0-15.5 (F)"] {
            assert_eq!(bounds(cell, WOMAN), pair("12.0", "15.5"), "{cell}");
            assert_eq!(bounds(cell, Person::default()), pair("", ""), "{cell}");
        }
        assert_eq!(bounds("< 18 y: 1.0-2.0; 18-60 y: 3.0-4.0; > 60 y: 5.0-6.0", WOMAN), pair("3.0", "4.0"));
        let boy = Person { sex: Some(Gender::Male), age: Some(17) };
        assert_eq!(bounds("< 18 y: 1.0-2.0; 18-60 y: 3.0-4.0; > 60 y: 5.0-6.0", boy), pair("1.0", "2.0"));
        assert_eq!(bounds("M: 13.5-17.5", WOMAN), pair("", ""));
    }

    #[test]
    fn a_range_that_something_is_missing_of_is_known() {
        for cell in ["[3.80 to", "3.5 -", "M: 1-2; F:", "Deficient: < 20 / Sufficient: >", "4.0 to"] {
            assert!(super::is_cut(cell), "{cell}");
        }
        for cell in ["3.5 - 5.1", "[< 5]", "Negative", "3.4-7.0 (M) 2.4-5.7 (F)", "1+"] {
            assert!(!super::is_cut(cell), "{cell}");
        }
    }

    #[test]
    fn what_is_not_understood_has_no_bounds() {
        for cell in
            ["3.5 - 5.1 fasting", "see note", "5.1 - 3.5", "1,000 - 2,000", "Negative", "3.5 -", "- 5", "F:", "3 4", ""]
        {
            assert_eq!(bounds(cell, WOMAN), pair("", ""), "{cell}");
        }
    }
}
