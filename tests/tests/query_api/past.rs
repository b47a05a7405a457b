//! What happened in the small chain, as events by stream, in the order they were written.
//!
//! ```text
//! North   Ada Byron, cardiology; slots 09:00 to 10:00 today, one seat each
//!         Zoë (09:00, invoiced and half paid), Ana (09:15), Zoë (09:30), Ana yesterday (nobody said how it ended),
//!         Zoë proposed without a time; the seat at 09:45 is held until 08:10; Zoë's lab report with a critical value
//! South   Ada Byron too; Carol and Ana today
//! ```

use carelog_domain::billing::events::*;
use carelog_domain::billing::{
    InvoiceKind, LedgerAccount, PaymentMethod, PaymentShare, Posting, account_of, line_of_price, totals_of,
};
use carelog_domain::event::Event;
use carelog_domain::kernel::{
    AccountId, AllocationId, AppointmentId, CommandId, HoldId, HospitalId, InvoiceId, LabReportId, Money, PatientId,
    PaymentId, PractitionerId, RoleId, StreamName, Timestamp,
};
use carelog_domain::laboratory::events::*;
use carelog_domain::laboratory::{Extraction, Flag, Observation, ObservationStatus, PrintedHeader, ReferenceRange};
use carelog_domain::organization::events::*;
use carelog_domain::organization::{Numbering, Policies, PriceEntry, Tax};
use carelog_domain::patient::events::*;
use carelog_domain::patient::{Address, ContactPoint, ContactSystem, Demographics, Gender, HumanName, Identifier};
use carelog_domain::ports::BlobName;
use carelog_domain::practitioner::events::*;
use carelog_domain::scheduling::events::*;
use carelog_domain::scheduling::{AgreedPrice, OpenedSlot, Period};
use carelog_domain::streams;

use crate::world::at;

/// The ids of the chain.
#[derive(Clone)]
pub(crate) struct Ids {
    pub(crate) north: HospitalId,
    pub(crate) south: HospitalId,
    pub(crate) ada: PractitionerId,
    pub(crate) ada_north: RoleId,
    pub(crate) ada_south: RoleId,
    pub(crate) zoe: PatientId,
    pub(crate) ana: PatientId,
    pub(crate) carol: PatientId,
    /// At North: 09:00, 09:15, 09:30, yesterday, without a time.
    pub(crate) visits: [AppointmentId; 5],
    /// At South: Carol's, Ana's.
    pub(crate) south_visits: [AppointmentId; 2],
    pub(crate) invoice: InvoiceId,
    pub(crate) account: AccountId,
    pub(crate) payment: PaymentId,
    pub(crate) report: LabReportId,
}

impl Ids {
    pub(crate) fn new() -> Ids {
        let begun = at("2024-01-01T00:00:00Z");
        let command = |name: &str| CommandId::of_client_key("test", "ids", name);
        let root = |name: &str| (command(name), command(name).root_slot(), begun);
        let hospital = |name| {
            let (command, slot, at) = root(name);
            HospitalId::derive(command, slot, at, 0)
        };
        let patient = |name| {
            let (command, slot, at) = root(name);
            PatientId::derive(command, slot, at, 0)
        };
        let (north, south, zoe, ana) = (hospital("north"), hospital("south"), patient("zoe"), patient("ana"));
        let visit = |of: HospitalId, index| AppointmentId::derive(command("visit"), of.slot(), begun, index);
        Ids {
            north,
            south,
            ada: PractitionerId::derive(command("ada"), command("ada").root_slot(), begun, 0),
            ada_north: RoleId::derive(command("ada north"), north.slot(), begun, 0),
            ada_south: RoleId::derive(command("ada south"), south.slot(), begun, 0),
            zoe,
            ana,
            carol: patient("carol"),
            visits: [0, 1, 2, 3, 4].map(|index| visit(north, index)),
            south_visits: [5, 6].map(|index| visit(south, index)),
            invoice: InvoiceId::derive(command("invoice"), north.slot(), begun, 0),
            account: account_of(north, zoe, "GBP".parse().expect("a currency")),
            payment: PaymentId::derive(command("payment"), north.slot(), begun, 0),
            report: LabReportId::derive(command("report"), zoe.slot(), begun, 0),
        }
    }
}

type Past = Vec<(Timestamp, StreamName, Vec<Event>)>;

