//! Operations over HTTP, health and the error pages' neighbours. Everything here asks the policy.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use carelog_domain::kernel::{Actor, HospitalId, Position};
use carelog_domain::policy::Permission;
use carelog_domain::rejection::RejectionClass;
use carelog_projections::operations::OperationError as ReadModelError;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{By, OperationError, Operations};

/// The longest a caller may have us wait.
const WAIT_MAX: Duration = Duration::from_secs(600);

type Ops = State<Arc<Operations>>;
type Who = Extension<Actor>;
type Answer = Result<Json<Value>, OperationError>;

/// The routes. Health is open to whoever may reach the port at all; it tells nothing about anyone.
pub(crate) fn router(operations: Arc<Operations>) -> Router {
    Router::new()
        .route("/health/live", get(|| async { Json(json!({ "status": "live" })) }))
        .route("/health/ready", get(ready))
        .route("/v1/operations/status", get(status))
        .route("/v1/operations/underway", get(underway))
        .route("/v1/operations/log/stats", get(log_stats))
        .route("/v1/operations/log/verify", post(log_verify))
        .route("/v1/operations/projections", get(projections))
        .route("/v1/operations/projections/verify", post(verify))
        .route("/v1/operations/projections/others", get(others))
        .route("/v1/operations/projections/prune", post(prune))
        .route("/v1/operations/projections/{name}/rebuild", post(rebuild))
        .route("/v1/operations/projections/{name}/diff", post(diff))
        .route("/v1/operations/projections/{name}/retry", post(retry))
        .route("/v1/operations/projections/{name}/skip", post(skip))
        .route("/v1/operations/sagas", get(sagas))
        .route("/v1/operations/sagas/wait", post(sagas_wait))
        .route("/v1/operations/sagas/{saga}/{instance}", get(saga))
        .route("/v1/operations/sagas/{saga}/{instance}/retry", post(saga_retry))
        .route("/v1/operations/ledger/journal", get(journal))
        .route("/v1/operations/ledger/check", post(ledger_check))
        .with_state(operations)
}

/// What a balancer sends here.
#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
enum For {
    #[default]
    Commands,
    Queries,
}

#[derive(Deserialize)]
struct ReadyFor {
    #[serde(rename = "for", default)]
    purpose: For,
}

async fn ready(
    State(operations): Ops,
    of: Result<Query<ReadyFor>, QueryRejection>,
) -> Result<Response, OperationError> {
    let malformed = |_| OperationError::Malformed("malformed-parameter", "for is commands or queries".to_owned());
    let Query(ReadyFor { purpose }) = of.map_err(malformed)?;
    let mut readiness = operations.readiness();
    let is_ready = readiness.takes_commands && (purpose == For::Commands || readiness.catching_up.is_empty());
    let old: Vec<&str> = readiness.catching_up.difference(&readiness.filling).copied().collect();
    if purpose == For::Queries && !old.is_empty() {
        readiness.trouble.push(format!("read models have not caught up since the start: {}", old.join(", ")));
    }
    let (status, word) = match (is_ready, readiness.trouble.is_empty()) {
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        (true, true) => return Ok(Json(json!({ "status": "ready" })).into_response()),
        (true, false) => (StatusCode::OK, "degraded"),
    };
    Ok((status, Json(json!({ "status": word, "trouble": readiness.trouble }))).into_response())
}

async fn status(State(operations): Ops, Extension(actor): Who) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.status().await.map(Json)
}

async fn underway(State(operations): Ops, Extension(actor): Who) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    Ok(Json(operations.underway()))
}

async fn log_stats(State(operations): Ops, Extension(actor): Who) -> Answer {
    Operations::permit(&actor, Permission::ReadHistory)?;
    operations.log_stats().await.map(Json)
}

async fn log_verify(State(operations): Ops, Extension(actor): Who) -> Answer {
    Operations::permit(&actor, Permission::ReadHistory)?;
    operations.log_verify().await.map(Json)
}

async fn projections(State(operations): Ops, Extension(actor): Who) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.projections().await.map(Json)
}

async fn others(State(operations): Ops, Extension(actor): Who) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.projections_others().await.map(Json)
}

async fn prune(State(operations): Ops, Extension(actor): Who) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.projections_prune().await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    name: Option<String>,
    #[serde(default)]
    deep: bool,
}

async fn verify(State(operations): Ops, Extension(actor): Who, Asked(body): Asked<Verify>) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.projections_verify(body.name.as_deref(), body.deep).await.map(Json)
}

async fn rebuild(State(operations): Ops, Extension(actor): Who, Path(name): Path<String>) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.projection_rebuild(&name, true).await.map(Json)
}

async fn diff(State(operations): Ops, Extension(actor): Who, Path(name): Path<String>) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.projection_diff(&name).await.map(Json)
}

async fn retry(State(operations): Ops, Extension(actor): Who, Path(name): Path<String>) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.projection_retry(&name).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    position: Position,
    reason: String,
}

