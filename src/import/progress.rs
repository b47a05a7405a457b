//! The progress bar of an import.

use indicatif::ProgressBar;

use crate::progress;

/// A bar over commands.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar for this many commands.
    pub(crate) fn new(total: u64, json: bool) -> Progress {
        let template = "importing {wide_bar} {human_pos}/{human_len} commands  {rate}  {eta} left  {msg}";
        Progress(progress::bar(total, template, json))
    }

    /// Some more are done; so many of all were done by an earlier run.
    pub(crate) fn advance(&self, commands: u64, repeated: u64) {
        self.0.inc(commands);
        if repeated > 0 {
            self.0.set_message(format!("({repeated} done before)"));
        }
    }

    /// All done.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