pub(crate) fn gbp(minor: i64) -> Money {
    Money::new(minor, "GBP".parse().expect("a currency"))
}

pub(crate) fn price() -> AgreedPrice {
    AgreedPrice {
        service: "consult".to_owned(),
        display: "Consultation".to_owned(),
        amount: gbp(10_000),
        tax: Tax { category: "S".to_owned(), rate_basis_points: 2_000 },
        service_date: "2024-12-02".parse().expect("a date"),
    }
}

pub(crate) fn events(ids: &Ids) -> Past {
    let mut past = Past::new();
    organisation(ids, &mut past);
    people(ids, &mut past);
    visits(ids, &mut past);
    money(ids, &mut past);
    report(ids, &mut past);
    past
}

fn organisation(ids: &Ids, past: &mut Past) {
    let begun = at("2024-06-01T08:00:00Z");
    for (hospital, name) in [(ids.north, "North"), (ids.south, "South")] {
        let registered = HospitalRegistered {
            hospital,
            name: name.to_owned(),
            zone: "Europe/London".parse().expect("a zone"),
            currency: "GBP".parse().expect("a currency"),
            policies: Policies::default(),
            numbering: Numbering::default(),
        };
        let entry = PriceEntry {
            service: price().service,
            display: price().display,
            amount: price().amount,
            tax: price().tax,
            valid_from: "2024-01-01".parse().expect("a date"),
            valid_to: None,
        };
        let prices = PriceListSet { hospital, entries: vec![entry] };
        past.push((begun, streams::organization(hospital), vec![registered.into(), prices.into()]));
    }
    let registered =
        PractitionerRegistered { practitioner: ids.ada, name: HumanName { text: "Ada Byron".to_owned() }.into() };
    past.push((begun, streams::practitioner(ids.ada), vec![registered.into()]));
    for (role, hospital) in [(ids.ada_north, ids.north), (ids.ada_south, ids.south)] {
        let assigned = RoleAssigned {
            role,
            practitioner: ids.ada,
            hospital,
            specialty: "cardiology".to_owned(),
            services: vec![],
        };
        past.push((begun, streams::role(role), vec![assigned.into()]));
    }
}

fn people(ids: &Ids, past: &mut Past) {
    let begun = at("2024-06-02T08:00:00Z");
    let people = [
        (ids.zoe, "Zoë O'Neil", vec![ids.north]),
        (ids.ana, "Ana-María Gómez", vec![ids.north, ids.south]),
        (ids.carol, "Carol Smith", vec![ids.south]),
    ];
    for (patient, name, hospitals) in people {
        let demographics = Demographics {
            name: HumanName { text: name.to_owned() },
            gender: Gender::Female,
            birth_date: Some("1980-02-29".parse().expect("a date")),
            contacts: vec![ContactPoint { system: ContactSystem::Phone, value: "020 7946 0000".to_owned() }],
            address: Some(Address { text: "1 High Street".to_owned(), country: Some("GB".to_owned()) }),
        };
        let identifier = Identifier {
            system: "urn:test".to_owned(),
            kind: "MR".to_owned(),
            value: format!("{}-1", name.chars().take(3).collect::<String>()),
        };
        let registered =
            PatientRegistered { patient, demographics: demographics.into(), identifiers: vec![identifier.into()] };
        past.push((begun, streams::patient(patient), vec![registered.into()]));
        for hospital in hospitals {
            let linked = PatientLinked { hospital, patient };
            past.push((begun, streams::patient_schedule(hospital, patient), vec![linked.into()]));
        }
    }
}

/// A quarter of an hour from an instant.
pub(crate) fn quarter(start: &str) -> Period {
    Period { start: at(start), end: at(start).plus_minutes(15) }
}

pub(crate) fn booked(ids: &Ids, appointment: AppointmentId, patient: PatientId, period: Period) -> AppointmentBooked {
    let here = appointment.slot() == ids.north.slot();
    AppointmentBooked {
        appointment,
        hospital: if here { ids.north } else { ids.south },
        patient,
        practitioner: ids.ada,
        role: if here { ids.ada_north } else { ids.ada_south },
        specialty: "cardiology".to_owned(),
        date: period.start.to_utc().date_naive().to_string().parse().expect("a date"),
        period,
        price: price(),
        reason: Some("palpitations".to_owned().into()),
        overbooking_reason: None,
        overlap_reason: None,
    }
}

