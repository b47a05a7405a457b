//! One turn of publishing: read what each group of topics has not seen, map it, publish all of it at once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{EventFilter, Publication, Stored, TopicMark, TopicRecord};
use carelog_schemas::cloud_event::CloudEvent;
use carelog_schemas::topics::{self, Topic};
use carelog_schemas::trace_context;
use tracing::Instrument;

use super::{Deps, Halt};
use crate::mapper::Mapper;
use crate::plan::{Group, groups};
use crate::reading;

/// A partition that is being published here.
pub(super) struct Publishing {
    deps: Deps,
    partition: Partition,
    topics: Vec<Progress>,
    /// Since when something was read that the marks do not tell.
    unmarked_since: Option<Instant>,
    /// The trace of the first event that is published next.
    trace: Option<String>,
}

/// One topic of it.
struct Progress {
    topic: &'static Topic,
    mapper: Mapper,
    wanted: Vec<String>,
    /// Up to where it was read.
    read: u64,
    /// Up to where the mark says so.
    marked: u64,
}

impl Publishing {
    pub(super) fn new(deps: &Deps, partition: Partition, marks: &[TopicMark]) -> Publishing {
        let progress = |topic: &'static Topic| {
            let mark = marks.iter().find(|mark| mark.topic == topic.name).map_or(0, |mark| mark.next);
            let mapper = Mapper::new(topic, Arc::clone(&deps.log), Arc::clone(&deps.keys));
            Progress { topic, mapper, wanted: Mapper::wanted(topic), read: mark, marked: mark }
        };
        let topics = topics::ALL.into_iter().map(progress).collect();
        Publishing { deps: deps.clone(), partition, topics, unmarked_since: None, trace: None }
    }

    /// Publishes what is there, at most a batch of it; true when that was all.
    pub(super) async fn turn(&mut self) -> Result<bool, Halt> {
        let begun = Instant::now();
        let places = self.topics.iter().map(|each| (each.topic.name, each.read)).collect();
        let mut records = Vec::new();
        for group in groups(&places) {
            records.extend(self.group(&group).await?);
        }
        if self.topics.iter().any(|each| each.read > each.marked) {
            self.unmarked_since.get_or_insert(begun);
        }
        let messages = records.len();
        if messages > 0 || self.marks_due_in().is_some_and(|left| left.is_zero()) {
            self.publish(records).await?;
            metrics::counter!("carelog_publisher_messages_total").increment(messages as u64);
            metrics::histogram!("carelog_publisher_turn_seconds").record(begun.elapsed().as_secs_f64());
        }
        let size = reading::size(&self.deps.log, self.partition).await?;
        let behind = size.saturating_sub(self.start());
        metrics::gauge!("carelog_publisher_behind", "partition" => self.partition.0.to_string()).set(behind as f64);
        Ok(self.topics.iter().all(|each| each.read >= size))
    }

    /// The next batch of topics that are at one place.
    async fn group(&mut self, group: &Group) -> Result<Vec<TopicRecord>, Halt> {
        let members = || self.topics.iter().filter(|each| group.topics.contains(&each.topic.name));
        let filter =
            EventFilter { types: members().flat_map(|each| each.wanted.clone()).collect(), ..EventFilter::default() };
        let limit = self.deps.pace.events_max;
        let read = reading::read(&self.deps.log, self.partition, group.from, &filter, limit).await?;
        let next = group.until.map_or(read.next, |until| read.next.min(until));
        let mut records = Vec::new();
        for stored in read.events.iter().take_while(|stored| stored.context.position.offset < next) {
            for each in self.topics.iter_mut().filter(|each| group.topics.contains(&each.topic.name)) {
                let record = each.record(stored).await?;
                if record.is_some() && self.trace.is_none() {
                    self.trace.clone_from(&stored.context.traceparent);
                }
                records.extend(record);
            }
        }
        for each in self.topics.iter_mut().filter(|each| group.topics.contains(&each.topic.name)) {
            each.read = next;
        }
        Ok(records)
    }

    async fn publish(&mut self, records: Vec<TopicRecord>) -> Result<(), Halt> {
        let mut roots = BTreeMap::new();
        for each in &self.topics {
            if let Entry::Vacant(vacant) = roots.entry(each.read) {
                vacant.insert(self.deps.log.root_at(self.partition, each.read).await?);
            }
        }
        let moved = || self.topics.iter().filter(|each| each.read > each.marked);
        let mark =
            |each: &Progress| TopicMark { topic: each.topic.name.to_owned(), next: each.read, root: roots[&each.read] };
        let publication = Publication {
            partition: self.partition,
            expected: moved().map(|each| (each.topic.name.to_owned(), each.marked)).collect(),
            reached: moved().map(mark).collect(),
            records,
        };
        let messages = publication.records.len();
        let span = tracing::info_span!("publish_batch", partition = self.partition.0, messages);
        if let Some(traceparent) = self.trace.take() {
            trace_context::adopt(&span, &traceparent);
        }
        self.deps.publisher.publish(publication).instrument(span).await?;
        self.topics.iter_mut().for_each(|each| each.marked = each.read);
        self.unmarked_since = None;
        Ok(())
    }

    /// When the marks have to be moved although nothing is for a topic; `None` while they tell all that was read.
    pub(super) fn marks_due_in(&self) -> Option<Duration> {
        self.unmarked_since.map(|since| self.deps.pace.unmarked_for.saturating_sub(since.elapsed()))
    }

    /// Where every topic has come to, at least.
    fn start(&self) -> u64 {
        self.topics.iter().map(|each| each.read).min().unwrap_or_default()
    }

    /// Where the topic that is furthest has come to.
    pub(super) fn end(&self) -> u64 {
        self.topics.iter().map(|each| each.read).max().unwrap_or_default()
    }
}

impl Progress {
    async fn record(&mut self, stored: &Stored) -> Result<Option<TopicRecord>, Halt> {
        if !self.wanted.contains(&stored.event_type) {
            return Ok(None);
        }
        let message = self.mapper.message(stored).await?;
        Ok(message.map(|message| record(self.topic, &message, stored)))
    }
}

/// A message as Kafka carries it.
fn record(topic: &Topic, message: &CloudEvent, stored: &Stored) -> TopicRecord {
    TopicRecord {
        topic: topic.name,
        key: message.subject.clone(),
        headers: message.binary_headers(),
        at: stored.context.recorded_at,
        value: message.data.clone(),
    }
}
