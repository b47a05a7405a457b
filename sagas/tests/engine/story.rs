//! What happens in these tests: patients register, appointments are booked, kept, missed.

use carelog_domain::kernel::{
    AppointmentId, CommandId, Currency, HospitalId, Identity, LabReportId, Money, PatientId, Personal, PractitionerId,
    RoleId, Slot, Timestamp, Token,
};
use carelog_domain::laboratory::events::{LabReportCancelled, LabReportUploaded};
use carelog_domain::laboratory::{Extraction, PrintedHeader};
use carelog_domain::organization::events::HospitalRegistered;
use carelog_domain::organization::{Numbering, Policies, Tax};
use carelog_domain::patient::{Demographics, Gender, HumanName, Identifier};
use carelog_domain::ports::BlobName;
use carelog_domain::practitioner::events::ScheduleSet;
use carelog_domain::process::events::{
    IdentifierAdditionRequested, ImportAdvanced, ImportFinished, ImportStarted, RegistrationRequested,
};
use carelog_domain::scheduling::events::*;
use carelog_domain::scheduling::{AgreedPrice, AppointmentStatus, CancelledBy, Period};
use carelog_domain::streams;

use crate::world::{World, at};

pub(crate) fn hospital() -> HospitalId {
    HospitalId::derive(CommandId::of_client_key("t", "hospital", "1"), Slot::of_key(b"h"), Timestamp::default(), 0)
}

pub(crate) fn patient(name: &str) -> PatientId {
    let command = CommandId::of_client_key("t", "patient", name);
    PatientId::derive(command, command.root_slot(), Timestamp::default(), 0)
}

pub(crate) fn appointment(name: &str) -> AppointmentId {
    AppointmentId::derive(CommandId::of_client_key("t", "a", name), hospital().slot(), Timestamp::default(), 0)
}

fn role() -> RoleId {
    RoleId::derive(CommandId::of_client_key("t", "role", "1"), hospital().slot(), Timestamp::default(), 0)
}

fn practitioner() -> PractitionerId {
    PractitionerId(uuid::Uuid::from_u128(3))
}

fn price() -> AgreedPrice {
    AgreedPrice {
        service: "visit".to_owned(),
        display: "Visit".to_owned(),
        amount: Money { minor: 9_000, currency: "GBP".parse::<Currency>().expect("a currency") },
        tax: Tax { category: "Z".to_owned(), rate_basis_points: 0 },
        service_date: "2025-03-10".parse().expect("a date"),
    }
}

pub(crate) fn period(start: &str) -> Period {
    Period { start: at(start), end: at(start).plus_minutes(15) }
}

pub(crate) async fn opens_hospital(world: &World) {
    let event = HospitalRegistered {
        hospital: hospital(),
        name: "General".to_owned(),
        zone: "Europe/London".parse().expect("a zone"),
        currency: "GBP".parse().expect("a currency"),
        policies: Policies::default(),
        numbering: Numbering::default(),
    };
    world.happen(streams::organization(hospital()), "hospital", event).await;
}

pub(crate) fn booked_event(name: &str, start: &str) -> AppointmentBooked {
    AppointmentBooked {
        appointment: appointment(name),
        hospital: hospital(),
        patient: patient(name),
        practitioner: practitioner(),
        role: role(),
        specialty: "cardiology".to_owned(),
        date: "2025-03-10".parse().expect("a date"),
        period: period(start),
        price: price(),
        reason: None,
        overbooking_reason: None,
        overlap_reason: None,
    }
}

pub(crate) async fn books(world: &World, name: &str, start: &str) -> (CommandId, Token) {
    let stream = streams::appointment(appointment(name));
    world.happen(stream, &format!("book {name} {start}"), booked_event(name, start)).await
}

macro_rules! of_appointment {
    ($name:expr, $event:ident { $($fields:tt)* }) => {
        $event {
            appointment: appointment($name), hospital: hospital(), patient: patient($name),
            practitioner: practitioner(), $($fields)*
        }
    };
}

pub(crate) async fn moves(world: &World, name: &str, from: &str, to: &str) {
    moves_at(world, name, from, to, price()).await;
}

/// A move to a day that has another price.
pub(crate) async fn moves_to_a_dearer_day(world: &World, name: &str, from: &str, to: &str) {
    let amount = Money { minor: 9_900, ..price().amount };
    moves_at(world, name, from, to, AgreedPrice { amount, ..price() }).await;
}

async fn moves_at(world: &World, name: &str, from: &str, to: &str, price: AgreedPrice) {
    let seat = |start: &str| Seat {
        role: role(),
        practitioner: practitioner(),
        date: "2025-03-10".parse().expect("a date"),
        period: period(start),
    };
    let event = of_appointment!(
        name,
        AppointmentRescheduled {
            from: seat(from),
            to: seat(to),
            by: CancelledBy::Patient,
            reason: Personal::new("busy".to_owned()),
            price,
            overbooking_reason: None,
            overlap_reason: None,
        }
    );
    world.happen(streams::appointment(appointment(name)), &format!("move {name} {to}"), event).await;
}

