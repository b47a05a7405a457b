//! The sort keys that a query is about. DynamoDB takes one condition on them, and `begins_with` leaves no room for "after":
//! so a prefix becomes the two ends of a range.

/// Sort keys from `lower` to `upper`, both included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Range {
    pub(crate) lower: String,
    pub(crate) upper: Option<String>,
}

/// The least text that is greater than all that begin with `#`, which are the adapter's own.
const LEAST: &str = "$";

impl Range {
    /// Of the sort keys that begin with `prefix` and come after `after`; none if no key can. The upper end is the least
    /// text after all those with the prefix: it is in the range, and has not the prefix.
    pub(crate) fn of(prefix: &str, after: Option<&str>) -> Option<Range> {
        if !prefix.is_empty() && prefix < LEAST {
            return None;
        }
        let first = if prefix.is_empty() { LEAST } else { prefix };
        let lower = match after {
            // The text that follows next after it.
            Some(after) if after >= first => format!("{after}\0"),
            _ => first.to_owned(),
        };
        let upper = end_of(prefix);
        let some = upper.as_ref().is_none_or(|upper| lower <= *upper);
        some.then_some(Range { lower, upper })
    }

    /// Everything of a partition key, the adapter's own too.
    pub(crate) fn all() -> Range {
        Range::from("\u{1}".to_owned())
    }

    /// Everything from a sort key on.
    pub(crate) fn from(lower: String) -> Range {
        Range { lower, upper: None }
    }
}

/// The least text greater than every text with this prefix; none if there is no end.
fn end_of(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // No character lies between U+D7FF and U+E000.
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(last as u32 + 1) };
        if let Some(next) = next {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(prefix: &str, after: Option<&str>) -> Option<(String, Option<String>)> {
        Range::of(prefix, after).map(|range| (range.lower, range.upper))
    }

    #[test]
    fn a_prefix_becomes_a_range_that_ends_just_after_it() {
        assert_eq!(range("b#", None), Some(("b#".into(), Some("b$".into()))));
        assert_eq!(range("", None), Some(("$".into(), None)));
        assert_eq!(range("é\u{10FFFF}", None), Some(("é\u{10FFFF}".into(), Some("ê".into()))));
        assert_eq!(range("\u{10FFFF}", None), Some(("\u{10FFFF}".into(), None)));
        assert_eq!(range("a\u{D7FF}", None), Some(("a\u{D7FF}".into(), Some("a\u{E000}".into()))));
    }

    #[test]
    fn after_a_key_the_range_begins_with_the_next_text_there_is() {
        assert_eq!(range("b#", Some("b#1")), Some(("b#1\0".into(), Some("b$".into()))));
        assert_eq!(range("b#", Some("a#9")), Some(("b#".into(), Some("b$".into()))));
        assert_eq!(range("", Some("a#9")), Some(("a#9\0".into(), None)));
        assert_eq!(range("b#", Some("c#")), None, "nothing with the prefix comes after it");
    }

    #[test]
    fn what_is_the_adapters_own_is_in_no_range() {
        assert_eq!(range("#part#", None), None);
        assert_eq!(range("", Some("#part#x")), Some(("$".into(), None)));
    }
}