fn visits(ids: &Ids, past: &mut Past) {
    let date = "2024-12-02".parse().expect("a date");
    let starts = ["2024-12-02T09:00:00Z", "2024-12-02T09:15:00Z", "2024-12-02T09:30:00Z", "2024-12-02T09:45:00Z"];
    let slot = |start: &str| OpenedSlot { start: at(start), end: at(start).plus_minutes(15), capacity: 1 };
    let opened = DayOpened {
        hospital: ids.north,
        practitioner: ids.ada,
        role: ids.ada_north,
        date,
        specialty: "cardiology".to_owned(),
        slots: starts.map(slot).into(),
        blocked: vec![],
    };
    let day = streams::day(ids.ada_north, date);
    past.push((at("2024-11-01T08:00:00Z"), day.clone(), vec![opened.into()]));

    let yesterday = "2024-12-01T10:00:00Z";
    let bookings = [
        (ids.visits[0], ids.zoe, starts[0]),
        (ids.visits[1], ids.ana, starts[1]),
        (ids.visits[2], ids.zoe, starts[2]),
        (ids.visits[3], ids.ana, yesterday),
        (ids.south_visits[0], ids.carol, starts[0]),
        (ids.south_visits[1], ids.ana, starts[3]),
    ];
    for (appointment, patient, start) in bookings {
        let event = booked(ids, appointment, patient, quarter(start));
        past.push((at("2024-11-20T08:00:00Z"), streams::appointment(appointment), vec![event.into()]));
    }
    for (index, start) in starts[..3].iter().enumerate() {
        let taken = SeatTaken {
            hospital: ids.north,
            role: ids.ada_north,
            date,
            slot: at(start),
            appointment: ids.visits[index],
            overbooked: false,
        };
        past.push((at("2024-11-20T08:00:00Z"), day.clone(), vec![taken.into()]));
    }
    let held = SlotHeld {
        hospital: ids.north,
        role: ids.ada_north,
        date,
        hold: HoldId::derive(CommandId::of_client_key("test", "ids", "hold"), ids.north.slot(), at(starts[3]), 0),
        slot: at(starts[3]),
        owner: "somebody".to_owned(),
        until: at("2024-12-02T08:10:00Z"),
    };
    past.push((at("2024-12-02T08:00:00Z"), day, vec![held.into()]));
    let proposed = AppointmentProposed {
        appointment: ids.visits[4],
        hospital: ids.north,
        patient: ids.zoe,
        practitioner: ids.ada,
        role: ids.ada_north,
        requested: None,
        service: "consult".to_owned(),
        reason: None,
    };
    past.push((at("2024-11-21T08:00:00Z"), streams::appointment(ids.visits[4]), vec![proposed.into()]));
}

fn money(ids: &Ids, past: &mut Past) {
    let (invoice, hospital, patient, account) = (ids.invoice, ids.north, ids.zoe, ids.account);
    let (drafted_at, issued_at, paid_at) =
        (at("2024-11-20T08:00:01Z"), at("2024-12-01T12:00:00Z"), at("2024-12-01T13:00:00Z"));
    let lines = vec![line_of_price(&price()).expect("a line")];
    let totals = totals_of(gbp(0).currency, lines.iter().map(|line| (line.net, line.tax_amount))).expect("totals");
    let (kind, appointment) = (InvoiceKind::Visit, Some(ids.visits[0]));
    let post = |account, minor| Posting { account, amount: gbp(minor) };
    let drafted = InvoiceDrafted {
        invoice,
        hospital,
        patient,
        account,
        appointment,
        kind,
        lines: lines.clone(),
        totals: totals.clone(),
    };
    let opened = AccountOpened { account, hospital, patient, currency: gbp(0).currency, guarantor: None };
    let issued = InvoiceIssued {
        invoice,
        hospital,
        patient,
        account,
        appointment,
        kind,
        number: 1,
        printed_number: "INV-2024-000001".to_owned(),
        series: "visit".to_owned(),
        issue_date: "2024-12-01".parse().expect("a date"),
        lines,
        totals,
        postings: vec![
            post(LedgerAccount::Receivable, 12_000),
            post(LedgerAccount::Revenue, -10_000),
            post(LedgerAccount::Tax, -2_000),
        ],
    };
    let charged = InvoiceCharged { account, hospital, patient, invoice, amount: gbp(12_000) };
    let payment = ids.payment;
    let recorded = PaymentRecorded {
        account,
        hospital,
        patient,
        payment,
        amount: gbp(6_000),
        method: PaymentMethod::Card,
        reference: Some("card 42".to_owned().into()),
        payer: None,
        invoice: None,
    };
    let succeeded = PaymentSucceeded {
        account,
        hospital,
        patient,
        payment,
        amount: gbp(6_000),
        postings: vec![post(LedgerAccount::Cash, 6_000), post(LedgerAccount::Unapplied, -6_000)],
    };
    let allocation =
        AllocationId::derive(CommandId::of_client_key("test", "ids", "allocation"), hospital.slot(), paid_at, 0);
    let allocated = CreditAllocated {
        account,
        hospital,
        patient,
        allocation,
        invoice,
        amount: gbp(5_000),
        shares: vec![PaymentShare { payment, amount: gbp(5_000) }],
        postings: vec![post(LedgerAccount::Unapplied, 5_000), post(LedgerAccount::Receivable, -5_000)],
    };
    let paid = InvoiceAllocated { invoice, hospital, patient, allocation, amount: gbp(5_000), balance: gbp(7_000) };
    past.push((drafted_at, streams::invoice(invoice), vec![drafted.into()]));
    past.push((drafted_at, streams::account(account), vec![opened.into()]));
    past.push((issued_at, streams::invoice(invoice), vec![issued.into()]));
    past.push((issued_at, streams::account(account), vec![charged.into()]));
    past.push((paid_at, streams::account(account), vec![recorded.into(), succeeded.into(), allocated.into()]));
    past.push((paid_at, streams::invoice(invoice), vec![paid.into()]));
}

