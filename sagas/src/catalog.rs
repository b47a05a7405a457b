//! The sagas as the engine holds them: one table entry for each, without their types.

use std::sync::Arc;

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{Recorded, StreamName};

use crate::saga::{Hospital, Intent, Refused, Saga};
use crate::{
    AppointmentBilling, DayOpening, IdentifierAddition, LabReportProcessing, NoShowWatch, PatientRegistration,
};

/// A saga without its type.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// The event types it takes.
    pub takes: &'static [&'static str],
    /// See [`Saga::OPENS`].
    pub opens: bool,
    /// See [`Saga::NEEDS_HOSPITAL`].
    pub needs_hospital: bool,
    /// See [`Saga::IN_FLIGHT_MAX`].
    pub in_flight_max: usize,
    /// See [`Saga::sources`].
    pub sources: fn(&str) -> Vec<StreamName>,
    /// See [`Saga::refused`].
    pub refused: fn(&str, &str) -> Refused,
    /// An instance that nothing has happened to.
    pub fresh: fn() -> Box<dyn Process>,
    instance_of: fn(&Recorded<Event>) -> Option<String>,
}

/// An instance's state without its type.
pub trait Process: Send {
    /// See [`Saga::react`].
    fn intents(&self, event: &Recorded<Event>, hospital: &Hospital) -> Vec<Intent>;
    /// See [`Saga::evolve`].
    fn take(&mut self, event: &Recorded<Event>, hospital: &Hospital);
}

impl<S: Saga> Process for S {
    fn intents(&self, event: &Recorded<Event>, hospital: &Hospital) -> Vec<Intent> {
        self.react(event, hospital)
    }

    fn take(&mut self, event: &Recorded<Event>, hospital: &Hospital) {
        self.evolve(event, hospital);
    }
}

impl Kind {
    /// The entry of a saga.
    pub fn of<S: Saga>() -> Kind {
        Kind {
            name: S::NAME,
            takes: S::TAKES,
            opens: S::OPENS,
            needs_hospital: S::NEEDS_HOSPITAL,
            in_flight_max: S::IN_FLIGHT_MAX,
            sources: S::sources,
            refused: S::refused,
            fresh: || Box::new(S::default()),
            instance_of: S::instance_of,
        }
    }

    /// True when this refusal of a step is an outcome, not a dead letter.
    pub fn expects(&self, step: &str, code: &str) -> bool {
        (self.refused)(step, code) != Refused::DeadLetter
    }

    /// The instance that takes this event, if the saga does.
    pub fn instance(&self, recorded: &Recorded<Event>) -> Option<String> {
        if !self.takes.contains(&recorded.event.event_type()) {
            return None;
        }
        let own = |saga: &str, instance: &str| (saga == self.name).then(|| instance.to_owned());
        match &recorded.event {
            Event::ProcessEvent(ProcessEvent::AlarmRang(e)) => own(&e.saga, &e.instance),
            Event::ProcessEvent(ProcessEvent::SagaStepDone(e)) => own(&e.saga, &e.instance),
            // A refusal that nobody expects is a dead letter, which is the engine's business.
            Event::ProcessEvent(ProcessEvent::SagaStepFailed(e)) => {
                own(&e.saga, &e.instance).filter(|_| self.expects(&e.step, &e.code))
            }
            _ => (self.instance_of)(recorded),
        }
    }
}

/// Every saga of Carelog.
pub fn all() -> Vec<Arc<Kind>> {
    vec![
        Arc::new(Kind::of::<PatientRegistration>()),
        Arc::new(Kind::of::<DayOpening>()),
        Arc::new(Kind::of::<AppointmentBilling>()),
        Arc::new(Kind::of::<NoShowWatch>()),
        Arc::new(Kind::of::<LabReportProcessing>()),
        Arc::new(Kind::of::<IdentifierAddition>()),
    ]
}
