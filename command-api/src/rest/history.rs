//! What auditors read: a stream's events, or the log's, as JSON; `rest::live` sends them as they come. Personal values
//! stay sealed unless the reader asks for them and may read that purpose.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use carelog_domain::kernel::actor::Reach;
use carelog_domain::kernel::{Actor, Context, Partition, Position, Purpose, StreamName, Tag, Token, Version};
use carelog_domain::policy::{self, Permission};
use carelog_domain::ports::{Direction, DurableEnds, EventFilter, Stored};
use carelog_domain::rejection::Rejection;
use carelog_schemas::sealing;
use http::StatusCode;
use http::header::ACCEPT;
use http::request::Parts;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Rest, Shared, live, run};
use crate::problem::Problem;

/// Events in one answer unless told, and at most.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// Which events are wanted.
#[derive(Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Wanted {
    /// One partition; all unless told.
    pub(crate) partition: Option<u16>,
    /// Where to begin: an offset (with `partition`), or a token such as `0:120,1:7`.
    pub(crate) from: Option<String>,
    /// Stream categories, separated by commas.
    pub(crate) category: Option<String>,
    /// Event types, separated by commas.
    #[serde(rename = "type")]
    pub(crate) event_type: Option<String>,
    /// A tag such as `patient:0193...`.
    pub(crate) tag: Option<String>,
    /// `forward` (unless told) or `backward`.
    pub(crate) direction: Option<Way>,
    /// 1 to 1,000; 100 unless told.
    pub(crate) limit: Option<usize>,
    /// Opens the personal values you may read.
    #[serde(default)]
    pub(crate) open: bool,
}

/// Which way to read.
#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    #[default]
    Forward,
    Backward,
}

/// Events, and where to go on.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventsPage {
    pub(crate) events: Vec<EventBody>,
    /// `from` of the next page; `null` at the end.
    pub(crate) next: Option<String>,
}

/// An event with all that is kept about it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventBody {
    #[serde(rename = "type")]
    event_type: String,
    /// Position, stream, version, times, actor, causes, tags.
    #[serde(flatten)]
    #[schemars(with = "Value")]
    context: Context,
    /// Personal values are `$sealed`, `$personal` when opened, `$erased` once their key is gone.
    data: Value,
}

/// What a reader may see.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) actor: Actor,
    purposes: Vec<Purpose>,
}

impl Reader {
    /// A reader of the history, with the purposes they may open.
    pub(crate) fn of(parts: &Parts, open: bool) -> Result<Reader, Problem> {
        let actor = run::actor(&parts.extensions)?;
        policy::permits(&actor, Permission::ReadHistory, None).map_err(Rejection::from)?;
        let may = |permission| policy::permits(&actor, permission, None).is_ok();
        let readable = [
            (Purpose::Identity, Permission::ReadPatients),
            (Purpose::Clinical, Permission::ReadClinical),
            (Purpose::Billing, Permission::ReadBilling),
            (Purpose::Staff, Permission::ReadHistory),
        ];
        let readable = readable.into_iter().filter(|(_, permission)| open && may(*permission));
        let purposes = readable.map(|(purpose, _)| purpose).collect();
        Ok(Reader { purposes, actor })
    }

    /// Whoever acts for some hospitals sees what happened there, and nothing else.
    pub(crate) fn sees(&self, context: &Context) -> bool {
        match &self.actor.reach {
            Reach::Chain => true,
            Reach::Hospitals(own) => context.hospital.is_some_and(|hospital| own.contains(&hospital)),
        }
    }

    /// An event as it is shown to them.
    pub(crate) async fn show(&self, shared: &Shared, stored: Stored) -> Result<EventBody, Problem> {
        let mut data: Value = serde_json::from_slice(&stored.data).map_err(|_| unreadable(&stored.context))?;
        if !self.purposes.is_empty() {
            let opened = sealing::open_values(&*shared.api.keys, &mut data, stored.context.id, Some(&self.purposes));
            opened.await.map_err(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "a stored event could not be opened");
                unreadable(&stored.context)
            })?;
        }
        Ok(EventBody { event_type: stored.event_type, context: stored.context, data })
    }
}

fn unreadable(context: &Context) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "An event cannot be read")
        .detail(format!("the event at {} cannot be read; see the log of this server", context.position))
}

impl Wanted {
    pub(crate) fn filter(&self) -> EventFilter {
        let list = |text: &Option<String>| {
            text.iter().flat_map(|text| text.split(',')).map(|part| part.trim().to_owned()).collect()
        };
        EventFilter {
            categories: list(&self.category),
            types: list(&self.event_type),
            tags: self.tag.iter().map(|tag| Tag::from_stored(tag.clone())).collect(),
        }
    }

    pub(crate) fn partitions(&self, shared: &Shared) -> Result<Vec<Partition>, Problem> {
        let all = shared.api.log.partitions();
        match self.partition {
            Some(one) if one < all => Ok(vec![Partition(one)]),
            Some(_) => Err(parameter("partition", &format!("there are {all} partitions, from 0"))),
            None => Ok((0..all).map(Partition).collect()),
        }
    }

    /// Where to begin in each partition that was named.
    pub(crate) fn places(&self) -> Result<Option<Token>, Problem> {
        let Some(from) = &self.from else { return Ok(None) };
        if let (Some(partition), Ok(offset)) = (self.partition, from.parse::<u64>()) {
            return Ok(Some(Token::from_iter([Position { partition: Partition(partition), offset }])));
        }
        let token = from.parse().map_err(|_| parameter("from", "an offset with a partition, or a token such as 0:120"));
        token.map(Some)
    }

    fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(LIMIT_DEFAULT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            _ => Err(parameter("limit", &format!("1 to {LIMIT_MAX}"))),
        }
    }
}

