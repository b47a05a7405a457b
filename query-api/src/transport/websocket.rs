//! Operations over a WebSocket: the protocol graphql-transport-ws.
//!
//! ```text
//! client  connection_init                      ping   subscribe {id}                 complete {id}
//! server                   connection_ack      pong   next {id} ... complete {id}
//!                                                     error {id}: it was refused and never began
//! closed  4400 not a message, 4401 subscribe before the ack, 4408 no init in time, 4409 id in use, 4429 a second init
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use carelog_domain::kernel::Actor;
use carelog_domain::ports::BoxStream;
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_stream::StreamMap;

use super::http_requests::{InBody, wish_of};
use super::{Fault, actor_of};
use crate::asking::Wish;
use crate::operation::{Api, was_refused};

const PROTOCOL: &str = "graphql-transport-ws";
/// The protocol's own example of a sensible wait.
const INIT_MAX: Duration = Duration::from_secs(10);
/// How often a client is asked whether it is there; one that was asked and said nothing until the next time is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long a client may take to take a message.
const SEND_MAX: Duration = Duration::from_secs(10);

pub(super) async fn handle(State(api): State<Arc<Api>>, request: axum::extract::Request) -> Response<Body> {
    use axum::extract::FromRequestParts;
    let (mut parts, _) = request.into_parts();
    let session = match session(&api, &parts) {
        Ok(session) => session,
        Err(fault) => return fault.into_response(),
    };
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade
            .protocols([PROTOCOL])
            .max_message_size(api.deps.limits.body_bytes_max)
            .on_upgrade(move |socket| session.serve(socket)),
        Err(rejection) => rejection.into_response(),
    }
}

fn session(api: &Arc<Api>, parts: &http::request::Parts) -> Result<Session, Fault> {
    if !offers_protocol(&parts.headers) {
        let message = format!("open the socket with the protocol {PROTOCOL}");
        return Err(Fault::new(StatusCode::BAD_REQUEST, "protocol-unsupported", message));
    }
    let wish = wish_of(&parts.headers)?;
    Ok(Session { api: api.clone(), actor: actor_of(parts)?, wish, running: StreamMap::new() })
}

fn offers_protocol(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|line| line.split(',')).any(|protocol| protocol.trim() == PROTOCOL)
}

/// One socket and the operations that run on it.
struct Session {
    api: Arc<Api>,
    actor: Actor,
    wish: Wish,
    running: StreamMap<String, BoxStream<'static, Reply>>,
}

