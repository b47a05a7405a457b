//! What happens meanwhile: patients register, book, come or do not come.

use std::sync::atomic::{AtomicU32, Ordering};

use carelog_domain::command::Command;
use carelog_domain::kernel::{Actor, AppointmentId, CommandId, HospitalId, PatientId, RoleId, Staff, Timestamp};
use carelog_domain::organization::commands::{RegisterHospital, SetPriceList};
use carelog_domain::organization::{Numbering, Policies};
use carelog_domain::patient::commands::RequestRegistration;
use carelog_domain::patient::{Demographics, Gender, HumanName, Identifier};
use carelog_domain::ports::{CommandBus, CommandDone, CommandRequest};
use carelog_domain::practitioner::commands::{AssignRole, RegisterPractitioner, SetSchedule};
use carelog_domain::scheduling::commands::{Arrive, BookAppointment, Fulfil};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cluster::Cluster;

/// Two hospitals, each with a practitioner who works every day.
pub(crate) struct Hospitals<'a> {
    cluster: &'a Cluster,
    pub(crate) places: Vec<(HospitalId, RoleId)>,
    number: AtomicU32,
}

fn of<T: DeserializeOwned>(body: Value) -> T {
    serde_json::from_value(body).expect("a command")
}

impl<'a> Hospitals<'a> {
    pub(crate) async fn open(cluster: &'a Cluster) -> Hospitals<'a> {
        let mut hospitals = Hospitals { cluster, places: vec![], number: AtomicU32::new(0) };
        for number in 0..2 {
            let hospital = RegisterHospital {
                name: format!("St Anne {number}"),
                zone: "Europe/London".parse().expect("a zone"),
                currency: "GBP".parse().expect("a currency"),
                policies: Policies::default(),
                numbering: Numbering::default(),
            };
            let hospital = hospitals.send(hospital).await.subject;
            let entry = json!({
                "service": "visit", "display": "Visit", "amount": { "minor": 5_000, "currency": "GBP" },
                "tax": { "category": "S", "rateBasisPoints": 2000 }, "validFrom": "2024-01-01",
            });
            hospitals.send(of::<SetPriceList>(json!({ "hospital": hospital, "entries": [entry] }))).await;
            let name = Staff::new(HumanName { text: format!("Dr Grey {number}") });
            let practitioner = hospitals.send(RegisterPractitioner { name }).await.subject;
            let body = json!({
                "practitioner": practitioner, "hospital": hospital, "specialty": "cardiology", "services": ["visit"],
            });
            let role = hospitals.send(of::<AssignRole>(body)).await.subject;
            let block = |weekday| json!({ "weekday": weekday, "start": "08:00:00", "end": "12:00:00", "slotMinutes": 15, "capacity": 4 });
            let blocks: Vec<Value> = ["Mon", "Tue"].map(block).into();
            let body = json!({ "role": role, "effectiveFrom": "2024-12-02", "blocks": blocks });
            hospitals.send(of::<SetSchedule>(body)).await;
            hospitals.places.push((HospitalId(hospital), RoleId(role)));
        }
        hospitals
    }

    pub(crate) async fn send(&self, command: impl Into<Command>) -> CommandDone {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let request = CommandRequest::now(
            CommandId::of_step("test", &format!("command {number}")),
            command,
            Actor::system("test"),
        );
        self.cluster.bus.send(request).await.expect("done")
    }

    /// Asks for a registration; of ten patients one has the identifier of somebody else, and is refused.
    pub(crate) async fn register(&self, patient: u32) -> CommandDone {
        let value = if patient % 10 == 9 { patient - 9 } else { patient };
        let identifier = Identifier { system: "urn:test".into(), kind: "MR".into(), value: format!("{value:05}") };
        let demographics = Demographics {
            name: HumanName { text: format!("Zoë Patient-{patient}") },
            gender: Gender::Female,
            birth_date: None,
            contacts: vec![],
            address: None,
        };
        let hospital = self.places[patient as usize % 2].0;
        let identifiers = vec![identifier.into()];
        self.send(RequestRegistration { hospital, demographics: demographics.into(), identifiers }).await
    }

    pub(crate) async fn book(&self, number: u32, patient: PatientId) -> CommandDone {
        let slot = number / 2 % 16;
        let start = format!("2024-12-02T{:02}:{:02}:00Z", 8 + slot / 4, slot % 4 * 15);
        let role = self.places[number as usize % 2].1;
        let body = json!({ "role": role, "patient": patient, "start": start, "service": "visit", "status": "booked" });
        self.send(of::<BookAppointment>(body)).await
    }

    pub(crate) async fn treat(&self, appointment: AppointmentId) -> CommandDone {
        self.send(Arrive { appointment }).await;
        let at = |text: &str| -> Timestamp { text.parse().expect("an instant") };
        let (started, ended) = (at("2024-12-02T07:01:00Z"), at("2024-12-02T07:02:00Z"));
        self.send(Fulfil { appointment, started, ended }).await
    }
}
