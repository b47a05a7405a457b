//! The publisher of a node: a session for each partition of the log that is published here. librdkafka blocks while a
//! transaction is begun or ended, so all work is done on threads for that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{BoxFuture, Failure, Publication, PublishError, Publisher, TopicMark};
use parking_lot::Mutex;

use crate::error::{OpenError, passing};
use crate::options::Options;
use crate::session::Session;
use crate::{marks, topic};

/// Publishes to Kafka.
pub struct KafkaPublisher {
    options: Arc<Options>,
    sessions: Arc<Mutex<BTreeMap<Partition, Session>>>,
    /// True once a planted fault has ended it.
    dead: Arc<AtomicBool>,
}

impl KafkaPublisher {
    /// Makes the topics that are missing. Blocks.
    ///
    /// # Errors
    /// When Kafka cannot be reached, or a topic is not as it must be.
    pub fn open(options: Options) -> Result<KafkaPublisher, OpenError> {
        topic::prepare(&options)?;
        Ok(KafkaPublisher { options: Arc::new(options), sessions: Arc::default(), dead: Arc::default() })
    }

    fn alive(&self) -> Result<(), Failure> {
        if self.dead.load(Ordering::Acquire) { Err(passing("the publisher is dead")) } else { Ok(()) }
    }
}

impl Publisher for KafkaPublisher {
    fn take_over(&self, partition: Partition) -> BoxFuture<'_, Result<Vec<TopicMark>, Failure>> {
        let (options, sessions) = (Arc::clone(&self.options), Arc::clone(&self.sessions));
        Box::pin(async move {
            self.alive()?;
            apart(move || {
                let old = sessions.lock().remove(&partition);
                drop(old); // Without the lock: it waits for its threads.
                let session = Session::take_over(options, partition)?;
                let marks = session.marks();
                sessions.lock().insert(partition, session);
                Ok(marks)
            })
            .await?
        })
    }

    fn marks(&self, partition: Partition) -> BoxFuture<'_, Result<Vec<TopicMark>, Failure>> {
        let options = Arc::clone(&self.options);
        Box::pin(async move {
            self.alive()?;
            apart(move || marks::read(&options, partition).map(|marks| marks.into_values().collect())).await?
        })
    }

    fn publish(&self, publication: Publication) -> BoxFuture<'_, Result<(), PublishError>> {
        let (sessions, partition) = (Arc::clone(&self.sessions), publication.partition);
        let dies = self.options.faults.dies();
        Box::pin(async move {
            self.alive().map_err(PublishError::Failed)?;
            // Taken out while it works, so that partitions do not wait for each other.
            let session = self.sessions.lock().remove(&partition);
            let mut session = session.ok_or(PublishError::Superseded { partition })?;
            let published = apart(move || {
                let published = session.publish(publication);
                if matches!(&published, Ok(()) | Err(PublishError::Moved { .. })) {
                    sessions.lock().insert(partition, session);
                }
                published
            });
            let published = published.await.map_err(PublishError::Failed)?;
            if dies && matches!(&published, Err(PublishError::Failed(_))) {
                self.dead.store(true, Ordering::Release);
            }
            published
        })
    }
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::lasting("publisher", "publishing panicked").caused_by(error))
}
