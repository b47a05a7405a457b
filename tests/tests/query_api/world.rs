//! A small chain with a past: two hospitals, three patients, appointments, money, a lab report. Written as events into a
//! log in memory, projected by the real projections into real stores, asked through the real router.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use carelog_domain::event::Event;
use carelog_domain::kernel::actor::Reach;
use carelog_domain::kernel::{Actor, CommandId, EventId, HospitalId, PurposeOfUse, Role, StreamName, Timestamp, Token};
use carelog_domain::ports::{
    Batch, BoxFuture, DocumentStore, EventLog, Expected, Failure, Fingerprint, Fixed, Freshness, KeyStore, Rows,
    Settlement, SqlStore, Statement, ToAppend,
};
use carelog_keys::FileKeyStore;
use carelog_projections::Projections;
use carelog_query_api::{Deps, Limits};
use carelog_schemas::sealing::seal_event;
use carelog_tests::clock::ManualClock;
use carelog_tests::model_log::ModelLog;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::past::{self, Ids};

pub(crate) const NOW: &str = "2024-12-02T08:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) log: Arc<ModelLog>,
    pub(crate) ids: Ids,
    /// What one server keeps from one request to the next lives as long as this.
    router: axum::Router,
    keys: Arc<dyn KeyStore>,
    sql: Arc<Counting>,
    pub(crate) documents: Arc<dyn DocumentStore>,
    projections: Arc<Projections>,
    commands: AtomicU32,
    _folder: tempfile::TempDir,
}

/// The store of the query API, which counts what it is asked.
struct Counting {
    store: Arc<dyn SqlStore>,
    transactions: AtomicUsize,
    queries: AtomicUsize,
}

impl SqlStore for Counting {
    fn write(&self, statements: Vec<Statement>) -> BoxFuture<'_, Result<Vec<u64>, Failure>> {
        self.store.write(statements)
    }

    fn read(&self, queries: Vec<Statement>) -> BoxFuture<'_, Result<Vec<Rows>, Failure>> {
        self.transactions.fetch_add(1, Ordering::SeqCst);
        self.queries.fetch_add(queries.len(), Ordering::SeqCst);
        self.store.read(queries)
    }
}

/// No sagas run here: everything is settled as soon as it is written.
struct NoSagas;

impl Settlement for NoSagas {
    fn settled(&self, _: CommandId, written: &Token, _: Duration) -> BoxFuture<'_, Result<Option<Token>, Failure>> {
        let written = written.clone();
        Box::pin(async move { Ok(Some(written)) })
    }
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

impl World {
    pub(crate) async fn with_partitions(partitions: u16) -> World {
        let clock = ManualClock::at(at(NOW));
        let folder = tempfile::tempdir().expect("a folder");
        let log = Arc::new(ModelLog::new(partitions, Arc::new(clock.clone())));
        let keys: Arc<dyn KeyStore> = Arc::new(FileKeyStore::open(&folder.path().join("keys")).expect("keys"));
        let sql = crate::read_store(folder.path()).await;
        let documents = crate::document_store(folder.path()).await;
        let projections = Projections::start(carelog_projections::Deps {
            log: log.clone(),
            keys: keys.clone(),
            sql: sql.clone(),
            documents: documents.clone(),
            clock: Arc::new(clock.clone()),
            assigned: Arc::new(Fixed::all(log.partitions())),
            read_models: carelog_projections::ALL,
            alone: false,
        });
        let projections = projections.await.expect("projections");
        let limits = Limits { wait_max: Duration::from_millis(500), ..Limits::default() };
        let sql = Arc::new(Counting { store: sql, transactions: AtomicUsize::new(0), queries: AtomicUsize::new(0) });
        let router = carelog_query_api::router(Deps {
            log: log.clone(),
            keys: keys.clone(),
            sql: sql.clone(),
            documents: documents.clone(),
            freshness: projections.clone(),
            settlement: Arc::new(NoSagas),
            clock: Arc::new(clock.clone()),
            limits,
        });
        let world = World {
            clock,
            log,
            ids: Ids::new(),
            router,
            keys,
            sql,
            documents,
            projections,
            commands: AtomicU32::new(0),
            _folder: folder,
        };
        for (occurred_at, stream, events) in past::events(&world.ids) {
            world.append(occurred_at, &stream, events).await;
        }
        world.caught_up().await;
        world
    }

    pub(crate) async fn new() -> World {
        World::with_partitions(1).await
    }

