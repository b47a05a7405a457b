//! A small history with an event of nearly every kind the read models take, as batches by slot.

use carelog_domain::billing::events::*;
use carelog_domain::billing::{InvoiceKind, InvoiceLine, LedgerAccount, PaymentMethod, PaymentShare, Posting, Totals};
use carelog_domain::event::Event;
use carelog_domain::kernel::*;
use carelog_domain::laboratory::events::*;
use carelog_domain::laboratory::{Extraction, Flag, Observation, ObservationStatus, PrintedHeader};
use carelog_domain::organization::events::*;
use carelog_domain::organization::{Numbering, Policies, PriceEntry, Tax};
use carelog_domain::patient::events::*;
use carelog_domain::patient::{Demographics, Gender, HumanName, Identifier};
use carelog_domain::ports::BlobName;
use carelog_domain::practitioner::events::*;
use carelog_domain::scheduling::events::*;
use carelog_domain::scheduling::{AgreedPrice, CancelledBy, OpenedSlot, Period};
use carelog_domain::streams;

/// One command's events, in one slot.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) slot: Slot,
    pub(crate) events: Vec<(StreamName, Event)>,
}

fn step(slot: Slot, events: Vec<(StreamName, Event)>) -> Step {
    Step { slot, events }
}

pub(crate) fn at(minutes: i64) -> Timestamp {
    Timestamp::from_micros(1_733_000_000_000_000).plus_minutes(minutes)
}

fn command(name: &str) -> CommandId {
    CommandId::of_client_key("test", "history", name)
}

fn pounds(minor: i64) -> Money {
    Money::new(minor, "GBP".parse().expect("a currency"))
}

fn date() -> LocalDate {
    LocalDate::from_ymd_opt(2024, 12, 2).expect("a date")
}

fn price() -> AgreedPrice {
    let tax = Tax { category: "S".to_owned(), rate_basis_points: 2_000 };
    AgreedPrice { service: "visit".into(), display: "Visit".into(), amount: pounds(5_000), tax, service_date: date() }
}

struct Place {
    hospital: HospitalId,
    practitioner: PractitionerId,
    role: RoleId,
}

/// Two hospitals and `patients` patients, each with a visit, its invoice, a payment and a lab report.
pub(crate) fn history(patients: u32) -> Vec<Step> {
    let places: Vec<(Place, Vec<Step>)> = (0..2).map(|number| place(number, patients)).collect();
    let mut steps: Vec<Step> = places.iter().flat_map(|(_, steps)| steps.clone()).collect();
    for number in 0..patients {
        steps.extend(patient(number, &places[number as usize % 2].0));
    }
    steps
}

fn place(number: u32, patients: u32) -> (Place, Vec<Step>) {
    let id = command(&format!("hospital {number}"));
    let slot = Slot::new(100 + 1_500 * number as u16).expect("a slot");
    let hospital = HospitalId::derive(id, slot, at(0), 0);
    let practitioner = PractitionerId::derive(id, Slot::new(900).expect("a slot"), at(0), number);
    let role = RoleId::derive(id, slot, at(0), 1);
    let entry = PriceEntry {
        service: "visit".into(),
        display: "Visit".into(),
        amount: pounds(5_000),
        tax: price().tax,
        valid_from: date(),
        valid_to: None,
    };
    let registered = HospitalRegistered {
        hospital,
        name: format!("Clinic {number}"),
        zone: Zone::UTC,
        currency: "GBP".parse().expect("a currency"),
        policies: Policies::default(),
        numbering: Numbering::default(),
    };
    let organization = streams::organization(hospital);
    let slots = (0..i64::from(patients) + 2)
        .map(|index| OpenedSlot { start: at(index * 15), end: at(index * 15 + 15), capacity: 1 })
        .collect();
    let opened = DayOpened {
        hospital,
        practitioner,
        role,
        date: date(),
        specialty: "cardiology".into(),
        slots,
        blocked: vec![],
    };
    let name = HumanName { text: format!("Dr. Éva {number}") };
    let assigned = RoleAssigned { role, practitioner, hospital, specialty: "cardiology".into(), services: vec![] };
    let steps = vec![
        step(slot, vec![(organization.clone(), registered.into())]),
        step(slot, vec![(organization, PriceListSet { hospital, entries: vec![entry] }.into())]),
        step(
            practitioner.slot(),
            vec![(
                streams::practitioner(practitioner),
                PractitionerRegistered { practitioner, name: name.into() }.into(),
            )],
        ),
        step(slot, vec![(streams::role(role), assigned.into())]),
        step(slot, vec![(streams::day(role, date()), opened.into())]),
    ];
    (Place { hospital, practitioner, role }, steps)
}

