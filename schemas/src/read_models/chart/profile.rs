//! The item `profile`.

use carelog_domain::event::{Event, PatientEvent};
use carelog_domain::kernel::{Identity, Recorded};
use serde_json::{Map, Value, json};

use super::Profile;
use super::change::{ItemChange, ItemWhat, body, item, merged};

const KEY: &str = "profile";

pub(super) fn changes(event: &PatientEvent, recorded: &Recorded<Event>) -> Vec<ItemChange> {
    match event {
        PatientEvent::PatientRegistered(e) => {
            let known = e.demographics.open();
            let profile = Profile {
                name: known.map(|known| known.name.text.clone()),
                gender: known.map(|known| known.gender),
                birth_date: known.and_then(|known| known.birth_date),
                contacts: known.map(|known| known.contacts.clone()),
                address: known.and_then(|known| known.address.as_ref()).map(|address| address.text.clone()),
                identifiers: e.identifiers.iter().map(|identifier| identifier.open().cloned()).collect(),
                erased: e.demographics.is_erased(),
                registered_at: recorded.context.occurred_at,
                version: recorded.context.version.0,
            };
            vec![item(e.patient, KEY, ItemWhat::Put(body(&profile)))]
        }
        PatientEvent::PatientCorrected(e) => {
            let mut fields = Map::new();
            if let Some(name) = &e.name {
                fields.insert("name".to_owned(), json!(name.open().map(|name| &name.text)));
            }
            if let Some(gender) = &e.gender {
                fields.insert("gender".to_owned(), json!(gender.open()));
            }
            if let Some(birth_date) = &e.birth_date {
                fields.insert("birthDate".to_owned(), json!(birth_date.open()));
            }
            vec![item(e.patient, KEY, merged(recorded, Value::Object(fields)))]
        }
        // How to reach them is replaced as a whole: without an address they have none from now on.
        PatientEvent::ContactsChanged(e) => {
            let address = e.address.as_ref().and_then(Identity::open).map(|address| &address.text);
            let fields = json!({ "contacts": e.contacts.open(), "address": address });
            vec![item(e.patient, KEY, merged(recorded, fields))]
        }
        PatientEvent::IdentifierAdded(e) => vec![
            item(e.patient, KEY, ItemWhat::Push("identifiers", vec![json!(e.identifier.open())])),
            item(e.patient, KEY, merged(recorded, json!({}))),
        ],
    }
}