pub(crate) fn parameter(name: &str, expected: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-parameter", "A parameter cannot be read")
        .at(name)
        .detail(format!("expected {expected}"))
}

/// `GET /v1/events`.
pub(crate) async fn events(State(shared): Rest, parts: Parts) -> Response {
    let path = parts.uri.path().to_owned();
    let answer = async {
        let wanted = wanted(&parts)?;
        let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let reader = Reader::of(&parts, wanted.open)?;
        if accept.contains("text/event-stream") {
            return live::events(shared.clone(), &wanted, reader, &parts.headers).await;
        }
        Ok(Json(page(&shared, &wanted, &reader).await?).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.of(path).into_response())
}

pub(crate) fn wanted(parts: &Parts) -> Result<Wanted, Problem> {
    query(parts)
}

/// The parameters of the address.
fn query<T: DeserializeOwned>(parts: &Parts) -> Result<T, Problem> {
    let wanted = Query::<T>::try_from_uri(&parts.uri);
    wanted.map(|Query(wanted)| wanted).map_err(|error| {
        // `...: <parameter>: <what is wrong>`; an unknown parameter is in backticks.
        let text = error.body_text();
        let named = text.split(": ").nth(1).filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let name = text.split('`').nth(1).filter(|_| text.contains("unknown field")).or(named).unwrap_or("query");
        parameter(name, "one of the parameters in the API description, each in its type")
    })
}

/// One page over the partitions wanted, in the order in which events were recorded.
async fn page(shared: &Arc<Shared>, wanted: &Wanted, reader: &Reader) -> Result<EventsPage, Problem> {
    let limit = wanted.limit()?;
    let filter = wanted.filter();
    let way = wanted.direction.unwrap_or_default();
    let places = wanted.places()?;
    let mut found: Vec<Stored> = vec![];
    let mut next = Token::empty();
    for partition in wanted.partitions(shared)? {
        let given = places.as_ref().map(|token| token.positions().find(|place| place.partition == partition));
        let from = match (given, way) {
            (Some(None), _) => continue, // A page before this one came to the end of it.
            (Some(Some(place)), _) => place.offset,
            (None, Way::Forward) => 0,
            (None, Way::Backward) => u64::MAX,
        };
        let (read, ended) = read(shared, partition, from, way, &filter, limit).await?;
        if let Some(offset) = ended {
            next.include(Position { partition, offset });
        }
        found.extend(read);
    }
    found.sort_by_key(|stored| (stored.context.recorded_at, stored.context.position));
    if way == Way::Backward {
        found.reverse();
    }
    let left = found.split_off(found.len().min(limit));
    // What did not fit comes first on the next page.
    let mut starts: std::collections::BTreeMap<Partition, u64> =
        next.positions().map(|place| (place.partition, place.offset)).collect();
    for stored in left.iter().rev() {
        starts.insert(stored.context.position.partition, stored.context.position.offset);
    }
    let next: Token = starts.into_iter().map(|(partition, offset)| Position { partition, offset }).collect();
    let mut events = Vec::with_capacity(found.len());
    for stored in found {
        if reader.sees(&stored.context) {
            events.push(reader.show(shared, stored).await?);
        }
    }
    Ok(EventsPage { events, next: (!next.is_empty()).then(|| next.to_string()) })
}

async fn read(
    shared: &Shared,
    partition: Partition,
    from: u64,
    way: Way,
    filter: &EventFilter,
    limit: usize,
) -> Result<(Vec<Stored>, Option<u64>), Problem> {
    shared.api.log.catch_up(partition).await?;
    let (direction, from) = match way {
        Way::Forward => (Direction::Forward, from),
        Way::Backward => {
            let heads = shared.api.log.head().await?;
            let last = heads.iter().find(|head| head.partition == partition).and_then(|head| head.size.checked_sub(1));
            let Some(last) = last else { return Ok((vec![], None)) };
            (Direction::Backward, from.min(last))
        }
    };
    Ok(shared.api.log.read(partition, from, direction, filter, limit).await?)
}

/// `GET /v1/streams/{stream}/events?after=&limit=&open=`.
pub(crate) async fn stream(State(shared): Rest, Path(stream): Path<String>, parts: Parts) -> Response {
    let path = parts.uri.path().to_owned();
    let answer = async {
        let wanted: StreamWanted = query(&parts)?;
        let reader = Reader::of(&parts, wanted.open)?;
        let unknown = || Problem::not_found("stream-unknown", "There is no such stream");
        let name: StreamName = stream.parse().map_err(|_| unknown())?;
        let limit = wanted.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
        let after = Version(wanted.after.unwrap_or(0));
        let log = &*shared.api.log;
        let durable = DurableEnds::caught_up(log, log.partition_of(name.slot())).await?;
        let read = log.read_stream(&name, after, limit).await?;
        if read.is_empty() && after == Version::NONE {
            return Err(unknown());
        }
        let more = read.len() == limit;
        let mut events = Vec::with_capacity(read.len());
        for stored in durable.only(read) {
            if !reader.sees(&stored.context) {
                return Err(unknown()); // A stream belongs to one hospital or to none.
            }
            events.push(reader.show(&shared, stored).await?);
        }
        let last = events.last().map(|event| event.context.version.0.to_string());
        Ok(Json(EventsPage { next: last.filter(|_| more), events }).into_response())
    };
    answer.await.unwrap_or_else(|problem: Problem| problem.of(path).into_response())
}

/// Which events of a stream are wanted.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StreamWanted {
    /// Events after this version; from the first unless told.
    after: Option<u64>,
    /// 1 to 1,000; 100 unless told.
    limit: Option<usize>,
    /// Opens the personal values you may read.
    #[serde(default)]
    open: bool,
}
