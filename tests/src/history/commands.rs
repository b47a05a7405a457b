//! What became of each command: acknowledged ones stand in the log once, as they were answered.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Anomaly, Answer, Asked, Attempt, Audit, Done, Entry, Kind};

/// The events of one command, as they follow each other in the log.
pub(super) struct Batch<'a> {
    pub(super) events: &'a [Entry],
}

impl Batch<'_> {
    pub(super) fn partition(&self) -> u16 {
        self.events[0].partition
    }

    pub(super) fn first(&self) -> u64 {
        self.events[0].offset
    }

    pub(super) fn last(&self) -> u64 {
        self.events[self.events.len() - 1].offset
    }
}

/// Every command of the log with its batches; more than one are too many.
pub(super) type Batches<'a> = HashMap<&'a str, Vec<Batch<'a>>>;

/// Cuts the log into batches; one that is cut short is an anomaly.
pub(super) fn batches<'a>(audit: &'a Audit, wrong: &mut Vec<Anomaly>) -> Batches<'a> {
    let mut found: Batches<'a> = HashMap::new();
    for events in audit.partitions.values() {
        let follows = |one: &Entry, next: &Entry| one.command == next.command && next.index == one.index + 1;
        for batch in events.chunk_by(follows) {
            let first = &batch[0];
            if first.index != 0 || batch.len() as u64 != first.batch_length {
                let text = format!("command {} at {}:{}", first.command, first.partition, first.offset);
                wrong.push(Anomaly::new(Kind::Gap, format!("{text} has not all of its {} events", first.batch_length)));
            }
            found.entry(&first.command).or_default().push(Batch { events: batch });
        }
    }
    found
}

/// Judges every command that clients asked for.
pub(super) fn judge(attempts: &[Attempt], batches: &Batches<'_>, wrong: &mut Vec<Anomaly>) {
    for (command, found) in batches {
        if found.len() > 1 {
            let places: Vec<String> =
                found.iter().map(|batch| format!("{}:{}", batch.partition(), batch.first())).collect();
            wrong.push(Anomaly::new(Kind::Twice, format!("command {command} is at {}", places.join(" and "))));
        }
    }
    let mut of_command: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        if let Some(command) = attempt.command() {
            of_command.entry(command).or_default().push(attempt);
        }
    }
    for (command, attempts) in of_command {
        let batch = batches.get(command).and_then(|found| found.first());
        one(command, &attempts, batch, wrong);
    }
}

fn one(command: &str, attempts: &[&Attempt], batch: Option<&Batch<'_>>, wrong: &mut Vec<Anomaly>) {
    let what = |attempt: &Attempt| match &attempt.asked {
        Asked::Command { what, .. } => format!("{what} ({command}) at {}", attempt.node),
        other => format!("{other:?}"),
    };
    let done: Vec<(&Attempt, &Done)> = attempts.iter().filter_map(|each| Some((*each, each.done()?))).collect();
    if let Some(batch) = batch.filter(|_| attempts.iter().all(|each| matches!(each.answer, Answer::Refused { .. }))) {
        let text = format!("{} stands at {}:{}", what(attempts[0]), batch.partition(), batch.first());
        wrong.push(Anomaly::new(Kind::DoneThoughRefused, text));
    }
    for (attempt, answer) in &done {
        match batch {
            None => wrong.push(Anomaly::new(Kind::Lost, format!("{}: {answer:?}", what(attempt)))),
            Some(batch) => compare(&what(attempt), attempt, answer, batch, wrong),
        }
        let earlier = attempts.iter().any(|other| other.invoked < attempt.completed && !std::ptr::eq(*other, *attempt));
        if answer.repeated && !earlier {
            wrong.push(Anomaly::new(Kind::RepeatedAtFirst, what(attempt)));
        }
    }
    let firsts = done.iter().filter(|(_, answer)| !answer.repeated).count();
    if firsts > 1 {
        let text = format!("{}: {firsts} requests were told that they were the first", what(done[0].0));
        wrong.push(Anomaly::new(Kind::Twice, text));
    }
}

/// Does the log say what was answered?
fn compare(what: &str, attempt: &Attempt, answer: &Done, batch: &Batch<'_>, wrong: &mut Vec<Anomaly>) {
    let leading = &batch.events[0].stream;
    let of_leading: Vec<u64> =
        batch.events.iter().filter(|event| event.stream == *leading).map(|event| event.version).collect();
    let ids: Vec<&str> = batch.events.iter().map(|event| event.id.as_str()).collect();
    let stands = (leading.as_str(), of_leading.last().copied(), ids, vec![(batch.partition(), batch.last())]);
    let told: Vec<&str> = answer.events.iter().map(String::as_str).collect();
    let told = (answer.stream.as_str(), Some(answer.version), told, answer.token.clone());
    if stands != told {
        wrong.push(Anomaly::new(Kind::Differs, format!("{what}: answered {told:?}, in the log {stands:?}")));
    }
    if let Asked::Command { if_match: Some(expected), .. } = attempt.asked
        && of_leading.first().is_some_and(|first| *first != expected + 1)
    {
        let text = format!("{what}: If-Match {expected}, written as {of_leading:?} of {leading}");
        wrong.push(Anomaly::new(Kind::MatchIgnored, text));
    }
}

/// What holds in the log whoever asked for what.
pub(super) fn judge_log(audit: &Audit, wrong: &mut Vec<Anomaly>) {
    let mut ids = BTreeSet::new();
    let mut versions: HashMap<&str, u64> = HashMap::new();
    for (partition, events) in &audit.partitions {
        let base = events.first().map_or(0, |first| first.offset);
        for (event, offset) in events.iter().zip(base..) {
            if event.offset != offset {
                wrong.push(Anomaly::new(
                    Kind::Gap,
                    format!("{partition}:{offset} is missing, {} follows", event.offset),
                ));
                break;
            }
        }
        for pair in events.windows(2).filter(|pair| pair[1].recorded_at <= pair[0].recorded_at) {
            let text = format!("{partition}:{} is not recorded after the one before", pair[1].offset);
            wrong.push(Anomaly::new(Kind::RecordedBack, text));
        }
        for event in events {
            if !ids.insert(&event.id) {
                wrong.push(Anomaly::new(Kind::Twice, format!("event {} at {partition}:{}", event.id, event.offset)));
            }
            // What was written before the audit begins is not known.
            let unknown = if base == 0 { 0 } else { event.version - 1 };
            let last = versions.entry(&event.stream).or_insert(unknown);
            if event.version != *last + 1 {
                let text = format!("{} goes from version {last} to {}", event.stream, event.version);
                wrong.push(Anomaly::new(Kind::Gap, text));
            }
            *last = event.version;
        }
    }
}
