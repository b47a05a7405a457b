//! `DayOpening`: keeps a role's days open from today to today + 90 days.
//!
//! A schedule set by people opens days at once; after that an alarm a little after each local midnight opens the next
//! one. A schedule that an import sets only gets the alarm: it follows the import, which opens its own past days, and
//! rings when the import is over.

use carelog_domain::event::{Event, ProcessEvent, RoleEvent};
use carelog_domain::kernel::{AlarmId, Context, LocalDate, Recorded, RoleId, StreamName, Timestamp};
use carelog_domain::scheduling::commands::OpenDays;
use carelog_domain::streams;
use chrono::{Days, NaiveTime};

use crate::saga::{Hospital, Intent, Saga, alarm_id, is_imported};

/// How far ahead days are open.
pub const DAYS_AHEAD: u64 = 90;
const OPEN_DAYS: &str = "open-days";
const ALARM: &str = "alarm";

/// The opening of one role's days.
#[derive(Default)]
pub struct DayOpening {
    role: Option<RoleId>,
    /// The last day opened under the schedule in force.
    opened_to: Option<LocalDate>,
    alarm: Option<AlarmId>,
}

impl Saga for DayOpening {
    const NAME: &'static str = "day-opening";
    const TAKES: &'static [&'static str] = &["ScheduleSet", "AlarmRang"];
    const NEEDS_HOSPITAL: bool = true;

    fn instance_of(event: &Recorded<Event>) -> Option<String> {
        matches!(event.event, Event::RoleEvent(_)).then(|| event.context.stream.key().to_owned())
    }

    fn sources(instance: &str) -> Vec<StreamName> {
        instance.parse().map(streams::role).into_iter().collect()
    }

    fn react(&self, event: &Recorded<Event>, hospital: &Hospital) -> Vec<Intent> {
        let plan = self.plan(event, hospital);
        let cause = &event.context;
        let open = plan.open.map(|(role, from, to)| Intent::send(named(OPEN_DAYS, cause), OpenDays { role, from, to }));
        let cancel = plan.cancel.map(|alarm| Intent::CancelAlarm { step: named("cancel", cause), alarm });
        let set = plan.next.and_then(|due| Intent::alarm_unless_past(named(ALARM, cause), OPEN_DAYS, due, cause));
        cancel.into_iter().chain(open).chain(set).collect()
    }

    fn evolve(&mut self, event: &Recorded<Event>, hospital: &Hospital) {
        let plan = self.plan(event, hospital);
        if let Event::RoleEvent(RoleEvent::ScheduleSet(e)) = &event.event {
            self.role = Some(e.role);
            self.opened_to = None;
        }
        if plan.next.is_some() {
            let instance = self.role.map(|role| role.to_string()).unwrap_or_default();
            self.alarm = Some(alarm_id(Self::NAME, &instance, &named(ALARM, &event.context), &event.context));
        }
        if let Some((_, _, to)) = plan.open {
            self.opened_to = Some(to);
        }
    }
}

/// What an event leads to.
#[derive(Default)]
struct Plan {
    open: Option<(RoleId, LocalDate, LocalDate)>,
    cancel: Option<AlarmId>,
    next: Option<Timestamp>,
}

impl DayOpening {
    fn plan(&self, event: &Recorded<Event>, hospital: &Hospital) -> Plan {
        let now = event.context.recorded_at;
        let today = hospital.zone.date_of(now);
        match &event.event {
            Event::RoleEvent(RoleEvent::ScheduleSet(_)) if is_imported(&event.context) => {
                Plan { open: None, cancel: self.alarm, next: Some(now.plus_minutes(1)) }
            }
            Event::RoleEvent(RoleEvent::ScheduleSet(e)) => Plan {
                open: Some((e.role, today.max(e.effective_from), last(today))).filter(|(_, from, to)| from <= to),
                cancel: self.alarm,
                next: Some(next_midnight(today, hospital)),
            },
            Event::ProcessEvent(ProcessEvent::AlarmRang(e)) if self.alarm == Some(e.alarm) => {
                let from = self.opened_to.and_then(|day| day.succ_opt()).map_or(today, |next| next.max(today));
                let open = self.role.map(|role| (role, from, last(today)));
                Plan {
                    open: open.filter(|(_, from, to)| from <= to),
                    cancel: None,
                    next: Some(next_midnight(today, hospital)),
                }
            }
            _ => Plan::default(),
        }
    }
}

fn last(today: LocalDate) -> LocalDate {
    today.checked_add_days(Days::new(DAYS_AHEAD)).unwrap_or(LocalDate::MAX)
}

/// A minute after the hospital's next midnight.
fn next_midnight(today: LocalDate, hospital: &Hospital) -> Timestamp {
    let tomorrow = today.succ_opt().unwrap_or(LocalDate::MAX);
    hospital.zone.start_instant(tomorrow, NaiveTime::MIN).plus_minutes(1)
}

/// Unique in the instance: causes come from two streams, the role's and the saga's own, with versions of their own.
fn named(what: &str, cause: &Context) -> String {
    format!("{what}.{}.{}", cause.stream.category(), cause.version)
}
