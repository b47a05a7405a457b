//! Histories made by hand: good ones pass, and each class of what can be wrong is found in one that has it.

use carelog_tests::history::{Answer, Asked, Attempt, Audit, Done, Entry, Kind, Observation, Seen, Standing, check};
use serde_json::{Value, json};

const DAY: &str = "practitioner-day:r:2030-01-01";
const NINE: &str = "2030-01-01T09:00:00Z";

/// An event of a batch of its own, in partition 0.
fn event(offset: u64, command: &str, stream: &str, version: u64) -> Entry {
    Entry {
        partition: 0,
        offset,
        id: format!("e{offset}"),
        stream: stream.to_owned(),
        version,
        kind: "PriceListSet".to_owned(),
        command: command.to_owned(),
        index: 0,
        batch_length: 1,
        recorded_at: 1_000 + offset as i64,
        data: Value::Null,
    }
}

/// The same with what happened.
fn happened(offset: u64, command: &str, stream: &str, version: u64, kind: &str, data: Value) -> Entry {
    Entry { kind: kind.to_owned(), data, ..event(offset, command, stream, version) }
}

fn taken(offset: u64, command: &str, version: u64, appointment: &str) -> Entry {
    happened(offset, command, DAY, version, "SeatTaken", json!({ "slot": NINE, "appointment": appointment }))
}

fn left(offset: u64, command: &str, version: u64, appointment: &str) -> Entry {
    happened(offset, command, DAY, version, "SeatReleased", json!({ "slot": NINE, "appointment": appointment }))
}

fn opened(capacity: u64) -> Entry {
    let slots = json!([{ "start": NINE, "end": "2030-01-01T09:15:00Z", "capacity": capacity }]);
    happened(0, "open", DAY, 1, "DayOpened", json!({ "slots": slots }))
}

fn attempt(invoked: u64, completed: u64, asked: Asked, answer: Answer) -> Attempt {
    Attempt { client: 0, node: "north".to_owned(), invoked, completed, asked, answer }
}

fn command(name: &str) -> Asked {
    Asked::Command { command: name.to_owned(), if_match: None, what: "a change".to_owned() }
}

/// The answer that the log of `event` gives.
fn done(of: &Entry, repeated: bool) -> Answer {
    Answer::Done(Done {
        stream: of.stream.clone(),
        version: of.version,
        events: vec![of.id.clone()],
        token: vec![(of.partition, of.offset)],
        repeated,
    })
}

fn says(stream: &str, seen: Seen) -> Observation {
    Observation { stream: stream.to_owned(), seen }
}

fn refused(code: &str, observed: Observation) -> Answer {
    Answer::Refused { code: code.to_owned(), observed: Some(observed) }
}

fn full() -> Answer {
    refused("slot-taken", says(DAY, Seen::Full(NINE.to_owned())))
}

fn at_version(version: u64) -> Answer {
    refused("version-differs", says("s", Seen::Version(version)))
}

fn nothing() -> Answer {
    Answer::Nothing { why: "the line was cut".to_owned() }
}

fn kinds(attempts: &[Attempt], log: &[Entry]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> =
        check(attempts, &Audit::of(log.iter().cloned())).iter().map(|wrong| wrong.kind).collect();
    kinds.dedup();
    kinds
}

#[test]
fn a_good_history_has_nothing_wrong() {
    let log = [opened(1), taken(1, "a", 2, "A"), left(2, "b", 3, "A"), taken(3, "c", 4, "C"), event(4, "saga", "t", 1)];
    let history = [
        attempt(10, 20, command("a"), nothing()),
        attempt(30, 40, command("a"), done(&log[1], true)),
        attempt(11, 39, command("x"), full()),
        attempt(41, 60, command("b"), done(&log[2], false)),
        // Asked while the seat was given up: taken before that, or after the next had it.
        attempt(45, 90, command("y"), full()),
        attempt(70, 80, command("c"), done(&log[3], false)),
        attempt(95, 99, command("z"), nothing()),
        attempt(61, 62, Asked::Status { command: "b".to_owned() }, Answer::Found(vec![(0, 2)])),
        attempt(61, 62, Asked::Status { command: "z".to_owned() }, Answer::Missing),
    ];
    assert_eq!(kinds(&history, &log), []);
}

