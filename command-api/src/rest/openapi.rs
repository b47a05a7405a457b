//! The API description, OpenAPI 3.1, made from the table of operations and the types of their bodies, with what other parts
//! of the program serve beside them. A copy is kept in schemas/openapi and a test says when it is stale.

mod beside;

use schemars::JsonSchema;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{
    HttpMethod, Operation as Described, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{
    ContentBuilder, Header, Info, OpenApiBuilder, PathItem, Ref, Required, Response, ResponseBuilder,
};

use super::answer::Done;
use super::batch::{Line, LineResult};
use super::commands::Status;
use super::history::EventsPage;
use super::operations::{Makes, OPERATIONS, Operation, Verb};
use super::resources::{RESOURCES, Resource};
use crate::problem::Problem;

const ABOUT: &str = "Commands of Carelog. Every change carries an `Idempotency-Key`: sent again with the same body it \
    answers what it answered first. `Carelog-Token` names the positions written, for queries that should see them. \
    Reads are GraphQL, with the same ids. Refusals are RFC 9457 problems with a code; `/docs/errors` has a page for each.";

/// The description as JSON.
pub fn document() -> Value {
    let mut schemas = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    schemas.inline_subschemas = false;
    let mut generator = schemas.into_generator();
    let mut paths = PathsBuilder::new();
    let mut bodies = Map::new();
    for operation in OPERATIONS {
        let mut body = (operation.schema)(&mut generator).to_value();
        without_parameters(&mut body, operation);
        bodies.insert(operation.name.to_owned(), body);
        paths = paths.path(operation.path, PathItem::new(method(operation.verb), described(operation)));
    }
    for &(path, what, _) in RESOURCES {
        paths = paths.path(path, PathItem::new(HttpMethod::Get, resource(path, what)));
    }
    for (path, verb, operation) in others().into_iter().chain(beside::paths()) {
        paths = paths.path(path, PathItem::new(verb, operation));
    }
    let openapi =
        OpenApiBuilder::new().info(Info::new("Carelog", env!("CARGO_PKG_VERSION"))).paths(paths.build()).build();
    let mut document = serde_json::to_value(openapi).expect("a description is plain data");
    document["openapi"] = json!("3.1.0");
    document["info"]["description"] = json!(ABOUT);
    document["info"]["license"] = json!({ "name": "Apache-2.0", "identifier": "Apache-2.0" });
    named::<Done>(&mut generator);
    named::<Problem>(&mut generator);
    named::<Status>(&mut generator);
    named::<Resource>(&mut generator);
    named::<EventsPage>(&mut generator);
    named::<Line>(&mut generator);
    named::<LineResult>(&mut generator);
    let mut components = generator.take_definitions(true);
    components.extend(bodies);
    document["components"] = json!({ "schemas": components });
    document
}

fn named<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

/// Over REST the parameters of the path are not in the body.
fn without_parameters(body: &mut Value, operation: &Operation) {
    for parameter in operation.parameters() {
        if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove(parameter);
        }
        if let Some(required) = body.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| name != parameter);
        }
    }
}

const fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Delete => HttpMethod::Delete,
    }
}

fn described(operation: &Operation) -> Described {
    let is_empty = operation.verb == Verb::Delete;
    let mut builder = change(operation.name, operation.group, operation.summary, operation.parameters());
    builder = builder.parameter(header("If-Match", "The ETag of what you have looked at.", operation.needs_version));
    if !is_empty {
        let body = RequestBodyBuilder::new()
            .required(Some(Required::True))
            .content("application/json", content(operation.name));
        builder = builder.request_body(Some(body.build()));
    }
    let status = if operation.makes == Makes::Change { "200" } else { "201" };
    builder = builder.response(status, done("Done, now or before"));
    if operation.waits_for_registration {
        builder = builder.response("202", done("Accepted; `Location` says where to look for what becomes of it"));
    }
    if operation.needs_version {
        builder = builder.response("428", problem("If-Match is missing"));
    }
    builder.build()
}

/// What every change has in common.
fn change(name: &str, group: &str, summary: &str, parameters: impl Iterator<Item = &'static str>) -> OperationBuilder {
    let mut builder = OperationBuilder::new().operation_id(Some(name)).tag(group).summary(Some(summary));
    for parameter in parameters {
        builder = builder.parameter(in_path(parameter));
    }
    let refusals = [
        ("400", "Malformed: a field, a header, or a field nobody knows"),
        ("403", "Not permitted"),
        ("404", "There is no such thing"),
        ("409", "The state does not allow it, or the same request is still running"),
        ("412", "It has another version than If-Match says"),
        ("413", "Too large"),
        ("415", "Of another type"),
        ("422", "A value means nothing here, or the key was used with another body"),
        ("503", "Too busy; come again with the same key"),
    ];
    for (status, about) in refusals {
        builder = builder.response(status, problem(about));
    }
    builder
        .parameter(header("Idempotency-Key", "A name of your choice for this request, 1 to 200 characters.", true))
        .parameter(header("Carelog-Wait", "`settled`, or `settled; timeout=10`: waits for the sagas.", false))
        .parameter(header("Carelog-Occurred-At", "When it happened; imports only.", false))
}

