//! The home of the log: a folder, or a topic on Kafka that several processes share, each with a copy in its folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use carelog_clock::SystemClock;
use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Assignment, Clock, EventLog, Fixed, Peers};
use carelog_event_log::LocalLog;
use carelog_kafka::{Brokers, KafkaLog, Membership, Refilled, topic};
use carelog_schemas::read_models;

use super::Address;
use crate::roles::Role;
use crate::settings::Settings;

const EXPECTED: &str =
    "kafka://HOST:PORT,HOST:PORT,HOST:PORT or that with /TOPIC, or nothing for a folder in the data folder";
const TOPIC: &str = "carelog.log";
/// Of a shared log, unless it is said.
const PARTITIONS: u16 = 4;

/// The log of a process.
#[derive(Clone)]
pub(crate) enum Log {
    /// In a folder.
    Local(Arc<LocalLog>),
    /// In a topic.
    Kafka(Arc<KafkaLog>),
}

pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    let Some(address) = &settings.event_log else {
        let alone =
            |name: &str| format!("{name}: a process that keeps its log in a folder is alone; give event_log as well");
        ensure!(
            settings.roles.are_all(),
            "roles: a process that keeps its log in a folder is alone and has every role"
        );
        ensure!(settings.node.is_none(), alone("node"));
        ensure!(settings.advertise.is_none(), alone("advertise"));
        ensure!(!settings.event_log_one_broker, alone("event_log_one_broker"));
        ensure!(!settings.event_log_create_topic, alone("event_log_create_topic"));
        return Ok(());
    };
    address.must_be("event_log", &["kafka"], EXPECTED)?;
    let (brokers, topic) = brokers_and_topic(address.place());
    let is_broker = |broker: &str| {
        broker.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    ensure!(brokers.split(',').all(is_broker), "event_log: expected {EXPECTED}");
    let known = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    ensure!(
        !topic.is_empty() && topic.len() <= 249 && topic.chars().all(known),
        "event_log: a topic's name has up to 249 letters, digits, dots, hyphens and underscores"
    );
    let name = settings.node.as_deref().unwrap_or_default();
    ensure!(
        !name.is_empty() && name.len() <= 100 && name.chars().all(known),
        "node: each process on a shared log needs a name of its own, of letters, digits, dots, hyphens and underscores, \
         that stays the same when it is started again"
    );
    for (setting, missing) in [
        ("sql", settings.sql.is_none()),
        ("documents", settings.documents.is_none()),
        ("blobs", settings.blobs.is_none()),
        ("keys", settings.keys.is_none()),
    ] {
        ensure!(!missing, "{setting}: processes on a shared log share every store; give its address as well");
    }
    Ok(())
}

fn brokers_and_topic(place: &str) -> (&str, &str) {
    place.split_once('/').unwrap_or((place, TOPIC))
}

pub(super) fn described(settings: &Settings) -> Option<&'static str> {
    settings.event_log.as_ref().map(|_| "the log on Kafka")
}

