//! Read model `patients`: who the chain knows, by what they are found, and at which hospitals.

use carelog_domain::event::{Event, PatientEvent, PatientScheduleEvent};
use carelog_domain::kernel::{Identity, PatientId, Recorded};
use carelog_domain::patient::events::{PatientCorrected, PatientRegistered};
use carelog_domain::patient::{HumanName, Identifier};
use carelog_domain::ports::SqlValue;
use carelog_schemas::read_models::patients::{MODEL, PATIENT_IDENTIFIERS, PATIENT_LINKS, PATIENT_NAME_WORDS, PATIENTS};
use carelog_schemas::read_models::{Model, folded_words, sort_key};

use crate::change::{Cell, Change, delete, int, json, maybe_text, patch, put, text};
use crate::projection::Projection;

/// See the module.
pub struct Patients;

impl Projection for Patients {
    const MODEL: &'static Model = &MODEL;
    const EVENTS: &'static [&'static str] =
        &["PatientRegistered", "PatientCorrected", "ContactsChanged", "IdentifierAdded", "PatientLinked"];

    fn project(recorded: &Recorded<Event>) -> Vec<Change> {
        match &recorded.event {
            Event::PatientEvent(event) => of_patient(event, recorded),
            Event::PatientScheduleEvent(PatientScheduleEvent::PatientLinked(e)) => vec![put(
                &PATIENT_LINKS,
                vec![
                    ("hospital", text(e.hospital)),
                    ("patient", text(e.patient)),
                    ("linked_at", recorded.context.occurred_at.into()),
                ],
            )],
            _ => vec![],
        }
    }
}

fn of_patient(event: &PatientEvent, recorded: &Recorded<Event>) -> Vec<Change> {
    let changed =
        |patient: PatientId, cells: Vec<Cell>| patch(&PATIENTS, vec![text(patient)], [cells, stamp(recorded)].concat());
    match event {
        PatientEvent::PatientRegistered(e) => registered(e, recorded),
        PatientEvent::PatientCorrected(e) => {
            let words = e.name.iter().flat_map(|name| name_words(e.patient, name.open()));
            std::iter::once(changed(e.patient, corrected(e))).chain(words).collect()
        }
        PatientEvent::ContactsChanged(e) => {
            let address = e.address.as_ref().and_then(Identity::open);
            vec![changed(
                e.patient,
                vec![
                    ("contacts", e.contacts.open().map_or(SqlValue::Null, json)),
                    ("address", maybe_text(address.map(|address| &address.text))),
                    ("country", maybe_text(address.and_then(|address| address.country.as_ref()))),
                ],
            )]
        }
        PatientEvent::IdentifierAdded(e) => {
            vec![identifier(e.patient, recorded, 0, &e.identifier), changed(e.patient, vec![])]
        }
    }
}

fn registered(e: &PatientRegistered, recorded: &Recorded<Event>) -> Vec<Change> {
    let known = e.demographics.open();
    let address = known.and_then(|known| known.address.as_ref());
    let row = vec![
        ("patient", text(e.patient)),
        ("gender", maybe_text(known.map(|known| known.gender))),
        ("birth_date", maybe_text(known.and_then(|known| known.birth_date))),
        ("contacts", known.map_or(SqlValue::Null, |known| json(&known.contacts))),
        ("address", maybe_text(address.map(|address| &address.text))),
        ("country", maybe_text(address.and_then(|address| address.country.as_ref()))),
        ("erased", e.demographics.is_erased().into()),
        ("registered_at", recorded.context.occurred_at.into()),
    ];
    let name = known.map(|known| &known.name);
    let mut changes = vec![put(&PATIENTS, [row, name_cells(name), stamp(recorded)].concat())];
    changes.extend(name_words(e.patient, name));
    let identifiers = e.identifiers.iter().enumerate();
    changes.extend(identifiers.map(|(index, each)| identifier(e.patient, recorded, index as u64, each)));
    changes
}

fn corrected(e: &PatientCorrected) -> Vec<Cell> {
    let name = e.name.iter().flat_map(|name| name_cells(name.open()));
    let gender = e.gender.iter().map(|gender| ("gender", maybe_text(gender.open())));
    let birth_date = e.birth_date.iter().map(|date| ("birth_date", maybe_text(date.open())));
    name.chain(gender).chain(birth_date).collect()
}

fn name_cells(name: Option<&HumanName>) -> Vec<Cell> {
    vec![
        ("name", maybe_text(name.map(|name| &name.text))),
        ("name_key", SqlValue::Bytes(name.map(|name| sort_key(&name.text)).unwrap_or_default())),
    ]
}

/// The words of a name, in place of those of an earlier one.
fn name_words(patient: PatientId, name: Option<&HumanName>) -> Vec<Change> {
    let words = name.map(|name| folded_words(&name.text)).unwrap_or_default();
    let rows = words.into_iter().map(|word| {
        put(&PATIENT_NAME_WORDS, vec![("patient", text(patient)), ("word", SqlValue::Bytes(word.into_bytes()))])
    });
    std::iter::once(delete(&PATIENT_NAME_WORDS, vec![text(patient)])).chain(rows).collect()
}

fn identifier(patient: PatientId, recorded: &Recorded<Event>, index: u64, value: &Identity<Identifier>) -> Change {
    let open = value.open();
    put(
        &PATIENT_IDENTIFIERS,
        vec![
            ("patient", text(patient)),
            ("ordinal", int(recorded.context.version.0 * 1_000 + index)),
            ("system", maybe_text(open.map(|open| &open.system))),
            ("kind", maybe_text(open.map(|open| &open.kind))),
            ("value", maybe_text(open.map(|open| &open.value))),
            ("normalised", maybe_text(open.map(Identifier::normalised))),
        ],
    )
}

fn stamp(recorded: &Recorded<Event>) -> Vec<Cell> {
    vec![("updated_at", recorded.context.occurred_at.into()), ("version", int(recorded.context.version.0))]
}
