//! What a saga is: a state, `evolve`, `react`. All three are pure; whatever has an effect is an [`Intent`] that the
//! engine carries out.

use carelog_domain::command::Command;
use carelog_domain::event::{Event, OrganizationEvent};
use carelog_domain::kernel::{AlarmId, CommandId, Context, Recorded, Role, StreamName, Timestamp, Zone};
use carelog_domain::laboratory::events::LabReportUploaded;
use carelog_domain::organization::Policies;
use carelog_domain::process::{IntentKind, IntentRecord};
use carelog_domain::streams;

/// A process that takes events in and asks for commands and alarms. An instance's state is the fold of the events of
/// its sources, so it can be rebuilt at any place of the log; all of them lie in the instance's own slot.
pub trait Saga: Default + Send + 'static {
    /// Names its streams and its command ids, for ever.
    const NAME: &'static str;
    /// The event types it takes.
    const TAKES: &'static [&'static str];
    /// True when it needs the personal values of its events open.
    const OPENS: bool = false;
    /// True when it needs to know the hospital's zone and policies.
    const NEEDS_HOSPITAL: bool = false;
    /// How many reactions may be on their way at once in a partition.
    const IN_FLIGHT_MAX: usize = 512;

    /// The instance an event belongs to, if it concerns the saga. What the engine wrote about an instance (alarms that
    /// rang, steps that were refused) finds its instance without this.
    fn instance_of(event: &Recorded<Event>) -> Option<String>;

    /// The streams, beside its own, that an instance's events are in.
    fn sources(instance: &str) -> Vec<StreamName>;

    /// What is to be done about an event, given everything before it.
    fn react(&self, event: &Recorded<Event>, hospital: &Hospital) -> Vec<Intent>;

    /// Takes the event in, after `react` and with what `react` was given.
    fn evolve(&mut self, event: &Recorded<Event>, hospital: &Hospital);

    /// What it means that this step was refused, or failed for good, with this code.
    fn refused(_step: &str, _code: &str) -> Refused {
        Refused::DeadLetter
    }
}

/// What the refusal of a step means to its saga.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Nobody reckoned with it: the instance is parked until somebody has the step tried again.
    DeadLetter,
    /// What the step was for is so already, or cannot be any more: the steps after it are carried out.
    GoOn,
    /// An outcome that ends the reaction; the saga takes it in and says what follows instead.
    Stop,
}

/// One thing to be done. Those of one reaction are carried out in order, until one is refused and its saga does not say
/// [`Refused::GoOn`].
#[derive(Clone, PartialEq, Debug)]
pub enum Intent {
    /// Send a command.
    Send {
        /// Unique within the instance, for ever: the command's id derives from it.
        step: String,
        /// The command.
        command: Box<Command>,
        /// Commands that share an order are carried out one after the other, in the order of their causes in the log.
        orders: Vec<String>,
    },
    /// Read the file of a lab report and record what came of it.
    ReadLabReport {
        /// As above.
        step: String,
        /// What is to be read.
        upload: Box<LabReportUploaded>,
        /// The n-th reading.
        attempt: u32,
    },
    /// Ring at an instant.
    SetAlarm {
        /// As above; the alarm's id derives from it.
        step: String,
        /// What it is for, as the saga will read it when it rings.
        kind: &'static str,
        /// When.
        due: Timestamp,
    },
    /// Do not ring after all.
    CancelAlarm {
        /// As above.
        step: String,
        /// Which one.
        alarm: AlarmId,
    },
}

impl Intent {
    /// A command whose place among others does not matter.
    pub fn send(step: impl Into<String>, command: impl Into<Command>) -> Intent {
        Intent::Send { step: step.into(), command: Box::new(command.into()), orders: vec![] }
    }

    /// A command that waits for all earlier ones of these orders.
    pub fn send_in_order(step: impl Into<String>, command: impl Into<Command>, orders: Vec<String>) -> Intent {
        Intent::Send { step: step.into(), command: Box::new(command.into()), orders }
    }

    /// An alarm, unless it is already past when it would be set: the past is left to people.
    pub fn alarm_unless_past(
        step: impl Into<String>,
        kind: &'static str,
        due: Timestamp,
        cause: &Context,
    ) -> Option<Intent> {
        (due > cause.recorded_at).then(|| Intent::SetAlarm { step: step.into(), kind, due })
    }

    /// Its step.
    pub fn step(&self) -> &str {
        match self {
            Intent::Send { step, .. }
            | Intent::ReadLabReport { step, .. }
            | Intent::SetAlarm { step, .. }
            | Intent::CancelAlarm { step, .. } => step,
        }
    }

    /// As the saga's history keeps it.
    pub fn record(&self, saga: &str, instance: &str, cause: &Context) -> IntentRecord {
        let step = self.step().to_owned();
        let (kind, command, alarm, due_at) = match self {
            Intent::Send { command, .. } => (IntentKind::Send, Some(command.name().to_owned()), None, None),
            Intent::ReadLabReport { .. } => (IntentKind::Send, Some("ReadLabReport".to_owned()), None, None),
            Intent::SetAlarm { step, due, .. } => {
                (IntentKind::SetAlarm, None, Some(alarm_id(saga, instance, step, cause)), Some(*due))
            }
            Intent::CancelAlarm { alarm, .. } => (IntentKind::CancelAlarm, None, Some(*alarm), None),
        };
        IntentRecord { step, kind, command, alarm, due_at }
    }
}

/// What a saga may know of a hospital: as recorded before the event it reacts to.
#[derive(Clone, PartialEq, Debug)]
pub struct Hospital {
    /// Its zone.
    pub zone: Zone,
    /// Its policies.
    pub policies: Policies,
}

impl Default for Hospital {
    fn default() -> Hospital {
        Hospital { zone: Zone::UTC, policies: Policies::default() }
    }
}

impl Hospital {
    /// Takes an event of its organization stream in.
    pub fn evolve(&mut self, event: &OrganizationEvent) {
        match event {
            OrganizationEvent::HospitalRegistered(e) => {
                *self = Hospital { zone: e.zone, policies: e.policies.clone() };
            }
            OrganizationEvent::PoliciesSet(e) => self.policies = e.policies.clone(),
            OrganizationEvent::PriceListSet(_) => {}
        }
    }
}

/// The id of the command that a step sends.
pub fn command_id(saga: &str, instance: &str, step: &str) -> CommandId {
    CommandId::of_step(&format!("{saga}:{instance}"), step)
}

/// The id of the alarm that a step sets.
pub fn alarm_id(saga: &str, instance: &str, step: &str, cause: &Context) -> AlarmId {
    let slot = streams::saga(saga, instance).slot();
    AlarmId::derive(command_id(saga, instance, step), slot, cause.occurred_at, 0)
}

/// True when an import brought the event in.
pub fn is_imported(cause: &Context) -> bool {
    cause.actor.role == Role::Importer
}

/// A step's name that is unique in its instance: what it does, and the version of the source stream that caused it.
pub fn step(what: &str, cause: &Context) -> String {
    format!("{what}.{}", cause.version)
}
