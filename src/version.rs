//! `carelog version`.

use std::process::ExitCode;

use carelog_domain::event::Event;
use serde_json::json;

use crate::output;

/// Prints what this program is.
pub(crate) fn run(json: bool) -> anyhow::Result<ExitCode> {
    output::object(
        json,
        &json!({
            "version": env!("CARGO_PKG_VERSION"),
            "eventTypes": Event::TYPES.len(),
            "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        }),
    );
    Ok(ExitCode::SUCCESS)
}
