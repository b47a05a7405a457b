//! REST over the write side: resources in, commands carried out, problems out. Also what auditors read of the log.

pub(crate) mod answer;
pub(crate) mod batch;
pub(crate) mod bodies;
pub(crate) mod body;
pub(crate) mod commands;
pub(crate) mod error_pages;
pub(crate) mod headers;
pub(crate) mod history;
pub(crate) mod lab_reports;
pub(crate) mod live;
pub(crate) mod openapi;
pub(crate) mod operations;
pub(crate) mod registrations;
pub(crate) mod resources;
pub(crate) mod run;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Json, Router};
use carelog_domain::ports::{BlobStore, Clock, EventLog, KeyStore, Settlement};
use http::{Method, StatusCode, Uri};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::WriteSide;
use crate::problem::Problem;
use operations::{OPERATIONS, Operation, Verb};
use registrations::Registrations;

/// What is let in at once, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest JSON body, in bytes. An event has at most 65,535.
    pub body_bytes_max: usize,
    /// Largest lab report, in bytes.
    pub file_bytes_max: usize,
    /// Requests with commands in them that are carried out at once; more are told to come again (503).
    pub requests_max: usize,
    /// Lines of one batch carried out at once.
    pub batch_lines_max: usize,
    /// Longest a command may take.
    pub command_timeout: Duration,
    /// Longest a registration is waited for before it is answered with 202.
    pub registration_wait: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes_max: 1024 * 1024,
            file_bytes_max: 20 * 1024 * 1024,
            requests_max: 1024,
            batch_lines_max: 256,
            command_timeout: Duration::from_secs(30),
            registration_wait: Duration::from_secs(5),
        }
    }
}

/// What the API works on.
#[derive(Clone)]
pub struct Api {
    /// Carries commands out.
    pub bus: Arc<WriteSide>,
    /// For auditors, and to see what followed from a command.
    pub log: Arc<dyn EventLog>,
    /// Seals files, hashes them, opens values for auditors.
    pub keys: Arc<dyn KeyStore>,
    /// Keeps files.
    pub blobs: Arc<dyn BlobStore>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whether the sagas are done.
    pub settlement: Arc<dyn Settlement>,
    /// What is let in.
    pub limits: Limits,
    /// The W3C traceparent of the span at work, to be stored with events; the request's own header when it gives none.
    pub traceparent: fn() -> Option<String>,
}

/// The API with what its handlers share.
pub(crate) struct Shared {
    pub(crate) api: Api,
    pub(crate) registrations: Arc<Registrations>,
    permits: Arc<Semaphore>,
}

pub(crate) type Rest = State<Arc<Shared>>;

/// Every route of the command side. Needs an `Extension<Actor>` in each request. It brings its own fallback (404) and
/// answer to wrong methods (405), so whatever it is merged into must have none.
pub fn router(api: Api) -> Router {
    let limits = api.limits;
    let shared = Arc::new(Shared {
        registrations: Registrations::new(api.log.clone()),
        permits: Arc::new(Semaphore::new(limits.requests_max)),
        api,
    });
    let mut commands: Router<Arc<Shared>> = Router::new();
    for operation in OPERATIONS {
        commands = commands.route(operation.path, route_of(operation));
    }
    let commands = commands
        .route(
            "/v1/lab-reports",
            post(lab_reports::upload).layer(DefaultBodyLimit::max(limits.file_bytes_max + lab_reports::FORM_BYTES_MAX)),
        )
        .route("/v1/batch", post(batch::carry_out))
        .layer(middleware::from_fn_with_state(shared.clone(), admit));
    let reads = Router::new()
        .route("/v1/commands/{id}", get(commands::show))
        .route("/v1/streams/{stream}/events", get(history::stream))
        .route("/v1/events", get(history::events))
        .route("/openapi.json", get(|| async { Json(openapi::document()) }))
        .route("/docs/errors", get(error_pages::index))
        .route("/docs/errors/{code}", get(error_pages::page));
    let swagger = SwaggerUi::new("/swagger-ui").config(Config::from("/openapi.json").try_it_out_enabled(true));
    resources::routes()
        .merge(commands)
        .merge(reads)
        .layer(DefaultBodyLimit::disable()) // Each handler reads its body with its own limit, and says so as a problem.
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(shared)
        .merge(swagger)
        .fallback(unknown_route)
}

fn route_of(operation: &'static Operation) -> MethodRouter<Arc<Shared>> {
    let handler = move |state: Rest, request: Request| run::operation(operation, state, request);
    match operation.verb {
        Verb::Post => post(handler),
        // What is replaced whole may be posted as well: every command can be sent the same way.
        Verb::Put => put(handler).post(handler),
        Verb::Delete => delete(handler),
    }
}

/// One of the requests that are carried out at once, until the last of these is dropped.
#[derive(Clone)]
pub(crate) struct Permit(#[allow(dead_code, reason = "it is held, not looked at")] Arc<OwnedSemaphorePermit>);

/// Lets as many requests in as can be carried out at once, and tells the rest to come again: nothing piles up unseen.
async fn admit(State(shared): Rest, mut request: Request, next: Next) -> Response {
    match shared.permits.clone().try_acquire_owned() {
        Ok(permit) => {
            // A batch goes on after its handler has answered, and takes its permit along.
            let permit = Permit(Arc::new(permit));
            request.extensions_mut().insert(permit.clone());
            let response = next.run(request).await;
            drop(permit);
            response
        }
        Err(_) => {
            metrics::counter!("carelog_requests_refused_total").increment(1);
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-requests", "Too many requests at once")
                .detail("send it again with the same key in a moment")
                .retry_after(1)
                .into_response()
        }
    }
}

/// The answer to a method that an address does not take; for the routes beside these too.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "This address does not take this method")
        .detail(format!("{method} is not possible here; /swagger-ui says what is"))
        .of(uri.path())
}

async fn unknown_route(uri: Uri) -> Problem {
    Problem::not_found("route-unknown", "There is nothing at this address")
        .detail("look the address up at /swagger-ui")
        .of(uri.path())
}
