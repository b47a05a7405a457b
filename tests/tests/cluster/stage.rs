//! What every scenario begins and ends with: a whole cluster under load, and at the end its history checked against the log,
//! all nodes with the same log, sagas and read models done with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use carelog_tests::cluster::line::Way;
use carelog_tests::cluster::{Cluster, Node, Plan};
use carelog_tests::history::{Answer, Attempt, Audit, Kind, Recorder, check};
use carelog_tests::load::fill::fill;
use carelog_tests::load::{Client, Load, Targets, World};
use carelog_tests::server::program;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// Clients of a scenario.
const CLIENTS: usize = 12;
/// Scenarios that end with it in the short form too: a store or a worker was in doubt. All share the rows.
const DEEP: [&str; 5] = ["killed", "cut off", "cut off from Kafka", "stores", "upgraded"];
/// How long nodes may take to have the same log once nothing more is written.
const SAME_MAX: Duration = Duration::from_secs(60);
/// How long a partition may take to be written to again, whatever happened: beyond it something hangs.
pub(crate) const BACK_MAX: Duration = Duration::from_secs(60);

/// One for all scenarios, as long as any runs or waits; it ends with the last.
static CLUSTER: Mutex<Weak<Cluster>> = Mutex::const_new(Weak::new());
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// True when the acceptance's own numbers are wanted.
pub(crate) fn long() -> bool {
    std::env::var("CARELOG_TORTURE").is_ok_and(|form| form == "long")
}

/// The first in the short form, the second in the long one.
pub(crate) fn either<T>(short: T, in_the_long_form: T) -> T {
    if long() { in_the_long_form } else { short }
}

/// A scenario on the cluster.
pub(crate) struct Stage {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) targets: Targets,
    from: BTreeMap<u16, u64>,
    load: Option<Load>,
    /// Whether every row is projected again and compared at the end.
    deep: bool,
    _alone: MutexGuard<'static, ()>,
}

impl Stage {
    /// The cluster as it should be, with clients at work.
    pub(crate) async fn set(name: &str) -> Stage {
        Stage::set_with(name, 0).await
    }

    /// The same with so many events in partition 0 before the clients begin.
    pub(crate) async fn set_with(name: &str, events: u64) -> Stage {
        let cluster = shared().await;
        let alone = ONE_AT_A_TIME.lock().await;
        restore(&cluster).await;
        Stage::set_on(cluster, alone, name, events, Duration::ZERO).await
    }

    /// A cluster of its own, whose log is short, with clients who rest so long after whatever they did: nothing is kept from
    /// catching up by them.
    pub(crate) async fn set_apart(name: &str, rest: Duration) -> Stage {
        let alone = ONE_AT_A_TIME.lock().await;
        let cluster = Arc::new(Cluster::start(Plan::default()).await);
        Stage::set_on(cluster, alone, name, 0, rest).await
    }

    async fn set_on(
        cluster: Arc<Cluster>,
        alone: MutexGuard<'static, ()>,
        name: &str,
        events: u64,
        rest: Duration,
    ) -> Stage {
        let targets = Targets::of(cluster.nodes().iter().map(|node| node.base.clone()));
        let mut first = Client::new(CLIENTS, targets.clone(), Arc::default());
        if events > 0 {
            // In a hospital of its own: what only fills need not be judged.
            let world = World::set_up(&mut first, &format!("{name}/past"), cluster.partitions()).await;
            let filled = world.places.iter().find(|place| place.partition == 0).expect("a hospital in each partition");
            fill(&targets, filled, events).await;
        }
        let from = heads(&cluster.nodes()[0]).await;
        let world = Arc::new(World::set_up(&mut first, name, cluster.partitions()).await);
        let recorder = Arc::new(Recorder::default());
        let load = Some(Load::begin(CLIENTS, rest, &targets, &world, &recorder));
        let deep = long() || DEEP.contains(&name);
        let stage = Stage { cluster, recorder, targets, from, load, deep, _alone: alone };
        let all: Vec<u16> = (0..stage.cluster.partitions()).collect();
        stage.written_again(Instant::now(), &all, |_| true).await;
        stage
    }

