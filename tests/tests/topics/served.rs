//! A feed as one reader meets it in this process: server-sent events, pulled one by one.

use axum::body::{Body, BodyDataStream};
use axum::{Extension, Router};
use carelog_domain::kernel::{Actor, Role};
use carelog_publisher::{FeedDeps, FeedLimits, router};
use futures::StreamExt;
use http::Request;
use serde_json::Value;
use tower::ServiceExt;

use crate::world::World;

/// The routes of a world, asked by an actor.
pub(crate) fn app(world: &World, actor: Actor, limits: FeedLimits) -> Router {
    router(FeedDeps { log: world.log.clone(), keys: world.keys.clone(), limits }).layer(Extension(actor))
}

pub(crate) fn analyst() -> Actor {
    Actor { tenant: "test".to_owned(), roles: vec![Role::Analyst], ..Actor::system("ada") }
}

/// An open feed.
pub(crate) struct Served {
    body: BodyDataStream,
    text: String,
}

/// One message: its id and its data.
pub(crate) type Message = (String, String);

pub(crate) async fn refused(app: &Router, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let response = app.clone().oneshot(request(path, headers)).await.expect("an answer");
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, serde_json::from_slice(&body).expect("json"))
}

fn request(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::builder().uri(path).header("accept", "text/event-stream");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::empty()).expect("a request")
}

impl Served {
    pub(crate) async fn open(app: &Router, path: &str, headers: &[(&str, &str)]) -> Served {
        let response = app.clone().oneshot(request(path, headers)).await.expect("an answer");
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Served { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next message; comments and what is no message are passed over.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let found = (field("id: "), field("data: "));
                self.text = rest.to_owned();
                if let (Some(id), Some(data)) = found {
                    return (id, data);
                }
            }
            let chunk = self.body.next().await.expect("the feed goes on").expect("readable");
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// The next so many.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Message> {
        let mut messages = vec![];
        for _ in 0..count {
            messages.push(self.next().await);
        }
        messages
    }

    /// The next comment.
    pub(crate) async fn comment(&mut self) -> String {
        loop {
            if let Some(comment) = self.text.lines().find(|line| line.starts_with(':')) {
                return comment.to_owned();
            }
            let chunk = self.body.next().await.expect("the feed goes on").expect("readable");
            self.text.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }
}
