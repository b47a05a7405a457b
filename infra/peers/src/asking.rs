//! The asking side.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use carelog_domain::ports::{BoxFuture, Clock, Failure, KeyStore, Node, Peers, Unanswered};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::envelope::{self, Address, Nonce};

/// How long a question may be on its way; longer than clocks differ, much shorter than anybody waits.
const VALID: Duration = Duration::from_secs(30);
/// Connecting to a process on the same network takes no longer, or it is not there.
const CONNECT: Duration = Duration::from_secs(2);
/// A command is answered by then, or its outcome has to be asked for again.
const ANSWER: Duration = Duration::from_secs(15);

pub(crate) const FROM: &str = "carelog-node-from";
pub(crate) const TO: &str = "carelog-node-to";
pub(crate) const EXPIRES: &str = "carelog-node-expires";

/// Asks over HTTP, as the node with this name.
pub struct HttpPeers {
    name: String,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl HttpPeers {
    /// A node that asks; nothing is sent yet.
    ///
    /// # Errors
    /// When the name has other characters than letters, digits, `-`, `_` and `.`.
    pub fn new(name: &str, keys: Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Result<HttpPeers, Failure> {
        if !envelope::is_name(name) {
            return Err(Failure::lasting(
                "peers",
                format!("a node is named with letters, digits, - _ and . (at most 100), not {name:?}"),
            ));
        }
        let mut line = HttpConnector::new();
        line.set_connect_timeout(Some(CONNECT));
        line.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new()).build(line);
        Ok(HttpPeers { name: name.to_owned(), keys, clock, http })
    }

    async fn question(&self, node: &Node, subject: &'static str, question: Bytes) -> Result<Bytes, Unanswered> {
        let address = Address { from: &self.name, to: &node.name, subject };
        let expires = self.clock.now().micros() + VALID.as_micros() as i64;
        let sealed = envelope::seal(&*self.keys, &self.name, &address.of_question(expires), &question);
        let (nonce, sealed) = sealed.ok_or_else(|| {
            Unanswered::NotReached(Failure::passing("peers", "the system gave no randomness to seal a question with"))
        })?;
        let request = Request::post(format!("http://{}/nodes/{subject}", node.address))
            .header(FROM, &self.name)
            .header(TO, &node.name)
            .header(EXPIRES, expires.to_string())
            .body(Full::from(sealed))
            .map_err(|error| Unanswered::NotReached(failed(node, error)))?;
        let asked = tokio::time::timeout(ANSWER, self.send(node, request)).await;
        let (status, body) = asked.unwrap_or_else(|late| Err(Unanswered::Unknown(failed(node, late))))?;
        match status {
            StatusCode::OK => self.answer(address, &nonce, &body),
            // Only what was not even opened is answered so.
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::PAYLOAD_TOO_LARGE => {
                let said = String::from_utf8_lossy(&body);
                let message = format!("{} at {} turned a question away: {said}", node.name, node.address);
                Err(Unanswered::NotReached(Failure::passing("peers", message)))
            }
            other => Err(Unanswered::Unknown(failed(node, format!("it answered {other}")))),
        }
    }

    async fn send(&self, node: &Node, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Unanswered> {
        let response = self.http.request(request).await.map_err(|error| match error.is_connect() {
            true => Unanswered::NotReached(failed(node, error)),
            false => Unanswered::Unknown(failed(node, error)),
        })?;
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| Unanswered::Unknown(failed(node, error)))?;
        Ok((status, body.to_bytes()))
    }

    fn answer(&self, address: Address<'_>, nonce: &Nonce, body: &[u8]) -> Result<Bytes, Unanswered> {
        let opened = envelope::open(&*self.keys, address.to, &address.of_answer(nonce), body);
        let unknown = |message: String| Unanswered::Unknown(Failure::passing("peers", message));
        let (_, mut plain) =
            opened.ok_or_else(|| unknown(format!("what came back was not sealed by {}", address.to)))?;
        match plain.pop() {
            Some(ANSWERED) => Ok(plain.into()),
            _ => Err(unknown(format!("{} could not answer: {}", address.to, String::from_utf8_lossy(&plain)))),
        }
    }
}

/// Ends an answer.
pub(crate) const ANSWERED: u8 = 1;
/// Ends the reason why there is none.
pub(crate) const COULD_NOT: u8 = 0;

impl Peers for HttpPeers {
    fn ask(&self, node: &Node, subject: &'static str, question: Bytes) -> BoxFuture<'_, Result<Bytes, Unanswered>> {
        let node = node.clone();
        Box::pin(async move { self.question(&node, subject, question).await })
    }
}

fn failed(node: &Node, error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
    Failure::passing("peers", format!("{} at {} could not be asked", node.name, node.address)).caused_by(error)
}
