//! Where a `Location` leads: the version of a resource, for `If-Match`, and where to read it. What stands in it is
//! asked of GraphQL, its history of `/v1/streams`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use carelog_domain::kernel::{Slot, StreamName, Tag, Version};
use carelog_domain::policy::{self, Permission};
use carelog_domain::ports::{Direction, DurableEnds, EventLog, Failure};
use carelog_domain::rejection::Rejection;
use http::header::ETAG;
use http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{Rest, Shared, run};
use crate::problem::Problem;

/// Resources by their path, whose parameter is named as in the paths of operations; those with a tag live in another resource's stream and are found by it.
pub(crate) const RESOURCES: &[(&str, &str, Lives)] = &[
    ("/v1/hospitals/{hospital}", "hospital", Lives::In("organization")),
    ("/v1/practitioners/{practitioner}", "practitioner", Lives::In("practitioner")),
    ("/v1/practitioner-roles/{role}", "practitioner role", Lives::In("practitioner-role")),
    ("/v1/patients/{patient}", "patient", Lives::In("patient")),
    ("/v1/appointments/{appointment}", "appointment", Lives::In("appointment")),
    ("/v1/lab-reports/{report}", "lab report", Lives::In("lab-report")),
    ("/v1/accounts/{account}", "account", Lives::In("account")),
    ("/v1/invoices/{invoice}", "invoice", Lives::In("invoice")),
    ("/v1/credit-notes/{creditNote}", "credit note", Lives::In("credit-note")),
    ("/v1/holds/{hold}", "hold", Lives::Tagged("hold")),
    ("/v1/payments/{payment}", "payment", Lives::Tagged("payment")),
];

/// Where the events of a resource are.
#[derive(Clone, Copy)]
pub(crate) enum Lives {
    /// In a stream of this category, named by its id.
    In(&'static str),
    /// In a stream of another resource, under this tag.
    Tagged(&'static str),
}

/// A resource as the write side knows it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resource {
    id: Uuid,
    /// For `If-Match`; also the `ETag`.
    version: u64,
    /// Its stream.
    stream: String,
    /// Its events, for auditors.
    history: String,
    /// Where to ask what stands in it.
    graphql: &'static str,
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for &(path, _, lives) in RESOURCES {
        router =
            router.route(path, get(move |state: Rest, id: Path<String>, parts: Parts| show(lives, state, id, parts)));
    }
    router
}

async fn show(lives: Lives, State(shared): Rest, Path(id): Path<String>, parts: Parts) -> Response {
    let path = parts.uri.path().to_owned();
    match resource(lives, &shared, &id, &parts).await {
        Ok(resource) => ([(ETAG, format!("\"{}\"", resource.version))], Json(resource)).into_response(),
        Err(problem) => problem.of(path).into_response(),
    }
}

async fn resource(lives: Lives, shared: &Shared, id: &str, parts: &Parts) -> Result<Resource, Problem> {
    let actor = run::actor(&parts.extensions)?;
    let unknown = || Problem::not_found("resource-unknown", "There is no such resource");
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let log = &*shared.api.log;
    let durable = DurableEnds::caught_up(log, log.partition_of(Slot::of_id(&id))).await?;
    let first = match lives {
        Lives::In(category) => log.read_stream(&StreamName::new(category, id), Version::NONE, 1).await?,
        Lives::Tagged(kind) => log.read_tag(Slot::of_id(&id), &Tag::new(kind, id), Direction::Forward, 1).await?,
    };
    let first = durable.only(first).into_iter().next().ok_or_else(unknown)?.context;
    let reads = [Permission::ReadPatients, Permission::ReadBilling, Permission::ReadHistory, Permission::Import];
    let may = |permission: &Permission| policy::permits(&actor, *permission, first.hospital);
    if reads.iter().all(|permission| may(permission).is_err()) {
        let refusal = may(&Permission::ReadPatients).err().map(Rejection::from);
        return Err(refusal.map_or_else(unknown, Problem::from));
    }
    let version = last_durable(log, &durable, &first.stream).await?;
    Ok(Resource {
        id,
        version: version.0,
        history: format!("/v1/streams/{}/events", first.stream),
        stream: first.stream.as_str().to_owned(),
        graphql: "/graphql",
    })
}

/// The version of a stream's last durable event: what follows it may be accepted, and yet never be.
async fn last_durable(log: &dyn EventLog, durable: &DurableEnds, stream: &StreamName) -> Result<Version, Failure> {
    let mut version = log.stream_version(stream).await?;
    while version != Version::NONE {
        let before = Version(version.0 - 1);
        let event = log.read_stream(stream, before, 1).await?;
        if !durable.only(event).is_empty() {
            break;
        }
        version = before;
    }
    Ok(version)
}
