//! The local log at a start: opened, or set aside when it is damaged, and the place in Kafka where reading goes on.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use carelog_event_log::{Applier, Following, LocalLog, OpenError as LocalError};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use crate::client;
use crate::error::OpenError;
use crate::options::Options;
use crate::points::{Home, Point, Points};
use crate::record::Record;

/// The local log, and what is known of how it was read.
pub(crate) struct Local {
    pub(crate) log: LocalLog,
    pub(crate) following: Vec<Following>,
    pub(crate) points: Points,
}

/// Opens the local log. A damaged one is set aside and begun anew: Kafka has all of it.
pub(crate) fn open(options: &Options, home: &Home) -> Result<Local, OpenError> {
    let folder = &options.local.folder;
    let local = carelog_event_log::Options { partitions: options.partitions, ..options.local.clone() };
    // Before anything is made or moved: the folder may be another cluster's.
    let mut points = Points::load(folder, home.clone())?;
    let (log, following) = match LocalLog::follow(local.clone()) {
        Err(error) if is_broken(&error) => {
            tracing::error!(folder = %folder.display(), %error, "the local log is damaged: set aside, built anew from Kafka");
            set_aside(folder)?;
            points = Points::none(folder, home.clone());
            LocalLog::follow(local)
        }
        opened => opened,
    }
    .map_err(|error| OpenError::Local(Box::new(error)))?;
    Ok(Local { log, following, points })
}

fn is_broken(error: &LocalError) -> bool {
    matches!(error, LocalError::Damaged(_) | LocalError::BehindCheckpoint { .. } | LocalError::Index { .. })
}

/// Keeps the newest damaged folder, in case Kafka should turn out to be worse.
fn set_aside(folder: &Path) -> Result<(), OpenError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.with_file_name(format!("{name}.damaged"));
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { doing, path, source }
    };
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(io("remove", &aside))?;
    }
    fs::rename(folder, &aside).map_err(io("set aside", folder))
}

/// For each partition the newest point that the local log reaches with the same root, and where Kafka still holds what was
/// read there: a topic that was made anew is read from its beginning.
pub(crate) fn resume_at(options: &Options, points: &Points, appliers: &[(&Applier, i64)]) -> Vec<Option<Point>> {
    let newest = |(applier, kafka_end): &(&Applier, i64)| {
        let fits = |point: &&Point| {
            point.size <= applier.end()
                && (1..=*kafka_end).contains(&point.read_to)
                && applier.root_at(point.size).is_ok_and(|root| root.to_string() == point.root)
        };
        points.of(applier.partition()).find(fits).cloned()
    };
    let known: Vec<Option<Point>> = appliers.iter().map(newest).collect();
    let before = before(options, known.iter().flatten()).unwrap_or_default();
    let still = |(point, (applier, _)): (Option<Point>, &(&Applier, i64))| {
        point.filter(|point| before.get(&point.partition).is_some_and(|kafka| kafka.is_what_was_read(point, applier)))
    };
    known.into_iter().zip(appliers).map(still).collect()
}

/// The record before a point.
enum Before {
    Frame { epoch: u64, bytes: Vec<u8> },
    Claim(Uuid),
    Other,
}

impl Before {
    /// True for the last frame before the point, in its owner's epoch, or the claim of its owner. After a record that did
    /// not count nothing is known.
    fn is_what_was_read(&self, point: &Point, applier: &Applier) -> bool {
        let owner = point.owner.as_ref();
        match self {
            Before::Claim(claim) => owner.is_some_and(|owner| owner.claim == *claim),
            Before::Frame { epoch, bytes } => {
                let last = point.size.checked_sub(1).and_then(|offset| applier.frame(offset).ok());
                owner.is_some_and(|owner| owner.epoch == *epoch) && last.is_some_and(|last| last == *bytes)
            }
            Before::Other => false,
        }
    }
}

/// What Kafka holds before points of different partitions, as far as it can be read in time.
fn before<'a>(
    options: &Options,
    points: impl Iterator<Item = &'a Point>,
) -> Result<HashMap<u16, Before>, rdkafka::error::KafkaError> {
    let mut places = TopicPartitionList::new();
    for point in points {
        let offset = Offset::Offset(point.read_to - 1);
        places.add_partition_offset(&options.topic, i32::from(point.partition), offset)?;
    }
    let mut found = HashMap::new();
    if places.count() == 0 {
        return Ok(found);
    }
    let consumer: BaseConsumer = client::reading(options).create()?;
    consumer.assign(&places)?;
    let begun = Instant::now();
    while found.len() < places.count() && begun.elapsed() < options.limits.start {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let record = match Record::read(headers.map(|header| (header.key, header.value)), message.payload()) {
            Record::Event { epoch, frame } => Before::Frame { epoch, bytes: frame.to_vec() },
            Record::Ownership(ownership) => Before::Claim(ownership.claim),
            Record::Foreign(_) | Record::Later(_) => Before::Other,
        };
        found.entry(message.partition() as u16).or_insert(record); // Later ones come along.
    }
    Ok(found)
}
