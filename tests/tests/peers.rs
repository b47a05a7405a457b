//! Processes of the platform asking each other: who is believed, what is taken once, and what is known of a question that
//! came to nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use bytes::Bytes;
use carelog_domain::kernel::Timestamp;
use carelog_domain::ports::{Answers, BoxFuture, Failure, KeyStore, Node, Peers, Unanswered};
use carelog_keys::FileKeyStore;
use carelog_peers::{Answering, HttpPeers, router};
use carelog_tests::clock::ManualClock;
use parking_lot::Mutex;
use tokio::net::TcpListener;

const SUBJECT: &str = "echoes";

/// Says back who asked and what, and counts.
#[derive(Default)]
struct Echo(AtomicUsize);

impl Answers for Echo {
    fn answer(&self, from: &str, question: Bytes) -> BoxFuture<'_, Result<Bytes, Failure>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let said = [from.as_bytes(), b": ", &question].concat();
        Box::pin(async move {
            match &question[..] {
                b"fail" => Err(Failure::passing("echo", "it does not echo today")),
                _ => Ok(said.into()),
            }
        })
    }
}

/// A chain with its secret, the node `south` that answers, and the node `north` that asks.
struct Chain {
    folder: tempfile::TempDir,
    clock: ManualClock,
    echo: Arc<Echo>,
    keys: Arc<dyn KeyStore>,
    south: Node,
}