/// Opens the log in a data folder, of a process that is alone or only looks.
pub(crate) fn local_log(settings: &Settings, folder: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Log> {
    let partitions = settings.partitions.unwrap_or_default();
    let options =
        carelog_event_log::Options { partitions, ..carelog_event_log::Options::new(folder.join("log"), clock) };
    Ok(Log::Local(Arc::new(LocalLog::open(options).context("the log could not be opened")?)))
}

/// Opens the log wherever the settings say, and reads up to its end.
pub(crate) async fn log(
    settings: &Settings,
    folder: &Path,
    clock: Arc<dyn Clock>,
    peers: Option<Arc<dyn Peers>>,
) -> anyhow::Result<Log> {
    let Some(address) = &settings.event_log else { return local_log(settings, folder, clock) };
    let mut options = shared(settings, address, folder, clock);
    let (_, name) = brokers_and_topic(address.place());
    options.membership = match settings.has(Role::Commands) {
        true => Membership::Group(group(name, Role::Commands)),
        false => Membership::Observer,
    };
    options.peers = peers;
    let create = settings.event_log_create_topic;
    let opening = tokio::task::spawn_blocking(move || {
        if create {
            topic::create_if_missing(&options)?;
        }
        KafkaLog::open(options)
    });
    let opened = opening.await.context("opening the log was interrupted")?;
    Ok(Log::Kafka(Arc::new(opened.context("the log (event_log) could not be opened")?)))
}

/// How a process is on the shared log.
fn shared(settings: &Settings, address: &Address, folder: &Path, clock: Arc<dyn Clock>) -> carelog_kafka::Options {
    let (brokers, topic) = brokers_and_topic(address.place());
    let local = carelog_event_log::Options::new(folder.join("log"), clock);
    let partitions = settings.partitions.unwrap_or(PARTITIONS);
    let node = settings.node.as_deref().unwrap_or_default();
    carelog_kafka::Options {
        topic: topic.to_owned(),
        address: settings.advertised(),
        brokers: if settings.event_log_one_broker { Brokers::One } else { Brokers::Replicated },
        client: settings.kafka.clone().into_iter().collect(),
        ..carelog_kafka::Options::new(brokers, partitions, node, local)
    }
}

/// Fills the topic from the copy of the log in the data folder.
pub(crate) async fn refill(
    settings: &Settings,
    say: impl FnMut(Partition, u64, u64) + Send + 'static,
) -> anyhow::Result<Vec<Refilled>> {
    let address = settings.event_log.as_ref().context("event_log: there is no topic to fill; give its address")?;
    let options = shared(settings, address, &settings.data, Arc::new(SystemClock));
    let create = settings.event_log_create_topic;
    let filling = tokio::task::spawn_blocking(move || {
        if create {
            topic::create_if_missing(&options)?;
        }
        carelog_kafka::refill(&options, say)
    });
    filling.await.context("the filling was interrupted")?.context("the topic could not be filled")
}

/// The consumer group in which processes share the partitions for a role. Those that keep up the same read models share
/// them: while an upgrade runs two versions side by side, each has all partitions of its own.
fn group(topic: &str, role: Role) -> String {
    match role {
        Role::Projections => format!("{topic}.{}.{}", role.word(), read_models::layouts()),
        role => format!("{topic}.{}", role.word()),
    }
}

impl Log {
    /// As everybody uses it.
    pub(crate) fn port(&self) -> Arc<dyn EventLog> {
        match self {
            Log::Local(log) => log.clone(),
            Log::Kafka(log) => log.clone(),
        }
    }

    /// The partitions that this process works on for a role: all of a log of its own, those of a shared one that the
    /// role's group gives it.
    pub(crate) fn assignment(&self, settings: &Settings, role: Role) -> anyhow::Result<Arc<dyn Assignment>> {
        let partitions = self.port().partitions();
        Ok(match (self, &settings.event_log) {
            _ if !settings.has(role) => Arc::new(Fixed::none()),
            (Log::Kafka(log), Some(address)) => {
                let (_, topic) = brokers_and_topic(address.place());
                log.assignment(&group(topic, role))?
            }
            _ => Arc::new(Fixed::all(partitions)),
        })
    }

    /// As it is on this machine, for numbers and proofs.
    pub(crate) fn local(&self) -> &LocalLog {
        match self {
            Log::Local(log) => log,
            Log::Kafka(log) => log.local(),
        }
    }

    /// Why it takes nothing any more, if it stopped.
    pub(crate) fn failure(&self) -> Option<String> {
        match self {
            Log::Local(log) => log.failure(),
            Log::Kafka(log) => log.failure(),
        }
    }

    /// Hands over what this process owns of a shared log, while it can still pass on what is asked of it.
    pub(crate) fn leave(&self) {
        match self {
            Log::Local(_) => {}
            Log::Kafka(log) => log.leave(),
        }
    }

    /// Takes no more, and waits for what was accepted.
    pub(crate) fn close(&self) {
        match self {
            Log::Local(log) => log.close(),
            Log::Kafka(log) => log.close(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projections_of_other_layouts_are_shared_out_by_themselves_and_everything_else_together() {
        assert_eq!(
            group("carelog.log", Role::Projections),
            format!("carelog.log.projections.{}", read_models::layouts())
        );
        let others = Role::ALL.into_iter().filter(|role| *role != Role::Projections);
        others.for_each(|role| assert_eq!(group("carelog.log", role), format!("carelog.log.{}", role.word())));
    }
}
