//! What other parts of the program serve at the same address: topics as feeds, health, operations. A test asks a running
//! program for each path that is described here.

use serde_json::{Value, json};
use utoipa::openapi::path::{HttpMethod, Operation as Described, OperationBuilder};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ContentBuilder, Required, Response, ResponseBuilder};

use super::{header, in_path, problem, query};

/// An operation that answers JSON, or text.
struct Beside {
    path: &'static str,
    verb: HttpMethod,
    name: &'static str,
    summary: &'static str,
    /// The fields of its body: name, JSON type, what it is, whether it must be there.
    body: &'static [(&'static str, &'static str, &'static str, bool)],
    /// What it answers.
    answer: &'static str,
    refusals: &'static [(&'static str, &'static str)],
}

const READ: Beside =
    Beside { path: "", verb: HttpMethod::Get, name: "", summary: "", body: &[], answer: "", refusals: &[] };
const DO: Beside = Beside { verb: HttpMethod::Post, ..READ };

const NO_MODEL: (&str, &str) = ("404", "There is no such read model");
const MODEL_BUSY: (&str, &str) = ("409", "It cannot be worked on now: it stands still, or is being rebuilt");
const NOT_NOW: (&str, &str) = ("409", "The state does not allow it");
const NO_SAGA: (&str, &str) = ("404", "There is no such saga or instance");

/// For operators; each needs the permission to operate, those of the log the one to read the history, those of the ledger
/// the one to read billing.
const OPERATIONS: &[Beside] = &[
    Beside {
        path: "/v1/operations/status",
        name: "GetStatus",
        summary: "How the program is, as the page at / shows it",
        answer: "Version, uptime, counts, read models, and what is in trouble",
        ..READ
    },
    Beside {
        path: "/v1/operations/underway",
        name: "GetUnderway",
        summary: "Long work that is under way, and how far it has come",
        answer: "`operations`: each with what it works on, events done and in all, and how long the rest may take",
        ..READ
    },
    Beside {
        path: "/v1/operations/log/stats",
        name: "GetLogStats",
        summary: "Sizes of the log's partitions",
        answer: "`partitions`: events, root, segments and bytes of each",
        ..READ
    },
    Beside {
        path: "/v1/operations/log/verify",
        name: "VerifyLog",
        summary: "Check every frame of the log, and the checkpoints of read models against its roots",
        answer: "`agrees`, what was checked of each partition, and the differences",
        ..DO
    },
    Beside {
        path: "/v1/operations/projections",
        name: "ListProjections",
        summary: "The read models: how far they are, and which stand still",
        answer: "`readModels`: each partition of each, what it does and how far behind it is",
        ..READ
    },
    Beside {
        path: "/v1/operations/projections/verify",
        name: "VerifyProjections",
        summary: "Compare read models with the log",
        body: &[
            ("name", "string", "One read model; all unless told.", false),
            ("deep", "boolean", "Row by row, from the log itself.", false),
        ],
        answer: "`agrees`, and the verdict on each",
        refusals: &[NO_MODEL, MODEL_BUSY],
        ..DO
    },
    Beside {
        path: "/v1/operations/projections/{name}/rebuild",
        name: "RebuildProjection",
        summary: "Make a read model anew from the log, while the old one goes on answering",
        answer: "How many events were applied",
        refusals: &[NO_MODEL, MODEL_BUSY],
        ..DO
    },
    Beside {
        path: "/v1/operations/projections/{name}/diff",
        name: "DiffProjection",
        summary: "Build a read model anew beside the live one, which stays, and compare them",
        answer: "`agrees`, and the differences",
        refusals: &[NO_MODEL, MODEL_BUSY],
        ..DO
    },
    Beside {
        path: "/v1/operations/projections/{name}/retry",
        name: "RetryProjection",
        summary: "Let a read model that stands still try again",
        answer: "How many of its partitions try again",
        refusals: &[NO_MODEL],
        ..DO
    },
    Beside {
        path: "/v1/operations/projections/{name}/skip",
        name: "SkipProjectionEvent",
        summary: "Let a read model go on without the event at which it stands still; the reason is kept in the log",
        body: &[
            ("position", "string", "Where it stands still, such as 0:120.", true),
            ("reason", "string", "Why the event is left out.", true),
        ],
        answer: "What is skipped, and the token of that",
        refusals: &[NO_MODEL, NOT_NOW],
        ..DO
    },
    Beside {
        path: "/v1/operations/sagas",
        name: "ListSagas",
        summary: "The sagas, and what in them needs somebody",
        answer: "How each stands",
        ..READ
    },
    Beside {
        path: "/v1/operations/sagas/{saga}/{instance}",
        name: "GetSaga",
        summary: "The story of one instance: what it heard and did",
        answer: "`events`: its story in order",
        refusals: &[NO_SAGA],
        ..READ
    },
    Beside {
        path: "/v1/operations/sagas/{saga}/{instance}/retry",
        name: "RetrySagaStep",
        summary: "Try a refused step again, its cause being mended; who did is kept in the log",
        body: &[("step", "string", "The step, as the story names it.", true)],
        answer: "The token of the retry, and whether it had been asked for before",
        refusals: &[NO_SAGA, NOT_NOW],
        ..DO
    },
    Beside {
        path: "/v1/operations/sagas/wait",
        name: "WaitForSagas",
        summary: "Wait until everything is handled",
        body: &[("timeoutSeconds", "integer", "At most 600.", true)],
        answer: "`settled`: whether they have",
        ..DO
    },
    Beside {
        path: "/v1/operations/ledger/check",
        name: "CheckLedger",
        summary: "Check that every entry sums to nothing and that the read model has the same balances",
        answer: "`agrees`, how many entries were checked, and the accounts that differ",
        ..DO
    },
];

