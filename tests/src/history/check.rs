//! The check itself: what the log says alone, what became of each command, and whether every answer was true when it was
//! asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::commands::{self, Batches};
use super::states::States;
use super::windows::{Claim, Window};
use super::{Anomaly, Answer, Asked, Attempt, Audit, Kind, Observation};

/// Everything that is wrong; empty when nothing is.
pub fn check(attempts: &[Attempt], audit: &Audit) -> Vec<Anomaly> {
    let mut wrong = Vec::new();
    commands::judge_log(audit, &mut wrong);
    let batches = commands::batches(audit, &mut wrong);
    commands::judge(attempts, &batches, &mut wrong);
    let windows = Window::of_all(audit, attempts, &batches, &mut wrong);
    let observed: BTreeSet<&str> = attempts.iter().filter_map(observation).map(|seen| seen.stream.as_str()).collect();
    let states = States::of(audit, &observed, &mut wrong);
    let mut claims: BTreeMap<u16, Vec<Claim<'_>>> = BTreeMap::new();
    for attempt in attempts {
        match claim(attempt, &batches, &states) {
            Claimed::Nothing => {}
            Claimed::Wrong(anomaly) => wrong.push(anomaly),
            Claimed::Of(partition, claim) => claims.entry(partition).or_default().push(claim),
        }
    }
    for (partition, claims) in claims {
        windows[&partition].fit(claims, &mut wrong);
    }
    wrong
}

enum Claimed<'a> {
    Nothing,
    Wrong(Anomaly),
    Of(u16, Claim<'a>),
}

fn observation(attempt: &Attempt) -> Option<&Observation> {
    match &attempt.answer {
        Answer::Refused { observed, .. } => observed.as_ref(),
        Answer::Observed(observed) => Some(observed),
        _ => None,
    }
}

/// What an answer says about the size of its partition.
fn claim<'a>(attempt: &'a Attempt, batches: &Batches<'_>, states: &States) -> Claimed<'a> {
    let own = attempt.command().and_then(|command| batches.get(command)?.first());
    let of = |partition, sizes, at_least, at_most| Claimed::Of(partition, Claim { attempt, sizes, at_least, at_most });
    let wrong = |kind| Claimed::Wrong(Anomaly::new(kind, format!("{attempt:?}")));
    match (&attempt.asked, &attempt.answer) {
        (_, Answer::Unavailable { .. } | Answer::Nothing { .. }) | (Asked::Command { .. }, Answer::Done(_)) => {
            Claimed::Nothing
        }
        (Asked::Status { command }, answer) => {
            let batch = batches.get(command.as_str()).and_then(|found| found.first());
            match (answer, batch) {
                (Answer::Missing, None) => Claimed::Nothing,
                (Answer::Missing, Some(batch)) => of(batch.partition(), vec![(0, batch.first())], None, u64::MAX),
                (Answer::Found(places), Some(batch)) => {
                    let stands: Vec<_> = batch.events.iter().map(|event| (event.partition, event.offset)).collect();
                    if *places != stands {
                        return wrong(Kind::Differs);
                    }
                    of(batch.partition(), vec![(batch.last() + 1, u64::MAX)], None, u64::MAX)
                }
                (Answer::Found(_), None) => wrong(Kind::Unexplained),
                _ => wrong(Kind::NotUnderstood),
            }
        }
        (Asked::Command { .. }, Answer::Refused { observed: Some(observed), .. }) => match states.sizes(observed) {
            // A refusal after the command was done would have had to be the first answer again.
            Some((partition, sizes)) => of(partition, sizes, None, own.map_or(u64::MAX, |batch| batch.first())),
            None if States::holds_of_nothing(&observed.seen) => Claimed::Nothing,
            None => wrong(Kind::Unexplained),
        },
        (asked @ (Asked::Version { .. } | Asked::Model { .. }), Answer::Observed(observed)) => {
            match states.sizes(observed) {
                Some((partition, sizes)) => {
                    let at_least = match asked {
                        Asked::Model { token: (of, offset), .. } => Some(if *of == partition { offset + 1 } else { 0 }),
                        _ => None,
                    };
                    of(partition, sizes, at_least, u64::MAX)
                }
                None if States::holds_of_nothing(&observed.seen) => Claimed::Nothing,
                None => wrong(Kind::Unexplained),
            }
        }
        _ => wrong(Kind::NotUnderstood),
    }
}
