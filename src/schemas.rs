//! `carelog schemas`: what is stored and sent.

use std::process::ExitCode;

use anyhow::Context;
use carelog_domain::event::{Event, EventType};
use carelog_schemas::topics;
use serde_json::{Value, json};

use crate::cli::SchemasCommand;
use crate::output;

/// Runs a subcommand.
pub(crate) fn run(command: &SchemasCommand, json: bool) -> anyhow::Result<ExitCode> {
    match command {
        SchemasCommand::List => {
            let row = |each: &EventType| json!({ "type": each.name, "revision": each.revision.0 });
            let rows: Vec<Value> = Event::TYPES.iter().map(row).collect();
            output::rows(json, &["type", "revision"], &rows);
        }
        SchemasCommand::Show { name } => output::line(text_of(name)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn text_of(name: &str) -> anyhow::Result<String> {
    match name {
        "openapi" => Ok(serde_json::to_string_pretty(&carelog_command_api::openapi())?),
        "asyncapi" => Ok(serde_json::to_string_pretty(&topics::asyncapi())?),
        "graphql" => Ok(carelog_query_api::sdl()),
        message if message.starts_with("carelog.") => {
            let unknown = || format!("there is no message {message}; `carelog schemas show asyncapi` has them all");
            let (topic, name) = message.rsplit_once('.').with_context(unknown)?;
            let topic = topics::of_name(topic).with_context(unknown)?;
            let found = topic.messages.iter().find(|each| each.name == name).with_context(unknown)?;
            Ok(serde_json::to_string_pretty(&topic.json_schema(found))?)
        }
        event => {
            let each = carelog_schemas::registry::event_type(event)
                .with_context(|| format!("there is no event type {event}; `carelog schemas list` lists them"))?;
            Ok(serde_json::to_string_pretty(&carelog_schemas::registry::json_schema(each))?)
        }
    }
}