/// What an operation sends.
#[allow(clippy::large_enum_variant, reason = "nearly every reply is an answer, and none is kept")]
enum Reply {
    /// An answer, or the refusal to begin.
    Answer(async_graphql::Response),
    /// Its end.
    End,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromClient {
    ConnectionInit,
    Ping { payload: Option<Value> },
    Pong,
    Subscribe { id: String, payload: InBody },
    Complete { id: String },
}

/// Why a socket is closed by us.
struct Close(u16, &'static str);

impl Session {
    async fn serve(mut self, mut socket: WebSocket) {
        if let Err(Close(code, reason)) = self.converse(&mut socket).await {
            let frame = CloseFrame { code, reason: reason.into() };
            // The client may be gone already; there is nobody left to tell.
            let _ = socket.send(Message::Close(Some(frame))).await;
        }
    }

    async fn converse(&mut self, socket: &mut WebSocket) -> Result<(), Close> {
        match tokio::time::timeout(INIT_MAX, next_message(socket, &mut true)).await {
            Err(_) => return Err(Close(4408, "Connection initialisation timeout")),
            Ok(None) => return Ok(()),
            Ok(Some(FromText::Message(FromClient::ConnectionInit))) => {}
            Ok(Some(FromText::Message(_))) => return Err(Close(4401, "Unauthorized")),
            Ok(Some(FromText::Nonsense)) => return Err(Close(4400, "Not a message of the protocol")),
        }
        if !send(socket, json!({ "type": "connection_ack" })).await {
            return Ok(());
        }
        let mut pings = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        let mut is_there = true;
        loop {
            let outgoing = tokio::select! {
                _ = pings.tick() => match std::mem::take(&mut is_there) {
                    true if ping(socket).await => None,
                    _ => return Ok(()), // Nobody is there; a peer that vanished sends no end.
                },
                incoming = next_message(socket, &mut is_there) => match incoming {
                    None => return Ok(()),
                    Some(FromText::Nonsense) => return Err(Close(4400, "Not a message of the protocol")),
                    Some(FromText::Message(message)) => self.take(message)?,
                },
                Some((id, reply)) = self.running.next(), if !self.running.is_empty() => self.reply(id, reply),
            };
            if let Some(message) = outgoing
                && !send(socket, message).await
            {
                return Ok(());
            }
        }
    }

    /// Does what a message asks; the answer to send at once, if there is one.
    fn take(&mut self, message: FromClient) -> Result<Option<Value>, Close> {
        match message {
            FromClient::ConnectionInit => Err(Close(4429, "Too many initialisation requests")),
            FromClient::Ping { payload } => Ok(Some(match payload {
                Some(payload) => json!({ "type": "pong", "payload": payload }),
                None => json!({ "type": "pong" }),
            })),
            FromClient::Pong => Ok(None),
            FromClient::Complete { id } => {
                self.running.remove(&id);
                Ok(None)
            }
            FromClient::Subscribe { id, .. } if self.running.contains_key(&id) => {
                Err(Close(4409, "Subscriber already exists"))
            }
            FromClient::Subscribe { id, payload } => Ok(self.begin(id, payload)),
        }
    }

    fn begin(&mut self, id: String, payload: InBody) -> Option<Value> {
        let operations_max = self.api.deps.limits.operations_per_socket_max;
        if self.running.len() >= operations_max {
            let message = format!("at most {operations_max} operations run on one socket; complete one first");
            return Some(refusal(&id, "too-many-operations", &message));
        }
        let request = match payload.into_request(&self.api.persisted) {
            Ok(request) => request,
            Err(fault) => return Some(refusal(&id, fault.code, &fault.message)),
        };
        let answers = self.api.clone().stream(request, self.actor.clone(), self.wish.clone());
        let end = futures::stream::iter([Reply::End]);
        self.running.insert(id, answers.map(Reply::Answer).chain(end).boxed());
        None
    }

    fn reply(&mut self, id: String, reply: Reply) -> Option<Value> {
        match reply {
            Reply::End => {
                self.running.remove(&id);
                Some(json!({ "id": id, "type": "complete" }))
            }
            Reply::Answer(response) if was_refused(&response) => {
                self.running.remove(&id);
                Some(json!({ "id": id, "type": "error", "payload": response.errors }))
            }
            Reply::Answer(response) => Some(json!({ "id": id, "type": "next", "payload": response })),
        }
    }
}

fn refusal(id: &str, code: &str, message: &str) -> Value {
    json!({ "id": id, "type": "error", "payload": [{ "message": message, "extensions": { "code": code } }] })
}

enum FromText {
    Message(FromClient),
    Nonsense,
}

/// The next message of the protocol; `None` when the socket is closed. Whatever comes says that the client is there.
async fn next_message(socket: &mut WebSocket, is_there: &mut bool) -> Option<FromText> {
    loop {
        let message = socket.recv().await?.ok()?;
        *is_there = true;
        return match message {
            Message::Text(text) => Some(serde_json::from_str(&text).map_or(FromText::Nonsense, FromText::Message)),
            Message::Binary(_) => Some(FromText::Nonsense),
            Message::Close(_) => None,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
    }
}

/// False when the client is gone.
async fn send(socket: &mut WebSocket, message: Value) -> bool {
    let sent = socket.send(Message::Text(message.to_string().into()));
    tokio::time::timeout(SEND_MAX, sent).await.is_ok_and(|sent| sent.is_ok())
}

async fn ping(socket: &mut WebSocket) -> bool {
    let sent = socket.send(Message::Ping(Bytes::new()));
    tokio::time::timeout(SEND_MAX, sent).await.is_ok_and(|sent| sent.is_ok())
}
