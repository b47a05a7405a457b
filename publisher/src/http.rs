//! The feeds over HTTP: `GET /v1/topics` lists them, `GET /v1/topics/{topic}` serves one as server-sent events. Each
//! message is a CloudEvent in JSON; its id, given back as `Last-Event-ID`, goes on right after it.

mod problem;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use carelog_domain::kernel::{Actor, Partition, Position, Token};
use carelog_domain::policy::{self, Permission};
use carelog_domain::ports::{EventLog, Failure, Head, KeyStore};
use carelog_schemas::feed_cursor::FeedCursors;
use carelog_schemas::topics::{self, Topic};
use futures::{StreamExt, future, stream};
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::feed::{Feed, Placed};
use crate::mapper::MapError;
use problem::Problem;

pub use problem::CODES;

/// What is let in at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Feeds served at once; more are told to come again (503). Each reads the log for itself.
    pub feeds_max: usize,
    /// How often a silent feed says that it is there.
    pub keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { feeds_max: 64, keep_alive: Duration::from_secs(15) }
    }
}

/// What feeds are made from.
#[derive(Clone)]
pub struct Deps {
    /// What happened.
    pub log: Arc<dyn EventLog>,
    /// For pseudonyms.
    pub keys: Arc<dyn KeyStore>,
    /// What is let in.
    pub limits: Limits,
}

struct Shared {
    deps: Deps,
    permits: Arc<Semaphore>,
}

/// The routes. They need an `Extension<Actor>` in each request.
pub fn router(deps: Deps) -> Router {
    let shared = Arc::new(Shared { permits: Arc::new(Semaphore::new(deps.limits.feeds_max)), deps });
    Router::new()
        .route("/asyncapi.json", get(|| async { Json(topics::asyncapi()) }))
        .route("/v1/topics", get(list))
        .route("/v1/topics/{topic}", get(serve))
        .with_state(shared)
}

/// Where a reader begins who brings no `Last-Event-ID`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `beginning`, `now` (unless told), or the id of a message.
    from: Option<String>,
}

async fn list(Extension(actor): Extension<Actor>) -> Result<Json<Value>, Problem> {
    policy::permits(&actor, Permission::ReadTopics, None)?;
    let about = |topic: &Topic| {
        let messages: Vec<String> = topic.messages.iter().map(|each| topic.type_of(each.name)).collect();
        json!({ "topic": topic.name, "about": topic.about, "messages": messages })
    };
    Ok(Json(json!({ "topics": topics::ALL.map(about) })))
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
    parts: Parts,
) -> Response {
    let path = parts.uri.path().to_owned();
    feed(&shared, actor, &name, &parts).await.unwrap_or_else(|problem| problem.of(path).into_response())
}

async fn feed(shared: &Arc<Shared>, actor: Actor, name: &str, parts: &Parts) -> Result<Response, Problem> {
    policy::permits(&actor, Permission::ReadTopics, None)?;
    let topic = topics::of_name(name).ok_or_else(Problem::topic_unknown)?;
    let cursors = FeedCursors::new(shared.deps.keys.as_ref(), topic.name);
    let wanted = Begin::of(parts, &cursors)?;
    let heads = heads_with(shared.deps.log.as_ref(), wanted.place()).await?;
    let seen = wanted.seen(&heads)?;
    let permit = Arc::clone(&shared.permits).try_acquire_owned().map_err(|_| Problem::too_many())?;
    let from = heads.iter().map(|head| {
        let offset = seen.positions().find(|place| place.partition == head.partition);
        Position { partition: head.partition, offset: offset.map_or(0, |place| place.offset + 1) }
    });
    let Deps { log, keys, limits } = shared.deps.clone();
    let messages = Feed { topic, log, keys, reach: actor.reach }.messages(from.collect());
    let sending = Sending { seen, cursors, _permit: permit };
    let sent =
        messages.scan(sending, |sending, message| future::ready(sending.event(message).map(Ok::<_, Infallible>)));
    // A reader whose connection broke comes back after a second, not after a browser's three.
    let first = stream::once(future::ready(Ok(Event::default().retry(Duration::from_secs(1)))));
    let alive = KeepAlive::new().interval(limits.keep_alive);
    Ok(Sse::new(first.chain(sent)).keep_alive(alive).into_response())
}

