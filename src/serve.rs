//! `carelog serve`: every role in one process, behind one address.

use std::any::Any;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use carelog_auth::{Guard, LocalAuthenticator};
use carelog_domain::kernel::{CommandId, Token};
use carelog_domain::ports::{Authenticator, BoxFuture, Failure, Settlement};
use carelog_telemetry::Telemetry;
use futures::StreamExt;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::landing;
use crate::operations::{self, Operations};
use crate::publisher;
use crate::roles::Role;
use crate::settings::Settings;
use crate::wiring::{self, Platform};

/// How long requests that are on their way may take after a stop was asked for.
const GRACE: Duration = Duration::from_secs(10);
/// Names a browser on this machine may call us by.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Serves until it is told to stop (SIGINT or SIGTERM).
pub(crate) async fn run(settings: &Settings, telemetry: &Telemetry) -> anyhow::Result<ExitCode> {
    let authenticator: Arc<dyn Authenticator> = Arc::new(LocalAuthenticator);
    let address = settings.address()?;
    ensure!(
        !authenticator.trusts_everyone() || address.ip().is_loopback(),
        "without authentication only loopback is served, not {address}: listen on 127.0.0.1, and put a proxy that \
         authenticates in front of it"
    );
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("{address} cannot be listened on: is another server running there? (--listen takes another address)")
    })?;
    let platform = Arc::new(Platform::start(settings).await?);
    let stopping = CancellationToken::new();
    let hosts = LOOPBACK_NAMES.iter().map(|name| (*name).to_owned()).chain(settings.host_names.iter().cloned());
    let nodes = wiring::answering(&platform, settings, authenticator.clone());
    let guard = Arc::new(Guard { authenticator, hosts: hosts.collect() });
    let metrics = telemetry.metrics();
    let app = routes(settings, &platform)?
        .route("/", get(landing::page))
        .route("/favicon.ico", get(landing::icon))
        .route("/metrics", get(move || async move { metrics() }))
        .method_not_allowed_fallback(carelog_command_api::method_not_allowed)
        .layer(from_fn_with_state(stopping.clone(), end_feeds))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(guard, carelog_auth::guard))
        // Nodes prove themselves in another way than people do.
        .merge(nodes.map(carelog_peers::router).unwrap_or_default())
        .layer(from_fn(carelog_telemetry::http_span));
    tracing::info!(
        address = %listener.local_addr()?, data = %settings.data.display(), home = platform.home,
        "serving without authentication: whoever reaches this loopback address is the owner of the machine"
    );
    let (signal, left) = (stopping.clone(), platform.clone());
    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("stopping: what was acknowledged is kept");
        left.leave().await;
        signal.cancel();
    });
    let serving = axum::serve(listener, app).with_graceful_shutdown(stopping.clone().cancelled_owned());
    tokio::select! {
        ended = async { serving.await } => ended.context("the server ended")?,
        () = async { stopping.cancelled().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("some requests did not end in time and were refused");
        }
    }
    platform.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// What a client is told of a request that panicked; the reason is in the log alone.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    let problem = json!({
        "type": "/docs/errors/internal", "title": "The request failed", "status": 500, "code": "internal",
    });
    let kind = [(CONTENT_TYPE, "application/problem+json")];
    (StatusCode::INTERNAL_SERVER_ERROR, kind, problem.to_string()).into_response()
}

/// A feed never ends by itself, so it would hold up a stop until the grace is over: it ends when the stop begins, and
/// its reader comes back with the id of the last message.
async fn end_feeds(State(stopping): State<CancellationToken>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("text/event-stream") {
        return response;
    }
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(stopping.cancelled_owned())))
}

/// The platform of a stopped server's folder, whose routes are called in this process instead of over HTTP.
pub(crate) struct Local {
    platform: Arc<Platform>,
    router: Router,
}

impl Local {
    /// Opens the folder, and starts every role if the work needs them; nothing listens. Whoever only looks must change
    /// nothing, and must be able to look at what could not start.
    pub(crate) async fn open(settings: &Settings, running: bool) -> anyhow::Result<Local> {
        let platform = if running { Platform::start(settings).await? } else { Platform::open(settings).await? };
        let platform = Arc::new(platform);
        let operations = Arc::new(Operations::new(platform.clone()));
        let router = operations::http::router(operations).merge(commands(&platform));
        Ok(Local { platform, router: router.layer(Extension(LocalAuthenticator::owner())) })
    }

    /// The routes, asked as the owner of the machine.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Stops every role and lets go of the folder.
    pub(crate) async fn stop(self) {
        self.platform.stop().await;
    }
}

/// Commands and the history.
fn commands(platform: &Platform) -> Router {
    let settlement: Arc<dyn Settlement> = match &platform.roles {
        Some(roles) => roles.sagas.settlement(),
        None => Arc::new(Resting),
    };
    carelog_command_api::router(carelog_command_api::Api {
        bus: platform.bus.clone(),
        log: platform.log.clone(),
        keys: platform.keys.clone(),
        blobs: platform.blobs.clone(),
        clock: platform.clock.clone(),
        settlement,
        limits: carelog_command_api::Limits::default(),
        traceparent: carelog_schemas::trace_context::current,
    })
}

/// Nothing settles while no saga runs.
struct Resting;

impl Settlement for Resting {
    fn settled(&self, _: CommandId, _: &Token, _: Duration) -> BoxFuture<'_, Result<Option<Token>, Failure>> {
        Box::pin(async { Ok(None) })
    }
}

/// The routes of the roles that have any.
fn routes(settings: &Settings, platform: &Arc<Platform>) -> anyhow::Result<Router> {
    let roles = platform.roles.as_ref().context("a server has roles")?;
    let queries = carelog_query_api::router(carelog_query_api::Deps {
        log: platform.log.clone(),
        keys: platform.keys.clone(),
        sql: platform.sql.clone(),
        documents: platform.documents.clone(),
        freshness: roles.projections.clone(),
        settlement: roles.sagas.settlement(),
        clock: platform.clock.clone(),
        limits: carelog_query_api::Limits::default(),
    });
    let operations = Arc::new(Operations::new(platform.clone()));
    let mut routes = operations::http::router(operations);
    if settings.has(Role::Commands) {
        routes = routes.merge(commands(platform));
    }
    if settings.has(Role::Queries) {
        routes = routes.merge(queries).merge(publisher::feeds(platform));
    }
    Ok(routes)
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can always be listened for on Unix");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