fn resource(path: &str, what: &str) -> Described {
    let parameter = path.split(['{', '}']).nth(1).unwrap_or_default();
    let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    OperationBuilder::new()
        .operation_id(Some(format!("Get{}", what.split(' ').map(capital).collect::<String>())))
        .tag("Reading")
        .summary(Some(format!("The version of {article} {what}")))
        .parameter(in_path(parameter))
        .response("200", answer("What the write side knows", "application/json", "Resource"))
        .response("404", problem("There is no such thing"))
        .build()
}

fn others() -> Vec<(&'static str, HttpMethod, Described)> {
    let get = |name: &str, summary: &str| {
        OperationBuilder::new().operation_id(Some(name)).tag("Reading").summary(Some(summary))
    };
    let form = json!({
        "type": "object",
        "required": ["hospital", "patient", "file"],
        "properties": {
            "hospital": { "type": "string", "format": "uuid" },
            "patient": { "type": "string", "format": "uuid" },
            "file": { "type": "string", "contentMediaType": "application/pdf", "description": "At most 20 MiB." },
        },
    });
    let form = ContentBuilder::new().schema(serde_json::from_value::<utoipa::openapi::schema::Schema>(form).ok());
    let upload = change("UploadLabReport", "Lab reports", "Hand a lab report in", std::iter::empty())
        .request_body(Some(RequestBodyBuilder::new().content("multipart/form-data", form.build()).build()))
        .response("201", done("Handed in"))
        .response("200", done("The same file was handed in before"));
    let lines = RequestBodyBuilder::new().content("application/x-ndjson", content("Line"));
    let batch = OperationBuilder::new()
        .operation_id(Some("Batch"))
        .tag("Operating")
        .summary(Some("Carry out many commands, a line each"))
        .request_body(Some(lines.build()))
        .response("200", answer("A result per line, in their order", "application/x-ndjson", "LineResult"));
    let status = get("GetCommand", "What followed from a command")
        .parameter(in_path("id"))
        .response("200", answer("What followed, and whether it is settled", "application/json", "Status"))
        .response("404", problem("There is no such command"));
    let stream = get("GetStream", "The events of a stream")
        .parameter(in_path("stream"))
        .parameter(query("after", "Events after this version."))
        .parameter(query("limit", "1 to 1,000."))
        .parameter(query("open", "Opens the personal values you may read."))
        .response("200", answer("Events", "application/json", "EventsPage"))
        .response("404", problem("There is no such stream"));
    let mut events = get("GetEvents", "The events of the log, or with Accept: text/event-stream as they come")
        .response("200", answer("Events", "application/json", "EventsPage"));
    for (name, about) in [
        ("partition", "One partition; all unless told."),
        ("from", "An offset with a partition, or a token such as 0:120."),
        ("category", "Stream categories, separated by commas."),
        ("type", "Event types, separated by commas."),
        ("tag", "A tag such as patient:ID."),
        ("direction", "forward or backward."),
        ("limit", "1 to 1,000."),
        ("open", "Opens the personal values you may read."),
    ] {
        events = events.parameter(query(name, about));
    }
    events = events.parameter(header("Last-Event-ID", "Where the stream of events goes on.", false));
    vec![
        ("/v1/lab-reports", HttpMethod::Post, upload.build()),
        ("/v1/batch", HttpMethod::Post, batch.build()),
        ("/v1/commands/{id}", HttpMethod::Get, status.build()),
        ("/v1/streams/{stream}/events", HttpMethod::Get, stream.build()),
        ("/v1/events", HttpMethod::Get, events.build()),
    ]
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn in_path(name: &str) -> Parameter {
    parameter(name, ParameterIn::Path, true).build()
}

fn query(name: &str, about: &str) -> Parameter {
    parameter(name, ParameterIn::Query, false).description(Some(about)).build()
}

fn header(name: &str, about: &str, is_required: bool) -> Parameter {
    parameter(name, ParameterIn::Header, is_required).description(Some(about)).build()
}

fn parameter(name: &str, place: ParameterIn, is_required: bool) -> ParameterBuilder {
    let required = if is_required { Required::True } else { Required::False };
    ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(text()))
}

fn content(schema: &str) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build()
}

fn answer(about: &str, kind: &str, schema: &str) -> Response {
    ResponseBuilder::new().description(about).content(kind, content(schema)).build()
}

fn done(about: &str) -> Response {
    let header = |about: &str| {
        let mut header = Header::new(text());
        header.description = Some(about.to_owned());
        header
    };
    ResponseBuilder::new()
        .description(about)
        .content("application/json", content("Done"))
        .header("ETag", header("The version, for If-Match."))
        .header("Carelog-Token", header("Positions written, for queries."))
        .header("Location", header("Where it is, for what is new."))
        .build()
}

fn problem(about: &str) -> Response {
    answer(about, "application/problem+json", "Problem")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refs(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| refs(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| refs(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut found = vec![];
        refs(&document, &mut found);
        assert!(found.len() > 50);
        let lost: Vec<_> = found.iter().filter(|path| document.pointer(&path[1..]).is_none()).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }

    #[test]
    fn the_committed_description_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/openapi/carelog.json");
        let now = serde_json::to_string_pretty(&document()).expect("json") + "\n";
        if std::env::var_os("CARELOG_ACCEPT").is_some() {
            std::fs::write(path, &now).expect("written");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == now, "schemas/openapi/carelog.json is stale: run the tests with CARELOG_ACCEPT=1");
    }
}
