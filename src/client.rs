//! How commands of the command line reach a platform: a running server over HTTP, or the folder of a stopped one, whose
//! routes are then called in this process. Either way they are the same routes and the same answers.

use anyhow::{Context, bail};
use axum::Router;
use axum::body::{Body, Bytes};
use http::{Method, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use crate::cli::Target;
use crate::serve;
use crate::settings::Settings;

/// A platform to ask.
pub(crate) struct Client(Reach);

enum Reach {
    Server { http: reqwest::Client, base: String },
    Here(Box<serve::Local>),
}

impl Client {
    /// A client of the server at this address; nothing is sent yet.
    pub(crate) fn new(server: &str) -> anyhow::Result<Client> {
        let builder = reqwest::Client::builder().no_proxy();
        // Without TLS nobody's authorities are needed, and a small machine may know none.
        let builder = if server.starts_with("https://") { builder } else { builder.tls_certs_only([]) };
        let http = builder.build().context("the HTTP client could not be made")?;
        Ok(Client(Reach::Server { http, base: server.trim_end_matches('/').to_owned() }))
    }

    /// What the command line names: the folder of a stopped server, else a running one.
    pub(crate) async fn of(target: &Target, settings: &Settings) -> anyhow::Result<Client> {
        Client::reach(target, settings, false).await
    }

    /// The same for work that needs the roles: they are started on the folder of a stopped server.
    pub(crate) async fn running(target: &Target, settings: &Settings) -> anyhow::Result<Client> {
        Client::reach(target, settings, true).await
    }

    async fn reach(target: &Target, settings: &Settings, running: bool) -> anyhow::Result<Client> {
        let Some(folder) = &target.data else { return Client::new(&target.server()) };
        anyhow::ensure!(folder.join("log").exists(), "{} holds no log; is it a data folder?", folder.display());
        let settings = Settings { data: folder.clone(), ..settings.clone() };
        Ok(Client(Reach::Here(Box::new(serve::Local::open(&settings, running).await?))))
    }

    /// Ends what [`Client::of`] began.
    pub(crate) async fn close(self) {
        if let Reach::Here(local) = self.0 {
            local.stop().await;
        }
    }

    /// GETs JSON.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        json(self.ask(Method::GET, path, None).await?)
    }

    /// POSTs JSON and reads JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        json(self.ask(Method::POST, path, Some(body.to_string())).await?)
    }

    /// GETs a text, such as a journal.
    pub(crate) async fn get_text(&self, path: &str) -> anyhow::Result<Bytes> {
        self.ask(Method::GET, path, None).await
    }

    /// GETs a stream of server-sent events that goes on after the one with this id; only a running server has one.
    pub(crate) async fn events(&self, path: &str, last_event_id: &str) -> anyhow::Result<reqwest::Response> {
        let Reach::Server { http, base } = &self.0 else { bail!("a stopped server has no live events") };
        let request = http.get(format!("{base}{path}")).header("accept", "text/event-stream");
        let request = request.header("last-event-id", last_event_id);
        let response = request.send().await.with_context(|| unreachable(base))?;
        let status = response.status();
        if !status.is_success() {
            bail!(problem(status, &response.bytes().await.unwrap_or_default()));
        }
        Ok(response)
    }

    /// POSTs lines of JSON and reads lines of JSON.
    pub(crate) async fn post_lines(&self, path: &str, lines: String) -> anyhow::Result<Vec<Value>> {
        let Reach::Server { http, base } = &self.0 else { bail!("lines are sent to a running server") };
        let request = http.post(format!("{base}{path}")).header("content-type", "application/x-ndjson").body(lines);
        let response = request.send().await.with_context(|| unreachable(base))?;
        let status = response.status();
        let text = response.bytes().await.context("the server's answer broke off")?;
        if !status.is_success() {
            bail!(problem(status, &text));
        }
        let parse = |line: &str| serde_json::from_str(line).context("a line of the server's answer is not JSON");
        std::str::from_utf8(&text)?.lines().filter(|line| !line.is_empty()).map(parse).collect()
    }

    async fn ask(&self, method: Method, path: &str, body: Option<String>) -> anyhow::Result<Bytes> {
        let (status, bytes) = match &self.0 {
            Reach::Server { http, base } => {
                let mut request = http.request(method, format!("{base}{path}"));
                if let Some(body) = body {
                    request = request.header("content-type", "application/json").body(body);
                }
                let response = request.send().await.with_context(|| unreachable(base))?;
                (response.status(), response.bytes().await.context("the server's answer broke off")?)
            }
            Reach::Here(local) => call(local.router(), method, path, body).await?,
        };
        if !status.is_success() {
            bail!(problem(status, &bytes));
        }
        Ok(bytes)
    }
}

async fn call(router: Router, method: Method, path: &str, body: Option<String>) -> anyhow::Result<(StatusCode, Bytes)> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(body.map_or_else(Body::empty, Body::from)).context("not a request")?;
    let Ok(response) = router.oneshot(request).await;
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.context("the answer broke off")?;
    Ok((status, bytes))
}

fn json(bytes: Bytes) -> anyhow::Result<Value> {
    serde_json::from_slice(&bytes).context("the answer is not JSON")
}

fn unreachable(base: &str) -> String {
    format!("no answer from {base}: is `carelog serve` running there? (--server names another address)")
}

/// What a problem document says, in one line.
fn problem(status: StatusCode, body: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| problem[name].as_str().unwrap_or_default();
    if text("code").is_empty() {
        return format!("the server answered {status}");
    }
    format!("{}: {} ({})", text("title"), text("detail"), text("code"))
}
