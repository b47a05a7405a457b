//! GraphQL out: what the read models and the history say, and what changes. There are no mutations: commands are REST,
//! and ids are the same on both sides.
//!
//! ```text
//! /graphql          queries, GET and POST, as "GraphQL over HTTP" says
//! /graphql/ws       subscriptions over WebSocket, graphql-transport-ws
//! /graphql/stream   subscriptions as server-sent events, distinct connections mode of graphql-sse
//! /graphiql         the console, served without the internet
//!
//! transport -> operation (parse, limits, time-out, span) -> schema -> asking (may they? is it fresh?) -> ports
//! ```
//!
//! Resolvers never write and never see a vendor: they ask the ports in [`Deps`], through `asking::Asking`.

mod accounts;
mod appointments;
mod asking;
mod availability;
mod chart;
mod cursor;
mod fields;
mod hospitals;
mod invoices;
mod laboratory;
mod loading;
mod operation;
mod page;
mod patients;
mod persisted;
mod practitioners;
mod problem;
mod scalars;
mod schema;
mod sql;
mod straight;
mod subscriptions;
mod transport;
mod words;

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::ports::{Clock, DocumentStore, EventLog, Freshness, KeyStore, Settlement, SqlStore};

/// What queries are answered from.
pub struct Deps {
    /// The history, for `history`, `asOf`, charts of another time, and live changes.
    pub log: Arc<dyn EventLog>,
    /// Opens personal values of the history; seals cursors.
    pub keys: Arc<dyn KeyStore>,
    /// Read models in tables.
    pub sql: Arc<dyn SqlStore>,
    /// Read models in documents: the chart.
    pub documents: Arc<dyn DocumentStore>,
    /// Waits until read models have what a client wrote.
    pub freshness: Arc<dyn Freshness>,
    /// Waits until sagas are done with what a client wrote.
    pub settlement: Arc<dyn Settlement>,
    /// Now, for holds that end and worklists.
    pub clock: Arc<dyn Clock>,
    /// What one query may take.
    pub limits: Limits,
}

/// What one query may take. Each limit has its reason at its field.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Levels of fields: GraphiQL's own introspection needs 14, the deepest useful query here 8.
    pub depth_max: usize,
    /// Fields resolved, a page counting its rows: a page of 100 appointments with everything on them costs about 8,000.
    pub complexity_max: usize,
    /// A query with its variables: the longest hand-written one is under 16 KiB.
    pub body_bytes_max: usize,
    /// From parsing to the answer; a query slower than this holds a connection of the store for too long.
    pub query_time_max: Duration,
    /// For `Carelog-Token` and `Carelog-Wait`, in all; below `query_time_max`, so that the client learns why.
    pub wait_max: Duration,
    /// Operations that run on one WebSocket at once: a portal page has a handful.
    pub operations_per_socket_max: usize,
    /// Events folded for one `asOf`, `history` or chart of another time: a chart of decades has a few thousand.
    pub history_events_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            depth_max: 16,
            complexity_max: 20_000,
            body_bytes_max: 256 * 1024,
            query_time_max: Duration::from_secs(15),
            wait_max: Duration::from_secs(10),
            operations_per_socket_max: 32,
            history_events_max: 20_000,
        }
    }
}

/// The routes. Every request must carry an `axum::Extension<carelog_domain::kernel::Actor>`; without one it is refused.
pub fn router(deps: Deps) -> axum::Router {
    transport::router(Arc::new(operation::Api::new(deps)))
}

/// The schema in GraphQL's own language, as committed in `schemas/graphql/schema.graphql`.
pub fn sdl() -> String {
    schema::sdl()
}
