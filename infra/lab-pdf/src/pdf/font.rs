//! Fonts: from the bytes of a string to text and advance widths. A code whose text is not known for certain reads as
//! U+FFFD, so that no row is built on a guess.

use std::collections::HashMap;

use lopdf::{Dictionary, Document, Object};

use super::matrix::{Matrix, number_of};
use super::standard_widths as standard;
use super::to_unicode::ToUnicode;

const UNKNOWN: &str = "\u{fffd}";
/// Largest ToUnicode stream, decompressed.
const MAP_BYTES_MAX: usize = 2 << 20;

/// One font of a page.
pub(super) struct Font {
    codes: Codes,
    to_unicode: Option<ToUnicode>,
    /// Text space units per glyph space unit: a thousandth, except for Type 3.
    scale: f64,
    /// The font's name without the mark of a subset.
    pub(super) name: String,
    /// Set by what loads the fonts of a file: the same for fonts of one name.
    pub(super) face: u16,
}

enum Codes {
    Simple { texts: Vec<Option<String>>, widths: Vec<f64> },
    Composite { widths: HashMap<u32, f64>, default_width: f64, identity: bool },
}

/// One character code of a shown string.
pub(super) struct Shown<'a> {
    pub(super) text: &'a str,
    /// In units of the font size.
    pub(super) advance: f64,
    /// Word spacing applies to it: a single-byte space.
    pub(super) is_space: bool,
}

impl Font {
    pub(super) fn load(document: &Document, font: &Dictionary) -> Font {
        let subtype = name(document, font, b"Subtype").unwrap_or_default();
        let to_unicode = font
            .get_deref(b"ToUnicode", document)
            .and_then(Object::as_stream)
            .and_then(|stream| stream.get_plain_content_with_limit(MAP_BYTES_MAX))
            .ok()
            .map(|bytes| ToUnicode::parse(&bytes));
        let mut scale = 0.001;
        if subtype == b"Type3"
            && let Some(Matrix([a, ..])) = array(document, font, b"FontMatrix").and_then(Matrix::from_objects)
        {
            scale = a;
        }
        let codes = if subtype == b"Type0" { composite(document, font) } else { simple(document, font, &subtype) };
        Font { codes, to_unicode, scale, name: plain_name(document, font), face: 0 }
    }

    /// Splits a string into its codes.
    pub(super) fn show<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Shown<'a>> {
        let length = if matches!(self.codes, Codes::Composite { .. }) { 2 } else { 1 };
        bytes.chunks(length).map(move |code| self.shown(code))
    }

    fn shown(&self, code: &[u8]) -> Shown<'_> {
        let number = code.iter().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
        let mapped = self.to_unicode.as_ref().and_then(|map| map.text(number));
        match &self.codes {
            Codes::Simple { texts, widths } => Shown {
                text: mapped.or_else(|| texts.get(number as usize)?.as_deref()).unwrap_or(UNKNOWN),
                advance: widths.get(number as usize).copied().unwrap_or(0.0) * self.scale,
                is_space: number == 32,
            },
            Codes::Composite { widths, default_width, identity } => Shown {
                text: mapped.filter(|_| *identity && code.len() == 2).unwrap_or(UNKNOWN),
                advance: widths.get(&number).copied().unwrap_or(*default_width) * self.scale,
                is_space: false,
            },
        }
    }
}

fn simple(document: &Document, font: &Dictionary, subtype: &[u8]) -> Codes {
    let base_font = plain_name(document, font);
    Codes::Simple { texts: texts(document, font, subtype, &base_font), widths: widths(document, font, &base_font) }
}

fn plain_name(document: &Document, font: &Dictionary) -> String {
    let name = name(document, font, b"BaseFont").unwrap_or_default();
    String::from_utf8_lossy(name.rsplit(|byte| *byte == b'+').next().unwrap_or_default()).into_owned()
}

