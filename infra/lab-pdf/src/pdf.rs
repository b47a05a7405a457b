//! PDF files as a lab sends them: opened with limits, every page turned into characters with their places. What is not
//! whole (a missing content stream, a cycle in the page tree, a file cut off) is broken: half a report is worse than none.

mod font;
mod interpreter;
mod matrix;
mod standard_widths;
mod to_unicode;

use std::collections::HashSet;

use lopdf::{DecompressError, Dictionary, Document, Error, LoadOptions, Object, ObjectId, Stream};

use crate::{FailureReason, Limits};
use interpreter::Interpreter;
use matrix::{Matrix, number_of};

const TREE_DEPTH_MAX: usize = 64;
/// Where the end-of-file mark must be: readers allow some bytes after it.
const TAIL_BYTES: usize = 1024;

/// One character (or ligature) on a page. Points from the top left corner of the page as shown.
#[derive(Clone, Debug)]
pub(crate) struct Glyph {
    pub(crate) text: String,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) baseline: f64,
    pub(crate) size: f64,
    /// The font by number: two characters of the same number look alike.
    pub(crate) face: u16,
    /// False for text that does not run from left to right, such as a stamp across the page.
    pub(crate) upright: bool,
}

/// One page.
pub(crate) struct Page {
    pub(crate) glyphs: Vec<Glyph>,
}

/// A file that could be opened.
pub(crate) struct File {
    pub(crate) pages: Vec<Page>,
    pub(crate) producer: Option<String>,
}

/// What is left of the limits while a file is read.
struct Budget {
    inflated_bytes: usize,
    glyphs: usize,
}

impl Glyph {
    fn placed(text: &str, face: u16, advance: f64, placed: Matrix) -> Option<Glyph> {
        let ((x, y), (end, end_y)) = (placed.apply(0.0, 0.0), placed.apply(advance, 0.0));
        let ((top_x, top), width) = (placed.apply(0.0, 1.0), (end - x).abs());
        let size = (top_x - x).hypot(top - y);
        let sane = [x, y, end, end_y, size].iter().all(|number| number.is_finite() && number.abs() < 1e6);
        if !sane || size < 0.5 {
            return None;
        }
        let upright = end >= x && (end_y - y).abs() <= 0.02 * width.max(size) && top < y;
        let right = if upright { end } else { x.max(end) };
        Some(Glyph { text: text.to_owned(), left: x.min(end), right, baseline: y, size, face, upright })
    }
}

impl Budget {
    fn glyph(&mut self) -> Result<(), FailureReason> {
        self.glyphs = self.glyphs.checked_sub(1).ok_or(FailureReason::TooLarge)?;
        Ok(())
    }

    fn inflate(&mut self, stream: &Stream) -> Result<Vec<u8>, FailureReason> {
        let content = stream.get_plain_content_with_limit(self.inflated_bytes).map_err(|error| reason(&error))?;
        self.inflated_bytes -= content.len().min(self.inflated_bytes);
        Ok(content)
    }
}

/// Opens a file and reads where its characters stand.
///
/// # Errors
/// Why it cannot be read: the file's fault, always.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<File, FailureReason> {
    let head = &bytes[..bytes.len().min(TAIL_BYTES)];
    let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    if !holds(head, b"%PDF-") || !holds(tail, b"%%EOF") {
        return Err(FailureReason::Broken);
    }
    let options = LoadOptions::with_max_decompressed_size(limits.inflated_bytes_max);
    let document = Document::load_mem_with_options(bytes, options).map_err(|error| reason(&error))?;
    if document.is_encrypted() || document.was_encrypted() {
        return Err(FailureReason::Encrypted);
    }
    let mut budget = Budget { inflated_bytes: limits.inflated_bytes_max, glyphs: limits.glyphs_max };
    let leaves = page_tree(&document, limits.pages_max)?;
    let mut pages = Vec::with_capacity(leaves.len());
    let mut contents = Vec::with_capacity(leaves.len());
    for leaf in &leaves {
        contents.push(page_content(&document, leaf.page, &mut budget)?);
    }
    let mut interpreter = Interpreter::new(&document, &mut budget);
    let nothing = Dictionary::new();
    for (leaf, content) in leaves.iter().zip(&contents) {
        let resources = leaf.resources.unwrap_or(&nothing);
        pages.push(Page { glyphs: interpreter.page(content, resources, leaf.to_page())? });
    }
    Ok(File { pages, producer: producer(&document) })
}

fn holds(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

fn reason(error: &Error) -> FailureReason {
    match error {
        Error::Decompress(DecompressError::MemoryLimitExceeded { .. } | DecompressError::TooManyFilters { .. }) => {
            FailureReason::TooLarge
        }
        Error::InvalidPassword | Error::Decryption(_) | Error::UnsupportedSecurityHandler(_) => {
            FailureReason::Encrypted
        }
        _ => FailureReason::Broken,
    }
}

/// A page with what it inherits.
struct Leaf<'a> {
    page: &'a Dictionary,
    resources: Option<&'a Dictionary>,
    media_box: Option<&'a [Object]>,
    rotate: i64,
}

