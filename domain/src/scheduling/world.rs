//! A little hospital for tests: streams in memory, commands carried out as the write side does it (load the states a
//! function names, decide, append). Every append is checked: one slot a batch, seats within capacity and allowance, no
//! two live visits of a patient at once unless somebody said why.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{NaiveTime, Weekday};

use super::commands::*;
use super::*;
use crate::command::Command;
use crate::event::{AppointmentEvent, Changes, DayEvent, Event};
use crate::kernel::{
    Clinical, CommandId, Currency, Decide, Evolve, HoldId, HospitalId, LeaveId, PatientId, Personal, PractitionerId,
    RoleId, Slot as LogSlot, StreamName, Times, Zone, fold,
};
use crate::organization::commands::{RegisterHospital, SetPolicies, SetPriceList};
use crate::organization::{Hospital, HospitalCommand, Numbering, Policies, PriceEntry};
use crate::patient::HumanName;
use crate::patient::commands::LinkPatient;
use crate::practitioner::commands::{AssignRole, RegisterPractitioner};
use crate::practitioner::role::assign_role;
use crate::practitioner::{Practitioner, PractitionerCommand, PractitionerRole, WeeklyBlock};
use crate::rejection::Rejection;
use crate::streams;

/// Monday 3 March 2025, 08:00 in London.
pub(crate) const MONDAY_8: &str = "2025-03-03T08:00:00Z";

pub(crate) struct World {
    pub(crate) streams: BTreeMap<StreamName, Vec<Event>>,
    pub(crate) now: Timestamp,
    pub(crate) user: String,
    pub(crate) may_overbook: bool,
    pub(crate) hospital: HospitalId,
    pub(crate) practitioner: PractitionerId,
    pub(crate) role: RoleId,
    pub(crate) ann: PatientId,
    pub(crate) bob: PatientId,
    commands: u32,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) fn date(text: &str) -> LocalDate {
    text.parse().expect("a date")
}

pub(crate) fn wall(text: &str) -> NaiveTime {
    NaiveTime::parse_from_str(text, "%H:%M").expect("a time")
}

pub(crate) fn why(text: &str) -> Clinical<String> {
    Personal::new(text.to_owned())
}

pub(crate) fn block(weekday: Weekday, start: &str, end: &str, slot_minutes: u16, capacity: u16) -> WeeklyBlock {
    WeeklyBlock { weekday, start: wall(start), end: wall(end), slot_minutes, capacity }
}

pub(crate) fn price(service: &str, minor: i64, from: &str, to: Option<&str>) -> PriceEntry {
    PriceEntry {
        service: service.to_owned(),
        display: format!("the {service}"),
        amount: Money::new(minor, gbp()),
        tax: Tax { category: "E".to_owned(), rate_basis_points: 0 },
        valid_from: date(from),
        valid_to: to.map(date),
    }
}

pub(crate) fn gbp() -> Currency {
    "GBP".parse().expect("a currency")
}

impl World {
    /// A London hospital, one doctor: Monday to Wednesday 09:00-12:00, 30 minutes a slot, one seat; March 2025 opened.
    pub(crate) fn new() -> World {
        let blocks = [Weekday::Mon, Weekday::Tue, Weekday::Wed];
        let blocks = blocks.map(|weekday| block(weekday, "09:00", "12:00", 30, 1)).to_vec();
        World::with("Europe/London", Policies::default(), blocks)
    }

    pub(crate) fn with(zone: &str, policies: Policies, blocks: Vec<WeeklyBlock>) -> World {
        let mut world = World::unopened(zone, policies, blocks);
        world.run(OpenDays { role: world.role, from: date("2025-03-01"), to: date("2025-03-31") }).unwrap();
        world
    }

    pub(crate) fn unopened(zone: &str, policies: Policies, blocks: Vec<WeeklyBlock>) -> World {
        let slot = LogSlot::new(7).expect("in range");
        let seed = CommandId::of_client_key("test", "world", "0");
        let long_ago = at("2025-01-01T00:00:00Z");
        let mut world = World {
            streams: BTreeMap::new(),
            now: at(MONDAY_8),
            user: "desk".to_owned(),
            may_overbook: false,
            hospital: HospitalId::derive(seed, slot, long_ago, 0),
            practitioner: PractitionerId::derive(seed, slot, long_ago, 0),
            role: RoleId::derive(seed, slot, long_ago, 0),
            ann: PatientId::derive(seed, LogSlot::new(8).expect("in range"), long_ago, 0),
            bob: PatientId::derive(seed, LogSlot::new(9).expect("in range"), long_ago, 1),
            commands: 0,
        };
        world.set_up(zone, policies, blocks);
        world
    }