fn texts(document: &Document, font: &Dictionary, subtype: &[u8], base_font: &str) -> Vec<Option<String>> {
    if base_font == "Symbol" {
        return (0..=255).map(symbol).collect();
    }
    if base_font == "ZapfDingbats" {
        return vec![None; 256];
    }
    let embedded = font
        .get_deref(b"FontDescriptor", document)
        .and_then(Object::as_dict)
        .is_ok_and(|descriptor| [&b"FontFile"[..], b"FontFile2", b"FontFile3"].iter().any(|key| descriptor.has(key)));
    let mut base = None;
    let mut differences: &[Object] = &[];
    match font.get_deref(b"Encoding", document) {
        Ok(Object::Name(name)) => base = Some(name.clone()),
        Ok(Object::Dictionary(encoding)) => {
            base = name(document, encoding, b"BaseEncoding");
            differences = array(document, encoding, b"Differences").unwrap_or_default();
        }
        _ => {}
    }
    let mut texts = match base {
        Some(base) => table(document, &base),
        // The font's own encoding: unknown inside an embedded font, StandardEncoding otherwise.
        None if embedded || subtype == b"Type3" => vec![None; 256],
        None => table(document, b"StandardEncoding"),
    };
    let mut code = 0_usize;
    for object in differences {
        match object {
            Object::Integer(number) => code = usize::try_from(*number).unwrap_or(256),
            Object::Name(glyph) => {
                if let Some(text) = texts.get_mut(code) {
                    *text = glyph_text(document, glyph);
                }
                code = code.saturating_add(1);
            }
            _ => {}
        }
    }
    texts
}

/// The text of each code of a named encoding, as the library knows it.
fn table(document: &Document, encoding: &[u8]) -> Vec<Option<String>> {
    let mut font = Dictionary::new();
    font.set("Type", Object::Name(b"Font".to_vec()));
    font.set("Encoding", Object::Name(encoding.to_vec()));
    let Ok(encoding) = font.get_font_encoding(document) else { return vec![None; 256] };
    (0..=255_u8).map(|code| encoding.bytes_to_string(&[code]).ok().filter(|text| !text.is_empty())).collect()
}

/// The text of a glyph name: by the library's list, or `uniXXXX`.
fn glyph_text(document: &Document, glyph: &[u8]) -> Option<String> {
    if let Some(hex) = glyph.strip_prefix(b"uni").filter(|hex| hex.len() == 4) {
        let number = u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?;
        return char::from_u32(number).map(String::from);
    }
    let mut encoding = Dictionary::new();
    encoding.set("Differences", vec![Object::Integer(0), Object::Name(glyph.to_vec())]);
    let mut font = Dictionary::new();
    font.set("Type", Object::Name(b"Font".to_vec()));
    font.set("Encoding", encoding);
    font.get_font_encoding(document).ok()?.bytes_to_string(&[0]).ok().filter(|text| !text.is_empty())
}

/// The few characters of Adobe's Symbol font that lab reports use.
fn symbol(code: u8) -> Option<String> {
    let text = match code {
        b' ' | b'%' | b'(' | b')' | b'+' | b',' | b'.' | b'/' | b':' | b';' | b'<' | b'=' | b'>' | b'[' | b']' => {
            return Some(char::from(code).to_string());
        }
        b'0'..=b'9' => return Some(char::from(code).to_string()),
        b'a' => "\u{3b1}",
        b'b' => "\u{3b2}",
        b'g' => "\u{3b3}",
        b'm' => "\u{3bc}",
        0xa3 => "\u{2264}",
        0xad => "\u{2191}",
        0xaf => "\u{2193}",
        0xb0 => "\u{b0}",
        0xb1 => "\u{b1}",
        0xb3 => "\u{2265}",
        0xb4 => "\u{d7}",
        0xb7 => "\u{2022}",
        _ => return None,
    };
    Some(text.to_owned())
}

