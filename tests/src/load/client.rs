//! One client: a connection that is kept, the node it speaks to, and the rules of asking again.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use carelog_domain::kernel::CommandId;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::Method;
use serde_json::Value;

use super::answers::{Reply, answer_to_command};
use crate::history::{Answer, Asked, Attempt, Observation, Recorder};

/// How long one request may take before it is asked again elsewhere; registering a patient waits for five seconds.
const REQUEST_MAX: Duration = Duration::from_secs(8);
/// Who everyone is without authentication.
const TENANT: &str = "local";

/// The nodes that clients may ask, as a balancer knows them.
#[derive(Clone, Default)]
pub struct Targets(Arc<RwLock<Vec<String>>>);

impl Targets {
    /// These.
    pub fn of(bases: impl IntoIterator<Item = String>) -> Targets {
        Targets(Arc::new(RwLock::new(bases.into_iter().collect())))
    }

    /// From now on one more.
    pub fn add(&self, base: &str) {
        self.0.write().expect("not poisoned").push(base.to_owned());
    }

    /// From now on not this one.
    pub fn remove(&self, base: &str) {
        self.0.write().expect("not poisoned").retain(|other| other != base);
    }

    fn has(&self, base: &str) -> bool {
        self.0.read().expect("not poisoned").iter().any(|other| other == base)
    }

    fn any(&self, random: &mut SmallRng) -> String {
        let bases = self.0.read().expect("not poisoned");
        bases[random.random_range(0..bases.len())].clone()
    }
}

/// A change that somebody wants.
pub struct Wanted<'a> {
    /// Such as `BookAppointment`; scopes the key.
    pub operation: &'a str,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The key.
    pub key: String,
    /// `If-Match`.
    pub if_match: Option<u64>,
    /// The body.
    pub body: Value,
}

/// A client.
pub struct Client {
    /// Its number.
    pub number: usize,
    /// Its dice.
    pub random: SmallRng,
    http: reqwest::Client,
    targets: Targets,
    node: String,
    recorder: Arc<Recorder>,
}

impl Client {
    /// A client with connections of its own.
    pub fn new(number: usize, targets: Targets, recorder: Arc<Recorder>) -> Client {
        let mut random = SmallRng::seed_from_u64(number as u64);
        let node = targets.any(&mut random);
        let http = reqwest::Client::builder().no_proxy().timeout(REQUEST_MAX).build().expect("a client");
        Client { number, random, http, targets, node, recorder }
    }

    /// Speaks to any node from now on; clients go elsewhere now and then, as behind a balancer.
    pub fn go_elsewhere(&mut self) {
        self.node = self.targets.any(&mut self.random);
    }

    /// Asks until it knows what came of it, and returns that with the body of the answer. `says` tells what a refusal says
    /// about the state of things.
    pub async fn does(
        &mut self,
        wanted: &Wanted<'_>,
        says: impl Fn(&str, &Value) -> Option<Observation>,
    ) -> (Answer, Value) {
        let command = CommandId::of_client_key(TENANT, wanted.operation, &wanted.key).to_string();
        let what = format!("{} {}", wanted.operation, wanted.key);
        let asked = Asked::Command { command, if_match: wanted.if_match, what };
        loop {
            self.stay_or_go();
            let mut request = self.http.request(wanted.method.clone(), format!("{}{}", self.node, wanted.path));
            request = request.header("idempotency-key", &wanted.key).json(&wanted.body);
            if let Some(version) = wanted.if_match {
                request = request.header("if-match", format!("\"{version}\""));
            }
            let (answer, body) = self.ask(asked.clone(), request, |reply| answer_to_command(reply, &says)).await;
            if !matches!(answer, Answer::Unavailable { .. } | Answer::Nothing { .. }) {
                return (answer, body);
            }
            self.pause().await;
        }
    }

    /// Asks once.
    pub async fn reads(
        &mut self,
        asked: Asked,
        request: impl FnOnce(&reqwest::Client, &str) -> reqwest::RequestBuilder,
        read: impl FnOnce(&Reply) -> Answer,
    ) -> (Answer, Value) {
        self.stay_or_go();
        let request = request(&self.http, &self.node);
        let (answer, body) = self.ask(asked, request, read).await;
        if matches!(answer, Answer::Unavailable { .. } | Answer::Nothing { .. }) {
            self.pause().await;
        }
        (answer, body)
    }

    async fn ask(
        &mut self,
        asked: Asked,
        request: reqwest::RequestBuilder,
        read: impl FnOnce(&Reply) -> Answer,
    ) -> (Answer, Value) {
        let invoked = self.recorder.now();
        let reply = Reply::of(request.send().await).await;
        let completed = self.recorder.now();
        let answer = match &reply {
            Ok(reply) => read(reply),
            Err(why) => Answer::Nothing { why: why.clone() },
        };
        let node = self.node.clone();
        self.recorder.keep(Attempt { client: self.number, node, invoked, completed, asked, answer: answer.clone() });
        (answer, reply.map(|reply| reply.body).unwrap_or_default())
    }

    /// A balancer sends nobody to a node that it was told to leave out.
    fn stay_or_go(&mut self) {
        if !self.targets.has(&self.node) {
            self.go_elsewhere();
        }
    }

    /// Then somewhere else; all at once would hit the same node again.
    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.random_range(50..250))).await;
        self.go_elsewhere();
    }
}