    fn set_up(&mut self, zone: &str, policies: Policies, blocks: Vec<WeeklyBlock>) {
        let (hospital, practitioner) = (self.hospital, self.practitioner);
        self.organization(HospitalCommand::Register(
            hospital,
            RegisterHospital {
                name: "St Test".to_owned(),
                zone: zone.parse::<Zone>().expect("a zone"),
                currency: gbp(),
                policies,
                numbering: Numbering::default(),
            },
        ));
        let entries = vec![
            price("visit", 12_000, "2020-01-01", Some("2025-03-16")),
            price("visit", 13_000, "2025-03-17", None),
            price("late", 2_000, "2020-01-01", None),
            price("absent", 3_000, "2020-01-01", None),
        ];
        self.organization(HospitalCommand::SetPriceList(SetPriceList { hospital, entries }));
        let name = Personal::new(HumanName { text: "Dr Test".to_owned() });
        let registered = Practitioner::default()
            .decide(&PractitionerCommand::Register(practitioner, RegisterPractitioner { name }), &self.times())
            .unwrap();
        self.append(vec![(streams::practitioner(practitioner), registered[0].clone().into())]);
        self.assign(self.role);
        self.run(crate::practitioner::commands::SetSchedule {
            role: self.role,
            effective_from: date("2020-01-01"),
            blocks,
        })
        .unwrap();
        for patient in [self.ann, self.bob] {
            self.link(patient);
        }
    }

    pub(crate) fn organization(&mut self, command: HospitalCommand) {
        let stream = streams::organization(self.hospital);
        let events = self.state::<Hospital>(&stream).decide(&command, &self.times()).unwrap();
        self.append(events.into_iter().map(|event| (stream.clone(), event.into())).collect());
    }

    pub(crate) fn set_policies(&mut self, policies: Policies) {
        self.organization(HospitalCommand::SetPolicies(SetPolicies { hospital: self.hospital, policies }));
    }

    pub(crate) fn assign(&mut self, role: RoleId) {
        let command = AssignRole {
            practitioner: self.practitioner,
            hospital: self.hospital,
            specialty: "cardiology".to_owned(),
            services: vec![],
        };
        let practitioner = self.state(&streams::practitioner(self.practitioner));
        let changes =
            assign_role(&self.hospital(), &practitioner, &PractitionerRole::default(), &command, role).unwrap();
        self.append(changes);
    }

    pub(crate) fn link(&mut self, patient: PatientId) {
        let command = LinkPatient { hospital: self.hospital, patient };
        let changes = link(&self.hospital(), &self.schedule(patient), &command).unwrap();
        self.append(changes);
    }

    pub(crate) fn times(&self) -> Times {
        Times::live(self.now)
    }

    pub(crate) fn state<A: Evolve>(&self, stream: &StreamName) -> A
    where
        A::Event: TryFrom<Event>,
    {
        let events = self.streams.get(stream).into_iter().flatten().cloned();
        let events: Vec<A::Event> = events.filter_map(|event| event.try_into().ok()).collect();
        fold(&events)
    }

    pub(crate) fn hospital(&self) -> Hospital {
        self.state(&streams::organization(self.hospital))
    }

    pub(crate) fn role_state(&self, role: RoleId) -> PractitionerRole {
        self.state(&streams::role(role))
    }

    pub(crate) fn schedule(&self, patient: PatientId) -> PatientSchedule {
        self.state(&streams::patient_schedule(self.hospital, patient))
    }

    pub(crate) fn appointment(&self, id: AppointmentId) -> Appointment {
        self.state(&streams::appointment(id))
    }

    pub(crate) fn day(&self, role: RoleId, date: LocalDate) -> Day {
        self.state(&streams::day(role, date))
    }

    pub(crate) fn status(&self, id: AppointmentId) -> AppointmentStatus {
        self.appointment(id).facts().unwrap().status
    }

    fn zone(&self) -> Zone {
        self.hospital().settings().unwrap().zone
    }

    pub(crate) fn candidates(&self, role: RoleId, start: Timestamp) -> Vec<Arc<Day>> {
        candidate_dates(self.zone(), start).into_iter().map(|date| Arc::new(self.day(role, date))).collect()
    }

    fn days(&self, role: RoleId, dates: Vec<LocalDate>) -> BTreeMap<LocalDate, Day> {
        dates.into_iter().map(|date| (date, self.day(role, date))).collect()
    }

