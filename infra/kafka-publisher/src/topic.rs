//! The topics on the cluster: those that are missing are made, those that are there must keep what is published. For how long
//! others find it is the operator's to say (`retention.ms`), unless it is said by compaction, which takes messages out of the middle.

use std::collections::HashMap;

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};

use crate::client;
use crate::error::OpenError;
use crate::options::{Brokers, Options};

/// A topic as it must be.
struct Wanted {
    name: String,
    partitions: i32,
    settings: Vec<(&'static str, &'static str)>,
}

/// Makes what is missing and checks what is there.
pub(crate) fn prepare(options: &Options) -> Result<(), OpenError> {
    let consumer: BaseConsumer = client::config(options).create().map_err(unreachable(options, "a connection"))?;
    let metadata = consumer.fetch_metadata(None, options.limits.answer);
    let metadata = metadata.map_err(unreachable(options, "its topics"))?;
    let marks = marks(options);
    let public = options.topics.iter().map(|name| public(options, name));
    let mut there = Vec::new();
    for wanted in public.chain([marks]) {
        match found(&metadata, &wanted.name) {
            None => create(options, &wanted)?,
            Some(topic) => {
                check_shape(options, &wanted, topic)?;
                there.push(wanted);
            }
        }
    }
    let settings = settings(options, &there).map_err(unreachable(options, "the settings of its topics"))?;
    there.iter().zip(&settings).try_for_each(|(wanted, found)| check_settings(options, wanted, found))
}

/// Kept for ever: whoever subscribes later reads from the beginning.
fn public(options: &Options, name: &str) -> Wanted {
    let settings = vec![("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];
    Wanted { name: options.topic(name), partitions: options.topic_partitions, settings }
}

fn marks(options: &Options) -> Wanted {
    let partitions = i32::from(options.log_partitions);
    Wanted { name: options.marks_topic(), partitions, settings: vec![("cleanup.policy", "compact")] }
}

fn found<'a>(metadata: &'a Metadata, name: &str) -> Option<&'a MetadataTopic> {
    metadata.topics().iter().find(|topic| topic.name() == name && !topic.partitions().is_empty())
}

fn check_shape(options: &Options, wanted: &Wanted, found: &MetadataTopic) -> Result<(), OpenError> {
    let count = found.partitions().len();
    if wanted.name == options.marks_topic() && i32::try_from(count) != Ok(wanted.partitions) {
        let problem = format!("has {count} partitions and the log {}", wanted.partitions);
        return Err(bad(options, wanted, problem));
    }
    let (replicas, _) = replication(options.brokers);
    let fewest = found.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or_default();
    if i32::try_from(fewest).is_ok_and(|fewest| fewest < replicas) {
        let command = format!(
            "kafka-reassign-partitions.sh --bootstrap-server {} --reassignment-json-file plan.json --execute",
            options.bootstrap
        );
        let problem = format!("has {fewest} replicas, not {replicas}, and may lose what was published");
        return Err(OpenError::BadTopic { topic: wanted.name.clone(), problem, command });
    }
    Ok(())
}

/// The settings of each topic, in their order.
fn settings(options: &Options, topics: &[Wanted]) -> Result<Vec<HashMap<String, String>>, KafkaError> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let admin: AdminClient<DefaultClientContext> = client::config(options).create()?;
    let limits = AdminOptions::new().request_timeout(Some(options.limits.answer));
    let asked: Vec<ResourceSpecifier<'_>> = topics.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let described = block_on(admin.describe_configs(&asked, &limits))?;
    let entries = |resource: rdkafka::admin::ConfigResource| {
        resource.entries.into_iter().map(|entry| (entry.name, entry.value.unwrap_or_default())).collect()
    };
    described.into_iter().map(|resource| resource.map(entries).map_err(KafkaError::AdminOp)).collect()
}

fn check_settings(options: &Options, wanted: &Wanted, found: &HashMap<String, String>) -> Result<(), OpenError> {
    let value = |name: &str| found.get(name).map_or("not set", String::as_str);
    let refused = |name: &str, must: &str, why: &str| {
        let command = format!(
            "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} --add-config {name}={must}",
            options.bootstrap, wanted.name
        );
        let problem = format!("has {name}={}, not {must}: {why}", value(name));
        Err(OpenError::BadTopic { topic: wanted.name.clone(), problem, command })
    };
    let (_, in_sync) = replication(options.brokers);
    let policy = wanted.settings.iter().find(|(name, _)| *name == "cleanup.policy").map_or("", |(_, policy)| policy);
    if value("cleanup.policy") != policy {
        let why =
            if policy == "compact" { "marks would be forgotten" } else { "messages would be taken out of its middle" };
        return refused("cleanup.policy", policy, why);
    }
    let least: u32 = in_sync.parse().expect("a number");
    if value("min.insync.replicas").parse::<u32>().unwrap_or(0) < least {
        return refused("min.insync.replicas", in_sync, "what was published must survive a broker");
    }
    Ok(())
}

fn create(options: &Options, wanted: &Wanted) -> Result<(), OpenError> {
    let (replicas, in_sync) = replication(options.brokers);
    let mut topic = NewTopic::new(&wanted.name, wanted.partitions, TopicReplication::Fixed(replicas));
    for (name, value) in &wanted.settings {
        topic = topic.set(name, value);
    }
    topic = topic.set("min.insync.replicas", in_sync);
    let ask = || -> Result<(), KafkaError> {
        let admin: AdminClient<DefaultClientContext> = client::config(options).create()?;
        let limits = AdminOptions::new().operation_timeout(Some(options.limits.answer));
        for made in block_on(admin.create_topics([&topic], &limits))? {
            match made {
                // Another node was faster.
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(KafkaError::AdminOp(code)),
            }
        }
        Ok(())
    };
    ask().map_err(|error| bad(options, wanted, format!("does not exist and could not be made ({error})")))
}

fn replication(brokers: Brokers) -> (i32, &'static str) {
    match brokers {
        Brokers::Replicated => (3, "2"),
        Brokers::One => (1, "1"),
    }
}

fn bad(options: &Options, wanted: &Wanted, problem: String) -> OpenError {
    let (replicas, in_sync) = replication(options.brokers);
    let settings: String = wanted.settings.iter().map(|(name, value)| format!(" --config {name}={value}")).collect();
    let command = format!(
        "kafka-topics.sh --bootstrap-server {} --create --topic {} --partitions {} --replication-factor {replicas} \
         --config min.insync.replicas={in_sync}{settings}",
        options.bootstrap, wanted.name, wanted.partitions
    );
    OpenError::BadTopic { topic: wanted.name.clone(), problem, command }
}

fn unreachable(options: &Options, what: &'static str) -> impl FnOnce(KafkaError) -> OpenError {
    let bootstrap = options.bootstrap.clone();
    move |source| OpenError::Unreachable { bootstrap, what, source }
}
