//! Stores that are away for a while: nothing is lost, and sagas and read models go on by themselves when they are back.

use std::time::{Duration, Instant};

use crate::stage::{Stage, either};

/// How long a node may take to see that a store is away: it asks every second, and waits some for the answer.
const SEEN_MAX: Duration = Duration::from_secs(30);

fn all(stage: &Stage) -> Vec<u16> {
    (0..stage.cluster.partitions()).collect()
}

/// While a store is away for so long every node says so and is ready nevertheless, and commands that do not need it go on to
/// the end of it.
async fn while_away(stage: &Stage, store: &str, short: u64) {
    let left = Instant::now();
    for node in stage.cluster.nodes() {
        loop {
            let (status, said) = node.get("/health/ready").await.expect("an answer");
            assert_eq!(status, 200, "{} takes no commands without {store}: {said}", node.name);
            if said["trouble"].to_string().contains(&format!("{store} (")) {
                break;
            }
            assert!(left.elapsed() < SEEN_MAX, "{} does not say that {store} is away: {said}", node.name);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(either(short, 60)).saturating_sub(left.elapsed())).await;
    let took = stage.written_again(Instant::now(), &all(stage), |_| true).await;
    eprintln!("{store} is away for {:?}: written to after {took:?}", left.elapsed());
}

async fn goes_on(stage: &Stage, store: &str) {
    let took = stage.written_again(Instant::now(), &all(stage), |_| true).await;
    eprintln!("{store} is back: written to after {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_dynamodb_and_s3_gone_for_a_while_lose_nothing() {
    let stage = Stage::set("stores").await;
    stage.cluster.postgres.stop("fast");
    // The keys are in it, and are kept in memory for ten seconds.
    while_away(&stage, "sql", 15).await;
    stage.cluster.postgres.go();
    goes_on(&stage, "PostgreSQL").await;

    stage.cluster.dynamo.kill();
    while_away(&stage, "documents", 5).await;
    stage.cluster.dynamo.go();
    goes_on(&stage, "DynamoDB").await;

    stage.cluster.s3.kill();
    while_away(&stage, "blobs", 5).await;
    stage.cluster.s3.go();
    goes_on(&stage, "S3").await;
    stage.end().await;
}
