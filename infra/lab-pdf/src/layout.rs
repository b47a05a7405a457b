//! From characters to words and lines, by position alone: files place text in any order.

use crate::pdf::Page;

/// Characters further apart than this part of the font size are two words.
const WORD_GAP: f64 = 0.16;

/// How wide a typewriter face's characters are, in font sizes.
const TYPEWRITER: f64 = 0.6;

/// Characters without a space between them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) size: f64,
    /// What gaps are measured by: the font size, or more where the font's own space is wide, as in a typewriter face.
    pub(crate) em: f64,
    /// The font of its first character.
    pub(crate) face: u16,
}

/// Words on one baseline, from left to right.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) words: Vec<Word>,
    pub(crate) baseline: f64,
    pub(crate) size: f64,
    /// From 1.
    pub(crate) page: u32,
    /// From 1, on its page.
    pub(crate) number: u32,
}

/// The lines of a page from top to bottom, and what is written across it.
pub(crate) struct Layout {
    pub(crate) lines: Vec<Line>,
    pub(crate) askew: Option<String>,
}

impl Line {
    /// The whole line with single spaces.
    pub(crate) fn text(&self) -> String {
        join(&self.words)
    }

    /// Words grouped where the gap is wider than `gap` font sizes.
    pub(crate) fn segments(&self, gap: f64) -> Vec<&[Word]> {
        self.words.chunk_by(|one, next| next.left - one.right <= gap * one.em.max(next.em)).collect()
    }
}

/// Words with single spaces between them.
pub(crate) fn join(words: &[Word]) -> String {
    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
}

struct Mark {
    text: String,
    left: f64,
    right: f64,
    baseline: f64,
    size: f64,
    face: u16,
}

/// Lays out page number `number` (from 1).
pub(crate) fn lay_out(page: &Page, number: u32) -> Layout {
    let mut marks = Vec::new();
    let mut askew = String::new();
    for glyph in &page.glyphs {
        if !glyph.upright {
            askew.push_str(&glyph.text);
            continue;
        }
        marks.push(Mark {
            text: plain(&glyph.text),
            left: glyph.left,
            right: glyph.right,
            baseline: glyph.baseline,
            size: glyph.size,
            face: glyph.face,
        });
    }
    marks.sort_by(|one, other| one.baseline.total_cmp(&other.baseline));
    let mut rows: Vec<Vec<Mark>> = Vec::new();
    for mark in marks {
        match rows.iter_mut().rev().take(6).find(|row| row.iter().rev().take(40).any(|other| same_line(other, &mark))) {
            Some(row) => row.push(mark),
            None => rows.push(vec![mark]),
        }
    }
    raise_exponents(&mut rows);
    // Lines of a few characters show nothing: what most others show holds for them.
    let usual = stretch(rows.iter().flatten())
        .or_else(|| middle(rows.iter().filter_map(|row| stretch(row.iter()))))
        .unwrap_or(1.0);
    let mut lines: Vec<Line> = rows.into_iter().filter_map(|row| line(row, number, usual)).collect();
    lines.sort_by(|one, other| one.baseline.total_cmp(&other.baseline));
    for (index, line) in (1..).zip(&mut lines) {
        line.number = index;
    }
    let askew = askew.split_whitespace().collect::<Vec<_>>().join(" ");
    Layout { lines, askew: Some(askew).filter(|text| !text.is_empty()) }
}

/// Ligatures taken apart, all kinds of space as one.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{fb00}' => plain.push_str("ff"),
            '\u{fb01}' => plain.push_str("fi"),
            '\u{fb02}' => plain.push_str("fl"),
            '\u{fb03}' => plain.push_str("ffi"),
            '\u{fb04}' => plain.push_str("ffl"),
            '\u{ad}' => {}
            space if space.is_whitespace() => plain.push(' '),
            other => plain.push(other),
        }
    }
    plain
}

fn middle(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

/// How much wider than usual (0.28 of the font size) the spaces are; the middle one of all. Without spaces, a typewriter
/// face is known by its characters, which are all as wide as one; else `None`.
fn stretch<'m>(marks: impl Iterator<Item = &'m Mark>) -> Option<f64> {
    let width = |mark: &Mark| (mark.right - mark.left) / mark.size;
    let (spaces, letters): (Vec<_>, Vec<_>) = marks.partition(|mark| mark.text == " ");
    let typewriter = letters.len() > 7 && letters.iter().all(|mark| (width(mark) - TYPEWRITER).abs() < 0.015);
    let mut widths: Vec<f64> = spaces.into_iter().map(|mark| width(mark) / 0.28).collect();
    if widths.is_empty() {
        return typewriter.then_some(TYPEWRITER / 0.28);
    }
    widths.sort_by(f64::total_cmp);
    widths.get(widths.len() / 2).map(|width| width.clamp(1.0, 2.2))
}

