//! Given these events, when this one, then these intents: the only way a saga is tested.

use carelog_domain::event::Event;
use carelog_domain::kernel::{
    Actor, AppointmentId, CommandId, Context, Currency, EventId, HospitalId, Money, Partition, PatientId, Position,
    PractitionerId, Recorded, Revision, Role, RoleId, Slot, StreamName, Timestamp, Version,
};
use carelog_domain::organization::Tax;
use carelog_domain::scheduling::{AgreedPrice, Period};
use carelog_sagas::{Hospital, Intent, Saga};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) fn hospital_id() -> HospitalId {
    HospitalId::derive(CommandId::of_client_key("t", "hospital", "1"), Slot::of_key(b"h"), Timestamp::default(), 0)
}

pub(crate) fn patient_id() -> PatientId {
    PatientId::derive(CommandId::of_client_key("t", "patient", "1"), Slot::of_key(b"p"), Timestamp::default(), 0)
}

pub(crate) fn practitioner_id() -> PractitionerId {
    PractitionerId::derive(CommandId::of_client_key("t", "pr", "1"), Slot::of_key(b"d"), Timestamp::default(), 0)
}

pub(crate) fn role_id() -> RoleId {
    let command = CommandId::of_client_key("t", "role", "1");
    RoleId::derive(command, hospital_id().slot(), Timestamp::default(), 0)
}

pub(crate) fn appointment_id() -> AppointmentId {
    let command = CommandId::of_client_key("t", "appointment", "1");
    AppointmentId::derive(command, hospital_id().slot(), Timestamp::default(), 0)
}

pub(crate) fn gbp(minor: i64) -> Money {
    Money { minor, currency: "GBP".parse::<Currency>().expect("a currency") }
}

pub(crate) fn price(service: &str, minor: i64) -> AgreedPrice {
    AgreedPrice {
        service: service.to_owned(),
        display: service.to_owned(),
        amount: gbp(minor),
        tax: Tax { category: "S".to_owned(), rate_basis_points: 2_000 },
        service_date: "2025-03-10".parse().expect("a date"),
    }
}

pub(crate) fn period(start: &str) -> Period {
    let start = at(start);
    Period { start, end: start.plus_minutes(15) }
}

/// One event with when it happened and when it was recorded.
pub(crate) struct Told {
    event: Event,
    stream: StreamName,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    role: Role,
}

pub(crate) fn told(stream: StreamName, when: &str, event: impl Into<Event>) -> Told {
    let occurred_at = at(when);
    Told { event: event.into(), stream, occurred_at, recorded_at: occurred_at, role: Role::FrontDesk }
}

impl Told {
    /// Brought in by an import, recorded at another time than it happened.
    pub(crate) fn imported(mut self, recorded_at: &str) -> Told {
        self.role = Role::Importer;
        self.recorded_at = at(recorded_at);
        self
    }

    pub(crate) fn recorded(mut self, recorded_at: &str) -> Told {
        self.recorded_at = at(recorded_at);
        self
    }
}

pub(crate) struct Given<S> {
    saga: S,
    hospital: Hospital,
    recorded: Vec<Recorded<Event>>,
}

pub(crate) fn given<S: Saga>(hospital: Hospital, events: impl IntoIterator<Item = Told>) -> Given<S> {
    let given = Given { saga: S::default(), hospital, recorded: vec![] };
    events.into_iter().fold(given, Given::and)
}

impl<S: Saga> Given<S> {
    /// This happened too.
    pub(crate) fn and(mut self, told: Told) -> Self {
        let recorded = self.record(told);
        self.saga.evolve(&recorded, &self.hospital);
        self.recorded.push(recorded);
        self
    }

    /// The hospital is another from here on.
    pub(crate) fn and_then_at(mut self, hospital: Hospital) -> Self {
        self.hospital = hospital;
        self
    }

    fn record(&self, told: Told) -> Recorded<Event> {
        let offset = self.recorded.len() as u64;
        let earlier = self.recorded.iter().filter(|recorded| recorded.context.stream == told.stream).count();
        let command = CommandId::of_client_key("t", "event", &offset.to_string());
        let mut actor = Actor::system("desk").recorded();
        actor.role = told.role;
        let context = Context {
            id: EventId::derive(command, told.stream.slot(), told.occurred_at, 0),
            position: Position { partition: Partition(0), offset },
            version: Version(earlier as u64 + 1),
            revision: Revision(1),
            occurred_at: told.occurred_at,
            occurred_assumed: false,
            recorded_at: told.recorded_at,
            hospital: told.event.hospital(),
            actor,
            command,
            index: 0,
            batch_length: 1,
            correlation: command,
            causation: None,
            traceparent: None,
            tags: told.event.tags(),
            stream: told.stream,
        };
        Recorded { event: told.event, context }
    }

    /// The event that the next one will be recorded as: for what derives from its cause.
    pub(crate) fn context_of(&self, told: Told) -> Context {
        self.record(told).context
    }

    pub(crate) fn when(self, told: Told) -> When {
        let recorded = self.record(told);
        assert!(S::TAKES.contains(&recorded.event.event_type()), "the saga does not take {recorded:?}");
        When { intents: self.saga.react(&recorded, &self.hospital) }
    }
}

pub(crate) struct When {
    intents: Vec<Intent>,
}

impl When {
    #[track_caller]
    pub(crate) fn then(self, expected: impl IntoIterator<Item = Intent>) {
        assert_eq!(self.intents, expected.into_iter().collect::<Vec<_>>());
    }

    #[track_caller]
    pub(crate) fn then_nothing(self) {
        assert_eq!(self.intents, vec![]);
    }

    /// What it wants, without the details: command names, in order, and `set` or `cancel` for alarms.
    #[track_caller]
    pub(crate) fn then_steps(self, expected: &[&str]) -> Vec<Intent> {
        let name = |intent: &Intent| match intent {
            Intent::Send { command, .. } => command.name(),
            Intent::ReadLabReport { .. } => "ReadLabReport",
            Intent::SetAlarm { .. } => "set",
            Intent::CancelAlarm { .. } => "cancel",
        };
        assert_eq!(self.intents.iter().map(name).collect::<Vec<_>>(), expected);
        self.intents
    }
}
