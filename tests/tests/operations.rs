//! What operators see and do, with the program itself: health, metrics, traces, every subcommand and its exit code, a
//! stop in order, a row somebody edited by hand, an event that no read model can take, a step that was refused.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "operations/command_line.rs"]
mod command_line;
#[path = "operations/mending.rs"]
mod mending;
#[path = "operations/running.rs"]
mod running;
#[path = "operations/traces.rs"]
mod traces;
#[path = "operations/upgrading.rs"]
mod upgrading;

use std::path::Path;
use std::process::{Command, Output};

use carelog_tests::practice::{Practice, command, heads, send};
use carelog_tests::server::{Server, program};
use serde_json::{Value, json};

/// A practice with one booked appointment.
struct Scene {
    server: Server,
    practice: Practice,
    patient: String,
    appointment: String,
}

impl Scene {
    async fn open(data: &Path) -> Scene {
        let server = Server::start(data, 4).await;
        let practice = Practice::set_up(&server, "st-anne").await;
        let patient = practice.patient(&server, "p", json!({ "name": { "text": "Pat" } })).await;
        let booked = command(&server, "POST", "/v1/appointments", "a", &[], &practice.booking(&patient, 0)).await;
        assert_eq!(booked.status, 201, "{}", booked.body);
        server.settle().await;
        Scene { server, practice, patient, appointment: booked.id() }
    }
}

/// Runs the program with nothing but these arguments.
fn carelog(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).output().unwrap()
}

/// What it printed, and how it ended.
fn ended(output: &Output, code: i32) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    out.into_owned()
}

/// The lines it printed, each JSON.
fn lines(output: &Output, code: i32) -> Vec<Value> {
    let out = ended(output, code);
    out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
}
