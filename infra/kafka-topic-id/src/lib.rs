//! The id that Kafka gives a topic when it is made (KIP-516): a topic that is deleted and made anew under the same name has
//! another. librdkafka tells it (`rd_kafka_DescribeTopics`); the crate `rdkafka` has no call for that, so this one makes it,
//! and is the only place of the workspace with `unsafe` in it.

use std::ffi::{CString, c_char, c_int};
use std::ptr::NonNull;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::bindings::{
    rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new, rd_kafka_AdminOptions_set_request_timeout,
    rd_kafka_DescribeTopics, rd_kafka_DescribeTopics_result_topics, rd_kafka_TopicCollection_destroy,
    rd_kafka_TopicCollection_of_topic_names, rd_kafka_TopicDescription_error, rd_kafka_TopicDescription_topic_id,
    rd_kafka_Uuid_least_significant_bits, rd_kafka_Uuid_most_significant_bits, rd_kafka_admin_op_t, rd_kafka_error_t,
    rd_kafka_event_DescribeTopics_result, rd_kafka_event_destroy, rd_kafka_event_t, rd_kafka_queue_destroy,
    rd_kafka_queue_new, rd_kafka_queue_poll, rd_kafka_resp_err_t,
};
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;

// What brokers answer is passed on as it came. The bindings make an enum of it, which an unknown number must never be.
unsafe extern "C" {
    fn rd_kafka_event_error(event: *mut rd_kafka_event_t) -> c_int;
    fn rd_kafka_error_code(error: *const rd_kafka_error_t) -> c_int;
}

/// The longest that librdkafka waits for a request.
const LIMIT_MAX: Duration = Duration::from_secs(3600);
/// The answer to a request that ran out of time comes a moment after the time.
const ANSWERED_AFTER: Duration = Duration::from_secs(1);

/// The id of a topic as `kafka-topics.sh --describe` prints it; `None` where brokers have no ids (before 2.8). Waits for the
/// answer, so call it away from a runtime's threads.
///
/// # Errors
/// `UnknownTopicOrPartition` where there is no such topic; otherwise what the brokers said, or that they said nothing in time.
pub fn topic_id<C: ClientContext>(client: &Client<C>, topic: &str, limit: Duration) -> KafkaResult<Option<String>> {
    let failed = |code| Err(KafkaError::AdminOp(code));
    let Ok(name) = CString::new(topic) else { return failed(RDKafkaErrorCode::InvalidTopic) };
    let limit_ms = limit.min(LIMIT_MAX).as_millis() as i32;
    let kafka = client.native_ptr();
    // SAFETY: `kafka` lives as long as `client`, which outlives all that is made of it here.
    let options = unsafe { rd_kafka_AdminOptions_new(kafka, rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS) };
    let options = Owned::new(options, rd_kafka_AdminOptions_destroy);
    let mut said: [c_char; 256] = [0; 256];
    // SAFETY: `said` is as long as is told; why the limit is refused is not wanted beyond the code.
    let set = unsafe {
        rd_kafka_AdminOptions_set_request_timeout(options.pointer(), limit_ms, said.as_mut_ptr(), said.len())
    };
    if set != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return failed(set.into());
    }
    let mut names = [name.as_ptr()];
    // SAFETY: there is one name, ended by a zero; it is copied.
    let names = unsafe { rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()) };
    let names = Owned::new(names, rd_kafka_TopicCollection_destroy);
    // SAFETY: `kafka` lives, see above.
    let queue = Owned::new(unsafe { rd_kafka_queue_new(kafka) }, rd_kafka_queue_destroy);
    // SAFETY: all four live; what is asked is copied, and the answer to a queue that is gone is thrown away by librdkafka.
    unsafe { rd_kafka_DescribeTopics(kafka, names.pointer(), options.pointer(), queue.pointer()) };
    let patience = limit_ms + ANSWERED_AFTER.as_millis() as i32;
    // SAFETY: the queue lives, and nobody else reads it.
    let event = unsafe { rd_kafka_queue_poll(queue.pointer(), patience) };
    let Some(event) = Owned::some(event, rd_kafka_event_destroy) else {
        return failed(RDKafkaErrorCode::OperationTimedOut);
    };
    // SAFETY: the event lives.
    succeeded(unsafe { rd_kafka_event_error(event.pointer()) })?;
    described(&event)
}

/// The error that a number stands for.
fn succeeded(number: c_int) -> KafkaResult<()> {
    match rd_kafka_resp_err_t::try_from(number) {
        Ok(rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR) => Ok(()),
        Ok(known) => Err(KafkaError::AdminOp(known.into())),
        Err(_) => Err(KafkaError::AdminOp(RDKafkaErrorCode::Unknown)),
    }
}

/// The id in the answer, of the one topic that was asked for.
fn described(event: &Owned<rd_kafka_event_t>) -> KafkaResult<Option<String>> {
    let not_told_of = || KafkaError::AdminOp(RDKafkaErrorCode::UnknownTopicOrPartition);
    // SAFETY: the event lives, and with it all that is found in it below. It is NULL for an event of another kind.
    let result = unsafe { rd_kafka_event_DescribeTopics_result(event.pointer()) };
    let mut count = 0;
    if result.is_null() {
        return Err(not_told_of());
    }
    // SAFETY: the result is the event's; the answer is an array of `count` pointers.
    let topics = unsafe { rd_kafka_DescribeTopics_result_topics(result, &mut count) };
    if topics.is_null() || count == 0 {
        return Err(not_told_of());
    }
    // SAFETY: there is a first one.
    let topic = unsafe { *topics };
    // SAFETY: the topic is the event's.
    let error = unsafe { rd_kafka_TopicDescription_error(topic) };
    if !error.is_null() {
        // SAFETY: the error is the topic's.
        succeeded(unsafe { rd_kafka_error_code(error) })?;
    }
    // SAFETY: the topic is the event's.
    let id = unsafe { rd_kafka_TopicDescription_topic_id(topic) };
    if id.is_null() {
        return Ok(None);
    }
    // SAFETY: the id is the topic's.
    let high = unsafe { rd_kafka_Uuid_most_significant_bits(id) };
    // SAFETY: the same.
    let low = unsafe { rd_kafka_Uuid_least_significant_bits(id) };
    if (high, low) == (0, 0) {
        return Ok(None); // The reserved id of a broker that does not know any.
    }
    let bits = u128::from(high as u64) << 64 | u128::from(low as u64);
    Ok(Some(URL_SAFE_NO_PAD.encode(bits.to_be_bytes())))
}

/// Something that librdkafka made, and the function that ends it.
struct Owned<T> {
    pointer: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// What is always there.
    fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Owned<T> {
        Owned::some(pointer, destroy).expect("librdkafka ends the process when it has no memory")
    }

    /// What may not be there.
    fn some(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Option<Owned<T>> {
        NonNull::new(pointer).map(|pointer| Owned { pointer, destroy })
    }

    fn pointer(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: it was made by librdkafka, is ended by the function that belongs to it, and only here.
        unsafe { (self.destroy)(self.pointer.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_no_error_has_yet_is_one_all_the_same() {
        let is = |number, code| succeeded(number) == Err(KafkaError::AdminOp(code));
        assert_eq!(succeeded(0), Ok(()));
        assert!(is(3, RDKafkaErrorCode::UnknownTopicOrPartition));
        assert!(is(12_345, RDKafkaErrorCode::Unknown));
    }
}
