//! What can go wrong with the shared log, and what the operator is told.

use std::path::PathBuf;

use carelog_domain::kernel::Position;
use carelog_domain::ports::Failure;

/// Why a log was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Kafka did not answer, or not as it should.
    #[error("Kafka at {bootstrap} could not be asked for {what}; is it running, and may this node reach it?")]
    Unreachable {
        /// Where.
        bootstrap: String,
        /// What was asked.
        what: &'static str,
        /// What came instead.
        #[source]
        source: rdkafka::error::KafkaError,
    },
    /// The topic is not as the log needs it.
    #[error("topic {topic} cannot hold the log:\n{}", .problems.join("\n"))]
    BadTopic {
        /// The topic.
        topic: String,
        /// What is wrong, each with the command that mends it.
        problems: Vec<String>,
    },
    /// The local folder belongs elsewhere.
    #[error(
        "the folder {folder} holds the local state of {found}, not of {asked}; choose another folder, or that cluster"
    )]
    OtherCluster {
        /// The folder.
        folder: PathBuf,
        /// Of which topic on which cluster it is.
        found: String,
        /// The topic and the cluster asked for.
        asked: String,
    },
    /// The local log could not be used.
    #[error("the local log could not be opened")]
    Local(#[source] Box<carelog_event_log::OpenError>),
    /// A partition cannot be followed.
    #[error(transparent)]
    Stopped(Stopped),
    /// The operating system said no.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// Why a partition is not followed any further. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Stopped {
    /// The local log has another frame.
    #[error(
        "the local log differs from Kafka at {at}: it holds {local}, Kafka holds {kafka}; one of them was replaced. Nothing \
         was changed. If Kafka is right, move the local folder away and start again; if the local log is right, see \
         `carelog log refill`"
    )]
    Differs {
        /// The first difference.
        at: Position,
        /// What the local log holds.
        local: String,
        /// What Kafka holds.
        kafka: String,
    },
    /// The local log goes on where Kafka ends.
    #[error(
        "the local log has {local} frames of partition {}, but Kafka ends at {at}: Kafka lost records, or the topic was made \
         anew. Nothing was changed. See `carelog log refill`",
        .at.partition
    )]
    Longer {
        /// The first offset that Kafka lacks.
        at: Position,
        /// How many frames the local log has.
        local: u64,
    },
    /// The topic was deleted and made anew while it was followed.
    #[error(
        "partition {} stopped: the topic was deleted and made anew (its id was {was} and is {is}). What the local log holds \
         before {at} is of the old one for sure; what follows, if anything does, may be of the new one. Stop every process, \
         and see `carelog log refill`",
        .at.partition
    )]
    MadeAnew {
        /// The first place that may be of the new topic.
        at: Position,
        /// The id of the topic when this node started.
        was: String,
        /// Its id now.
        is: String,
    },
    /// Records that should be there are not.
    #[error("the log in Kafka is not whole at {at}: {what}; records are missing, or this is another log")]
    Missing {
        /// The next frame.
        at: Position,
        /// What shows it.
        what: String,
    },
    /// A later program wrote it.
    #[error("Kafka holds {what} at {at}, which this program does not know: a newer carelog wrote it, update this node")]
    Later {
        /// The next frame.
        at: Position,
        /// What it is.
        what: String,
    },
    /// The local disk failed: another node can follow.
    #[error("partition {} stopped at {at}: {what}", .at.partition)]
    Local {
        /// The next frame.
        at: Position,
        /// What failed.
        what: String,
    },
}

impl Stopped {
    /// True when other nodes can go on.
    pub(crate) fn is_of_this_node(&self) -> bool {
        matches!(self, Stopped::Local { .. })
    }
}

/// Somebody else owns the partition: the cause of a failure that forwarding looks for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("partition {partition} is owned by {}", .owner.as_ref().map_or("nobody yet".to_owned(), |(node, address)| format!("{node} at {address}")))]
pub struct NotOwner {
    /// The partition.
    pub partition: u16,
    /// The owner's name and address.
    pub owner: Option<(String, String)>,
}

/// Our name as a port in failures.
const PORT: &str = "event log";

pub(crate) fn lasting(message: impl Into<String>) -> Failure {
    Failure::lasting(PORT, message)
}

pub(crate) fn passing(message: impl Into<String>) -> Failure {
    Failure::passing(PORT, message)
}

/// A failure in words, with what caused it.
pub(crate) fn chain(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut cause = std::error::Error::source(failure);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
