//! Asking the leaders where their partitions begin and end now. Questions that come while one is under way share the next;
//! a partition whose leader is away keeps no other waiting.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use carelog_domain::kernel::Partition;
use carelog_domain::ports::Failure;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use tokio::sync::oneshot;

use crate::client;
use crate::error::passing;
use crate::options::Options;

/// How long a leader may take to answer, before it is looked whether it is another one by now.
const LEADER_MAX: Duration = Duration::from_secs(1);
/// After no broker could say it.
const PAUSE: Duration = Duration::from_millis(50);

/// No leader said what its partition holds.
pub(crate) fn cut_off() -> Failure {
    passing("this node is cut off from Kafka, so it cannot say what holds now; try again")
}

/// What a partition held at some moment: the offset of its first record, and that of the next to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub(crate) begin: i64,
    pub(crate) end: i64,
}

type Answer = oneshot::Sender<Result<Held, Failure>>;

/// What a partition holds, when it comes.
pub(crate) type Holds = oneshot::Receiver<Result<Held, Failure>>;

/// Asks on threads of their own, one a partition: an answer is waited for where it is asked.
#[derive(Clone)]
pub(crate) struct Ends(Arc<[mpsc::Sender<Answer>]>);

impl Ends {
    pub(crate) fn start(options: &Options) -> Result<Ends, KafkaError> {
        let consumer: Arc<BaseConsumer> = Arc::new(client::config(options).create()?);
        let asked = (0..options.partitions).map(|partition| {
            let (questions, asked) = mpsc::channel();
            let (consumer, options) = (Arc::clone(&consumer), options.clone());
            let asking = move || answer(&consumer, &options, partition, &asked);
            let thread = std::thread::Builder::new().name(format!("kafka-ends-{partition}")).spawn(asking);
            thread.map_err(|error| KafkaError::ClientCreation(format!("no thread could be started: {error}")))?;
            Ok(questions)
        });
        Ok(Ends(asked.collect::<Result<_, KafkaError>>()?))
    }

    /// What a partition holds at some moment from now on.
    pub(crate) fn ask(&self, partition: Partition) -> Holds {
        let (answer, holds) = oneshot::channel();
        if let Some(questions) = self.0.get(usize::from(partition.0)) {
            let _ = questions.send(answer); // The thread lives as long as somebody can ask.
        }
        holds
    }
}

/// Asks whom the client takes for the leader. librdkafka asks the same broker again and again as long as it is away, and
/// looks for another leader every five minutes: so it is made to look when there is no answer.
fn ask_leader(consumer: &BaseConsumer, options: &Options, partition: u16) -> KafkaResult<Held> {
    let until = Instant::now() + options.limits.barrier;
    loop {
        let patience = LEADER_MAX.min(until.saturating_duration_since(Instant::now()));
        match consumer.fetch_watermarks(&options.topic, i32::from(partition), patience) {
            Ok((begin, end)) => return Ok(Held { begin, end }),
            Err(error) if Instant::now() >= until => return Err(error),
            Err(_) => {}
        }
        let patience = LEADER_MAX.min(until.saturating_duration_since(Instant::now()));
        if let Err(error) = consumer.fetch_metadata(Some(&options.topic), patience) {
            tracing::debug!(partition, %error, "no broker says who leads");
            std::thread::sleep(PAUSE);
        }
    }
}

fn answer(consumer: &BaseConsumer, options: &Options, partition: u16, asked: &mpsc::Receiver<Answer>) {
    while let Ok(first) = asked.recv() {
        let waiting: Vec<Answer> = std::iter::once(first).chain(asked.try_iter()).collect();
        let held = ask_leader(consumer, options, partition);
        for answer in waiting {
            let held = held.clone().map_err(|error| cut_off().caused_by(error));
            let _ = answer.send(held); // Whoever asked may have gone.
        }
        consumer.poll(Duration::ZERO); // What the client has to say goes to the log.
    }
}