impl Chain {
    async fn new() -> Chain {
        let folder = tempfile::tempdir().expect("a folder");
        let keys: Arc<dyn KeyStore> = Arc::new(FileKeyStore::open(folder.path()).expect("keys"));
        let clock = ManualClock::at(Timestamp::from_micros(1_000_000_000));
        let echo = Arc::new(Echo::default());
        let subjects: [(&'static str, Arc<dyn Answers>); 1] = [(SUBJECT, echo.clone())];
        let answering = Answering::new("south", keys.clone(), Arc::new(clock.clone()), subjects);
        let south = Node { name: "south".to_owned(), address: serve(router(answering)).await };
        Chain { folder, clock, echo, keys, south }
    }

    fn north(&self) -> HttpPeers {
        HttpPeers::new("north", self.keys.clone(), Arc::new(self.clock.clone())).expect("a node")
    }

    fn answered(&self) -> usize {
        self.echo.0.load(Ordering::SeqCst)
    }

    /// The node, reached through a line that somebody else holds.
    async fn through(&self, line: Line) -> Node {
        let (real, line) = (self.south.address.clone(), Arc::new(line));
        let app = Router::new().fallback(move |request: Request| {
            let (real, line) = (real.clone(), line.clone());
            async move { line.pass(&real, request).await }
        });
        Node { name: "south".to_owned(), address: serve(app).await }
    }
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

type Recorded = (String, http::HeaderMap, Bytes);

/// Somebody between two nodes, who does as they please with what passes.
struct Line {
    change: fn(&mut Recorded),
    change_answer: fn(Vec<u8>) -> Vec<u8>,
    recorded: Mutex<Vec<Recorded>>,
}

impl Line {
    fn changing(change: fn(&mut Recorded)) -> Line {
        Line { change, change_answer: |answer| answer, recorded: Mutex::default() }
    }

    async fn pass(&self, real: &str, request: Request) -> http::Response<Body> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let mut recorded = (parts.uri.path().to_owned(), parts.headers, body);
        (self.change)(&mut recorded);
        self.recorded.lock().push(recorded.clone());
        let (status, answer) = send(real, recorded).await;
        let answer = (self.change_answer)(answer.to_vec());
        http::Response::builder().status(status.as_u16()).body(Body::from(answer)).expect("an answer")
    }
}

async fn send(address: &str, (path, headers, body): Recorded) -> (http::StatusCode, Bytes) {
    let mut request = reqwest::Client::new().post(format!("http://{address}{path}")).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("carelog-")) {
        request = request.header(name, value);
    }
    let answer = request.send().await.expect("an answer");
    (answer.status(), answer.bytes().await.expect("a body"))
}

fn turned_away(result: Result<Bytes, Unanswered>, why: &str) {
    let Err(Unanswered::NotReached(failure)) = result else { panic!("it was not turned away: {result:?}") };
    assert!(failure.retry_helps && failure.message.contains(why), "{failure:?} says not: {why}");
}

#[tokio::test]
async fn a_question_gets_its_answer_and_who_asked_is_known() {
    let chain = Chain::new().await;
    let answer = chain.north().ask(&chain.south, SUBJECT, "hello".into()).await.expect("an answer");
    assert_eq!(answer, "north: hello");
    let long = Bytes::from(vec![b'x'; 9 * 1024 * 1024]);
    assert_eq!(chain.north().ask(&chain.south, SUBJECT, long.clone()).await.expect("an answer").len(), long.len() + 7);
    turned_away(chain.north().ask(&chain.south, "weather", "hello".into()).await, "nothing about this");
}

#[tokio::test]
async fn whoever_has_another_secret_is_no_node() {
    let chain = Chain::new().await;
    let strange: Arc<dyn KeyStore> = Arc::new(FileKeyStore::open(&chain.folder.path().join("other")).expect("keys"));
    let stranger = HttpPeers::new("north", strange, Arc::new(chain.clock.clone())).expect("a node");
    turned_away(stranger.ask(&chain.south, SUBJECT, "hello".into()).await, "no node of this chain");
    let bare = (format!("/nodes/{SUBJECT}"), http::HeaderMap::new(), Bytes::from("hello"));
    assert_eq!(send(&chain.south.address, bare).await.0, http::StatusCode::FORBIDDEN);
    assert_eq!(chain.answered(), 0);
}

#[tokio::test]
async fn a_question_that_is_sent_again_is_not_answered_again() {
    let chain = Chain::new().await;
    let line = Line::changing(|_| {});
    let (real, line) = (chain.south.address.clone(), Arc::new(line));
    let held = line.clone();
    let app = Router::new().fallback(move |request: Request| {
        let (real, held) = (real.clone(), held.clone());
        async move { held.pass(&real, request).await }
    });
    let south = Node { name: "south".to_owned(), address: serve(app).await };
    chain.north().ask(&south, SUBJECT, "once".into()).await.expect("an answer");
    let recorded = line.recorded.lock()[0].clone();
    let (status, why) = send(&chain.south.address, recorded).await;
    assert_eq!((status, &why[..], chain.answered()), (http::StatusCode::FORBIDDEN, &b"it was asked before"[..], 1));
}

#[tokio::test]
async fn whatever_is_changed_on_the_way_is_turned_away() {
    let chain = Chain::new().await;
    let changes: [(fn(&mut Recorded), &str); 5] = [
        (|(_, _, body)| *body = [&body[..40], &[body[40] ^ 1], &body[41..]].concat().into(), "no node of this chain"),
        (|(_, _, body)| *body = body.slice(..20), "no node of this chain"),
        (|(_, headers, _)| drop(headers.insert("carelog-node-from", "east".parse().expect("a name"))), "no node of"),
        (|(_, headers, _)| drop(headers.insert("carelog-node-to", "west".parse().expect("a name"))), "another node"),
        (
            |(_, headers, _)| {
                let expires: i64 = headers["carelog-node-expires"].to_str().expect("text").parse().expect("a number");
                headers.insert("carelog-node-expires", (expires + 1).to_string().parse().expect("a number"));
            },
            "no node of this chain",
        ),
    ];
    for (change, why) in changes {
        let south = chain.through(Line::changing(change)).await;
        turned_away(chain.north().ask(&south, SUBJECT, "something longer".into()).await, why);
    }
    assert_eq!(chain.answered(), 0);
}

#[tokio::test]
async fn a_question_that_took_too_long_or_comes_from_the_future_is_turned_away() {
    let chain = Chain::new().await;
    for ahead in [Duration::from_secs(31), Duration::ZERO] {
        let north_clock = ManualClock::at(Timestamp::from_micros(1_000_000_000));
        chain.clock.set(Timestamp::from_micros(1_000_000_000 + ahead.as_micros() as i64));
        if ahead.is_zero() {
            north_clock.set(Timestamp::from_micros(1_000_000_000 + 61_000_000));
        }
        let north = HttpPeers::new("north", chain.keys.clone(), Arc::new(north_clock)).expect("a node");
        turned_away(north.ask(&chain.south, SUBJECT, "late".into()).await, "expired, or the clocks");
    }
    assert_eq!(chain.answered(), 0);
}

#[tokio::test]
async fn an_answer_that_nobody_of_the_chain_gave_is_no_answer() {
    let chain = Chain::new().await;
    let flip = |mut answer: Vec<u8>| {
        answer[30] ^= 1;
        answer
    };
    let south = chain.through(Line { change_answer: flip, ..Line::changing(|_| {}) }).await;
    let forged = chain.north().ask(&south, SUBJECT, "hello".into()).await;
    assert!(
        matches!(&forged, Err(Unanswered::Unknown(why)) if why.message.contains("not sealed by south")),
        "{forged:?}"
    );
    assert_eq!(chain.answered(), 1, "it was asked, so what came of it is not known");
}

#[tokio::test]
async fn what_is_known_of_a_question_without_an_answer() {
    let chain = Chain::new().await;
    let failed = chain.north().ask(&chain.south, SUBJECT, "fail".into()).await;
    assert!(matches!(&failed, Err(Unanswered::Unknown(why)) if why.message.contains("not echo today")), "{failed:?}");
    let nobody = Node { name: "south".to_owned(), address: "127.0.0.1:9".to_owned() };
    assert!(matches!(chain.north().ask(&nobody, SUBJECT, "hello".into()).await, Err(Unanswered::NotReached(_))));
    // It takes the question and hangs up.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = Node { name: "south".to_owned(), address: listener.local_addr().expect("an address").to_string() };
    tokio::spawn(async move {
        while let Ok((line, _)) = listener.accept().await {
            line.readable().await.expect("a question");
        }
    });
    let unknown = chain.north().ask(&silent, SUBJECT, "hello".into()).await;
    assert!(matches!(unknown, Err(Unanswered::Unknown(_))), "{unknown:?}");
}
