//! ToUnicode maps: which text a character code stands for. Only `bfchar` and `bfrange` matter here, so the stream is
//! read as a row of tokens; whatever else it holds is passed over.

use std::collections::HashMap;

/// No honest map holds more entries: codes have at most two bytes.
const ENTRIES_MAX: usize = 65_536;

/// Text by character code.
#[derive(Default)]
pub(super) struct ToUnicode(HashMap<u32, String>);

enum Token<'a> {
    Hex(Vec<u8>),
    Open,
    Close,
    Word(&'a [u8]),
}

impl ToUnicode {
    pub(super) fn parse(bytes: &[u8]) -> ToUnicode {
        let mut map = ToUnicode::default();
        let mut tokens = Tokens { bytes, at: 0 };
        while let Some(token) = tokens.next() {
            match token {
                Token::Word(b"beginbfchar") => map.read_chars(&mut tokens),
                Token::Word(b"beginbfrange") => map.read_ranges(&mut tokens),
                _ => {}
            }
        }
        map
    }

    pub(super) fn text(&self, code: u32) -> Option<&str> {
        self.0.get(&code).map(String::as_str)
    }

    fn read_chars(&mut self, tokens: &mut Tokens<'_>) {
        while let Some((code, text)) = tokens.pair() {
            self.put(number(&code), utf16(&text));
        }
    }

    fn read_ranges(&mut self, tokens: &mut Tokens<'_>) {
        while let Some((low, high)) = tokens.pair() {
            let codes = number(&low)..=number(&high).min(number(&low).saturating_add(ENTRIES_MAX as u32));
            match tokens.next() {
                Some(Token::Hex(first)) => {
                    for (index, code) in codes.enumerate() {
                        if !self.put(code, shifted(&first, index)) {
                            return;
                        }
                    }
                }
                Some(Token::Open) => {
                    let mut codes = codes;
                    while let Some(Token::Hex(text)) = tokens.next() {
                        if let Some(code) = codes.next() {
                            self.put(code, utf16(&text));
                        }
                    }
                }
                _ => return,
            }
        }
    }

    /// False when the map is full.
    fn put(&mut self, code: u32, text: Option<String>) -> bool {
        if let Some(text) = text {
            self.0.insert(code, text);
        }
        self.0.len() < ENTRIES_MAX
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let units: Vec<u16> = match bytes {
        [single] => vec![u16::from(*single)],
        _ => bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect(),
    };
    let text = String::from_utf16(&units).ok()?;
    (!text.is_empty() && !text.contains('\0')).then_some(text)
}

/// The text of the n-th code of a range: its last unit counts up.
fn shifted(first: &[u8], index: usize) -> Option<String> {
    let mut bytes = if first.len() == 1 { vec![0, first[0]] } else { first.to_vec() };
    let end = bytes.len();
    if end < 2 {
        return None;
    }
    let last = u16::from_be_bytes([bytes[end - 2], bytes[end - 1]]).checked_add(u16::try_from(index).ok()?)?;
    bytes[end - 2..].copy_from_slice(&last.to_be_bytes());
    utf16(&bytes)
}

struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// Two codes; `None` at the word that ends the list, which alone is consumed then.
    fn pair(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        let Some(Token::Hex(one)) = self.next() else { return None };
        let Some(Token::Hex(other)) = self.next() else { return None };
        Some((one, other))
    }

    fn hex(&mut self) -> Token<'a> {
        let mut digits = Vec::new();
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match (byte as char).to_digit(16) {
                Some(digit) => digits.push(digit as u8),
                None if byte == b'>' => break,
                None => {}
            }
        }
        Token::Hex(digits.chunks(2).map(|pair| (pair[0] << 4) | pair.get(1).copied().unwrap_or(0)).collect())
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'<' if self.bytes.get(self.at) != Some(&b'<') => return Some(self.hex()),
                b'<' => self.at += 1,
                b'[' => return Some(Token::Open),
                b']' => return Some(Token::Close),
                b'%' => {
                    while self.bytes.get(self.at).is_some_and(|byte| !matches!(byte, b'\r' | b'\n')) {
                        self.at += 1;
                    }
                }
                byte if byte.is_ascii_alphabetic() => {
                    let start = self.at - 1;
                    while self.bytes.get(self.at).is_some_and(u8::is_ascii_alphanumeric) {
                        self.at += 1;
                    }
                    return Some(Token::Word(&self.bytes[start..self.at]));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ToUnicode;

    #[test]
    fn characters_ranges_and_lists_are_read() {
        let map = ToUnicode::parse(
            b"1 begincodespacerange <0000> <ffff> endcodespacerange 2 beginbfchar <01> <00B5> <0002> <00660069> endbfchar
              2 beginbfrange <0010> <0012> <0041> <20> <21> [<03BC> <2264>] endbfrange",
        );
        assert_eq!(map.text(1), Some("\u{b5}"));
        assert_eq!(map.text(2), Some("fi"));
        assert_eq!(map.text(0x12), Some("C"));
        assert_eq!(map.text(0x21), Some("\u{2264}"));
        assert_eq!(map.text(0x13), None);
    }
}
