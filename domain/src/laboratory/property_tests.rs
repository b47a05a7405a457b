//! Random histories of a lab report: whatever is sent, in whatever order, nothing goes back, nothing is final without a
//! person, and nothing reaches the chart while somebody must look.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::tests::{acknowledge, added, amend, append, cancel, cancel_value, change, correct, fail, finalise};
use super::tests::{extraction, record, resolve, retry, start, upload};
use super::tests::{flagged, observation};
use super::*;
use crate::event::{Event, LabReportEvent};
use crate::kernel::{Decide, Evolve, Times, Timestamp};

fn command() -> impl Strategy<Value = LabReportCommand> {
    let number = || 1..4_u32;
    let value = || prop_oneof![Just("4.10"), Just("7.2"), Just("7.4")];
    let flag = || proptest::option::of(prop_oneof![Just(Flag::CriticallyHigh), Just(Flag::Normal)]);
    prop_oneof![
        2 => Just(upload().into()),
        3 => Just(start()),
        3 => (1..4_u32, value(), any::<bool>()).prop_map(|(attempt, value, disagrees)| {
            let reasons: &[ReviewReason] = if disagrees { &[ReviewReason::NameDiffers] } else { &[] };
            let read = extraction([observation(1, "4.10"), flagged(2, value, Flag::CriticallyHigh)]);
            record(attempt, read, reasons)
        }),
        1 => (1..4_u32).prop_map(fail),
        2 => Just(retry()),
        2 => prop_oneof![4 => Just(true), 1 => Just(false)].prop_map(resolve),
        3 => Just(finalise()),
        3 => (number(), value(), flag()).prop_map(|(number, value, flag)| {
            amend([ObservationChange { flag, ..change(number, value) }])
        }),
        2 => (number(), value(), flag()).prop_map(|(number, value, flag)| {
            correct([ObservationChange { flag, ..change(number, value) }])
        }),
        1 => (value(), flag()).prop_map(|(value, flag)| append([AddedObservation { flag, ..added(value) }])),
        1 => number().prop_map(cancel_value),
        1 => Just(cancel()),
        3 => (number(), value()).prop_map(|(number, value)| acknowledge(number, value)),
    ]
}

/// How far a value is; never less than before.
fn rank(status: ObservationStatus) -> u8 {
    match status {
        ObservationStatus::Registered => 0,
        ObservationStatus::Preliminary => 1,
        ObservationStatus::Final => 2,
        ObservationStatus::Amended | ObservationStatus::Corrected => 3,
        ObservationStatus::Cancelled | ObservationStatus::EnteredInError => 4,
    }
}

/// A history, checked after every event.
fn play(commands: &[LabReportCommand]) -> (Vec<LabReportEvent>, BTreeSet<&'static str>) {
    let (mut state, mut happened, mut refused) = (LabReport::default(), vec![], BTreeSet::new());
    for command in commands {
        match state.decide(command, &Times::live(Timestamp::from_micros(0))) {
            Err(no) => drop(refused.insert(crate::rejection::Rejection::from(no).code)),
            Ok(events) => {
                let before = state.clone();
                events.iter().for_each(|event| state.evolve(event));
                happened.extend(events);
                check(before.record(), state.record(), &happened);
            }
        }
    }
    (happened, refused)
}

fn check(before: Option<&ReportRecord>, after: Option<&ReportRecord>, happened: &[LabReportEvent]) {
    let Some(now) = after else { return };
    let by_person = happened.iter().any(|event| matches!(event, LabReportEvent::LabReportFinalised(_)));
    assert_eq!(now.is_final(), by_person, "only a person makes it final, and it stays so");
    assert!(now.review.is_empty() || !now.reaches_chart(), "nothing reaches the chart while somebody must look");
    assert!(now.reaches_chart() || now.open_tasks().is_empty());
    for each in now.extraction.iter().flat_map(|read| &read.observations) {
        assert_eq!(each.machine_read, !by_person, "machine-read until a person confirmed it");
        let Some(then) = before.and_then(|then| then.observation(each.number)) else { continue };
        assert!(rank(each.status) >= rank(then.status), "{} -> {}", then.status, each.status);
        assert!(each.earlier.starts_with(&then.earlier), "no earlier value is ever lost");
        if each.printed != then.printed {
            assert_eq!(each.earlier.last(), then.printed.as_ref(), "the value before stays visible");
        }
    }
    if before.is_some_and(|then| then.status == ReportStatus::Cancelled) {
        assert_eq!(before, after, "withdrawn is withdrawn");
    }
    let open = now.critical.iter().filter(|(_, open)| **open).map(|(number, _)| *number);
    for number in open {
        assert!(now.observation(number).is_some_and(Observation::is_critical), "a task is about a critical value");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_sent_a_report_never_goes_back(commands in prop::collection::vec(command(), 1..40)) {
        play(&commands);
    }
}

#[test]
fn random_histories_see_every_event_and_every_conflict() {
    let mut runner = TestRunner::deterministic();
    let histories = prop::collection::vec(command(), 30..60);
    let (mut happened, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..400 {
        let commands = histories.new_tree(&mut runner).expect("a history").current();
        let (events, codes) = play(&commands);
        happened.extend(events.into_iter().map(|event| Event::from(event).event_type()));
        refused.extend(codes);
    }
    let of_reports = Event::TYPES.iter().map(|each| each.name);
    let of_reports: BTreeSet<_> = of_reports
        .skip_while(|name| *name != "LabReportUploaded")
        .take_while(|name| *name != "InvoiceDrafted")
        .collect();
    assert_eq!(happened, of_reports);
    let conflicts = LaboratoryRejection::CODES.iter();
    let conflicts = conflicts.filter(|(_, class)| *class == crate::rejection::RejectionClass::Conflict);
    let never: Vec<_> = conflicts.map(|(code, _)| *code).filter(|code| !refused.contains(code)).collect();
    assert_eq!(never, ["lab-report-taken", "lab-values-unreadable"], "these need another file and an erasure");
}