fn patient(number: u32, place: &Place) -> Vec<Step> {
    let Place { hospital, practitioner, role } = *place;
    let id = command(&format!("patient {number}"));
    let slot = Slot::new((number * 397 % 4_096) as u16).expect("a slot");
    let patient = PatientId::derive(id, slot, at(0), 0);
    let appointment = AppointmentId::derive(id, hospital.slot(), at(0), 1);
    let (start, end) = (at(i64::from(number) * 15), at(i64::from(number) * 15 + 15));
    let demographics = Demographics {
        name: HumanName { text: format!("Zoë Patient-{number}") },
        gender: Gender::Female,
        birth_date: LocalDate::from_ymd_opt(1980, 2, 29),
        contacts: vec![],
        address: None,
    };
    let identifier = Identifier { system: "urn:test".into(), kind: "MR".into(), value: format!("{number:05}") };
    let registered =
        PatientRegistered { patient, demographics: demographics.into(), identifiers: vec![identifier.into()] };
    let corrected = PatientCorrected {
        patient,
        name: Some(HumanName { text: format!("Zoé Renamed {number}") }.into()),
        gender: None,
        birth_date: None,
        reason: "typo".to_owned().into(),
    };
    let booked = AppointmentBooked {
        appointment,
        hospital,
        patient,
        practitioner,
        role,
        specialty: "cardiology".into(),
        date: date(),
        period: Period { start, end },
        price: price(),
        reason: Some("chest pain".to_owned().into()),
        overbooking_reason: None,
        overlap_reason: None,
    };
    let seat = SeatTaken { hospital, role, date: date(), slot: start, appointment, overbooked: false };
    let visit = streams::appointment(appointment);
    let day = streams::day(role, date());
    let home = hospital.slot();
    let mut steps = vec![
        step(slot, vec![(streams::patient(patient), registered.into())]),
        step(home, vec![(streams::patient_schedule(hospital, patient), PatientLinked { hospital, patient }.into())]),
        step(home, vec![(visit.clone(), booked.into()), (day.clone(), seat.into())]),
        step(slot, vec![(streams::patient(patient), corrected.into())]),
    ];
    if number % 5 == 4 {
        let cancelled = AppointmentCancelled {
            appointment,
            hospital,
            patient,
            practitioner,
            by: CancelledBy::Patient,
            reason: None,
            from: carelog_domain::scheduling::AppointmentStatus::Booked,
            fee: None,
        };
        let released = SeatReleased { hospital, role, date: date(), slot: start, appointment };
        steps.push(step(home, vec![(visit, cancelled.into()), (day, released.into())]));
        return steps;
    }
    let fulfilled = AppointmentFulfilled { appointment, hospital, patient, practitioner, started: start, ended: end };
    steps.push(step(
        home,
        vec![(visit.clone(), PatientArrived { appointment, hospital, patient, practitioner }.into())],
    ));
    steps.push(step(home, vec![(visit, fulfilled.into())]));
    steps.extend(money(id, number, hospital, patient, appointment));
    steps.extend(report(id, hospital, patient));
    steps
}

