//! What long operations are under way in this program and how far they have come, for whoever waits and whoever looks.

use carelog_projections::operations::{Report, Underway};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{Operations, to_json};

/// Reports of the operations that somebody waits for.
#[derive(Default)]
pub(super) struct Board(Mutex<Vec<Report>>);

impl Board {
    /// Shows an operation until the answer is dropped.
    pub(super) fn begin(&self, operation: &'static str, subject: &'static str) -> Shown<'_> {
        let report = Report::new(operation, subject);
        self.0.lock().push(report.clone());
        Shown { board: self, report }
    }
}

/// An operation that is shown.
pub(super) struct Shown<'a> {
    board: &'a Board,
    pub(super) report: Report,
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.board.0.lock().retain(|each| !each.is(&self.report));
    }
}

impl Operations {
    /// Every long operation; one on a read model of a running program is shown until it ends, though nobody waits for it.
    pub(crate) fn underway(&self) -> Value {
        let of_running = self.platform.roles.as_ref().map(|roles| roles.projections.underway()).unwrap_or_default();
        let shown = self.board.0.lock().iter().map(Report::underway).collect::<Vec<Underway>>();
        let same =
            |one: &Underway| shown.iter().any(|other| (one.operation, one.subject) == (other.operation, other.subject));
        let others = of_running.into_iter().filter(|one| !same(one)).collect::<Vec<_>>();
        json!({ "operations": to_json(&[shown, others].concat()) })
    }
}