/// A role gets a schedule: its days are opened, and one more each midnight.
pub(crate) async fn plans(world: &World) {
    let event = ScheduleSet {
        role: role(),
        practitioner: practitioner(),
        hospital: hospital(),
        effective_from: "2025-01-01".parse().expect("a date"),
        blocks: vec![],
    };
    world.happen(streams::role(role()), "plan", event).await;
}

fn report(name: &str) -> LabReportId {
    let command = CommandId::of_client_key("t", "lab", name);
    LabReportId::derive(command, patient("ada").slot(), Timestamp::default(), 0)
}

/// A report of ada's is handed in.
pub(crate) async fn hands_in(world: &World, name: &str) {
    let event = LabReportUploaded {
        report: report(name),
        hospital: hospital(),
        patient: patient("ada"),
        blob: BlobName::of(b"sealed"),
        file_hash: format!("file {name}"),
        file_name: Personal::new("report.pdf".to_owned()),
        bytes: 6,
        media_type: "application/pdf".to_owned(),
    };
    world.happen(streams::lab_report(report(name)), &format!("hand in {name}"), event).await;
}

pub(crate) async fn withdraws(world: &World, name: &str) {
    let (report, hospital, patient) = (report(name), hospital(), patient("ada"));
    let event = LabReportCancelled { report, hospital, patient, reason: Personal::new("not hers".to_owned()) };
    world.happen(streams::lab_report(report), &format!("withdraw {name}"), event).await;
}

/// What a reader finds on an empty page.
pub(crate) fn nothing_much() -> Extraction {
    let header =
        PrintedHeader { name: None, birth_date: None, identifier: None, sex: None, collected: None, laboratory: None };
    Extraction { header, observations: vec![], unparsed: vec![], pages: 1, producer: None }
}

pub(crate) async fn ends(world: &World, name: &str) -> (CommandId, Token) {
    let (started, ended) = (at("2025-03-10T09:00:00Z"), at("2025-03-10T09:15:00Z"));
    let event = of_appointment!(name, AppointmentFulfilled { started, ended });
    world.happen(streams::appointment(appointment(name)), &format!("fulfil {name}"), event).await
}

pub(crate) async fn misses(world: &World, name: &str) -> (CommandId, Token) {
    let event = of_appointment!(name, NoShowMarked { automatic: false, fee: Some(price()) });
    world.happen(streams::appointment(appointment(name)), &format!("miss {name}"), event).await
}

pub(crate) async fn came_after_all(world: &World, name: &str) {
    let (from, to) = (AppointmentStatus::NoShow, AppointmentStatus::Booked);
    let event = of_appointment!(name, AppointmentStatusUndone { from, to, reason: Personal::new("late".to_owned()) });
    world.happen(streams::appointment(appointment(name)), &format!("undo {name}"), event).await;
}

pub(crate) async fn arrives(world: &World, name: &str) {
    let event = of_appointment!(name, PatientArrived {});
    world.happen(streams::appointment(appointment(name)), &format!("arrive {name}"), event).await;
}

fn identifier(value: &str) -> Identity<Identifier> {
    Personal::new(Identifier { system: "urn:t".to_owned(), kind: "MR".to_owned(), value: value.to_owned() })
}

/// One more identifier for somebody; `key` tells two requests for the same one apart.
pub(crate) async fn asks_to_add(world: &World, name: &str, claim: &str, key: &str) -> (CommandId, Token) {
    let name_of_command = format!("add {name} {claim} {key}");
    let event = IdentifierAdditionRequested {
        patient: patient(name),
        request: CommandId::of_client_key("test", "happen", &name_of_command),
        identifier: identifier(claim),
        claim: claim.to_owned(),
    };
    world.happen(streams::identifier_addition(patient(name)), &name_of_command, event).await
}

pub(crate) async fn asks_to_register(world: &World, name: &str, claims: &[&str]) -> (CommandId, Token) {
    let demographics = Demographics {
        name: HumanName { text: name.to_owned() },
        gender: Gender::Unknown,
        birth_date: None,
        contacts: vec![],
        address: None,
    };
    let event = RegistrationRequested {
        hospital: hospital(),
        patient: patient(name),
        demographics: Some(Personal::new(demographics)),
        identifiers: claims.iter().map(|claim| identifier(claim)).collect(),
        claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
    };
    let stream = streams::patient_registration(patient(name), hospital());
    world.happen(stream, &format!("register {name}"), event).await
}

pub(crate) async fn import_starts(world: &World, watermark: &str) {
    let (hospital, manifest, watermark) = (hospital(), "m".to_owned(), at(watermark));
    let stream = streams::import(hospital, "m");
    let event = ImportStarted { hospital, manifest, digest: "00".to_owned(), watermark };
    world.happen(stream, "import", event).await;
}

pub(crate) async fn import_is_at(world: &World, watermark: &str) {
    let (hospital, manifest, watermark) = (hospital(), "m".to_owned(), at(watermark));
    let stream = streams::import(hospital, "m");
    world.happen(stream, &format!("at {watermark}"), ImportAdvanced { hospital, manifest, watermark }).await;
}

pub(crate) async fn import_ends(world: &World) {
    let (hospital, manifest) = (hospital(), "m".to_owned());
    world.happen(streams::import(hospital, "m"), "end", ImportFinished { hospital, manifest }).await;
}