    fn appointments(&self, ids: Vec<AppointmentId>) -> BTreeMap<AppointmentId, Appointment> {
        ids.into_iter().map(|id| (id, self.appointment(id))).collect()
    }

    /// The id of what the next command makes.
    pub(crate) fn command_id(&self) -> CommandId {
        CommandId::of_client_key("test", "command", &self.commands.to_string())
    }

    /// The write side in small: load, decide, append.
    pub(crate) fn run(&mut self, command: impl Into<Command>) -> Result<Changes, Rejection> {
        self.commands += 1;
        let changes = self.decide(&command.into())?;
        self.append(changes.clone());
        Ok(changes)
    }

    /// What would come of a command, without carrying it out.
    pub(crate) fn decide(&self, command: &Command) -> Result<Changes, Rejection> {
        let (times, slot) = (self.times(), self.hospital.slot());
        let hospital = &self.hospital();
        let booking = |role: RoleId, patient: PatientId, start: Option<Timestamp>| {
            let days = start.map_or_else(Vec::new, |start| self.candidates(role, start));
            (self.role_state(role), days, self.schedule(patient))
        };
        macro_rules! context {
            ($loaded:expr) => {
                BookingContext {
                    hospital,
                    role: &$loaded.0,
                    days: &$loaded.1,
                    schedule: &$loaded.2,
                    user: &self.user,
                    may_overbook: self.may_overbook,
                }
            };
        }
        let id = self.command_id();
        Ok(match command {
            Command::OpenDays(c) => open_days(hospital, &self.role_state(c.role), c)?,
            Command::SetSchedule(c) => {
                let role = self.role_state(c.role);
                let days = self.days(c.role, dates_touched(&role, self.zone(), c.effective_from, self.now));
                set_schedule(hospital, &role, &days, c, &times)?
            }
            Command::TakeLeave(c) => {
                let role = self.role_state(c.role);
                let days = self.days(c.role, leave_dates(&role, self.zone(), c.from, c.to));
                let seated = self.appointments(appointments_on_leave(&days, c.from, c.to));
                let leave = LeaveId::derive(id, slot, self.now, 0);
                take_leave(hospital, &role, &days, &seated, c, leave)?
            }
            Command::CancelLeave(c) => {
                let role = self.role_state(c.role);
                let dates = role.leave(c.leave).map(|leave| leave_dates(&role, self.zone(), leave.from, leave.to));
                let days = self.days(c.role, dates.unwrap_or_default());
                let seated = self.appointments(appointments_to_settle(&days, c.leave));
                cancel_leave(hospital, &role, &days, &seated, c)?
            }
            Command::HoldSlot(c) => {
                let hold = HoldId::derive(id, slot, self.now, 0);
                hold_slot(&self.candidates(c.role, c.start), c, hold, &self.user, &times)?
            }
            Command::BookAppointment(c) => {
                let loaded = booking(c.role, c.patient, c.start);
                book(&context!(loaded), c, AppointmentId::derive(id, slot, self.now, 0), &times)?
            }
            Command::AdvanceAppointment(c) => {
                let appointment = self.appointment(c.appointment);
                let facts = appointment.facts()?;
                let start = c.start.or(facts.requested.as_ref().map(|period| period.start));
                let loaded = booking(facts.role, facts.patient, start);
                advance(&context!(loaded), &appointment, c, &times)?
            }
            Command::RescheduleAppointment(c) => {
                let appointment = self.appointment(c.appointment);
                let facts = appointment.facts()?;
                let loaded = booking(c.role.unwrap_or(facts.role), facts.patient, Some(c.start));
                reschedule(&context!(loaded), &appointment, c, &times)?
            }
            Command::Arrive(c) => arrive(&self.appointment(c.appointment), c, &times)?,
            Command::CheckIn(c) => check_in(&self.appointment(c.appointment), c, &times)?,
            Command::Fulfil(c) => fulfil(&self.appointment(c.appointment), c, &times)?,
            Command::CancelAppointment(c) => cancel(hospital, &self.appointment(c.appointment), c, &times)?,
            Command::MarkNoShow(c) => mark_no_show(hospital, &self.appointment(c.appointment), c, &times)?,
            Command::UndoStatus(c) => {
                let appointment = self.appointment(c.appointment);
                let schedule = appointment.get().map(|facts| self.schedule(facts.patient)).unwrap_or_default();
                let seat = appointment.get().and_then(|facts| facts.seat.as_ref());
                let day = seat.map(|seat| self.day(seat.role, seat.date)).unwrap_or_default();
                undo(&appointment, &day, &schedule, c, &times)?
            }
            Command::EnterAppointmentInError(c) => enter_in_error(&self.appointment(c.appointment), c, &times)?,
            other => panic!("not a command of this world: {}", other.name()),
        })
    }