/// A critical value, as it was read.
pub(crate) fn potassium() -> Observation {
    Observation {
        number: 1,
        name: "Potassium".to_owned(),
        loinc: Some("2823-3".to_owned()),
        printed: Some("7.10".to_owned()),
        decimal: Some("7.10".to_owned()),
        comparator: None,
        unit: Some("mmol/L".to_owned()),
        ucum: Some("mmol/L".to_owned()),
        range: Some(ReferenceRange {
            text: "3.5 - 5.1".to_owned(),
            low: Some("3.5".to_owned()),
            high: Some("5.1".to_owned()),
            applies_to: None,
        }),
        printed_flag: Some(Flag::CriticallyHigh),
        computed_flag: Some(Flag::High),
        status: ObservationStatus::Preliminary,
        machine_read: true,
        page: 1,
        line: 7,
        earlier: vec![],
    }
}

/// A file of Zoë's, handed in at North.
pub(crate) fn uploaded(ids: &Ids, report: LabReportId) -> LabReportUploaded {
    LabReportUploaded {
        report,
        hospital: ids.north,
        patient: ids.zoe,
        blob: BlobName::of(report.to_string().as_bytes()),
        file_hash: "00".to_owned(),
        file_name: "potassium.pdf".to_owned().into(),
        bytes: 6,
        media_type: "application/pdf".to_owned(),
    }
}

/// What was read from it: one critical value, and a line nobody understands.
pub(crate) fn extracted(ids: &Ids, report: LabReportId, attempt: u32, needs_review: bool) -> LabReportExtracted {
    let header = PrintedHeader {
        name: Some("Zoë O'Neil".to_owned()),
        birth_date: None,
        identifier: None,
        sex: None,
        collected: Some("01/12/2024".to_owned()),
        laboratory: Some("North Lab".to_owned()),
    };
    let extraction = Extraction {
        header,
        observations: vec![potassium()],
        unparsed: vec!["see over".to_owned()],
        pages: 1,
        producer: None,
    };
    LabReportExtracted {
        report,
        hospital: ids.north,
        patient: ids.zoe,
        attempt,
        extraction: extraction.into(),
        observations: 1,
        missing: 0,
        critical: vec![1],
        needs_review,
    }
}

fn report(ids: &Ids, past: &mut Past) {
    let (report, patient) = (ids.report, ids.zoe);
    let started = ProcessingStarted { report, patient, attempt: 1 };
    let stream = streams::lab_report(report);
    past.push((at("2024-12-01T15:00:00Z"), stream.clone(), vec![uploaded(ids, report).into()]));
    let read = extracted(ids, report, 1, false);
    past.push((at("2024-12-01T15:00:01Z"), stream, vec![started.into(), read.into()]));
}