    /// Appends events to one stream, as a command of its own.
    pub(crate) async fn append(&self, occurred_at: Timestamp, stream: &StreamName, events: Vec<Event>) -> Token {
        let number = self.commands.fetch_add(1, Ordering::SeqCst).to_string();
        let command = CommandId::of_client_key("test", "append", &number);
        let mut sealed = Vec::new();
        for (index, event) in events.into_iter().enumerate() {
            let id = EventId::derive(command, stream.slot(), occurred_at, u32::try_from(index).expect("few"));
            sealed.push(ToAppend {
                id,
                stream: stream.clone(),
                event_type: event.event_type().into(),
                revision: event.revision(),
                occurred_at,
                occurred_assumed: false,
                hospital: event.hospital(),
                tags: event.tags(),
                data: seal_event(&*self.keys, &event, id).await.expect("sealed"),
            });
        }
        let batch = Batch {
            slot: stream.slot(),
            command,
            fingerprint: Fingerprint([0; 32]),
            events: sealed,
            expected: vec![(stream.clone(), Expected::Any)],
            conditions: vec![],
            term: None,
            actor: actor(&[Role::FrontDesk], Reach::Chain).recorded(),
            correlation: command,
            causation: None,
            recorded_after: None,
            traceparent: None,
        };
        let accepted = self.log.append(batch).await.expect("accepted");
        accepted.durable.await.expect("durable");
        accepted.events.iter().map(|context| context.position).collect()
    }

    /// Waits until every read model has everything.
    pub(crate) async fn caught_up(&self) {
        let heads = self.log.head().await.expect("heads");
        let last = |head: &carelog_domain::ports::Head| {
            head.size
                .checked_sub(1)
                .map(|offset| carelog_domain::kernel::Position { partition: head.partition, offset })
        };
        let token: Token = heads.iter().filter_map(last).collect();
        assert!(
            self.projections.reached(&[], &token, Duration::from_secs(60)).await.expect("known"),
            "projections stay behind"
        );
    }

    /// The routes, as one actor sees them; nobody when `None`.
    pub(crate) fn router(&self, actor: Option<Actor>) -> axum::Router {
        match actor {
            Some(actor) => self.router.clone().layer(axum::Extension(actor)),
            None => self.router.clone(),
        }
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn send(&self, actor: Option<Actor>, request: Request<Body>) -> Answer {
        let response = self.router(actor).oneshot(request).await.expect("routes do not fail");
        let status = response.status().as_u16();
        let content_type = response.headers().get("content-type").map(|value| value.to_str().expect("text").to_owned());
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, content_type: content_type.unwrap_or_default(), body }
    }

    /// The whole answer to a query.
    pub(crate) async fn answer(&self, actor: &Actor, query: &str, variables: Value) -> Value {
        self.answer_with(actor, query, variables, &[]).await
    }

    /// The same with more headers.
    pub(crate) async fn answer_with(
        &self,
        actor: &Actor,
        query: &str,
        variables: Value,
        headers: &[(&str, &str)],
    ) -> Value {
        let request = headers.iter().fold(post(), |request, (name, value)| request.header(*name, *value));
        let body = json!({ "query": query, "variables": variables }).to_string();
        self.send(Some(actor.clone()), request.body(Body::from(body)).expect("a request")).await.body
    }

    /// The data of an answer without errors.
    pub(crate) async fn data(&self, actor: &Actor, query: &str) -> Value {
        let answer = self.answer(actor, query, json!({})).await;
        assert!(answer.get("errors").is_none(), "{query}: {answer:#}");
        answer["data"].clone()
    }

    /// Changes the read models behind their projections' backs.
    pub(crate) async fn write(&self, statement: Statement) {
        self.sql.write(vec![statement]).await.expect("the read store is written to");
    }

    /// How many transactions have read the store since this was last asked, and how many queries were in them.
    pub(crate) fn reads(&self) -> (usize, usize) {
        (self.sql.transactions.swap(0, Ordering::SeqCst), self.sql.queries.swap(0, Ordering::SeqCst))
    }

    /// The code of the first error of an answer.
    pub(crate) async fn refusal(&self, actor: &Actor, query: &str) -> String {
        let answer = self.answer(actor, query, json!({})).await;
        code(&answer)
    }
}

/// The code of the first error.
pub(crate) fn code(answer: &Value) -> String {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no error in {answer:#}")).to_owned()
}

/// A POST of JSON, without its body.
pub(crate) fn post() -> axum::http::request::Builder {
    Request::post("/graphql").header("content-type", "application/json")
}

pub(crate) fn actor(roles: &[Role], reach: Reach) -> Actor {
    Actor {
        tenant: "test".to_owned(),
        user: "user-1".to_owned(),
        roles: roles.to_vec(),
        purpose: PurposeOfUse::Treatment,
        reach,
    }
}

/// May read everything, everywhere.
pub(crate) fn auditor() -> Actor {
    actor(&[Role::Auditor], Reach::Chain)
}

/// Everything, at one hospital.
pub(crate) fn auditor_of(hospital: HospitalId) -> Actor {
    actor(&[Role::Auditor], Reach::Hospitals(vec![hospital]))
}
