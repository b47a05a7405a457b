//! The log as server-sent events, as it grows: each message's id is a token with the last position sent of every
//! partition, so that a reader who comes back with `Last-Event-ID` misses nothing and sees nothing twice.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use carelog_domain::kernel::{Partition, Position, Token};
use carelog_domain::ports::{EventFilter, EventLog, Stored};
use futures::{StreamExt, stream};
use http::HeaderMap;
use tokio::sync::mpsc;

use super::Shared;
use super::history::{Reader, Wanted, parameter};
use crate::problem::Problem;

/// How often a silent stream says that it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Chunks read ahead of a slow reader.
const CHUNKS_AHEAD: usize = 4;

/// Events from where the reader was, else from `from`, else from now on.
pub(crate) async fn events(
    shared: Arc<Shared>,
    wanted: &Wanted,
    reader: Reader,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let seen = match headers.get("last-event-id") {
        Some(id) => {
            let token = id.to_str().ok().and_then(|text| text.parse::<Token>().ok());
            Some(token.ok_or_else(|| parameter("Last-Event-ID", "the id of a message sent before"))?)
        }
        None => None,
    };
    let places = wanted.places()?;
    let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
    let mut sent = Token::empty();
    for head in shared.api.log.head().await? {
        let partition = head.partition;
        if wanted.partition.is_some_and(|one| Partition(one) != partition) {
            continue;
        }
        let place = |token: &Token| token.positions().find(|place| place.partition == partition);
        let from = match (&seen, &places) {
            (Some(seen), _) => place(seen).map_or(0, |place| place.offset + 1),
            (None, Some(places)) => place(places).map_or(0, |place| place.offset),
            (None, None) => head.size,
        };
        if let Some(before) = from.checked_sub(1) {
            sent.include(Position { partition, offset: before });
        }
        tokio::spawn(follow(shared.api.log.clone(), partition, from, sender.clone()));
    }
    let filter = wanted.filter();
    let messages = stream::unfold((chunks, sent), move |(mut chunks, mut sent)| {
        let (shared, reader, filter) = (shared.clone(), reader.clone(), filter.clone());
        async move {
            let chunk = chunks.recv().await??; // A partition that ended ends it all: the reader comes back for the rest.
            let messages = messages(&shared, &reader, &filter, &mut sent, chunk).await;
            Some((stream::iter(messages).map(Ok::<_, Infallible>), (chunks, sent)))
        }
    });
    Ok(Sse::new(messages.flatten()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// Sends one partition's events on until the reader is gone.
async fn follow(log: Arc<dyn EventLog>, partition: Partition, from: u64, sender: mpsc::Sender<Option<Vec<Stored>>>) {
    let mut events = log.subscribe(partition, from);
    loop {
        let chunk = tokio::select! {
            () = sender.closed() => return,
            chunk = events.next() => chunk,
        };
        let chunk = match chunk {
            Some(Ok(chunk)) => Some(chunk),
            Some(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a live feed ended");
                None
            }
            None => None,
        };
        let is_last = chunk.is_none();
        if sender.send(chunk).await.is_err() || is_last {
            return;
        }
    }
}

async fn messages(
    shared: &Shared,
    reader: &Reader,
    filter: &EventFilter,
    sent: &mut Token,
    chunk: Vec<Stored>,
) -> Vec<Event> {
    let mut messages = vec![];
    for stored in chunk {
        sent.include(stored.context.position);
        if !matches(filter, &stored) || !reader.sees(&stored.context) {
            continue;
        }
        // Without a name of its own, so that a page hears every type with one listener; the type is in the data.
        let message = Event::default().id(sent.to_string());
        let shown = reader.show(shared, stored).await.map(|body| message.clone().json_data(body));
        messages.push(match shown {
            Ok(Ok(message)) => message,
            _ => message.data("{\"error\":\"this event cannot be read\"}"),
        });
    }
    messages
}

fn matches(filter: &EventFilter, stored: &Stored) -> bool {
    let context = &stored.context;
    (filter.categories.is_empty() || filter.categories.iter().any(|each| each == context.stream.category()))
        && (filter.types.is_empty() || filter.types.contains(&stored.event_type))
        && (filter.tags.is_empty() || filter.tags.iter().any(|tag| context.tags.contains(tag)))
}
