//! What can go wrong with publishing, and what the operator is told.

use carelog_domain::kernel::Partition;
use carelog_domain::ports::{Failure, PublishError};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

const PORT: &str = "publisher";

/// Why a publisher was not opened.
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
        source: KafkaError,
    },
    /// A topic is missing and may not be made, or is not as it must be.
    #[error("topic {topic} {problem}; mend it with\n  {command}")]
    BadTopic {
        /// The topic.
        topic: String,
        /// What is wrong.
        problem: String,
        /// What mends it.
        command: String,
    },
}

/// A failure that may be gone on the next try.
pub(crate) fn passing(message: impl Into<String>) -> Failure {
    Failure::passing(PORT, message)
}

/// What an error of a transaction means. Fenced: another has taken over. All else: nobody knows, or nothing was done.
pub(crate) fn of_transaction(partition: Partition, doing: &str, error: KafkaError) -> PublishError {
    if is_fenced(&error) {
        return PublishError::Superseded { partition };
    }
    PublishError::Failed(passing(format!("{doing} did not work; it is looked up and tried again")).caused_by(error))
}

/// True when a newer producer has taken this one's transactional id.
pub(crate) fn is_fenced(error: &KafkaError) -> bool {
    let code = match error {
        KafkaError::Transaction(error) => Some(error.code()),
        other => other.rdkafka_error_code(),
    };
    code.is_some_and(is_fencing)
}

/// The codes of that.
pub(crate) fn is_fencing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as C;
    matches!(code, C::Fenced | C::ProducerFenced | C::InvalidProducerEpoch)
}
