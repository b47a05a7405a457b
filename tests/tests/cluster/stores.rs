//! Stores that are away for a while: nothing is lost, and sagas and read models go on by themselves when they are back.

use std::time::{Duration, Instant};

use crate::stage::{Stage, either};

async fn away() {
    tokio::time::sleep(Duration::from_secs(either(5, 60))).await;
}

async fn goes_on(stage: &Stage, store: &str) {
    let all: Vec<u16> = (0..stage.cluster.partitions()).collect();
    let took = stage.written_again(Instant::now(), &all, |_| true).await;
    eprintln!("{store} is back: written to after {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_dynamodb_and_s3_gone_for_a_while_lose_nothing() {
    let stage = Stage::set("stores").await;
    stage.cluster.postgres.stop("fast");
    away().await;
    stage.cluster.postgres.go();
    goes_on(&stage, "PostgreSQL").await;

    stage.cluster.dynamo.kill();
    away().await;
    stage.cluster.dynamo.go();
    goes_on(&stage, "DynamoDB").await;

    stage.cluster.s3.kill();
    away().await;
    stage.cluster.s3.go();
    goes_on(&stage, "S3").await;
    stage.end().await;
}
