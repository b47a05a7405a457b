//! What an operator can ask of processes: a failed step of a saga tried again, an event skipped by a projection.

use std::collections::BTreeSet;

use super::ProcessRejection;
use super::commands::{RetrySagaStep, SkipProjectionEvent};
use super::events::{ProjectionEventSkipped, SagaStepRetried};
use crate::event::ProcessEvent;
use crate::kernel::reason::check_reason;
use crate::kernel::{Decide, Evolve, Times};

/// The failed steps of one instance of a saga: the state of its stream, as far as a retry needs it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SagaSteps {
    known: bool,
    failed: BTreeSet<String>,
}

impl SagaSteps {
    /// Steps that failed and were neither retried nor done since.
    pub fn failed(&self) -> impl Iterator<Item = &str> + '_ {
        self.failed.iter().map(String::as_str)
    }
}

impl Evolve for SagaSteps {
    type Event = ProcessEvent;

    fn evolve(&mut self, event: &ProcessEvent) {
        self.known = true;
        match event {
            ProcessEvent::SagaStepFailed(e) => {
                self.failed.insert(e.step.clone());
            }
            ProcessEvent::SagaStepRetried(e) => {
                self.failed.remove(&e.step);
            }
            ProcessEvent::SagaStepDone(e) => {
                self.failed.remove(&e.step);
            }
            _ => {}
        }
    }
}

impl Decide for SagaSteps {
    type Command = RetrySagaStep;
    type Rejection = ProcessRejection;

    fn decide(&self, command: &RetrySagaStep, _: &Times) -> Result<Vec<ProcessEvent>, ProcessRejection> {
        if !self.known {
            return Err(ProcessRejection::SagaUnknown);
        }
        if !self.failed.contains(&command.step) {
            return Err(ProcessRejection::StepUnknown);
        }
        let RetrySagaStep { saga, instance, step } = command.clone();
        Ok(vec![SagaStepRetried { saga, instance, step }.into()])
    }
}

/// An operator lets a projection skip an event, and says why.
///
/// # Errors
/// When the reason is missing or too long.
pub fn skip_projection_event(command: &SkipProjectionEvent) -> Result<ProjectionEventSkipped, ProcessRejection> {
    check_reason(&command.reason)?;
    let SkipProjectionEvent { projection, position, reason } = command.clone();
    Ok(ProjectionEventSkipped { projection, position, reason })
}

#[cfg(test)]
mod tests;
