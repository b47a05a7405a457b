//! Runs the content of a page as far as text goes: matrices, fonts, the text operators, forms. Nothing is drawn; what
//! comes out is where each character stands. Text that no reader would see (rendering mode 3) is not read.

use std::collections::HashMap;
use std::rc::Rc;

use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Object, ObjectId};

use super::font::Font;
use super::matrix::{Matrix, number_of};
use super::{Budget, Glyph};
use crate::FailureReason;

const FORM_DEPTH_MAX: usize = 8;
const SAVED_STATES_MAX: usize = 256;
/// Far more than any report has; looking one up walks them all.
const FACES_MAX: usize = 500;

/// Reads one page after the other; fonts are loaded once.
pub(super) struct Interpreter<'a> {
    document: &'a Document,
    fonts: HashMap<ObjectId, Rc<Font>>,
    /// Names of the faces met so far; the number of a face is its place.
    faces: Vec<String>,
    budget: &'a mut Budget,
    glyphs: Vec<Glyph>,
}

#[derive(Clone)]
struct State {
    ctm: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    char_space: f64,
    word_space: f64,
    /// Horizontal scaling, 1 for 100 %.
    stretch: f64,
    leading: f64,
    rise: f64,
    invisible: bool,
    text: Matrix,
    line: Matrix,
}

