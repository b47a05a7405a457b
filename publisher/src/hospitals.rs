//! Topic `carelog.hospitals.v1`.

use carelog_domain::event::{Event, OrganizationEvent};
use carelog_schemas::topics::hospitals::{HospitalRegistered, Message};

pub(crate) fn message(event: &Event) -> Option<Message> {
    let Event::OrganizationEvent(OrganizationEvent::HospitalRegistered(e)) = event else { return None };
    let message = HospitalRegistered {
        hospital: e.hospital,
        name: e.name.clone(),
        zone: e.zone.to_string(),
        currency: e.currency.to_string(),
    };
    Some(message.into())
}