#[test]
fn an_unknown_outcome_may_have_come_to_something_or_not() {
    let log = [event(0, "a", "s", 1)];
    let history = [attempt(1, 2, command("a"), nothing()), attempt(1, 2, command("b"), nothing())];
    assert_eq!(kinds(&history, &log), []);
    let late = [
        attempt(1, 2, command("a"), nothing()),
        // Refused while the first was still on its way: it may come after that.
        attempt(3, 4, command("a"), refused("version-differs", says("s", Seen::Version(0)))),
    ];
    assert_eq!(kinds(&late, &log), []);
}

#[test]
fn what_was_acknowledged_and_is_not_there_is_lost() {
    let lost = event(1, "b", "s", 2);
    let history = [attempt(1, 2, command("b"), done(&lost, false))];
    assert_eq!(kinds(&history, &[event(0, "a", "s", 1)]), [Kind::Lost]);
}

#[test]
fn a_command_or_an_event_twice_is_found() {
    let again = Entry { id: "other".to_owned(), ..event(1, "a", "s", 2) };
    let log = [event(0, "a", "s", 1), again];
    assert_eq!(kinds(&[], &log), [Kind::Twice]);
    let same_event = Entry { id: "e0".to_owned(), ..event(1, "b", "s", 2) };
    assert_eq!(kinds(&[], &[event(0, "a", "s", 1), same_event]), [Kind::Twice]);
    let first = |from| attempt(from, from + 1, command("a"), done(&log[0], false));
    assert_eq!(kinds(&[first(1), first(5)], &log[..1]), [Kind::Twice]);
}

#[test]
fn an_answer_that_differs_from_the_log_is_found() {
    let log = [event(0, "a", "s", 1)];
    let other = |change: fn(&mut Done)| {
        let Answer::Done(mut answer) = done(&log[0], false) else { unreachable!("made above") };
        change(&mut answer);
        kinds(&[attempt(1, 2, command("a"), Answer::Done(answer))], &log)
    };
    assert_eq!(other(|_| ()), []);
    assert_eq!(other(|answer| answer.version = 2), [Kind::Differs]);
    assert_eq!(other(|answer| answer.stream = "t".to_owned()), [Kind::Differs]);
    assert_eq!(other(|answer| answer.events.push("e1".to_owned())), [Kind::Differs]);
    assert_eq!(other(|answer| answer.token = vec![(0, 1)]), [Kind::Differs]);
    assert_eq!(other(|answer| answer.repeated = true), [Kind::RepeatedAtFirst]);
}

#[test]
fn what_was_only_refused_and_is_there_is_found() {
    let log = [event(0, "a", "s", 1)];
    let history = [attempt(1, 2, command("a"), refused("version-differs", says("s", Seen::Version(0))))];
    assert_eq!(kinds(&history, &log), [Kind::DoneThoughRefused]);
}

#[test]
fn a_refusal_after_the_command_was_done_is_found() {
    let log = [opened(1), taken(1, "a", 2, "A"), event(2, "d", "t", 1)];
    let history = [attempt(1, 2, command("a"), done(&log[1], false)), attempt(3, 4, command("a"), full())];
    assert_eq!(kinds(&history, &log), [Kind::Unexplained]);
}

#[test]
fn gaps_and_a_clock_that_goes_back_are_found() {
    assert_eq!(kinds(&[], &[event(0, "a", "s", 1), event(2, "b", "s", 2)]), [Kind::Gap]);
    assert_eq!(kinds(&[], &[event(0, "a", "s", 1), event(1, "b", "s", 3)]), [Kind::Gap]);
    let cut = Entry { batch_length: 2, ..event(0, "a", "s", 1) };
    assert_eq!(kinds(&[], &[cut]), [Kind::Gap]);
    let back = Entry { recorded_at: 1_000, ..event(1, "b", "s", 2) };
    assert_eq!(kinds(&[], &[event(0, "a", "s", 1), back]), [Kind::RecordedBack]);
}