impl<'a> Interpreter<'a> {
    pub(super) fn new(document: &'a Document, budget: &'a mut Budget) -> Interpreter<'a> {
        Interpreter { document, fonts: HashMap::new(), faces: Vec::new(), budget, glyphs: Vec::new() }
    }

    /// The characters of one page, `to_page` mapping its space to points from the top left corner as shown.
    pub(super) fn page(
        &mut self,
        content: &[u8],
        resources: &Dictionary,
        to_page: Matrix,
    ) -> Result<Vec<Glyph>, FailureReason> {
        let state = State {
            ctm: to_page,
            font: None,
            size: 0.0,
            char_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
            invisible: false,
            text: Matrix::IDENTITY,
            line: Matrix::IDENTITY,
        };
        self.run(content, resources, state, 0)?;
        Ok(std::mem::take(&mut self.glyphs))
    }

    fn run(
        &mut self,
        content: &[u8],
        resources: &Dictionary,
        mut state: State,
        depth: usize,
    ) -> Result<(), FailureReason> {
        let mut saved = Vec::new();
        for operation in Content::decode_iter(content) {
            let operation = operation.map_err(|_| FailureReason::Broken)?;
            match operation.operator.as_str() {
                "q" if saved.len() < SAVED_STATES_MAX => saved.push(state.clone()),
                "q" => return Err(FailureReason::Broken),
                "Q" => state = saved.pop().unwrap_or(state),
                "cm" => {
                    if let Some(matrix) = Matrix::from_objects(&operation.operands) {
                        state.ctm = matrix.then(state.ctm);
                    }
                }
                "Do" => self.form(&operation, resources, &state, depth)?,
                _ => self.text_operator(&operation, resources, &mut state)?,
            }
        }
        Ok(())
    }

    fn text_operator(
        &mut self,
        operation: &Operation,
        resources: &Dictionary,
        state: &mut State,
    ) -> Result<(), FailureReason> {
        let operands = operation.operands.as_slice();
        let number = |index: usize| operands.get(index).and_then(number_of);
        match operation.operator.as_str() {
            "BT" => (state.text, state.line) = (Matrix::IDENTITY, Matrix::IDENTITY),
            "Tf" => {
                state.font =
                    operands.first().and_then(|name| name.as_name().ok()).and_then(|name| self.font(resources, name));
                state.size = number(1).unwrap_or(0.0);
            }
            "Tc" => state.char_space = number(0).unwrap_or(0.0),
            "Tw" => state.word_space = number(0).unwrap_or(0.0),
            "Tz" => state.stretch = number(0).unwrap_or(100.0) / 100.0,
            "TL" => state.leading = number(0).unwrap_or(0.0),
            "Ts" => state.rise = number(0).unwrap_or(0.0),
            "Tr" => state.invisible = matches!(operands.first(), Some(Object::Integer(3 | 7))),
            "Tm" => {
                if let Some(matrix) = Matrix::from_objects(operands) {
                    (state.text, state.line) = (matrix, matrix);
                }
            }
            "Td" => state.next_line(number(0).unwrap_or(0.0), number(1).unwrap_or(0.0)),
            "TD" => {
                state.leading = -number(1).unwrap_or(0.0);
                state.next_line(number(0).unwrap_or(0.0), number(1).unwrap_or(0.0));
            }
            "T*" => state.next_line(0.0, -state.leading),
            "Tj" => self.show_object(operands.first(), state)?,
            "'" => {
                state.next_line(0.0, -state.leading);
                self.show_object(operands.first(), state)?;
            }
            "\"" => {
                state.word_space = number(0).unwrap_or(0.0);
                state.char_space = number(1).unwrap_or(0.0);
                state.next_line(0.0, -state.leading);
                self.show_object(operands.get(2), state)?;
            }
            "TJ" => {
                for part in operands.first().and_then(|list| list.as_array().ok()).into_iter().flatten() {
                    match number_of(part) {
                        Some(back) => {
                            let shift = -back / 1000.0 * state.size * state.stretch;
                            state.text = Matrix::shift(shift, 0.0).then(state.text);
                        }
                        None => self.show_object(Some(part), state)?,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn show_object(&mut self, string: Option<&Object>, state: &mut State) -> Result<(), FailureReason> {
        let (Some(Object::String(bytes, _)), Some(font)) = (string, state.font.clone()) else { return Ok(()) };
        for shown in font.show(bytes) {
            let space = state.char_space + if shown.is_space { state.word_space } else { 0.0 };
            let shaped = Matrix([state.size * state.stretch, 0.0, 0.0, state.size, 0.0, state.rise]);
            let placed = shaped.then(state.text).then(state.ctm);
            if !state.invisible {
                self.budget.glyph()?;
                self.glyphs.extend(Glyph::placed(shown.text, font.face, shown.advance, placed));
            }
            let step = (shown.advance * state.size + space) * state.stretch;
            state.text = Matrix::shift(step, 0.0).then(state.text);
        }
        Ok(())
    }

    fn font(&mut self, resources: &Dictionary, name: &[u8]) -> Option<Rc<Font>> {
        let fonts = resources.get_deref(b"Font", self.document).ok()?.as_dict().ok()?;
        let entry = fonts.get(name).ok()?;
        let (id, font) = self.document.dereference(entry).ok()?;
        let font = font.as_dict().ok()?;
        if let Some(loaded) = id.and_then(|id| self.fonts.get(&id)) {
            return Some(loaded.clone());
        }
        let mut font = Font::load(self.document, font);
        font.face = self.face(&font.name);
        let font = Rc::new(font);
        if let Some(id) = id {
            self.fonts.insert(id, font.clone());
        }
        Some(font)
    }

    /// The number of a face. A file with more faces than numbers has one number for the rest.
    fn face(&mut self, name: &str) -> u16 {
        let place = self.faces.iter().position(|face| face == name).unwrap_or_else(|| {
            let place = self.faces.len();
            if place < FACES_MAX {
                self.faces.push(name.to_owned());
            }
            place
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    fn form(
        &mut self,
        operation: &Operation,
        resources: &Dictionary,
        state: &State,
        depth: usize,
    ) -> Result<(), FailureReason> {
        let document = self.document;
        let stream = operation
            .operands
            .first()
            .and_then(|name| name.as_name().ok())
            .zip(resources.get_deref(b"XObject", document).ok().and_then(|all| all.as_dict().ok()))
            .and_then(|(name, all)| all.get_deref(name, document).ok()?.as_stream().ok());
        let Some(stream) = stream else { return Ok(()) };
        if !matches!(stream.dict.get_deref(b"Subtype", document).and_then(Object::as_name), Ok(b"Form")) {
            return Ok(());
        }
        if depth >= FORM_DEPTH_MAX {
            return Err(FailureReason::Broken);
        }
        let content = self.budget.inflate(stream)?;
        let own = stream.dict.get_deref(b"Resources", document).and_then(Object::as_dict).unwrap_or(resources);
        let mut inner = state.clone();
        let matrix = super::font::array(document, &stream.dict, b"Matrix").and_then(Matrix::from_objects);
        if let Some(matrix) = matrix {
            inner.ctm = matrix.then(inner.ctm);
        }
        self.run(&content, own, inner, depth + 1)
    }
}

impl State {
    fn next_line(&mut self, x: f64, y: f64) {
        self.line = Matrix::shift(x, y).then(self.line);
        self.text = self.line;
    }
}