async fn skip(
    State(operations): Ops,
    Extension(actor): Who,
    Path(name): Path<String>,
    headers: HeaderMap,
    Asked(body): Asked<Skip>,
) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.projection_skip(&name, body.position, &body.reason, By::of(actor, &headers)).await.map(Json)
}

async fn sagas(State(operations): Ops, Extension(actor): Who) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.sagas().await.map(Json)
}

async fn saga(State(operations): Ops, Extension(actor): Who, Path((saga, instance)): Path<(String, String)>) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.saga(&saga, &instance).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retry {
    step: String,
}

async fn saga_retry(
    State(operations): Ops,
    Extension(actor): Who,
    Path((saga, instance)): Path<(String, String)>,
    headers: HeaderMap,
    Asked(body): Asked<Retry>,
) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.saga_retry(&saga, &instance, &body.step, By::of(actor, &headers)).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wait {
    timeout_seconds: u64,
}

async fn sagas_wait(State(operations): Ops, Extension(actor): Who, Asked(body): Asked<Wait>) -> Answer {
    Operations::permit(&actor, Permission::Operate)?;
    operations.sagas_wait(Duration::from_secs(body.timeout_seconds).min(WAIT_MAX)).await.map(Json)
}

#[derive(Deserialize)]
struct JournalOf {
    hospital: Option<HospitalId>,
}

async fn journal(
    State(operations): Ops,
    Extension(actor): Who,
    of: Result<Query<JournalOf>, QueryRejection>,
) -> Result<Response, OperationError> {
    Operations::permit(&actor, Permission::ReadBilling)?;
    let malformed = |_| OperationError::Malformed("malformed-parameter", "hospital is a hospital's id".to_owned());
    let Query(of) = of.map_err(malformed)?;
    let text = operations.journal(of.hospital).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

async fn ledger_check(State(operations): Ops, Extension(actor): Who) -> Answer {
    Operations::permit(&actor, Permission::ReadBilling)?;
    operations.ledger_check().await.map(Json)
}

/// A body as JSON; one that is not what it should be is a problem like any other.
struct Asked<T>(T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> FromRequest<S> for Asked<T> {
    type Rejection = OperationError;

    async fn from_request(request: Request, state: &S) -> Result<Asked<T>, OperationError> {
        let malformed = |rejection: JsonRejection| {
            let code =
                if matches!(rejection, JsonRejection::JsonDataError(_)) { "malformed-body" } else { "malformed-json" };
            // Only what was expected: the rest repeats what was sent.
            let text = rejection.body_text();
            let expected = text.rsplit_once("expected ").map(|(_, expected)| format!("expected {expected}"));
            OperationError::Malformed(
                code,
                expected.unwrap_or_else(|| "the body is not what this operation takes".to_owned()),
            )
        };
        Json::from_request(request, state).await.map(|Json(body)| Asked(body)).map_err(malformed)
    }
}

impl IntoResponse for OperationError {
    fn into_response(self) -> Response {
        let (status, code, title) = match &self {
            OperationError::Rejected(rejection) => {
                let status = match rejection.class {
                    RejectionClass::NotFound => StatusCode::NOT_FOUND,
                    RejectionClass::Conflict => StatusCode::CONFLICT,
                    RejectionClass::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
                    RejectionClass::Forbidden => StatusCode::FORBIDDEN,
                };
                (status, rejection.code, "The operation was refused")
            }
            OperationError::UnknownSaga { .. } => (StatusCode::NOT_FOUND, "saga-unknown", "There is no such saga"),
            OperationError::ReadModel(ReadModelError::UnknownModel(_)) => {
                (StatusCode::NOT_FOUND, "read-model-unknown", "There is no such read model")
            }
            OperationError::Malformed(code, _) => (StatusCode::BAD_REQUEST, *code, "The request cannot be read"),
            OperationError::ReadModel(
                ReadModelError::Poison { .. } | ReadModelError::NothingBeside(_) | ReadModelError::Busy { .. },
            ) => (StatusCode::CONFLICT, "read-model-stopped", "The read model cannot be worked on now"),
            OperationError::NotRunning => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Nothing runs here"),
            OperationError::Failed(failure) | OperationError::ReadModel(ReadModelError::Failed(failure))
                if failure.retry_helps =>
            {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The operation cannot be carried out now")
            }
            OperationError::Failed(_) | OperationError::Command(_) | OperationError::ReadModel(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The operation failed")
            }
        };
        // Operators need the reason: it names files and positions, never anything personal.
        let detail = self.to_string();
        if status.is_server_error() {
            tracing::error!(error = &self as &dyn std::error::Error, "an operation failed");
        }
        let problem = json!({
            "type": format!("/docs/errors/{code}"), "title": title, "status": status.as_u16(), "code": code,
            "detail": detail,
        });
        (status, [(CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
    }
}
