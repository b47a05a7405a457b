//! Writes without a condition, twenty-five in a request. A batch may be carried out in part: what is left over is sent
//! again, later and later.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::WriteRequest;
use carelog_domain::ports::Failure;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::failure::{PORT, failure};
use crate::table::Table;

/// As many as DynamoDB takes in a request.
const BATCH_MAX: usize = 25;
/// Requests under way at once.
const AT_ONCE: usize = 8;
/// Times in a row that a batch may come back without anything done: about ten seconds.
const FRUITLESS_MAX: u32 = 10;
const BACKOFF_FIRST: Duration = Duration::from_millis(25);
const BACKOFF_MAX: Duration = Duration::from_secs(3);

pub(crate) async fn write(table: &Table, requests: Vec<WriteRequest>) -> Result<(), Failure> {
    let batches: Vec<Vec<WriteRequest>> = requests.chunks(BATCH_MAX).map(<[WriteRequest]>::to_vec).collect();
    stream::iter(batches).map(Ok).try_for_each_concurrent(AT_ONCE, |batch| to_the_end(table, batch)).await
}

async fn to_the_end(table: &Table, mut batch: Vec<WriteRequest>) -> Result<(), Failure> {
    let mut fruitless = 0;
    loop {
        let sent = batch.len();
        let request = table.client.batch_write_item().request_items(&table.name, batch);
        let answer = request.send().await.map_err(|error| failure("write a batch to", &table.name, &error))?;
        batch =
            answer.unprocessed_items.and_then(|mut left: HashMap<_, _>| left.remove(&table.name)).unwrap_or_default();
        if batch.is_empty() {
            return Ok(());
        }
        fruitless = if batch.len() < sent { 0 } else { fruitless + 1 };
        if fruitless == FRUITLESS_MAX {
            let advice = "raise its capacity or its maximum, or wait until it has grown";
            return Err(Failure::passing(PORT, format!("{} takes no more writes: {advice}", table.name)));
        }
        tokio::time::sleep(backoff(fruitless)).await;
    }
}

/// Anything up to a limit that doubles, so that clients who were refused together do not come back together.
fn backoff(fruitless: u32) -> Duration {
    let limit = BACKOFF_FIRST.saturating_mul(1 << fruitless).min(BACKOFF_MAX);
    limit.mul_f64(fastrand::f64())
}
