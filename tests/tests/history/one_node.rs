//! A real server under load, killed and stopped at random moments: its history has nothing wrong, and the checker finds
//! what is taken out of that history or put into it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use carelog_tests::cluster::Node;
use carelog_tests::history::{Anomaly, Answer, Asked, Attempt, Audit, Kind, Recorder, check};
use carelog_tests::load::{Client, Load, Targets, World};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

const PARTITIONS: u16 = 4;
const CLIENTS: usize = 12;
const KILLS: usize = 6;
const STOPS: usize = 2;

fn random() -> SmallRng {
    let seed = std::env::var("CARELOG_TEST_SEED").ok().map(|text| text.parse().expect("a number"));
    let seed = seed.unwrap_or_else(rand::random);
    eprintln!("CARELOG_TEST_SEED={seed}");
    SmallRng::seed_from_u64(seed)
}

/// What clients were answered, in words, with how often.
fn words(attempts: &[Attempt]) -> BTreeMap<String, usize> {
    let mut words = BTreeMap::new();
    for attempt in attempts {
        *words.entry(attempt.answer.in_words()).or_default() += 1;
    }
    words
}

async fn history() -> (Vec<Attempt>, Audit) {
    let mut random = random();
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::alone(folder.path(), PARTITIONS);
    node.start();
    node.ready().await;
    let targets = Targets::of([node.base.clone()]);
    let mut first = Client::new(CLIENTS, targets.clone(), Arc::default());
    let world = Arc::new(World::set_up(&mut first, "one node", PARTITIONS).await);
    let recorder = Arc::new(Recorder::default());
    let load = Load::begin(CLIENTS, Duration::ZERO, &targets, &world, &recorder);
    for blow in 0..KILLS + STOPS {
        tokio::time::sleep(Duration::from_millis(random.random_range(500..1_500))).await;
        if blow % 4 == 3 {
            node.freeze();
            tokio::time::sleep(Duration::from_millis(random.random_range(200..1_000))).await;
            node.go_on();
        } else {
            node.kill();
            node.start();
            node.ready().await;
        }
    }
    load.end().await;
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let audit = Audit::read(&http, &node.base, PARTITIONS, &BTreeMap::new()).await;
    (recorder.attempts(), audit)
}

fn kinds(wrong: &[Anomaly]) -> BTreeSet<Kind> {
    wrong.iter().map(|wrong| wrong.kind).collect()
}

fn assert_nothing_wrong(attempts: &[Attempt], audit: &Audit) {
    let wrong = check(attempts, audit);
    let shown: Vec<String> = wrong.iter().take(10).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{} anomalies, the first: {}", wrong.len(), shown.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_stopped_under_load_has_a_history_with_nothing_wrong() {
    let (attempts, audit) = history().await;
    let words = words(&attempts);
    eprintln!("{} events, {words:?}", audit.len());
    for needed in ["done", "done before", "slot-taken", "version-differs", "appointment-status", "status", "state"] {
        assert!(words.contains_key(needed), "nobody was ever answered {needed:?}, so it is not checked: {words:?}");
    }
    assert_nothing_wrong(&attempts, &audit);
    planted(&attempts, &audit);
}

/// Takes away from a good history, or adds to it, and looks that it is found.
fn planted(attempts: &[Attempt], audit: &Audit) {
    let acknowledged = attempts.iter().find(|each| each.done().is_some()).expect("something was done");
    let lost = acknowledged.command().expect("a command");
    let without = Audit::of(audit.entries().filter(|entry| entry.command != lost).cloned());
    assert!(kinds(&check(attempts, &without)).contains(&Kind::Lost));

    let last = |matching: fn(&Answer) -> bool| attempts.iter().rev().find(|each| matching(&each.answer)).expect("one");
    // Answered at the very beginning, when it was not yet so, or at the end, when it was no longer.
    let with = |attempt: &Attempt, instant: u64| {
        let moved = Attempt { invoked: instant, completed: instant + 1, ..attempt.clone() };
        kinds(&check(&[attempts, &[moved]].concat(), audit))
    };
    let (begin, end) = (0, attempts.iter().map(|each| each.completed).max().expect("some") + 1);
    let found = last(|answer| matches!(answer, Answer::Found(_)));
    assert!(with(found, begin).contains(&Kind::Unexplained));
    let early =
        attempts.iter().find(|each| matches!(&each.answer, Answer::Refused { code, .. } if code == "version-differs"));
    assert!(with(early.expect("one"), end).contains(&Kind::FromThePast));
    let missing =
        Attempt { asked: Asked::Status { command: lost.to_owned() }, answer: Answer::Missing, ..acknowledged.clone() };
    assert!(with(&missing, end).contains(&Kind::FromThePast));
}
