//! Days opened ahead.

use carelog_domain::kernel::{AlarmId, Zone};
use carelog_domain::practitioner::events::ScheduleSet;
use carelog_domain::process::events::AlarmRang;
use carelog_domain::scheduling::commands::OpenDays;
use carelog_domain::streams;
use carelog_sagas::saga::alarm_id;
use carelog_sagas::{DayOpening, Hospital, Intent, Saga};

use crate::given::*;

fn in_auckland() -> Hospital {
    Hospital { zone: "Pacific/Auckland".parse::<Zone>().expect("a zone"), ..Hospital::default() }
}

fn schedule(when: &str, effective_from: &str) -> Told {
    let event = ScheduleSet {
        role: role_id(),
        practitioner: practitioner_id(),
        hospital: hospital_id(),
        effective_from: effective_from.parse().expect("a date"),
        blocks: vec![],
    };
    told(streams::role(role_id()), when, event)
}

fn rang(alarm: AlarmId, when: &str) -> Told {
    let event = AlarmRang {
        saga: DayOpening::NAME.to_owned(),
        instance: role_id().to_string(),
        alarm,
        kind: "open-days".to_owned(),
        due_at: at(when),
    };
    told(streams::saga(DayOpening::NAME, &role_id().to_string()), when, event)
}

fn open(step: &str, from: &str, to: &str) -> Intent {
    let (from, to) = (from.parse().expect("a date"), to.parse().expect("a date"));
    Intent::send(step, OpenDays { role: role_id(), from, to })
}

fn first_alarm(told: Told) -> AlarmId {
    let context = given::<DayOpening>(in_auckland(), []).context_of(told);
    alarm_id(DayOpening::NAME, &role_id().to_string(), "alarm.practitioner-role.1", &context)
}

fn set(step: &str, due: &str) -> Intent {
    Intent::SetAlarm { step: step.to_owned(), kind: "open-days", due: at(due) }
}

// 2025-03-09T12:00Z is 01:00 on the 10th in Auckland; the next midnight there is 2025-03-10T11:00Z.
const SET: &str = "2025-03-09T12:00:00Z";

#[test]
fn a_schedule_opens_today_to_ninety_days_ahead_in_the_hospitals_zone() {
    given::<DayOpening>(in_auckland(), []).when(schedule(SET, "2025-01-01")).then([
        open("open-days.practitioner-role.1", "2025-03-10", "2025-06-08"),
        set("alarm.practitioner-role.1", "2025-03-10T11:01:00Z"),
    ]);
}

#[test]
fn a_schedule_of_the_future_opens_from_its_first_day_and_one_beyond_the_horizon_opens_nothing_yet() {
    let steps =
        given::<DayOpening>(in_auckland(), []).when(schedule(SET, "2025-04-01")).then_steps(&["OpenDays", "set"]);
    assert_eq!(steps[0], open("open-days.practitioner-role.1", "2025-04-01", "2025-06-08"));
    given::<DayOpening>(in_auckland(), []).when(schedule(SET, "2026-01-01")).then_steps(&["set"]);
}

#[test]
fn each_midnight_opens_the_day_that_came_into_reach_and_sets_the_next_alarm() {
    let alarm = first_alarm(schedule(SET, "2025-01-01"));
    let midnight = "2025-03-10T11:01:00Z";
    given::<DayOpening>(in_auckland(), [schedule(SET, "2025-01-01")]).when(rang(alarm, midnight)).then([
        open("open-days.day-opening.1", "2025-06-09", "2025-06-09"),
        set("alarm.day-opening.1", "2025-03-11T11:01:00Z"),
    ]);
}

#[test]
fn an_alarm_that_rings_days_late_opens_all_that_was_missed_and_the_chain_goes_on() {
    let alarm = first_alarm(schedule(SET, "2025-01-01"));
    let late = rang(alarm, "2025-03-10T11:01:00Z").recorded("2025-03-20T00:00:00Z");
    let steps = given::<DayOpening>(in_auckland(), [schedule(SET, "2025-01-01")]).when(late);
    let steps = steps.then_steps(&["OpenDays", "set"]);
    assert_eq!(steps[0], open("open-days.day-opening.1", "2025-06-09", "2025-06-18"));
}

#[test]
fn a_new_schedule_replaces_the_alarm_and_the_old_one_opens_nothing() {
    let told = || [schedule(SET, "2025-01-01")];
    let alarm = first_alarm(schedule(SET, "2025-01-01"));
    let again = schedule("2025-03-09T13:00:00Z", "2025-01-01");
    given::<DayOpening>(in_auckland(), told()).when(again).then_steps(&["cancel", "OpenDays", "set"]);
    let both = [schedule(SET, "2025-01-01"), schedule("2025-03-09T13:00:00Z", "2025-01-01")];
    given::<DayOpening>(in_auckland(), both).when(rang(alarm, "2025-03-10T11:01:00Z")).then_nothing();
}

#[test]
fn an_imported_schedule_opens_no_past_and_waits_for_the_import_to_end() {
    let imported = || schedule("2023-12-01T00:00:00Z", "2023-12-01").imported("2025-03-09T12:00:00Z");
    given::<DayOpening>(in_auckland(), [])
        .when(imported())
        .then([set("alarm.practitioner-role.1", "2025-03-09T12:01:00Z")]);
    let alarm = first_alarm(imported());
    let over = rang(alarm, "2025-03-09T12:01:00Z").recorded("2025-03-09T15:00:00Z");
    let steps = given::<DayOpening>(in_auckland(), [imported()]).when(over).then_steps(&["OpenDays", "set"]);
    assert_eq!(steps[0], open("open-days.day-opening.1", "2025-03-10", "2025-06-08"));
}