impl Leaf<'_> {
    /// From the page's own space (origin bottom left) to the page as shown, origin top left, y downwards.
    fn to_page(&self) -> Matrix {
        let numbers: Vec<f64> = self.media_box.unwrap_or_default().iter().filter_map(number_of).collect();
        let [left, bottom, right, top] = *numbers.as_slice() else { return Matrix([1.0, 0.0, 0.0, -1.0, 0.0, 792.0]) };
        match self.rotate.rem_euclid(360) {
            90 => Matrix([0.0, 1.0, 1.0, 0.0, -bottom, -left]),
            180 => Matrix([-1.0, 0.0, 0.0, 1.0, right, -bottom]),
            270 => Matrix([0.0, -1.0, -1.0, 0.0, top, right]),
            _ => Matrix([1.0, 0.0, 0.0, -1.0, -left, top]),
        }
    }
}

fn page_tree(document: &Document, pages_max: usize) -> Result<Vec<Leaf<'_>>, FailureReason> {
    let root = document.catalog().and_then(|catalog| catalog.get(b"Pages")).map_err(|_| FailureReason::Broken)?;
    let mut leaves = Vec::new();
    let mut walk = TreeWalk { document, pages_max, path: HashSet::new(), leaves: &mut leaves, nodes: 0 };
    walk.visit(root, &Inherited::default(), 0)?;
    if leaves.is_empty() { Err(FailureReason::Broken) } else { Ok(leaves) }
}

#[derive(Clone, Default)]
struct Inherited<'a> {
    resources: Option<&'a Dictionary>,
    media_box: Option<&'a [Object]>,
    rotate: i64,
}

struct TreeWalk<'a, 'b> {
    document: &'a Document,
    pages_max: usize,
    /// Nodes from the root to here: meeting one of them again is a cycle.
    path: HashSet<ObjectId>,
    leaves: &'b mut Vec<Leaf<'a>>,
    nodes: usize,
}

impl<'a> TreeWalk<'a, '_> {
    fn visit(&mut self, node: &'a Object, from_above: &Inherited<'a>, depth: usize) -> Result<(), FailureReason> {
        let id = node.as_reference().map_err(|_| FailureReason::Broken)?;
        let document = self.document;
        let dictionary = document.get_dictionary(id).map_err(|_| FailureReason::Broken)?;
        let mut inherited = from_above.clone();
        if let Ok(resources) = dictionary.get_deref(b"Resources", document).and_then(Object::as_dict) {
            inherited.resources = Some(resources);
        }
        if let Some(media_box) = font::array(document, dictionary, b"MediaBox") {
            inherited.media_box = Some(media_box);
        }
        if let Ok(rotate) = dictionary.get_deref(b"Rotate", document).and_then(Object::as_i64) {
            inherited.rotate = rotate;
        }
        let Some(kids) = font::array(document, dictionary, b"Kids") else {
            if self.leaves.len() >= self.pages_max {
                return Err(FailureReason::TooManyPages);
            }
            let Inherited { resources, media_box, rotate } = inherited;
            self.leaves.push(Leaf { page: dictionary, resources, media_box, rotate });
            return Ok(());
        };
        self.nodes += 1;
        let promised = dictionary.get_deref(b"Count", document).and_then(Object::as_i64).unwrap_or(0);
        if kids.len() > self.pages_max || usize::try_from(promised).is_ok_and(|count| count > self.pages_max) {
            return Err(FailureReason::TooManyPages);
        }
        if depth > TREE_DEPTH_MAX || self.nodes > self.pages_max * TREE_DEPTH_MAX || !self.path.insert(id) {
            return Err(FailureReason::Broken);
        }
        for kid in kids {
            self.visit(kid, &inherited, depth + 1)?;
        }
        self.path.remove(&id);
        Ok(())
    }
}

/// The content streams of a page, one after the other. A missing one breaks the file: rows could be missing unseen.
fn page_content(document: &Document, page: &Dictionary, budget: &mut Budget) -> Result<Vec<u8>, FailureReason> {
    let Ok(contents) = page.get(b"Contents") else { return Ok(Vec::new()) };
    let (_, contents) = document.dereference(contents).map_err(|_| FailureReason::Broken)?;
    let parts = match contents {
        Object::Array(parts) => parts.as_slice(),
        Object::Null => return Ok(Vec::new()),
        single => std::slice::from_ref(single),
    };
    let mut content = Vec::new();
    for part in parts {
        let (_, part) = document.dereference(part).map_err(|_| FailureReason::Broken)?;
        let stream = part.as_stream().map_err(|_| FailureReason::Broken)?;
        content.extend(budget.inflate(stream)?);
        content.push(b'\n');
    }
    Ok(content)
}

fn producer(document: &Document) -> Option<String> {
    let info = document.trailer.get_deref(b"Info", document).ok()?.as_dict().ok()?;
    let text = lopdf::decode_text_string(info.get_deref(b"Producer", document).ok()?).ok()?;
    let text: String = text.chars().filter(|character| !character.is_control()).take(200).collect();
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}
