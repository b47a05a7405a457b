//! How many records of each partition were sent and not acknowledged by Kafka.
//!
//! librdkafka lets five records of a partition be on their way when it is idempotent (it counts records where the protocol
//! means requests), and while others wait behind them its thread of that broker asks without a pause whether they may go:
//! at 64 clients that was 29 % of two cores. Here nobody asks: what is accepted meanwhile gathers, and goes together.

use std::time::Duration;

use carelog_domain::kernel::Partition;
use parking_lot::{Condvar, Mutex};

/// `RD_KAFKA_IDEMP_MAX_INFLIGHT` less one: with more under way librdkafka sends no more.
pub(crate) const UNDER_WAY_MAX: usize = 4;
/// Whether there is anything to wait for is looked at this often.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Counts for one producer.
pub(crate) struct UnderWay {
    of: Mutex<Vec<usize>>,
    fewer: Condvar,
}

impl UnderWay {
    pub(crate) fn none(partitions: u16) -> UnderWay {
        UnderWay { of: Mutex::new(vec![0; usize::from(partitions)]), fewer: Condvar::new() }
    }

    /// A record is about to be sent.
    pub(crate) fn begin(&self, partition: Partition) {
        if let Some(count) = self.of.lock().get_mut(usize::from(partition.0)) {
            *count += 1;
        }
    }

    /// It was acknowledged, or will never be.
    pub(crate) fn end(&self, partition: Partition) {
        if let Some(count) = self.of.lock().get_mut(usize::from(partition.0)) {
            *count = count.saturating_sub(1);
            if *count <= UNDER_WAY_MAX {
                self.fewer.notify_all();
            }
        }
    }

    /// Waits until no more than so many of the partition are under way, as long as `wanted` says that more should be sent.
    pub(crate) fn wait_until(&self, most: usize, partition: Partition, wanted: impl Fn() -> bool) {
        let mut of = self.of.lock();
        while of.get(usize::from(partition.0)).is_some_and(|count| *count > most) && wanted() {
            self.fewer.wait_for(&mut of, LOOK_AGAIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn what_gathers_waits_for_its_own_partition_only() {
        let (one, other) = (Partition(0), Partition(1));
        let under_way = Arc::new(UnderWay::none(2));
        (0..=UNDER_WAY_MAX).for_each(|_| under_way.begin(one));
        under_way.wait_until(UNDER_WAY_MAX, other, || panic!("nothing of it is under way"));
        let (ended, shared) = (Arc::new(AtomicBool::new(false)), Arc::clone(&under_way));
        let is_ended = Arc::clone(&ended);
        let ending = std::thread::spawn(move || {
            std::thread::sleep(LOOK_AGAIN * 3);
            is_ended.store(true, Ordering::SeqCst);
            shared.end(one);
        });
        let begun = Instant::now();
        under_way.wait_until(UNDER_WAY_MAX, one, || begun.elapsed() < LONG);
        assert!(ended.load(Ordering::SeqCst), "there was no room before");
        ending.join().expect("no panic");
    }

    #[test]
    fn nobody_waits_for_what_is_not_wanted_any_more() {
        let under_way = UnderWay::none(1);
        (0..=UNDER_WAY_MAX).for_each(|_| under_way.begin(Partition(0)));
        let begun = Instant::now();
        under_way.wait_until(UNDER_WAY_MAX, Partition(0), || begun.elapsed() < LOOK_AGAIN * 3);
        assert!(begun.elapsed() >= LOOK_AGAIN * 3);
    }
}