/// All of it.
pub(super) fn paths() -> Vec<(&'static str, HttpMethod, Described)> {
    let operations = OPERATIONS.iter().map(|one| (one.path, one.verb.clone(), one.described()));
    let journal = start("GetJournal", "Operating", "The ledger as a plain-text journal (hledger, Ledger)")
        .parameter(query("hospital", "One hospital; all unless told."))
        .response("200", text("text/plain", "Postings, oldest first"))
        .response("403", problem("Not permitted"));
    let live = start("GetLive", "Health", "Whether the process lives").response("200", object("It does"));
    let ready = start("GetReady", "Health", "Whether it takes commands, and what is in trouble")
        .response("200", object("`ready`, or `degraded` with what is in trouble"))
        .response("503", object("It takes no commands now; why"));
    let topics = start("ListTopics", "Topics", "The topics for others, and the messages of each")
        .response("200", object("Topics; /asyncapi.json has every field"))
        .response("403", problem("Not permitted"));
    let feed = start("GetTopic", "Topics", "A topic as server-sent events: CloudEvents in JSON")
        .parameter(in_path("topic"))
        .parameter(query("from", "beginning, now (unless told), or the id of a message, after which it goes on."))
        .parameter(header("Last-Event-ID", "The id of the last message seen; goes on right after it.", false))
        .response("200", text("text/event-stream", "Messages as they come"))
        .response("400", problem("`from` or `Last-Event-ID` is no place in this topic"))
        .response("403", problem("Not permitted"))
        .response("404", problem("There is no such topic"))
        .response("503", problem("Too many feeds are being read; come again"));
    operations
        .chain([
            ("/v1/operations/ledger/journal", HttpMethod::Get, journal.build()),
            ("/health/live", HttpMethod::Get, live.build()),
            ("/health/ready", HttpMethod::Get, ready.build()),
            ("/v1/topics", HttpMethod::Get, topics.build()),
            ("/v1/topics/{topic}", HttpMethod::Get, feed.build()),
        ])
        .collect()
}

impl Beside {
    fn described(&self) -> Described {
        let mut builder = start(self.name, "Operating", self.summary);
        for parameter in self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            builder = builder.parameter(in_path(parameter));
        }
        builder = builder.response("200", object(self.answer));
        if !self.body.is_empty() {
            builder = builder.request_body(Some(self.body())).response("400", problem("The body is not what it takes"));
        }
        builder = builder.response("403", problem("Not permitted"));
        for (status, about) in self.refusals {
            builder = builder.response(*status, problem(about));
        }
        builder.response("503", problem("Not now; ask again")).build()
    }

    fn body(&self) -> RequestBody {
        let field = |(name, kind, about, _): &(&str, &str, &str, bool)| {
            ((*name).to_owned(), json!({ "type": kind, "description": about }))
        };
        let required: Vec<&str> = self.body.iter().filter(|field| field.3).map(|field| field.0).collect();
        let properties: serde_json::Map<String, Value> = self.body.iter().map(field).collect();
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        let content = ContentBuilder::new().schema(serde_json::from_value::<Schema>(schema).ok());
        RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", content.build()).build()
    }
}

fn start(name: &str, tag: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new().operation_id(Some(name)).tag(tag).summary(Some(summary))
}

fn object(about: &str) -> Response {
    let schema = serde_json::from_value::<Schema>(json!({ "type": "object" })).ok();
    let content = ContentBuilder::new().schema(schema).build();
    ResponseBuilder::new().description(about).content("application/json", content).build()
}

fn text(kind: &str, about: &str) -> Response {
    let schema = serde_json::from_value::<Schema>(json!({ "type": "string" })).ok();
    ResponseBuilder::new().description(about).content(kind, ContentBuilder::new().schema(schema).build()).build()
}
