//! Imports, and what operators do to sagas and projections.

use carelog_domain::kernel::Decide;
use carelog_domain::organization::Hospital;
use carelog_domain::process::commands::*;
use carelog_domain::process::{self, Import, SagaSteps};
use carelog_domain::streams;

use super::Answer;
use crate::write_side::session::Session;

pub(super) async fn retry_saga_step(s: &mut Session<'_>, command: &RetrySagaStep) -> Answer {
    let stream = s.about();
    let steps = s.load::<SagaSteps>(&stream).await?;
    let events = steps.decide(command, &s.times())?;
    Ok(events.into_iter().map(|event| (stream.clone(), event.into())).collect())
}

pub(super) async fn skip_projection_event(s: &mut Session<'_>, command: &SkipProjectionEvent) -> Answer {
    let stream = s.about();
    s.load::<SagaSteps>(&stream).await?; // For the stream's version; what was skipped before does not matter.
    Ok(vec![(stream, process::skip_projection_event(command)?.into())])
}

pub(super) async fn start_import(s: &mut Session<'_>, command: &StartImport) -> Answer {
    s.authorize(command.hospital)?;
    let hospital = s.load::<Hospital>(&streams::organization(command.hospital)).await?;
    let stream = s.about();
    let import = s.load::<Import>(&stream).await?;
    Ok(process::start_import(&hospital, &import, command)?)
}

pub(super) async fn advance_import(s: &mut Session<'_>, command: &AdvanceImport) -> Answer {
    s.authorize(command.hospital)?;
    let stream = s.about();
    let import = s.load::<Import>(&stream).await?;
    Ok(process::advance_import(&import, command)?)
}

pub(super) async fn finish_import(s: &mut Session<'_>, command: &FinishImport) -> Answer {
    s.authorize(command.hospital)?;
    let stream = s.about();
    let import = s.load::<Import>(&stream).await?;
    Ok(process::finish_import(&import, command)?)
}
