//! Topic `carelog.patients.v1`.

use carelog_domain::event::{Event, PatientEvent, PatientScheduleEvent};
use carelog_schemas::topics::patients::{Message, PatientCorrected, PatientLinked, PatientRegistered};

use crate::pseudonyms::Pseudonyms;

pub(crate) fn message(event: &Event, names: &Pseudonyms<'_>) -> Option<Message> {
    Some(match event {
        Event::PatientEvent(PatientEvent::PatientRegistered(e)) => {
            PatientRegistered { patient: names.patient(e.patient) }.into()
        }
        Event::PatientEvent(PatientEvent::PatientCorrected(e)) => {
            PatientCorrected { patient: names.patient(e.patient) }.into()
        }
        Event::PatientScheduleEvent(PatientScheduleEvent::PatientLinked(e)) => {
            PatientLinked { hospital: e.hospital, patient: names.patient(e.patient) }.into()
        }
        _ => return None,
    })
}
