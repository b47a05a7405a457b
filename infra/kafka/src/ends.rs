//! Asking the leaders where their partitions end now. Questions that come while one is under way share the next.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use carelog_domain::kernel::Partition;
use carelog_domain::ports::Failure;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use tokio::sync::oneshot;

use crate::client;
use crate::error::passing;
use crate::options::Options;

/// The high watermark, when it comes.
pub(crate) type End = oneshot::Receiver<Result<i64, Failure>>;

struct Question {
    partition: Partition,
    answer: oneshot::Sender<Result<i64, Failure>>,
}

/// Asks on a thread of its own.
#[derive(Clone)]
pub(crate) struct Ends(mpsc::Sender<Question>);

impl Ends {
    pub(crate) fn start(options: &Options) -> Result<Ends, KafkaError> {
        let consumer: BaseConsumer = client::config(options).create()?;
        let (questions, asked) = mpsc::channel::<Question>();
        let options = options.clone();
        let asking = move || {
            while let Ok(first) = asked.recv() {
                let mut waiting: BTreeMap<u16, Vec<Question>> = BTreeMap::new();
                for question in std::iter::once(first).chain(asked.try_iter()) {
                    waiting.entry(question.partition.0).or_default().push(question);
                }
                waiting.into_values().for_each(|questions| answer(&consumer, &options, questions));
                consumer.poll(Duration::ZERO); // What the client has to say goes to the log.
            }
        };
        let thread = std::thread::Builder::new().name("kafka-ends".to_owned()).spawn(asking);
        thread.map_err(|error| KafkaError::ClientCreation(format!("no thread could be started: {error}")))?;
        Ok(Ends(questions))
    }

    /// The end of a partition at some moment from now on.
    pub(crate) fn ask(&self, partition: Partition) -> End {
        let (answer, end) = oneshot::channel();
        let _ = self.0.send(Question { partition, answer }); // The thread lives as long as somebody can ask.
        end
    }
}

fn answer(consumer: &BaseConsumer, options: &Options, questions: Vec<Question>) {
    let Some(partition) = questions.first().map(|question| question.partition) else { return };
    let end = consumer.fetch_watermarks(&options.topic, i32::from(partition.0), options.limits.barrier);
    for question in questions {
        let end = end.clone().map(|(_, high)| high).map_err(|error| {
            passing("this node is cut off from Kafka, so it cannot say what holds now; try again").caused_by(error)
        });
        let _ = question.answer.send(end); // Whoever asked may have gone.
    }
}
