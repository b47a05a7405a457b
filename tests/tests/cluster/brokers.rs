//! Brokers that die: of one nobody notices more than a pause; of two nothing is lost, and all goes on when they are back.

use std::time::{Duration, Instant};

use carelog_tests::history::Answer;

use crate::stage::{BACK_MAX, Stage, either, longest_pause};

/// A broker's session ends after three seconds here, and leaders are chosen anew: nobody waits for it to come back.
const PAUSE_MAX: Duration = Duration::from_secs(25);

/// The same of reads, on every node and of every partition; two questions too many are asked before it is seen.
const ANSWERED_MAX: Duration = Duration::from_secs(25);

fn all(stage: &Stage) -> Vec<u16> {
    (0..stage.cluster.partitions()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_broker_killed_is_a_pause_at_most() {
    let stage = Stage::set("one broker").await;
    for broker in 0..either(1, 3) {
        let killed = Instant::now();
        stage.cluster.kafka.lock().expect("not poisoned").kill(broker);
        let took = stage.written_again(killed, &all(&stage), |_| true).await;
        // Every node asks every partition's leader what holds now: those that the broker led have others by now.
        for node in stage.cluster.nodes() {
            while !node.is_ready().await {
                let waited = killed.elapsed();
                assert!(waited < ANSWERED_MAX, "{} is not ready {waited:?} after one broker died", node.name);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        eprintln!("all nodes are ready {:?} after broker {broker} was killed", killed.elapsed());
        tokio::time::sleep(Duration::from_secs(either(3, 20))).await;
        let pause = longest_pause(&stage.between(killed, Instant::now()));
        assert!(pause < PAUSE_MAX, "one broker of three was killed, and nothing was acknowledged for {pause:?}");
        eprintln!("broker {broker} killed: written to again after {took:?}, longest pause of all {pause:?}");
        stage.cluster.restart_broker(broker).await;
        stage.written_again(Instant::now(), &all(&stage), |_| true).await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_brokers_killed_is_503_with_a_time_to_come_again_and_goes_on_by_itself() {
    let stage = Stage::set("two brokers").await;
    for broker in 0..2 {
        stage.cluster.kafka.lock().expect("not poisoned").kill(broker);
    }
    // What was on its way may still have been on two of them.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let dead = Instant::now();
    tokio::time::sleep(Duration::from_secs(either(15, 60))).await;
    let meanwhile = stage.between(dead, Instant::now());
    let acknowledged = meanwhile.iter().find(|each| each.done().is_some_and(|done| !done.repeated));
    assert!(acknowledged.is_none(), "acknowledged on one broker of three: {acknowledged:?}");
    let refused: Vec<_> = meanwhile.iter().filter(|each| matches!(each.answer, Answer::Unavailable { .. })).collect();
    assert!(!refused.is_empty(), "nobody was told to come again\n{}", stage.cluster.logs());
    let without = refused.iter().find(|each| matches!(each.answer, Answer::Unavailable { retry_after: false, .. }));
    assert!(without.is_none(), "without Retry-After: {without:?}");
    let back = Instant::now();
    for broker in 0..2 {
        stage.cluster.restart_broker(broker).await;
    }
    let took = stage.written_again(back, &all(&stage), |_| true).await;
    eprintln!("two brokers back: written to again after {took:?} (at most {BACK_MAX:?})");
    stage.end().await;
}
