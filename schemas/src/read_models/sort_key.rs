//! Sort keys: bytes whose order is the order people expect of names, computed once here and compared as bytes by every
//! database.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A text without case, accents, punctuation and repeated spaces, in bytes that sort. `Zoë O'Neil` and `zoe oneil`
/// have the same key. A prefix of a text has a prefix of its key.
pub fn sort_key(text: &str) -> Vec<u8> {
    folded(text).into_bytes()
}

/// The folded words of a text, each once, in order of appearance: what a name can be found by.
pub fn folded_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in folded(text).split(' ').filter(|word| !word.is_empty()) {
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// The smallest key that is greater than every key beginning with `prefix`; `None` when there is none. A prefix search
/// is `key >= prefix AND key < prefix_end`.
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xFF)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match character {
            'ß' => folded.push_str("ss"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            c if c.is_alphanumeric() => folded.push(c),
            c if (c.is_whitespace() || c == '-') && !folded.is_empty() && !folded.ends_with(' ') => folded.push(' '),
            _ => {}
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_take_for_the_same_have_the_same_key() {
        assert_eq!(sort_key("Zoë  O'Neil "), sort_key("ZOE ONEIL"));
        assert_eq!(sort_key("Łukasz Groß-Müller"), b"lukasz gross muller".to_vec());
        assert_eq!(folded_words("Mrs. Ana Ana-María"), ["mrs", "ana", "maria"]);
    }

    #[test]
    fn the_end_of_a_prefix_is_after_everything_that_begins_with_it() {
        let end = prefix_end(b"mull").expect("an end");
        assert!(sort_key("Müller") < end && sort_key("Mumm") >= end);
        assert_eq!(prefix_end(&[0xFF, 0xFF]), None);
        assert_eq!(prefix_end(&[1, 0xFF]), Some(vec![2]));
    }
}