    /// Appends a batch and checks what must hold after it.
    pub(crate) fn append(&mut self, changes: Changes) {
        let slots: BTreeSet<u16> = changes.iter().map(|(stream, _)| stream.slot().number()).collect();
        assert!(slots.len() <= 1, "a batch stays within one slot");
        for (stream, event) in changes {
            self.streams.entry(stream).or_default().push(event);
        }
        self.check_seats();
        self.check_visits();
    }

    fn check_seats(&self) {
        let allowance = self.hospital().settings().map_or(0, |it| it.policies.overbooking_per_slot_max as usize);
        let days = self.streams.iter().filter(|(name, _)| name.category() == "practitioner-day");
        for (name, events) in days {
            let day: Day = self.state(name);
            for (start, slot) in day.slots() {
                assert!(slot.seats.len() <= usize::from(slot.capacity) + allowance, "too many in {name} at {start}");
            }
            let mut sitting: BTreeSet<(Timestamp, AppointmentId)> = BTreeSet::new();
            for event in events {
                match event {
                    Event::DayEvent(DayEvent::SeatTaken(e)) => {
                        assert!(sitting.insert((e.slot, e.appointment)), "nobody takes a seat twice");
                    }
                    Event::DayEvent(DayEvent::SeatReleased(e)) => {
                        assert!(sitting.remove(&(e.slot, e.appointment)), "only a taken seat is released");
                    }
                    Event::DayEvent(DayEvent::SlotsChanged(e)) => {
                        assert!(sitting.iter().all(|(slot, _)| !e.removed.contains(slot)), "only free slots go");
                    }
                    _ => {}
                }
            }
        }
    }

    fn check_visits(&self) {
        let names = self.streams.keys().filter(|name| name.category() == "patient-schedule");
        for name in names {
            let visits: Vec<(AppointmentId, Period)> =
                self.state::<PatientSchedule>(name).visits().map(|(id, period)| (id, period.clone())).collect();
            for (index, (id, period)) in visits.iter().enumerate() {
                assert!(
                    self.appointment(*id).get().is_some_and(AppointmentFacts::is_live),
                    "only live visits are kept"
                );
                for (other, its) in &visits[index + 1..] {
                    let meant = self.says_why(*id) || self.says_why(*other);
                    assert!(!period.overlaps(its) || meant, "{id} and {other} overlap");
                }
            }
        }
    }

    fn says_why(&self, id: AppointmentId) -> bool {
        self.streams[&streams::appointment(id)].iter().any(|event| match event {
            Event::AppointmentEvent(AppointmentEvent::AppointmentBooked(e)) => e.overlap_reason.is_some(),
            Event::AppointmentEvent(AppointmentEvent::AppointmentRescheduled(e)) => e.overlap_reason.is_some(),
            _ => false,
        })
    }

    /// A booking as most tests need it.
    pub(crate) fn booking(&self, patient: PatientId, start: &str) -> BookAppointment {
        BookAppointment {
            role: self.role,
            patient,
            start: Some(at(start)),
            service: "visit".to_owned(),
            status: AppointmentStatus::Booked,
            reason: None,
            hold: None,
            overbooking_reason: None,
            overlap_reason: None,
        }
    }

    /// Books, and gives the appointment.
    #[track_caller]
    pub(crate) fn book(&mut self, patient: PatientId, start: &str) -> AppointmentId {
        let command = self.booking(patient, start);
        made(&self.run(command).expect("it can be booked"))
    }

    /// A move as most tests need it.
    pub(crate) fn moving(&self, appointment: AppointmentId, start: &str) -> RescheduleAppointment {
        RescheduleAppointment {
            appointment,
            role: None,
            start: at(start),
            by: CancelledBy::Patient,
            reason: why("a conflict"),
            hold: None,
            overbooking_reason: None,
            overlap_reason: None,
        }
    }
}

/// The appointment whose stream leads the changes.
pub(crate) fn made(changes: &Changes) -> AppointmentId {
    changes[0].0.key().parse().expect("an appointment leads")
}

/// Names of the events, in order.
pub(crate) fn names(changes: &Changes) -> Vec<&'static str> {
    changes.iter().map(|(_, event)| event.event_type()).collect()
}

/// The code of the refusal.
#[track_caller]
pub(crate) fn refused(outcome: Result<Changes, Rejection>) -> &'static str {
    match outcome {
        Ok(changes) => panic!("it was done: {:?}", names(&changes)),
        Err(rejection) => rejection.code,
    }
}
