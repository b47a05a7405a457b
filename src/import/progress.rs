//! The progress bar of an import: done, rate, time left. Silent when the output is for a program or not a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over commands.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar for this many commands.
    pub(crate) fn new(total: u64, json: bool) -> Progress {
        let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let style = ProgressStyle::with_template(
            "importing {wide_bar} {human_pos}/{human_len} commands  {per_sec}  {eta} left  {msg}",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress(bar)
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