/// True when the two overlap vertically by more than half of the smaller one: a raised exponent stays on its line.
fn same_line(one: &Mark, other: &Mark) -> bool {
    let extent = |mark: &Mark| (mark.baseline - 0.7 * mark.size, mark.baseline);
    let ((top, bottom), (other_top, other_bottom)) = (extent(one), extent(other));
    let overlap = bottom.min(other_bottom) - top.max(other_top);
    overlap > 0.5 * 0.7 * one.size.min(other.size)
}

/// Puts rows of small characters that stand right behind larger ones, a little higher, onto the line of these.
fn raise_exponents(rows: &mut Vec<Vec<Mark>>) {
    let largest = |row: &[Mark]| row.iter().map(|mark| mark.size).fold(0.0, f64::max);
    let mut index = 0;
    while index < rows.len() {
        let size = largest(&rows[index]);
        let hangs_on = |small: &Mark, row: &[Mark]| {
            row.iter().any(|large| {
                let height = large.baseline - small.baseline;
                let gap = small.left - large.right;
                small.size < 0.85 * large.size
                    && (0.0..0.75 * large.size).contains(&height)
                    && (-0.1 * large.size..0.2 * large.size).contains(&gap)
            })
        };
        let host = (0..rows.len()).find(|host| {
            let row = &rows[*host];
            *host != index && largest(row) > size / 0.85 && runs(&rows[index]).iter().all(|first| hangs_on(first, row))
        });
        match host {
            Some(host) => {
                let exponents = std::mem::take(&mut rows[index]);
                rows[host].extend(exponents);
                rows.remove(index);
            }
            None => index += 1,
        }
    }
}

/// The first character of each run without gaps.
fn runs(row: &[Mark]) -> Vec<&Mark> {
    let mut sorted: Vec<&Mark> = row.iter().collect();
    sorted.sort_by(|one, other| one.left.total_cmp(&other.left));
    let ends: Vec<f64> = sorted.iter().map(|mark| mark.right).collect();
    let starts_run = |index: usize| index == 0 || sorted[index].left - ends[index - 1] > 0.3 * sorted[index].size;
    (0..sorted.len()).filter(|index| starts_run(*index)).map(|index| sorted[index]).collect()
}

fn line(mut marks: Vec<Mark>, page: u32, usual_stretch: f64) -> Option<Line> {
    let stretch = stretch(marks.iter()).unwrap_or(usual_stretch);
    marks.sort_by(|one, other| one.left.total_cmp(&other.left));
    let size = marks.iter().map(|mark| mark.size).fold(0.0, f64::max);
    // The baseline of the largest characters: exponents and footnote marks stand elsewhere.
    let full: Vec<f64> = marks.iter().filter(|mark| mark.size > 0.85 * size).map(|mark| mark.baseline).collect();
    let baseline = full.iter().sum::<f64>() / full.len().max(1) as f64;
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    let mut last: Option<(String, f64)> = None;
    // What a raised character stands beside: in its own cell, which may stand lower than the line.
    let mut beside: Option<(f64, f64, f64)> = None;
    for mark in marks {
        if mark.text.trim().is_empty() {
            open = false;
            continue;
        }
        // The same character twice at nearly the same place is a bold face made by printing twice.
        if last.as_ref().is_some_and(|(text, left)| *text == mark.text && mark.left - left < 0.12 * mark.size) {
            continue;
        }
        last = Some((mark.text.clone(), mark.left));
        let (_, foot, full) =
            beside.filter(|(right, _, full)| (mark.left - right).abs() < 0.3 * full).unwrap_or((0.0, baseline, size));
        let raised = mark.size < 0.85 * full && foot - mark.baseline > 0.15 * full;
        beside = Some(if raised { (mark.right, foot, full) } else { (mark.right, mark.baseline, mark.size) });
        let text = if raised { superscript(&mark.text) } else { mark.text };
        match words.last_mut() {
            Some(word) if open && mark.left - word.right < WORD_GAP * word.size.max(mark.size) => {
                word.text.push_str(&text);
                word.right = word.right.max(mark.right);
                word.size = word.size.max(mark.size);
            }
            _ => {
                let Mark { left, right, size, face, .. } = mark;
                words.push(Word { text, left, right, size, em: size * stretch, face });
            }
        }
        open = true;
    }
    (!words.is_empty()).then_some(Line { words, baseline, size, page, number: 0 })
}

/// A raised digit is an exponent: 10 with a raised 9 must never read as 109.
fn superscript(text: &str) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    text.chars()
        .map(|character| match character {
            '-' | '\u{2212}' | '\u{2013}' => '⁻',
            '+' => '⁺',
            other => other.to_digit(10).map_or(other, |digit| DIGITS[digit as usize]),
        })
        .collect()
}
