//! How long what is accepted gathers before it goes to Kafka.
//!
//! A request costs three brokers, and every node that reads, much the same with one record in it as with a hundred. Where many
//! wait, a pause between requests makes each of them carry more, and leaves the processors to those who decide: with 64 and 256
//! clients on two cores a quarter more bookings, and with 256 another fifth where the pause is longer the more records go
//! together. Where few wait there is no pause.

use std::time::{Duration, Instant};

/// Fewer records than this are those of one command or two: nobody gains from a pause.
pub(crate) const FEW: usize = 4;
/// For every so many records the pause is once as long as Kafka took.
const MANY: usize = 24;
/// So many times as long at most.
const TIMES_MAX: usize = 3;
/// Kafka that takes longer than this is slow for another reason, and is not waited for twice.
const TOOK_MAX: Duration = Duration::from_millis(10);

/// The pace of one partition's shipments.
pub(crate) struct Pace {
    records: usize,
    since: Instant,
}

impl Pace {
    /// Nothing was sent yet.
    pub(crate) fn new() -> Pace {
        Pace { records: 0, since: Instant::now() }
    }

    /// A shipment of so many records begins to be sent.
    pub(crate) fn sending(&mut self, records: usize) {
        *self = Pace { records, since: Instant::now() };
    }

    /// Lets more gather, now that Kafka has taken the last shipment: as long as that took, or a few times as long.
    pub(crate) fn pause(&self) {
        std::thread::sleep(pause_after(self.records, self.since.elapsed()));
    }
}

fn pause_after(records: usize, took: Duration) -> Duration {
    let times = (records / MANY).clamp(usize::from(records >= FEW), TIMES_MAX);
    took.min(TOOK_MAX) * times as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_alone_does_not_wait_and_many_wait_as_long_as_kafka_took_or_longer() {
        let took = Duration::from_millis(3);
        assert_eq!(pause_after(0, took), Duration::ZERO);
        assert_eq!(pause_after(FEW - 1, took), Duration::ZERO, "a booking is three records");
        assert_eq!(pause_after(FEW, took), took);
        assert_eq!(pause_after(2 * MANY - 1, took), took);
        assert_eq!(pause_after(2 * MANY, took), 2 * took);
        assert_eq!(pause_after(50 * MANY, Duration::from_secs(20)), Duration::from_millis(30));
    }
}