fn money(id: CommandId, number: u32, hospital: HospitalId, patient: PatientId, visit: AppointmentId) -> Vec<Step> {
    let slot = hospital.slot();
    let invoice = InvoiceId::derive(id, slot, at(0), 2);
    let account = AccountId::derive(id, slot, at(0), 3);
    let payment = PaymentId::derive(id, slot, at(0), 4);
    let allocation = AllocationId::derive(id, slot, at(0), 5);
    let (net, tax, gross) = (pounds(5_000), pounds(1_000), pounds(6_000));
    let totals = Totals { net, tax, gross };
    let lines = vec![InvoiceLine {
        number: 1,
        service: "visit".into(),
        display: "Visit".into(),
        quantity: 1,
        unit_price: net,
        discount: pounds(0),
        net,
        tax: price().tax,
        tax_amount: tax,
    }];
    let post = |account, minor| Posting { account, amount: pounds(minor) };
    let accounts = streams::account(account);
    let invoices = streams::invoice(invoice);
    let opened = AccountOpened { account, hospital, patient, currency: net.currency, guarantor: None };
    let guarantor: Billing<String> = "Acme Ltd".to_owned().into();
    let named = GuarantorNamed { account, hospital, patient, guarantor: Some(guarantor.clone()), reason: None };
    let addressed = |recipient| InvoiceAddressed { invoice, hospital, patient, recipient };
    let drafted = InvoiceDrafted {
        invoice,
        hospital,
        patient,
        account,
        appointment: Some(visit),
        kind: InvoiceKind::Visit,
        lines: lines.clone(),
        totals: totals.clone(),
    };
    let issued = InvoiceIssued {
        invoice,
        hospital,
        patient,
        account,
        appointment: Some(visit),
        kind: InvoiceKind::Visit,
        number: u64::from(number) + 1,
        printed_number: format!("INV-{number}"),
        series: "visit".into(),
        issue_date: date(),
        lines,
        totals,
        postings: vec![
            post(LedgerAccount::Receivable, 6_000),
            post(LedgerAccount::Revenue, -5_000),
            post(LedgerAccount::Tax, -1_000),
        ],
    };
    let recorded = PaymentRecorded {
        account,
        hospital,
        patient,
        payment,
        amount: gross,
        method: PaymentMethod::Card,
        reference: Some("ref".to_owned().into()),
        payer: None,
        invoice: Some(invoice),
    };
    let succeeded = PaymentSucceeded {
        account,
        hospital,
        patient,
        payment,
        amount: gross,
        postings: vec![post(LedgerAccount::Cash, 6_000), post(LedgerAccount::Unapplied, -6_000)],
    };
    let allocated = CreditAllocated {
        account,
        hospital,
        patient,
        allocation,
        invoice,
        amount: gross,
        shares: vec![PaymentShare { payment, amount: gross }],
        postings: vec![post(LedgerAccount::Unapplied, 6_000), post(LedgerAccount::Receivable, -6_000)],
    };
    let paid = InvoiceAllocated { invoice, hospital, patient, allocation, amount: gross, balance: pounds(0) };
    vec![
        step(slot, vec![(accounts.clone(), opened.into()), (invoices.clone(), drafted.into())]),
        step(slot, vec![(accounts.clone(), named.into())]),
        step(
            slot,
            vec![
                (invoices.clone(), issued.into()),
                (invoices.clone(), addressed(guarantor).into()),
                (accounts.clone(), InvoiceCharged { account, hospital, patient, invoice, amount: gross }.into()),
            ],
        ),
        step(
            slot,
            vec![
                (accounts.clone(), recorded.into()),
                (accounts.clone(), succeeded.into()),
                (accounts, allocated.into()),
                (invoices.clone(), paid.into()),
                (invoices, InvoiceBalanced { invoice, hospital, patient }.into()),
            ],
        ),
    ]
}

fn report(id: CommandId, hospital: HospitalId, patient: PatientId) -> Vec<Step> {
    let slot = patient.slot();
    let report = LabReportId::derive(id, slot, at(0), 6);
    let stream = streams::lab_report(report);
    let uploaded = LabReportUploaded {
        report,
        hospital,
        patient,
        blob: BlobName::of(report.to_string().as_bytes()),
        file_hash: "00".repeat(32),
        file_name: "report.pdf".to_owned().into(),
        bytes: 1_000,
        media_type: "application/pdf".into(),
    };
    let potassium = Observation {
        number: 1,
        name: "Potassium".into(),
        loinc: None,
        printed: Some("6.90".into()),
        decimal: Some("6.90".into()),
        comparator: None,
        unit: Some("mmol/L".into()),
        ucum: None,
        range: None,
        printed_flag: Some(Flag::CriticallyHigh),
        computed_flag: None,
        status: ObservationStatus::Preliminary,
        machine_read: true,
        page: 1,
        line: 1,
        earlier: vec![],
    };
    let header =
        PrintedHeader { name: None, birth_date: None, identifier: None, sex: None, collected: None, laboratory: None };
    let added = Observation { number: 2, status: ObservationStatus::Final, machine_read: false, ..potassium.clone() };
    let appended = LabReportAppended {
        report,
        hospital,
        patient,
        added: vec![added].into(),
        reason: "came later".to_owned().into(),
        observations: 2,
        critical: vec![2],
    };
    let extraction = Extraction { header, observations: vec![potassium], unparsed: vec![], pages: 1, producer: None };
    let extracted = LabReportExtracted {
        report,
        hospital,
        patient,
        attempt: 1,
        extraction: extraction.into(),
        observations: 1,
        missing: 0,
        critical: vec![1],
        needs_review: false,
    };
    let seen =
        CriticalValueAcknowledged { report, hospital, patient, observation: 1, value_seen: "6.90".to_owned().into() };
    let events: Vec<Event> = vec![
        uploaded.into(),
        ProcessingStarted { report, patient, attempt: 1 }.into(),
        extracted.into(),
        LabReportFinalised { report, hospital, patient }.into(),
        seen.into(),
        appended.into(),
        ObservationCancelled { report, hospital, patient, observation: 1, reason: "haemolysed".to_owned().into() }
            .into(),
    ];
    events.into_iter().map(|event| step(slot, vec![(stream.clone(), event)])).collect()
}
