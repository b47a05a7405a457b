//! Public topics: as feeds of this process, whatever its home, and on Kafka where a setting says so.

use anyhow::{Context, bail, ensure};
use axum::Router;
use carelog_kafka_publisher::{Brokers, KafkaPublisher, Options};
use carelog_publisher::{Deps, FeedDeps, FeedLimits, Pace, PublisherRunner};
use carelog_schemas::topics;

use crate::roles::Role;
use crate::settings::Settings;
use crate::wiring::Platform;

/// The feeds, made from the log at hand.
pub(crate) fn feeds(platform: &Platform) -> Router {
    let (log, keys) = (platform.log.clone(), platform.keys.clone());
    carelog_publisher::router(FeedDeps { log, keys, limits: FeedLimits::default() })
}

/// Refuses an address that names no Kafka, before anything is opened.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    match &settings.publish {
        Some(address) => options(address.whole(), 1).map(|_| ()),
        None => Ok(()),
    }
}

/// Starts publishing, if a setting says where to.
pub(crate) async fn start(settings: &Settings, platform: &Platform) -> anyhow::Result<Option<PublisherRunner>> {
    let Some(address) = settings.publish.as_ref().filter(|_| settings.has(Role::Publisher)) else { return Ok(None) };
    let options = options(address.whole(), platform.log.partitions())?;
    let opened = tokio::task::spawn_blocking(|| KafkaPublisher::open(options)).await?;
    let publisher = opened.context("the public topics (publish) could not be used")?;
    let deps = Deps {
        log: platform.log.clone(),
        keys: platform.keys.clone(),
        publisher: std::sync::Arc::new(publisher),
        pace: Pace::default(),
    };
    Ok(Some(PublisherRunner::start(&deps)))
}

/// `kafka://HOST:PORT,HOST:PORT?prefix=staging.&brokers=one&security.protocol=SSL`: what is not ours is librdkafka's.
fn options(address: &str, partitions: u16) -> anyhow::Result<Options> {
    let expected =
        "publish: expected kafka://HOST:PORT,HOST:PORT, with ?prefix=NAME., brokers=one and settings of librdkafka";
    let rest = address.strip_prefix("kafka://").context(expected)?;
    let (bootstrap, query) = rest.split_once('?').unwrap_or((rest, ""));
    ensure!(!bootstrap.is_empty(), expected);
    let mut options = Options::new(bootstrap, partitions, topics::ALL.map(|topic| topic.name));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').context(expected)? {
            ("prefix", prefix) => options.prefix = prefix.to_owned(),
            ("brokers", "one") => options.brokers = Brokers::One,
            ("brokers", _) => {
                bail!("publish: brokers is `one`, for trials, or left out: then a topic has three replicas")
            }
            (name, value) => options.client.push((name.to_owned(), value.to_owned())),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_brokers_a_prefix_and_settings_of_the_client() {
        let options = options("kafka://a:1,b:2?prefix=t.&brokers=one&security.protocol=SSL", 4).expect("an address");
        assert_eq!((options.bootstrap.as_str(), options.prefix.as_str()), ("a:1,b:2", "t."));
        assert_eq!((options.brokers, options.log_partitions), (Brokers::One, 4));
        assert_eq!(options.client, [("security.protocol".to_owned(), "SSL".to_owned())]);
    }

    #[test]
    fn an_address_of_another_kind_is_refused_by_name_and_not_shown() {
        for address in ["a:1", "http://a:1", "kafka://", "kafka://a:1?secret", "kafka://a:1?brokers=secret"] {
            let refused = options(address, 1).err().expect("refused").to_string();
            assert!(refused.starts_with("publish: ") && !refused.contains("secret"), "{refused}");
        }
    }
}
