//! Hospitals.

use carelog_domain::kernel::{Decide, HospitalId};
use carelog_domain::organization::commands::{RegisterHospital, SetPolicies, SetPriceList};
use carelog_domain::organization::{Hospital, HospitalCommand};
use carelog_domain::streams;

use super::Answer;
use crate::write_side::session::Session;

pub(super) async fn register(s: &mut Session<'_>, command: &RegisterHospital) -> Answer {
    let times = s.times();
    let hospital = HospitalId::derive(s.request.id, s.slot(), times.occurred_at, 0);
    decided(s, hospital, HospitalCommand::Register(hospital, command.clone())).await
}

pub(super) async fn set_policies(s: &mut Session<'_>, command: &SetPolicies) -> Answer {
    s.authorize(command.hospital)?;
    decided(s, command.hospital, HospitalCommand::SetPolicies(command.clone())).await
}

pub(super) async fn set_price_list(s: &mut Session<'_>, command: &SetPriceList) -> Answer {
    s.authorize(command.hospital)?;
    decided(s, command.hospital, HospitalCommand::SetPriceList(command.clone())).await
}

async fn decided(s: &mut Session<'_>, hospital: HospitalId, command: HospitalCommand) -> Answer {
    let stream = streams::organization(hospital);
    let state = s.load::<Hospital>(&stream).await?;
    let events = state.decide(&command, &s.times())?;
    Ok(events.into_iter().map(|event| (stream.clone(), event.into())).collect())
}
