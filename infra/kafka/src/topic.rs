//! The topic as the log needs it: checked at every start, and refused with the command that mends it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use carelog_kafka_topic_id::topic_id;
use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use crate::client;
use crate::error::OpenError;
use crate::options::{Brokers, Options};
use crate::points::Home;

/// What a batch of the producer may need, with some room.
const MESSAGE_BYTES_LEAST: u64 = 1_048_576;

/// Between two looks whether brokers tell of a new topic.
const TOLD_PAUSE: Duration = Duration::from_millis(50);

/// Settings that must read exactly so.
const EXACT: [(&str, &str, &str); 4] = [
    ("cleanup.policy", "delete", "compaction would remove events"),
    ("retention.ms", "-1", "events are kept for ever"),
    ("retention.bytes", "-1", "events are kept for ever"),
    ("unclean.leader.election.enable", "false", "a replica that lags would lose acknowledged events"),
];

/// Makes the topic unless it is there.
pub fn create_if_missing(options: &Options) -> Result<(), OpenError> {
    match create(options) {
        Err(OpenError::Unreachable { source: KafkaError::AdminOp(RDKafkaErrorCode::TopicAlreadyExists), .. }) => Ok(()),
        made => made,
    }
}

/// Makes the topic with the settings the log needs, and waits until brokers tell of it.
pub fn create(options: &Options) -> Result<(), OpenError> {
    let (replicas, in_sync) = replication(options.brokers);
    let in_sync = in_sync.to_string();
    let mut topic =
        NewTopic::new(&options.topic, i32::from(options.partitions), TopicReplication::Fixed(replicas as i32))
            .set("min.insync.replicas", &in_sync);
    for (name, value, _) in EXACT {
        topic = topic.set(name, value);
    }
    let ask = || -> Result<(), KafkaError> {
        let admin: AdminClient<DefaultClientContext> = client::config(options).create()?;
        let limits = AdminOptions::new().operation_timeout(Some(options.limits.start));
        for made in block_on(admin.create_topics([&topic], &limits))? {
            made.map_err(|(_, code)| KafkaError::AdminOp(code))?;
        }
        until_told(options)
    };
    ask().map_err(unreachable(options, "a new topic"))
}

/// A topic that was made is told of a moment later.
fn until_told(options: &Options) -> Result<(), KafkaError> {
    let consumer: BaseConsumer = client::config(options).create()?;
    let begun = Instant::now();
    loop {
        let metadata = consumer.fetch_metadata(Some(&options.topic), options.limits.start)?;
        let led = |topic: &MetadataTopic| topic.partitions().iter().filter(|each| each.error().is_none()).count();
        if metadata.topics().iter().any(|topic| led(topic) == usize::from(options.partitions)) {
            return Ok(());
        }
        if begun.elapsed() > options.limits.start {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition));
        }
        std::thread::sleep(TOLD_PAUSE);
    }
}

/// Checks everything and says all that is wrong at once; returns which topic of which cluster it is.
pub(crate) fn check(options: &Options) -> Result<Home, OpenError> {
    let consumer: BaseConsumer = client::config(options).create().map_err(unreachable(options, "a connection"))?;
    let metadata = consumer.fetch_metadata(Some(&options.topic), options.limits.start);
    let metadata = metadata.map_err(unreachable(options, "its topics"))?;
    let found = metadata.topics().iter().find(|topic| topic.name() == options.topic);
    if let Some(error) = found.and_then(|topic| topic.error()).map(RDKafkaErrorCode::from)
        && !matches!(error, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)
    {
        return Err(unreachable(options, "the topic")(KafkaError::MetadataFetch(error)));
    }
    let Some(topic) = found.filter(|topic| topic.error().is_none() && !topic.partitions().is_empty()) else {
        let problem = format!("  it does not exist; make it with\n    {}", create_command(options));
        return Err(OpenError::BadTopic { topic: options.topic.clone(), problems: vec![problem] });
    };
    let settings = settings(options).map_err(unreachable(options, "the settings of the topic"))?;
    let mut problems = shape_problems(options, topic);
    problems.extend(setting_problems(options, &settings));
    if !problems.is_empty() {
        return Err(OpenError::BadTopic { topic: options.topic.clone(), problems });
    }
    let cluster = consumer.client().fetch_cluster_id(options.limits.start).ok_or_else(|| {
        unreachable(options, "its cluster id")(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut))
    })?;
    let id = patient_topic_id(&consumer, options).map_err(unreachable(options, "the id of the topic"))?;
    Ok(Home::new(cluster, options.topic.clone(), id))
}

