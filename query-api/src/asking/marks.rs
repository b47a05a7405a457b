//! Which positions an answer was read at, for `extensions.carelog`. When one answer reads a model more than once, the
//! earliest snapshot counts: everything up to there is in the answer.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_graphql::{Value, value};
use carelog_domain::kernel::{Partition, Timestamp};
use carelog_domain::ports::Head;

/// Applied frames of a partition, and when the last of them was recorded.
type Mark = (u64, Option<i64>);

/// The read models used so far.
#[derive(Default)]
pub(crate) struct Marks(Mutex<BTreeMap<&'static str, BTreeMap<Partition, Mark>>>);

impl Marks {
    pub(crate) fn note(&self, model: &'static str, states: impl Iterator<Item = (Partition, u64, Option<i64>)>) {
        let mut models = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let partitions = models.entry(model).or_default();
        for (partition, size, recorded_at) in states {
            let mark = partitions.entry(partition).or_insert((size, recorded_at));
            if size < mark.0 {
                *mark = (size, recorded_at);
            }
        }
    }

    /// Forgets what was read: the next answer of a subscription begins.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_empty()
    }

    /// `{readModels: [{name, positions, behind, ageMs}]}`: `behind` events are not yet in, the oldest unseen of them
    /// at most `ageMs` ago; both are 0 when the model has everything that was durable.
    pub(crate) fn report(&self, heads: &[Head], now: Timestamp) -> Value {
        let models = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let report = models.iter().map(|(name, partitions)| {
            let positions: Vec<String> = partitions
                .iter()
                .filter_map(|(partition, (size, _))| size.checked_sub(1).map(|offset| format!("{partition}:{offset}")))
                .collect();
            let missing = |head: &&Head| head.size > partitions.get(&head.partition).map_or(0, |mark| mark.0);
            let behind: u64 = heads
                .iter()
                .map(|head| head.size.saturating_sub(partitions.get(&head.partition).map_or(0, |m| m.0)))
                .sum();
            let age = |head: &Head| {
                let last = partitions.get(&head.partition).and_then(|mark| mark.1);
                last.map_or(0, |micros| (now.micros() - micros).max(0) / 1000)
            };
            let age_ms = heads.iter().filter(missing).map(age).max().unwrap_or(0);
            value!({ "name": *name, "positions": positions, "behind": behind, "ageMs": age_ms })
        });
        let read_models: Vec<Value> = report.collect();
        value!({ "readModels": read_models })
    }
}

#[cfg(test)]
mod tests {
    use carelog_domain::ports::Root;

    use super::*;

    fn head(partition: u16, size: u64) -> Head {
        Head { partition: Partition(partition), size, root: Root([0; 32]), recorded_at: None }
    }

    #[test]
    fn the_earliest_snapshot_counts_and_age_is_that_of_what_is_missing() {
        let marks = Marks::default();
        marks
            .note("appointments", [(Partition(0), 5, Some(4_000_000)), (Partition(1), 2, Some(1_000_000))].into_iter());
        marks
            .note("appointments", [(Partition(0), 4, Some(3_000_000)), (Partition(1), 3, Some(2_000_000))].into_iter());
        let now = Timestamp::from_micros(10_000_000);
        let report = |heads: &[Head]| marks.report(heads, now).into_json().expect("json");
        assert_eq!(
            report(&[head(0, 6), head(1, 2)]),
            serde_json::json!({ "readModels": [
                { "name": "appointments", "positions": ["0:3", "1:1"], "behind": 2, "ageMs": 7000 }
            ]})
        );
        assert_eq!(report(&[head(0, 4), head(1, 2)])["readModels"][0]["ageMs"], 0);
    }
}