#[test]
fn a_later_command_before_an_earlier_one_is_found() {
    let log = [event(0, "late", "s", 1), event(1, "early", "t", 1)];
    let history =
        [attempt(1, 2, command("early"), done(&log[1], false)), attempt(3, 4, command("late"), done(&log[0], false))];
    assert_eq!(kinds(&history, &log), [Kind::OutOfOrder]);
}

#[test]
fn a_match_that_was_not_looked_at_is_found() {
    let log = [event(0, "a", "s", 1), event(1, "b", "s", 2)];
    let with = |expected| {
        let asked = Asked::Command { command: "b".to_owned(), if_match: Some(expected), what: "prices".to_owned() };
        kinds(&[attempt(1, 2, asked, done(&log[1], false))], &log)
    };
    assert_eq!(with(1), []);
    assert_eq!(with(0), [Kind::MatchIgnored]);
}

#[test]
fn more_seats_than_there_are_are_found() {
    let log = [opened(1), taken(1, "a", 2, "A"), taken(2, "b", 3, "B")];
    assert_eq!(kinds(&[], &log), [Kind::Overbooked]);
    assert_eq!(kinds(&[], &[opened(2), log[1].clone(), log[2].clone()]), []);
}

#[test]
fn a_refusal_that_no_state_explains_is_found() {
    let log = [opened(2), taken(1, "a", 2, "A"), taken(2, "b", 3, "B")];
    // The second seat was asked for only after the refusal.
    let history = [attempt(10, 20, command("x"), full()), attempt(30, 40, command("b"), done(&log[2], false))];
    assert_eq!(kinds(&history, &log), [Kind::Unexplained]);
    let concurrent = [attempt(10, 31, command("x"), full()), history[1].clone()];
    assert_eq!(kinds(&concurrent, &log), []);
}

#[test]
fn a_refusal_from_the_past_is_found() {
    let log = [opened(1), taken(1, "a", 2, "A"), left(2, "b", 3, "A")];
    let history = [attempt(1, 2, command("b"), done(&log[2], false)), attempt(3, 4, command("x"), full())];
    assert_eq!(kinds(&history, &log), [Kind::FromThePast]);
}

#[test]
fn a_version_that_was_over_is_found() {
    let log = [event(0, "a", "s", 1), event(1, "b", "s", 2)];
    let written = attempt(1, 2, command("b"), done(&log[1], false));
    assert_eq!(kinds(&[written.clone(), attempt(3, 4, command("x"), at_version(1))], &log), [Kind::FromThePast]);
    assert_eq!(kinds(&[written.clone(), attempt(1, 4, command("x"), at_version(1))], &log), []);
    assert_eq!(kinds(&[written, attempt(3, 4, command("x"), at_version(3))], &log), [Kind::Unexplained]);
}

#[test]
fn answers_that_go_back_are_found_though_each_alone_could_be() {
    let log = [event(0, "a", "s", 1), event(1, "b", "s", 2)];
    // Nobody was told of b, so both versions can be seen all the time; but not 2 and then 1.
    let unknown = attempt(1, 2, command("b"), nothing());
    let (new, old) = (attempt(10, 11, command("x"), at_version(2)), attempt(20, 21, command("y"), at_version(1)));
    assert_eq!(kinds(&[unknown.clone(), new.clone(), old.clone()], &log), [Kind::FromThePast]);
    let (old, new) = (Attempt { invoked: 3, completed: 4, ..old }, new);
    assert_eq!(kinds(&[unknown, new, old], &log), []);
}

#[test]
fn a_state_within_a_batch_is_never_seen() {
    let first = Entry { batch_length: 2, ..event(0, "a", "s", 1) };
    let second = Entry { index: 1, batch_length: 2, ..event(1, "a", "s", 2) };
    let log = [first, second];
    let history = [attempt(1, 9, command("a"), nothing()), attempt(2, 8, command("x"), at_version(1))];
    assert_eq!(kinds(&history, &log), [Kind::Unexplained]);
}

