//! The yardstick of commands over HTTP: an axum handler that reads the JSON of a booking and answers as much as the
//! real one, with nothing in between.

use anyhow::Context;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LOCATION};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Booking {
    role: String,
    patient: String,
    start: String,
    service: String,
    reason: String,
}

#[derive(Serialize)]
struct Done {
    id: String,
    version: u64,
    stream: String,
    token: String,
    command: String,
    events: [String; 3],
    repeated: bool,
}

/// Serves on a free port of loopback, and prints its address.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port of loopback can be listened on")?;
    println!("http://{}", listener.local_addr()?);
    let app = Router::new().route("/v1/appointments", post(book));
    axum::serve(listener, app).await.context("the server ended")
}

async fn book(Json(booking): Json<Booking>) -> Response {
    let Booking { role, patient, start, service, reason } = booking;
    let length = start.len() + service.len() + reason.len();
    let done = Done {
        id: patient.clone(),
        version: length as u64,
        stream: format!("appointment:{patient}"),
        token: "0:1234567".to_owned(),
        command: role.clone(),
        events: [role.clone(), patient.clone(), role],
        repeated: false,
    };
    let location = format!("/v1/appointments/{patient}");
    (StatusCode::CREATED, [(ETAG, "\"1\"".to_owned()), (LOCATION, location)], Json(done)).into_response()
}
