//! `NoShowWatch`: marks a booked appointment as a no-show when the grace is over, where the hospital wants that.
//!
//! The alarm is keyed by the start it was set for and guarded by the state when it rings. What is past when it would be
//! set (an imported past, say) is left to people: the worklist `outcome missing`. So is an appointment whose slot a leave
//! covers: it was not the patient who did not come. An alarm that rings before a grace that became longer is set again.

use carelog_domain::event::{AppointmentEvent, Event, ProcessEvent};
use carelog_domain::kernel::{AlarmId, AppointmentId, Context, Recorded, StreamName, Timestamp};
use carelog_domain::organization::NoShowPolicy;
use carelog_domain::scheduling::AppointmentStatus;
use carelog_domain::scheduling::commands::MarkNoShow;
use carelog_domain::streams;

use crate::saga::{Hospital, Intent, Saga, alarm_id, step};

const NO_SHOW: &str = "no-show";
const NO_SHOW_AGAIN: &str = "no-show-again";

/// The watch over one appointment.
#[derive(Default)]
pub struct NoShowWatch {
    /// Where it sits, or sat before it was marked or taken in.
    booked: Option<Booked>,
    /// The alarm that may ring for it.
    alarm: Option<AlarmId>,
}

#[derive(Clone, Copy)]
struct Booked {
    appointment: AppointmentId,
    start: Timestamp,
}

impl Saga for NoShowWatch {
    const NAME: &'static str = "no-show-watch";
    const TAKES: &'static [&'static str] = &[
        "AppointmentBooked",
        "AppointmentRescheduled",
        "RebookingNeeded",
        "RebookingSettled",
        "PatientArrived",
        "PatientCheckedIn",
        "AppointmentFulfilled",
        "AppointmentCancelled",
        "NoShowMarked",
        "AppointmentStatusUndone",
        "AppointmentEnteredInError",
        "AlarmRang",
    ];
    const NEEDS_HOSPITAL: bool = true;

    fn instance_of(event: &Recorded<Event>) -> Option<String> {
        matches!(event.event, Event::AppointmentEvent(_)).then(|| event.context.stream.key().to_owned())
    }

    fn sources(instance: &str) -> Vec<StreamName> {
        instance.parse().map(streams::appointment).into_iter().collect()
    }

    fn react(&self, event: &Recorded<Event>, hospital: &Hospital) -> Vec<Intent> {
        let cause = &event.context;
        match &event.event {
            Event::AppointmentEvent(happened) => {
                let set = self.booked_by(happened).and_then(|booked| watch(NO_SHOW, booked.start, cause, hospital));
                self.cancel(cause).into_iter().chain(set).collect()
            }
            Event::ProcessEvent(ProcessEvent::AlarmRang(e)) => match self.rung(e.alarm) {
                Some(booked) => vec![booked.again(cause, hospital).unwrap_or_else(|| booked.mark(e.alarm))],
                None => vec![],
            },
            _ => vec![],
        }
    }

    fn evolve(&mut self, event: &Recorded<Event>, hospital: &Hospital) {
        match &event.event {
            Event::AppointmentEvent(happened) => {
                let booked = self.booked_by(happened);
                self.alarm = booked.as_ref().and_then(|booked| {
                    watch(NO_SHOW, booked.start, &event.context, hospital)?;
                    let instance = event.context.stream.key();
                    Some(alarm_id(Self::NAME, instance, &step(NO_SHOW, &event.context), &event.context))
                });
                self.booked = booked.or(self.booked);
            }
            Event::ProcessEvent(ProcessEvent::AlarmRang(e)) => {
                if let Some(booked) = self.rung(e.alarm) {
                    let step = step(NO_SHOW_AGAIN, &event.context);
                    let id = |_| alarm_id(Self::NAME, &e.instance, &step, &event.context);
                    self.alarm = booked.again(&event.context, hospital).map(id);
                }
            }
            _ => {}
        }
    }
}

impl NoShowWatch {
    /// Where it is to be watched from this event on, if it is.
    fn booked_by(&self, happened: &AppointmentEvent) -> Option<Booked> {
        match happened {
            AppointmentEvent::AppointmentBooked(e) => {
                Some(Booked { appointment: e.appointment, start: e.period.start })
            }
            AppointmentEvent::AppointmentRescheduled(e) => {
                Some(Booked { appointment: e.appointment, start: e.to.period.start })
            }
            AppointmentEvent::AppointmentStatusUndone(e) if e.to == AppointmentStatus::Booked => self.booked,
            AppointmentEvent::RebookingSettled(_) => self.booked,
            _ => None,
        }
    }

    fn cancel(&self, cause: &Context) -> Option<Intent> {
        self.alarm.map(|alarm| Intent::CancelAlarm { step: step("cancel", cause), alarm })
    }

    /// What the alarm was set for, unless it is an older one.
    fn rung(&self, alarm: AlarmId) -> Option<Booked> {
        self.booked.filter(|_| self.alarm == Some(alarm))
    }
}

impl Booked {
    fn mark(&self, alarm: AlarmId) -> Intent {
        let command = MarkNoShow { appointment: self.appointment, automatic: true, start: Some(self.start) };
        Intent::send(format!("mark.{alarm}"), command)
    }

    /// Another alarm, when the one that rang was set for a shorter grace than the hospital gives now.
    fn again(&self, rang: &Context, hospital: &Hospital) -> Option<Intent> {
        watch(NO_SHOW_AGAIN, self.start, rang, hospital)
    }
}

fn watch(what: &str, start: Timestamp, cause: &Context, hospital: &Hospital) -> Option<Intent> {
    let due = start.plus_minutes(i64::from(hospital.policies.grace_minutes));
    let wanted = hospital.policies.no_show == NoShowPolicy::AfterGrace;
    wanted.then(|| Intent::alarm_unless_past(step(what, cause), NO_SHOW, due, cause)).flatten()
}
