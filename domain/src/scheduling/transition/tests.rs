//! The whole state machine: every status by every action.

use std::collections::BTreeSet;

use super::super::commands::*;
use super::super::world::{World, at, made, why};
use super::*;
use crate::command::Command;
use crate::kernel::AppointmentId;
use AppointmentStatus as S;

/// The whole machine, written down apart from the code: what each status allows.
const TABLE: &[(S, &[Action])] = &[
    (S::Proposed, &[Action::MakePending, Action::Book, Action::Cancel, Action::EnterInError]),
    (S::Pending, &[Action::Book, Action::Cancel, Action::EnterInError]),
    (S::Waitlist, &[Action::Propose, Action::MakePending, Action::Book, Action::Cancel, Action::EnterInError]),
    (
        S::Booked,
        &[
            Action::Reschedule,
            Action::Arrive,
            Action::CheckIn,
            Action::Cancel,
            Action::MarkNoShow,
            Action::EnterInError,
        ],
    ),
    (S::Arrived, &[Action::CheckIn, Action::Fulfil, Action::Cancel, Action::UndoToBooked, Action::EnterInError]),
    (S::CheckedIn, &[Action::Fulfil, Action::Cancel, Action::UndoToBooked, Action::EnterInError]),
    (S::Fulfilled, &[Action::EnterInError]),
    (S::Cancelled, &[Action::EnterInError]),
    (S::NoShow, &[Action::UndoToBooked, Action::UndoToArrived, Action::EnterInError]),
    (S::EnteredInError, &[]),
];

/// An appointment that reached the status through commands.
fn reach(world: &mut World, status: S) -> AppointmentId {
    let first = match status {
        S::Proposed | S::Pending | S::Waitlist => status,
        _ => S::Booked,
    };
    let booking = BookAppointment { status: first, ..world.booking(world.ann, "2025-03-03T09:00:00Z") };
    let appointment = made(&world.run(booking).expect("it can be asked for"));
    let started = at("2025-03-03T09:00:00Z");
    let ended = at("2025-03-03T09:10:00Z");
    world.now = at("2025-03-03T09:40:00Z");
    let steps: Vec<Command> = match status {
        S::Arrived => vec![Arrive { appointment }.into()],
        S::CheckedIn => vec![CheckIn { appointment }.into()],
        S::Fulfilled => vec![CheckIn { appointment }.into(), Fulfil { appointment, started, ended }.into()],
        S::Cancelled => {
            vec![CancelAppointment { appointment, by: super::super::CancelledBy::Other, reason: None }.into()]
        }
        S::NoShow => vec![MarkNoShow { appointment, automatic: false, start: None }.into()],
        S::EnteredInError => vec![EnterAppointmentInError { appointment, reason: why("a test") }.into()],
        _ => vec![],
    };
    steps.into_iter().for_each(|step| drop(world.run(step).expect("the status can be reached")));
    assert_eq!(world.status(appointment), status);
    appointment
}

fn command_of(world: &World, action: Action, appointment: AppointmentId) -> Command {
    let advance = |to| {
        Command::from(AdvanceAppointment {
            appointment,
            to,
            start: None,
            hold: None,
            overbooking_reason: None,
            overlap_reason: None,
        })
    };
    let (started, ended) = (at("2025-03-03T09:00:00Z"), at("2025-03-03T09:10:00Z"));
    match action {
        Action::Propose => advance(S::Proposed),
        Action::MakePending => advance(S::Pending),
        Action::Book => advance(S::Booked),
        Action::Reschedule => world.moving(appointment, "2025-03-03T10:00:00Z").into(),
        Action::Arrive => Arrive { appointment }.into(),
        Action::CheckIn => CheckIn { appointment }.into(),
        Action::Fulfil => Fulfil { appointment, started, ended }.into(),
        Action::Cancel => {
            CancelAppointment { appointment, by: super::super::CancelledBy::Patient, reason: None }.into()
        }
        Action::MarkNoShow => MarkNoShow { appointment, automatic: false, start: None }.into(),
        Action::UndoToBooked => UndoStatus { appointment, to: S::Booked, reason: why("a mistake") }.into(),
        Action::UndoToArrived => UndoStatus { appointment, to: S::Arrived, reason: why("a mistake") }.into(),
        Action::EnterInError => EnterAppointmentInError { appointment, reason: why("never so") }.into(),
    }
}

#[test]
fn every_status_allows_exactly_the_actions_of_the_table() {
    assert_eq!(TABLE.len(), S::ALL.len());
    for (status, allowed) in TABLE {
        for &action in Action::ALL {
            let mut world = World::new();
            let appointment = reach(&mut world, *status);
            let command = command_of(&world, action, appointment);
            let outcome = world.run(command.clone());
            if allowed.contains(&action) {
                outcome.unwrap_or_else(|no| panic!("{action} of {status} was refused: {no}"));
                let to = next(*status, action).expect("the table and the code agree");
                assert_eq!(world.status(appointment), to, "{action} of {status}");
                // What was done is not done again by another command.
                if to != *status {
                    let again = world.run(command_of(&world, action, appointment)).expect_err("it is so already");
                    assert_eq!(again.code, "appointment-status", "{action} twice");
                    assert!(again.message.contains(to.word()), "the message names the status: {again}");
                }
            } else {
                let no = outcome.expect_err("the table does not have it");
                assert_eq!(no.code, "appointment-status", "{action} of {status}");
                assert!(no.message.contains(status.word()), "the message names the status: {no}");
                assert_eq!(world.status(appointment), *status);
            }
        }
    }
}

#[test]
fn what_is_shown_as_allowed_is_what_is_decided() {
    for (status, allowed) in TABLE {
        let mut world = World::new();
        let appointment = reach(&mut world, *status);
        let policies = Policies::default();
        let shown: BTreeSet<_> =
            allowed_actions(&world.appointment(appointment), world.now, &policies).into_iter().collect();
        assert_eq!(shown, allowed.iter().copied().collect::<BTreeSet<_>>(), "{status}");
    }
}

#[test]
fn a_no_show_is_shown_as_allowed_only_after_the_grace() {
    let mut world = World::new();
    let appointment = world.book(world.ann, "2025-03-03T09:00:00Z");
    let at_minute = |minute: &str| {
        let now = at(&format!("2025-03-03T09:{minute}:00Z"));
        allowed_actions(&world.appointment(appointment), now, &Policies::default()).contains(&Action::MarkNoShow)
    };
    assert!(!at_minute("29"));
    assert!(at_minute("30"));
}

#[test]
fn nothing_can_be_done_with_an_appointment_that_is_not_there() {
    assert_eq!(allow(&Appointment::default(), Action::Arrive), Err(SchedulingRejection::AppointmentUnknown));
    assert!(allowed_actions(&Appointment::default(), at("2025-03-03T09:00:00Z"), &Policies::default()).is_empty());
}