/// The id, also of a topic that was made just now, of which not every broker has heard.
fn patient_topic_id(consumer: &BaseConsumer, options: &Options) -> Result<Option<String>, KafkaError> {
    let begun = Instant::now();
    loop {
        match topic_id(consumer.client(), &options.topic, options.limits.start) {
            Err(KafkaError::AdminOp(RDKafkaErrorCode::UnknownTopicOrPartition))
                if begun.elapsed() < options.limits.start =>
            {
                std::thread::sleep(TOLD_PAUSE);
            }
            told => return told,
        }
    }
}

fn unreachable(options: &Options, what: &'static str) -> impl FnOnce(KafkaError) -> OpenError {
    let bootstrap = options.bootstrap.clone();
    move |source| OpenError::Unreachable { bootstrap, what, source }
}

fn settings(options: &Options) -> Result<HashMap<String, String>, KafkaError> {
    let admin: AdminClient<DefaultClientContext> = client::config(options).create()?;
    let limits = AdminOptions::new().request_timeout(Some(options.limits.start));
    let described = block_on(admin.describe_configs([&ResourceSpecifier::Topic(&options.topic)], &limits))?;
    let mut found = HashMap::new();
    for resource in described {
        let resource = resource.map_err(KafkaError::AdminOp)?;
        found.extend(resource.entries.into_iter().map(|entry| (entry.name, entry.value.unwrap_or_default())));
    }
    Ok(found)
}

/// How many replicas, and how many of them in sync.
fn replication(brokers: Brokers) -> (usize, usize) {
    match brokers {
        Brokers::Replicated => (3, 2),
        Brokers::One => (1, 1),
    }
}

fn shape_problems(options: &Options, topic: &MetadataTopic) -> Vec<String> {
    let (replicas, _) = replication(options.brokers);
    let mut problems = Vec::new();
    let count = topic.partitions().len();
    if count != usize::from(options.partitions) {
        problems.push(format!(
            "  it has {count} partitions and the log {}, which never changes; start with {count}, or, if it is new and \
             empty, make it anew with\n    kafka-topics.sh --bootstrap-server {} --delete --topic {} && {}",
            options.partitions,
            options.bootstrap,
            options.topic,
            create_command(options)
        ));
    }
    let fewest = topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or_default();
    if fewest < replicas {
        problems.push(format!(
            "  a partition has {fewest} replicas, not {replicas}; add brokers to it with a plan for\n    \
             kafka-reassign-partitions.sh --bootstrap-server {} --reassignment-json-file plan.json --execute\n  or allow one \
             broker by name (it may lose everything)",
            options.bootstrap
        ));
    }
    problems
}

fn setting_problems(options: &Options, found: &HashMap<String, String>) -> Vec<String> {
    let value = |name: &str| found.get(name).map_or("not set", String::as_str);
    let mend = |name: &str, wanted: &str, why: &str| {
        format!(
            "  {name} is {}, not {wanted}: {why}; mend it with\n    kafka-configs.sh --bootstrap-server {} --alter \
             --entity-type topics --entity-name {} --add-config {name}={wanted}",
            value(name),
            options.bootstrap,
            options.topic
        )
    };
    let exact = EXACT.iter().filter(|(name, wanted, _)| value(name) != *wanted);
    let mut problems: Vec<String> = exact.map(|(name, wanted, why)| mend(name, wanted, why)).collect();
    let (_, in_sync) = replication(options.brokers);
    let at_least = [
        ("min.insync.replicas", in_sync as u64, "an acknowledged event must survive a broker"),
        ("max.message.bytes", MESSAGE_BYTES_LEAST, "a write of the producer must fit"),
    ];
    let low = at_least.iter().filter(|(name, least, _)| value(name).parse::<u64>().unwrap_or(0) < *least);
    problems.extend(low.map(|(name, least, why)| mend(name, &least.to_string(), why)));
    problems
}

fn create_command(options: &Options) -> String {
    let (replicas, in_sync) = replication(options.brokers);
    let exact: String = EXACT.iter().map(|(name, value, _)| format!(" --config {name}={value}")).collect();
    format!(
        "kafka-topics.sh --bootstrap-server {} --create --topic {} --partitions {} --replication-factor {replicas} \
         --config min.insync.replicas={in_sync}{exact}",
        options.bootstrap, options.topic, options.partitions
    )
}