/// Where a reader wants to begin.
enum Begin {
    Beginning,
    Now,
    /// After what a message told, whose id stood in this field.
    After(Token, &'static str),
}

impl Begin {
    fn of(parts: &Parts, cursors: &FeedCursors) -> Result<Begin, Problem> {
        let wanted: Wanted = match Query::try_from_uri(&parts.uri) {
            Ok(Query(wanted)) => wanted,
            Err(_) => {
                return Err(Problem::parameter("query", "from=beginning, from=now or from=<the id of a message>"));
            }
        };
        let after = |id: &str, field: &'static str| match cursors.open(id) {
            Some(token) => Ok(Begin::After(token, field)),
            None => Err(not_sent(field)),
        };
        if let Some(id) = parts.headers.get("last-event-id") {
            return after(id.to_str().unwrap_or_default(), "Last-Event-ID");
        }
        match wanted.from.as_deref() {
            Some("beginning") => Ok(Begin::Beginning),
            None | Some("now") => Ok(Begin::Now),
            Some(id) => after(id, "from"),
        }
    }

    fn place(&self) -> Option<&Token> {
        match self {
            Begin::After(token, _) => Some(token),
            Begin::Beginning | Begin::Now => None,
        }
    }

    /// The last positions the reader has seen.
    fn seen(self, heads: &[Head]) -> Result<Token, Problem> {
        match self {
            Begin::Beginning => Ok(Token::empty()),
            Begin::Now => {
                let last =
                    |head: &Head| Some(Position { partition: head.partition, offset: head.size.checked_sub(1)? });
                Ok(heads.iter().filter_map(last).collect())
            }
            Begin::After(token, _) if token.positions().all(|place| is_in(place, heads)) => Ok(token),
            Begin::After(_, field) => Err(not_sent(field)),
        }
    }
}

fn not_sent(field: &'static str) -> Problem {
    Problem::parameter(field, "the id of a message that this topic's feed has sent")
}

/// How far the log goes, as far at least as a place that another process has told a reader of: this one may not have
/// followed so far yet, and a browser that is refused once does not come back.
async fn heads_with(log: &dyn EventLog, place: Option<&Token>) -> Result<Vec<Head>, Failure> {
    let heads = log.head().await?;
    let known = |partition| heads.iter().any(|head| head.partition == partition);
    let beyond = place.into_iter().flat_map(Token::positions);
    let beyond: Vec<Partition> =
        beyond.filter(|place| known(place.partition) && !is_in(*place, &heads)).map(|place| place.partition).collect();
    if beyond.is_empty() {
        return Ok(heads);
    }
    future::try_join_all(beyond.into_iter().map(|partition| log.catch_up(partition))).await?;
    log.head().await
}

/// False for a place of another log, or of this one before it was restored from a backup.
fn is_in(place: Position, heads: &[Head]) -> bool {
    heads.iter().any(|head| head.partition == place.partition && place.offset < head.size)
}

/// One feed on its way out.
struct Sending {
    seen: Token,
    cursors: FeedCursors,
    _permit: OwnedSemaphorePermit,
}

impl Sending {
    /// `None` ends the feed: its reader comes back with the last id and meets the same trouble, or the rest.
    fn event(&mut self, message: Result<Placed, MapError>) -> Option<Event> {
        let sent = message.and_then(|(position, message)| {
            self.seen.include(position);
            let id = self.cursors.seal(&self.seen).map_err(MapError::Log)?;
            // Without a name of its own, so that a page hears every kind with one listener; the type is in the data.
            Ok(Event::default().id(id).data(message.structured()))
        });
        if let Err(error) = &sent {
            tracing::warn!(error = error as &dyn std::error::Error, "a feed ended");
        }
        sent.ok()
    }
}
