//! The SDK's client with retries that fit DynamoDB: it starts from tens of milliseconds, since most throttling is over by
//! then, and goes on for some seconds, in which a table on demand gets room for more.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::{RetryPartition, TokenBucket};
use carelog_domain::ports::Failure;

use crate::failure::PORT;

/// The waits between them are 50, 100, 200 ... 3,200 ms at most: whoever calls has tried for three seconds on average.
const ATTEMPTS_MAX: u32 = 8;
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Without it a connection that died silently would hold a request for good.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(15);

pub(crate) fn client(config: &SdkConfig) -> Result<Client, Failure> {
    if config.region().is_none() {
        let message = "no region is known: set AWS_REGION, or `region` in the profile that AWS_PROFILE names";
        return Err(Failure::lasting(PORT, message));
    }
    // Standard, not adaptive: that slows all requests of a client down when one hot key is throttled.
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS_MAX)
        .with_initial_backoff(BACKOFF_FIRST)
        .with_max_backoff(BACKOFF_MAX);
    // The SDK's own quota is one for all clients of the process and comes back by a token for each success: a short outage
    // would spend it, and the first throttled writes after it would not be tried again at all. What bounds the load here
    // is how many requests are under way at once, and the waits between them.
    let unmetered = RetryPartition::custom("carelog").token_bucket(TokenBucket::unlimited()).build();
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_WITHIN).build();
    let config = Builder::from(config).retry_config(retries).retry_partition(unmetered).timeout_config(timeouts);
    Ok(Client::from_conf(config.build()))
}
