//! Whatever anybody does in whatever order: seats stay within capacity and allowance, visits do not overlap unless
//! meant, folding never fails, and what was done is refused when done again. `World::append` checks the invariants
//! after every command; here random commands are thrown at it.

use proptest::prelude::*;

use super::commands::*;
use super::world::{World, at, block, date, made, why};
use super::*;
use crate::command::Command;
use crate::event::{DayEvent, Event};
use crate::kernel::{HoldId, LeaveId};
use crate::organization::Policies;
use crate::practitioner::commands::{CancelLeave, SetSchedule, TakeLeave};
use chrono::Weekday;

/// One random step: numbers that are turned into a command on what there is by then.
#[derive(Clone, Debug)]
struct Step {
    kind: u8,
    which: usize,
    slot: i64,
    flag: bool,
    other: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0u8..20, 0usize..12, 0i64..6, any::<bool>(), any::<bool>())
        .prop_map(|(kind, which, slot, flag, other)| Step { kind, which, slot, flag, other });
    prop::collection::vec(step, 1..60)
}

#[derive(Default)]
struct Known {
    appointments: Vec<AppointmentId>,
    holds: Vec<HoldId>,
    leaves: Vec<LeaveId>,
}

fn command(world: &World, known: &Known, step: &Step) -> Option<Command> {
    let start = at("2025-03-03T09:00:00Z").plus_minutes(30 * step.slot);
    let reason = || step.flag.then(|| why("because"));
    let patient = if step.other { world.ann } else { world.bob };
    let appointment = known.appointments.get(step.which % known.appointments.len().max(1)).copied();
    let hold = known.holds.get(step.which % known.holds.len().max(1)).copied().filter(|_| step.flag);
    let booking = |status| BookAppointment {
        role: world.role,
        patient,
        start: Some(start),
        service: "visit".to_owned(),
        status,
        reason: None,
        hold,
        overbooking_reason: reason(),
        overlap_reason: step.other.then(|| why("both")),
    };
    Some(match step.kind {
        0..=4 => booking(AppointmentStatus::Booked).into(),
        5 => booking(AppointmentStatus::Waitlist).into(),
        6 => AdvanceAppointment {
            appointment: appointment?,
            to: AppointmentStatus::Booked,
            start: Some(start),
            hold,
            overbooking_reason: reason(),
            overlap_reason: None,
        }
        .into(),
        7 | 8 => RescheduleAppointment {
            appointment: appointment?,
            role: None,
            start,
            by: CancelledBy::Patient,
            reason: why("because"),
            hold,
            overbooking_reason: reason(),
            overlap_reason: step.other.then(|| why("both")),
        }
        .into(),
        9 => Arrive { appointment: appointment? }.into(),
        10 => CheckIn { appointment: appointment? }.into(),
        11 => Fulfil { appointment: appointment?, started: world.now, ended: world.now }.into(),
        12 => CancelAppointment { appointment: appointment?, by: CancelledBy::Patient, reason: reason() }.into(),
        13 => MarkNoShow { appointment: appointment?, automatic: step.flag, start: None }.into(),
        14 => {
            let to = if step.flag { AppointmentStatus::Booked } else { AppointmentStatus::Arrived };
            UndoStatus { appointment: appointment?, to, reason: why("a mistake") }.into()
        }
        15 => EnterAppointmentInError { appointment: appointment?, reason: why("never so") }.into(),
        16 => HoldSlot { role: world.role, start, minutes: Some(if step.flag { 5 } else { 30 }) }.into(),
        17 => TakeLeave { role: world.role, from: start, to: start.plus_minutes(45), reason: None }.into(),
        18 => {
            CancelLeave { role: world.role, leave: *known.leaves.get(step.which % known.leaves.len().max(1))? }.into()
        }
        _ => {
            let minutes = if step.flag { 30 } else { 20 };
            let capacity = if step.other { 1 } else { 2 };
            let blocks = vec![block(Weekday::Mon, "09:00", "12:00", minutes, capacity)];
            SetSchedule { role: world.role, effective_from: date("2025-03-03"), blocks }.into()
        }
    })
}

fn remember(known: &mut Known, changes: &crate::event::Changes) {
    for (_, event) in changes {
        match event {
            Event::AppointmentEvent(_) if changes[0].0.category() == "appointment" => {
                let appointment = made(changes);
                if !known.appointments.contains(&appointment) {
                    known.appointments.push(appointment);
                }
            }
            Event::DayEvent(DayEvent::SlotHeld(e)) => known.holds.push(e.hold),
            Event::RoleEvent(crate::event::RoleEvent::LeaveTaken(e)) => known.leaves.push(e.leave),
            _ => {}
        }
    }
}

/// Every seat that a live or ended appointment says it has is taken in the day, and no other is.
fn check_books_agree(world: &World, known: &Known) -> Result<(), TestCaseError> {
    let mut seats = 0;
    for &id in &known.appointments {
        let state = world.appointment(id);
        let facts = state.get().expect("it was made");
        if let Some(seat) = facts.taken_seat() {
            seats += 1;
            let day = world.day(seat.role, seat.date);
            let slot = day.slot(seat.period.start).expect("a taken slot stays");
            prop_assert!(slot.seats.contains(&id));
        }
        let visits = world.schedule(facts.patient);
        prop_assert_eq!(visits.visits().any(|(visit, _)| visit == id), facts.is_live());
    }
    let days = world.streams.keys().filter(|name| name.category() == "practitioner-day");
    let taken: usize =
        days.map(|name| world.state::<Day>(name).slots().map(|(_, slot)| slot.seats.len()).sum::<usize>()).sum();
    prop_assert_eq!(taken, seats);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_sequence_of_commands_breaks_the_rules(
        steps in steps(), capacity in 1u16..4, overbooking in 0u32..3, may_overbook in any::<bool>(),
    ) {
        let policies = Policies { overbooking_per_slot_max: overbooking, ..Policies::default() };
        let blocks = vec![block(Weekday::Mon, "09:00", "12:00", 30, capacity)];
        let mut world = World::unopened("Europe/London", policies, blocks);
        world.run(OpenDays { role: world.role, from: date("2025-03-03"), to: date("2025-03-10") }).expect("opened");
        world.may_overbook = may_overbook;
        let mut known = Known::default();
        for step in &steps {
            world.now = world.now.plus_minutes(1);
            if step.kind == 13 {
                world.now = world.now.plus_minutes(40);
            }
            let Some(command) = command(&world, &known, step) else { continue };
            let before = world.streams.clone();
            match world.run(command) {
                Ok(changes) => remember(&mut known, &changes),
                Err(_) => prop_assert!(world.streams == before, "a refusal changes nothing"),
            }
            check_books_agree(&world, &known)?;
        }
    }
}