#[test]
fn a_status_from_the_past_is_found() {
    let log = [event(0, "a", "s", 1)];
    let status = || Asked::Status { command: "a".to_owned() };
    let written = attempt(1, 5, command("a"), done(&log[0], false));
    let missing = |from, to| attempt(from, to, status(), Answer::Missing);
    assert_eq!(kinds(&[written.clone(), missing(6, 7)], &log), [Kind::FromThePast]);
    assert_eq!(kinds(&[written.clone(), missing(4, 7)], &log), []);
    let elsewhere = attempt(6, 7, status(), Answer::Found(vec![(0, 7)]));
    assert_eq!(kinds(&[written, elsewhere], &log), [Kind::Differs]);
    let never = attempt(6, 7, Asked::Status { command: "b".to_owned() }, Answer::Found(vec![(0, 0)]));
    assert_eq!(kinds(&[never], &log), [Kind::Unexplained]);
}

#[test]
fn a_read_model_behind_its_token_or_of_the_future_is_found() {
    let stream = "appointment:1";
    let log = [
        happened(0, "a", stream, 1, "AppointmentBooked", Value::Null),
        happened(1, "b", stream, 2, "AppointmentCancelled", Value::Null),
    ];
    let read = |from, token, standing| {
        let asked = Asked::Model { token, what: "an appointment".to_owned() };
        attempt(from, from + 1, asked, Answer::Observed(says(stream, Seen::Status(standing))))
    };
    let history =
        [attempt(1, 2, command("a"), done(&log[0], false)), attempt(10, 20, command("b"), done(&log[1], false))];
    let with = |read: Attempt| kinds(&[history[0].clone(), history[1].clone(), read], &log);
    assert_eq!(with(read(30, (0, 0), Standing::Booked)), []);
    assert_eq!(with(read(30, (0, 1), Standing::Booked)), [Kind::FromThePast]);
    assert_eq!(with(read(30, (0, 1), Standing::Cancelled)), []);
    assert_eq!(with(read(5, (0, 0), Standing::Cancelled)), [Kind::Unexplained]);
}

#[test]
fn a_version_from_before_what_was_acknowledged_is_found() {
    let stream = "organization:1";
    let log = [event(0, "a", stream, 1), event(1, "b", stream, 2)];
    let read = |from, to, version| {
        let asked = Asked::Version { what: "a hospital".to_owned() };
        attempt(from, to, asked, Answer::Observed(says(stream, Seen::Version(version))))
    };
    let history =
        [attempt(1, 2, command("a"), done(&log[0], false)), attempt(10, 20, command("b"), done(&log[1], false))];
    let with = |reads: &[Attempt]| kinds(&[&history[..], reads].concat(), &log);
    assert_eq!(with(&[read(30, 31, 2)]), []);
    assert_eq!(with(&[read(30, 31, 1)]), [Kind::FromThePast], "the second was acknowledged before");
    assert_eq!(with(&[read(12, 13, 1), read(12, 19, 2)]), [], "either, while it is under way");
    assert_eq!(with(&[read(12, 13, 2), read(14, 15, 1)]), [Kind::FromThePast], "another reader saw it already");
    assert_eq!(with(&[read(12, 30, 1)]), [], "asked before it was acknowledged");
    assert_eq!(with(&[read(3, 4, 2)]), [Kind::Unexplained], "nobody had asked for it yet");
}

#[test]
fn what_nobody_can_judge_is_not_passed_over() {
    let odd = Answer::Refused { code: "internal".to_owned(), observed: None };
    assert_eq!(kinds(&[attempt(1, 2, command("a"), odd)], &[event(0, "b", "s", 1)]), [Kind::NotUnderstood]);
    let log = [event(7, "b", "s", 4)];
    assert_eq!(kinds(&[attempt(1, 2, command("a"), at_version(4))], &log), [Kind::NotUnderstood, Kind::Unexplained]);
}