fn widths(document: &Document, font: &Dictionary, base_font: &str) -> Vec<f64> {
    if let Some(given) = array(document, font, b"Widths") {
        let first = font.get_deref(b"FirstChar", document).and_then(Object::as_i64).unwrap_or(0);
        let first = usize::try_from(first).unwrap_or(256);
        let missing = font
            .get_deref(b"FontDescriptor", document)
            .and_then(Object::as_dict)
            .and_then(|descriptor| descriptor.get_deref(b"MissingWidth", document))
            .ok()
            .and_then(number_of)
            .unwrap_or(0.0);
        let mut widths = vec![missing; 256];
        for (place, width) in widths.iter_mut().skip(first).zip(given) {
            *place = document.dereference(width).ok().and_then(|(_, width)| number_of(width)).unwrap_or(missing);
        }
        return widths;
    }
    if base_font.starts_with("Courier") || base_font == "Symbol" {
        return vec![if base_font == "Symbol" { 550.0 } else { 600.0 }; 256];
    }
    let bold = base_font.contains("Bold");
    let slanted = base_font.contains("Italic") || base_font.contains("Oblique");
    let table = match (base_font.starts_with("Times"), bold, slanted) {
        (false, false, _) => &standard::HELVETICA,
        (false, true, _) => &standard::HELVETICA_BOLD,
        (true, false, false) => &standard::TIMES,
        (true, false, true) => &standard::TIMES_ITALIC,
        (true, true, false) => &standard::TIMES_BOLD,
        (true, true, true) => &standard::TIMES_BOLD_ITALIC,
    };
    std::iter::repeat_n(0.0, 32).chain(table.iter().map(|width| f64::from(*width))).collect()
}

fn composite(document: &Document, font: &Dictionary) -> Codes {
    let identity = matches!(font.get_deref(b"Encoding", document), Ok(Object::Name(name)) if name == b"Identity-H");
    let descendant = array(document, font, b"DescendantFonts")
        .and_then(<[Object]>::first)
        .and_then(|first| document.dereference(first).ok())
        .and_then(|(_, descendant)| descendant.as_dict().ok());
    let Some(descendant) = descendant else {
        return Codes::Composite { widths: HashMap::new(), default_width: 1000.0, identity: false };
    };
    let default_width = descendant.get_deref(b"DW", document).ok().and_then(number_of).unwrap_or(1000.0);
    let widths = cid_widths(document, array(document, descendant, b"W").unwrap_or_default());
    Codes::Composite { widths, default_width, identity }
}

/// `W`: `first [w w w]` or `first last w`, over and over.
fn cid_widths(document: &Document, mut objects: &[Object]) -> HashMap<u32, f64> {
    let mut widths = HashMap::new();
    while let [first, second, rest @ ..] = objects {
        objects = rest;
        let Some(first) = code_of(first) else { continue };
        match document.dereference(second).map(|(_, second)| second) {
            Ok(Object::Array(list)) => {
                let list = list.iter().filter_map(number_of);
                widths.extend((first..=0xffff).zip(list));
            }
            Ok(last) => {
                let (Some(last), [width, after @ ..]) = (code_of(last), rest) else { break };
                objects = after;
                if let Some(width) = number_of(width) {
                    widths.extend((first..=last.min(0xffff)).map(|code| (code, width)));
                }
            }
            Err(_) => break,
        }
    }
    widths
}

fn code_of(object: &Object) -> Option<u32> {
    number_of(object).filter(|number| (0.0..=65_535.0).contains(number)).map(|number| number as u32)
}

fn name(document: &Document, dictionary: &Dictionary, key: &[u8]) -> Option<Vec<u8>> {
    dictionary.get_deref(key, document).ok()?.as_name().ok().map(<[u8]>::to_vec)
}

pub(super) fn array<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a [Object]> {
    dictionary.get_deref(key, document).ok()?.as_array().ok().map(Vec::as_slice)
}
