//! A topic as it is served to one reader: the messages of every partition from where the reader was, then what comes. It
//! reads only as fast as the reader takes, and maps the log anew for each, so that nothing is kept for anyone.

use std::collections::VecDeque;
use std::sync::Arc;

use carelog_domain::kernel::actor::Reach;
use carelog_domain::kernel::{Context, Partition, Position};
use carelog_domain::ports::{BoxStream, EventFilter, EventLog, KeyStore, Stored};
use carelog_schemas::cloud_event::CloudEvent;
use carelog_schemas::topics::Topic;
use futures::stream;

use crate::mapper::{MapError, Mapper};
use crate::reading;

/// Events read ahead of a reader, a partition.
const EVENTS_AHEAD: usize = 256;

/// A message and its place.
pub(crate) type Placed = (Position, CloudEvent);

/// What a feed reads.
#[derive(Clone)]
pub(crate) struct Feed {
    pub(crate) topic: &'static Topic,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) keys: Arc<dyn KeyStore>,
    /// For which hospitals the reader acts: others' messages are passed over.
    pub(crate) reach: Reach,
}

impl Feed {
    /// The messages from these places on, for ever; ends with the first error.
    pub(crate) fn messages(&self, from: Vec<Position>) -> BoxStream<'static, Result<Placed, MapError>> {
        let partitions = from.into_iter().map(|place| self.partition(place.partition, place.offset));
        Box::pin(stream::select_all(partitions))
    }

    fn partition(&self, partition: Partition, from: u64) -> BoxStream<'static, Result<Placed, MapError>> {
        let reading = Reading {
            mapper: Mapper::new(self.topic, self.log.clone(), self.keys.clone()),
            feed: self.clone(),
            filter: EventFilter { types: Mapper::wanted(self.topic), ..EventFilter::default() },
            partition,
            next: from,
            waiting: VecDeque::new(),
        };
        Box::pin(stream::unfold(Some(reading), |reading| async {
            let mut reading = reading?;
            match reading.message().await {
                Ok(message) => Some((Ok(message), Some(reading))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    fn shows(&self, context: &Context) -> bool {
        match &self.reach {
            Reach::Chain => true,
            Reach::Hospitals(own) => context.hospital.is_some_and(|hospital| own.contains(&hospital)),
        }
    }
}

/// One partition on its way to one reader.
struct Reading {
    feed: Feed,
    mapper: Mapper,
    filter: EventFilter,
    partition: Partition,
    next: u64,
    waiting: VecDeque<Stored>,
}

impl Reading {
    async fn message(&mut self) -> Result<Placed, MapError> {
        loop {
            while let Some(stored) = self.waiting.pop_front() {
                let message = self.mapper.message(&stored).await?;
                if let Some(message) = message.filter(|_| self.feed.shows(&stored.context)) {
                    return Ok((stored.context.position, message));
                }
            }
            let read = reading::read(&self.feed.log, self.partition, self.next, &self.filter, EVENTS_AHEAD).await;
            let read = read.map_err(MapError::Log)?;
            if read.next == self.next {
                reading::wait(&self.feed.log, self.partition, self.next).await.map_err(MapError::Log)?;
            }
            self.next = read.next;
            self.waiting.extend(read.events);
        }
    }
}