    /// Waits until each of these partitions has acknowledged something that was asked after `since`, on a node that will do;
    /// how long each took.
    pub(crate) async fn written_again(
        &self,
        since: Instant,
        partitions: &[u16],
        node: impl Fn(&str) -> bool,
    ) -> BTreeMap<u16, Duration> {
        let begun = self.recorder.at(since);
        loop {
            let mut took: BTreeMap<u16, Duration> = BTreeMap::new();
            let acknowledged = |attempt: &Attempt| {
                let done = attempt.done().filter(|_| attempt.invoked >= begun && node(&attempt.node))?;
                Some((done.token.first()?.0, Duration::from_nanos(attempt.completed - begun)))
            };
            for (partition, after) in self.recorder.gather(acknowledged) {
                let first = took.entry(partition).or_insert(after);
                *first = after.min(*first);
            }
            took.retain(|partition, _| partitions.contains(partition));
            if took.len() == partitions.len() {
                return took;
            }
            let late = since.elapsed() > BACK_MAX;
            assert!(!late, "only {took:?} of {partitions:?} are written to again\n{}", self.cluster.logs());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Attempts that were sent and ended between two moments.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> Vec<Attempt> {
        let (from, to) = (self.recorder.at(from), self.recorder.at(to));
        self.recorder.gather(|each| (each.invoked >= from && each.completed <= to).then(|| each.clone()))
    }

    /// How many attempts at a node were sent between two moments, of those that have ended.
    pub(crate) fn asked(&self, node: &str, from: Instant, to: Instant) -> usize {
        let (from, to) = (self.recorder.at(from), self.recorder.at(to));
        self.recorder.gather(|each| (each.node == node && (from..to).contains(&each.invoked)).then_some(())).len()
    }

    /// Lets the clients end, and looks that nothing was wrong.
    pub(crate) async fn end(mut self) {
        self.load.take().expect("it is ended once").end().await;
        restore(&self.cluster).await;
        self.same_everywhere().await;
        let node = &self.cluster.nodes()[0];
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let audit = Audit::read(&http, &node.base, self.cluster.partitions(), &self.from).await;
        let attempts = self.recorder.attempts();
        eprintln!("{} events, {:?}", audit.len(), words(&attempts));
        let mut wrong = check(&attempts, &audit);
        // A node that loses a partition under a command asks the new owner itself, so a client that asked once may be told
        // of a repeat.
        wrong.retain(|wrong| wrong.kind != Kind::RepeatedAtFirst);
        let shown: Vec<String> = wrong.iter().take(10).map(ToString::to_string).collect();
        assert!(
            wrong.is_empty(),
            "{} anomalies, the first: {}\n{}",
            wrong.len(),
            shown.join("\n"),
            self.cluster.logs()
        );
        settle(node, &http).await;
        let (_, sagas) = node.get("/v1/operations/sagas").await.expect("an answer");
        assert_eq!(sagas["deadLetters"], json!([]), "steps failed for good\n{}", self.cluster.logs());
        let rows = if self.deep { &["projections", "verify", "--deep"][..] } else { &["projections", "verify"] };
        for check in [&["log", "verify"][..], rows, &["ledger", "check"]] {
            let mut command = std::process::Command::new(program());
            let output = command.args(check).args(["--server", &node.base]).output().expect("run");
            let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{check:?}\n{out}\n{error}\n{}", self.cluster.logs());
        }
    }

    /// Every node has the same log, once nothing more is written.
    async fn same_everywhere(&self) {
        let begun = Instant::now();
        loop {
            let mut all = Vec::new();
            for node in self.cluster.nodes() {
                all.push(partitions(&node).await);
            }
            if all.iter().all(|one| *one == all[0]) {
                return;
            }
            assert!(begun.elapsed() < SAME_MAX, "nodes have other logs: {all:?}\n{}", self.cluster.logs());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn shared() -> Arc<Cluster> {
    let mut shared = CLUSTER.lock().await;
    if let Some(cluster) = shared.upgrade() {
        return cluster;
    }
    let cluster = Arc::new(Cluster::start(Plan::default()).await);
    *shared = Arc::downgrade(&cluster);
    cluster
}

/// Everything runs and every line is open, whatever a test before did.
async fn restore(cluster: &Cluster) {
    cluster.restore_stores();
    for node in cluster.nodes() {
        node.lines(Way::Open);
        node.lines_to_kafka(Way::Open);
        node.restore();
        node.ready().await;
    }
}

/// Sagas and then read models have handled all there is, by themselves.
async fn settle(node: &Node, http: &reqwest::Client) {
    let wait = format!("{}/v1/operations/sagas/wait", node.base);
    let answer = http.post(wait).json(&json!({ "timeoutSeconds": 120 })).send().await.expect("an answer");
    let settled: Value = answer.json().await.expect("json");
    assert_eq!(settled["settled"], json!(true), "{settled}\n{}", node.log_end(60));
    let begun = Instant::now();
    loop {
        let (_, list) = node.get("/v1/operations/projections").await.expect("an answer");
        let models = list["readModels"].as_array().expect("read models").clone();
        if models.iter().all(|model| model["behind"] == json!(0)) {
            return;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "read models stay behind: {models:?}\n{}",
            node.log_end(60)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Events and root of each partition as a node has them.
async fn partitions(node: &Node) -> Vec<Value> {
    let stats = node.get("/v1/operations/log/stats").await;
    let (_, stats) = stats.unwrap_or_else(|| panic!("{} does not answer\n{}", node.name, node.log_end(40)));
    let all = stats["partitions"].as_array().unwrap_or_else(|| panic!("{stats}")).iter();
    all.map(|each| json!([each["partition"], each["events"], each["root"]])).collect()
}

async fn heads(node: &Node) -> BTreeMap<u16, u64> {
    let all = partitions(node).await.into_iter();
    all.map(|each| (each[0].as_u64().expect("a partition") as u16, each[1].as_u64().expect("a number"))).collect()
}

/// What clients were answered, in words, with how often.
fn words(attempts: &[Attempt]) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    for attempt in attempts {
        *words.entry(attempt.answer.in_words()).or_default() += 1;
    }
    words
}

/// The longest time without any acknowledgement between two moments.
pub(crate) fn longest_pause(attempts: &[Attempt]) -> Duration {
    let done = |attempt: &Attempt| matches!(attempt.answer, Answer::Done(_)).then_some(attempt.completed);
    let mut instants: Vec<u64> = attempts.iter().filter_map(done).collect();
    instants.sort_unstable();
    let longest = instants.windows(2).map(|pair| pair[1] - pair[0]).max();
    Duration::from_nanos(longest.unwrap_or(u64::MAX))
}
