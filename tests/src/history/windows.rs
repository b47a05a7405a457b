//! When a partition can have had which size, and whether every answer fits into that.
//!
//! A command's events came between its first request and the first answer that told of it. As a partition only grows, the
//! earliest instant of a size is the latest first request of all that stands before it, and its latest instant is the
//! earliest acknowledgement of all that stands after it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::commands::Batches;
use super::states::Sizes;
use super::{Anomaly, Attempt, Audit, Kind};

/// What one answer says about the size of a partition.
pub(super) struct Claim<'a> {
    pub(super) attempt: &'a Attempt,
    /// Sizes at which it is true.
    pub(super) sizes: Vec<Sizes>,
    /// Sizes that are too small for it; none when it has to be of the present.
    pub(super) at_least: Option<u64>,
    /// Sizes beyond which it would have had to be another answer.
    pub(super) at_most: u64,
}

/// When a partition had which size.
pub(super) struct Window {
    base: u64,
    /// The earliest instant of each size from `base` on.
    reached: Vec<u64>,
    /// `(instant, size)`: at that instant it has at least that size; both grow.
    known: Vec<(u64, u64)>,
}

impl Window {
    /// Every partition's, and the commands that stand before one that was acknowledged before they were asked.
    pub(super) fn of_all(
        audit: &Audit,
        attempts: &[Attempt],
        batches: &Batches<'_>,
        wrong: &mut Vec<Anomaly>,
    ) -> BTreeMap<u16, Window> {
        let mut asked: HashMap<&str, u64> = HashMap::new();
        let mut known: BTreeMap<u16, Vec<(u64, u64)>> = BTreeMap::new();
        for attempt in attempts {
            let Some(command) = attempt.command() else { continue };
            let first = asked.entry(command).or_insert(attempt.invoked);
            *first = (*first).min(attempt.invoked);
            if let (Some(_), Some(found)) = (attempt.done(), batches.get(command)) {
                known.entry(found[0].partition()).or_default().push((attempt.completed, found[0].last() + 1));
            }
        }
        let window = |(partition, events): (&u16, &Vec<super::Entry>)| {
            let mut known = known.remove(partition).unwrap_or_default();
            known.sort_unstable();
            let mut largest = 0;
            known.retain(|(_, size)| {
                let grows = *size > largest;
                largest = largest.max(*size);
                grows
            });
            let base = events.first().map_or(0, |first| first.offset);
            let mut reached = vec![0];
            for event in events {
                let invoked = asked.get(event.command.as_str()).copied().unwrap_or(0);
                reached.push(invoked.max(reached[reached.len() - 1]));
                let last_instant = known.get(known.partition_point(|(_, size)| *size <= event.offset));
                if let Some((instant, size)) =
                    last_instant.filter(|(instant, _)| event.index == 0 && *instant < invoked)
                {
                    let text = format!(
                        "command {} at {partition}:{} was first asked {} us after {partition}:{} was acknowledged",
                        event.command,
                        event.offset,
                        (invoked - instant) / 1_000,
                        size - 1,
                    );
                    wrong.push(Anomaly::new(Kind::OutOfOrder, text));
                }
            }
            (*partition, Window { base, reached, known })
        };
        audit.partitions.iter().map(window).collect()
    }

    /// The earliest instant of a size.
    fn reached(&self, size: u64) -> u64 {
        let index = size.saturating_sub(self.base) as usize;
        self.reached.get(index).copied().unwrap_or(u64::MAX)
    }

    /// What it has at least at an instant.
    fn at_least(&self, instant: u64) -> u64 {
        let before = self.known.partition_point(|(known, _)| *known < instant);
        before.checked_sub(1).map_or(0, |index| self.known[index].1)
    }

    /// Fits every answer in, the earliest asked first and each at the smallest size that it can have seen: that leaves
    /// the most room to those that follow.
    pub(super) fn fit(&self, mut claims: Vec<Claim<'_>>, wrong: &mut Vec<Anomaly>) {
        claims.sort_by_key(|claim| claim.attempt.invoked);
        let mut under_way: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
        let mut seen = 0;
        for claim in claims {
            let Attempt { invoked, completed, .. } = *claim.attempt;
            while let Some(Reverse((_, size))) = under_way.peek().filter(|Reverse((ended, _))| *ended < invoked) {
                seen = seen.max(*size);
                under_way.pop();
            }
            let least = claim.at_least.unwrap_or_else(|| seen.max(self.at_least(invoked)));
            match smallest(&claim.sizes, least, claim.at_most).filter(|size| self.reached(*size) <= completed) {
                Some(size) => under_way.push(Reverse((completed, size))),
                None => wrong.push(self.misfit(&claim, least)),
            }
        }
    }

    fn misfit(&self, claim: &Claim<'_>, least: u64) -> Anomaly {
        let attempt = claim.attempt;
        let ever = smallest(&claim.sizes, 0, claim.at_most).filter(|size| self.reached(*size) <= attempt.completed);
        let kind = if ever.is_some() { Kind::FromThePast } else { Kind::Unexplained };
        let at_most = match claim.at_most {
            u64::MAX => String::new(),
            size => format!(" and at most {size}"),
        };
        let text = format!(
            "client {} asked {} for {:?} from {} to {} us and was answered {:?}, true at sizes {:?}, while the partition \
             had at least {least}{at_most}",
            attempt.client,
            attempt.node,
            attempt.asked,
            attempt.invoked / 1_000,
            attempt.completed / 1_000,
            attempt.answer,
            claim.sizes,
        );
        Anomaly::new(kind, text)
    }
}

/// The smallest size of these within the bounds.
fn smallest(sizes: &[Sizes], least: u64, most: u64) -> Option<u64> {
    let within = |(from, to): &Sizes| Some((*from).max(least)).filter(|size| *size <= (*to).min(most));
    sizes.iter().filter_map(within).min()
}
