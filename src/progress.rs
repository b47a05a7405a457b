//! Progress bars: done, rate, time left. Silent when the output is for a program or not a terminal.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde_json::Value;

use crate::client::Client;

/// How often a server is asked how far it has come.
const ASK_EVERY: Duration = Duration::from_millis(300);

/// A bar over this many of what is counted, hidden when the output is for a program.
pub(crate) fn bar(total: u64, template: &str, json: bool) -> ProgressBar {
    let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    bar.set_style(style(template));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A template in which `{rate}` is how many whole ones are done in a second.
fn style(template: &str) -> ProgressStyle {
    let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        // A bar that cannot be drawn is no reason to stop.
        let _ = write!(text, "{}/s", HumanCount(state.per_sec() as u64));
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate)
}

/// Carries long work out that the platform tells the progress of, and shows it.
pub(crate) async fn shown<T>(client: &Client, operation: &str, json: bool, work: impl Future<Output = T>) -> T {
    let bar = bar(0, "{spinner} {msg}", json);
    bar.set_message(operation.to_owned());
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => {
                bar.finish_and_clear();
                return result;
            }
            () = tokio::time::sleep(ASK_EVERY), if !bar.is_hidden() => {}
        }
        // Who cannot see the progress still gets the result.
        let answer = client.get("/v1/operations/underway").await.unwrap_or_default();
        let all = answer["operations"].as_array().cloned().unwrap_or_default();
        if let Some(ours) = all.iter().find(|each| each["operation"] == operation) {
            show(&bar, operation, ours);
        }
    }
}

fn show(bar: &ProgressBar, operation: &str, underway: &Value) {
    let number = |name: &str| underway[name].as_u64().unwrap_or_default();
    let message = format!("{operation} {}", underway["subject"].as_str().unwrap_or_default());
    if bar.message() != message {
        bar.reset();
        bar.set_message(message);
    }
    if number("total") == 0 {
        return; // The events are being counted.
    }
    bar.set_style(style("{msg} {wide_bar} {human_pos}/{human_len} events  {rate}  {eta} left"));
    bar.set_length(number("total"));
    bar.set_position(number("done"));
}
