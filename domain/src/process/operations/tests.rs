//! Retrying a failed step, skipping an event.

use super::*;
use crate::kernel::aggregate::testing::given;
use crate::kernel::{CommandId, Staff};
use crate::process::events::{SagaStepDone, SagaStepFailed};

fn failed(step: &str) -> ProcessEvent {
    SagaStepFailed {
        saga: "billing".to_owned(),
        instance: "1".to_owned(),
        step: step.to_owned(),
        command: CommandId::of_step("billing", step),
        code: "slot-taken".to_owned(),
        attempts: 3,
    }
    .into()
}

fn done(step: &str) -> ProcessEvent {
    SagaStepDone {
        saga: "billing".to_owned(),
        instance: "1".to_owned(),
        step: step.to_owned(),
        command: CommandId::of_step("billing", step),
        token: crate::kernel::Token::empty(),
    }
    .into()
}

fn retry(step: &str) -> RetrySagaStep {
    RetrySagaStep { saga: "billing".to_owned(), instance: "1".to_owned(), step: step.to_owned() }
}

#[test]
fn a_failed_step_is_retried_once() {
    let RetrySagaStep { saga, instance, step } = retry("issue");
    let retried = SagaStepRetried { saga, instance, step };
    given::<SagaSteps>([failed("issue")]).when(retry("issue")).then([retried.clone().into()]);
    given::<SagaSteps>([failed("issue"), retried.clone().into()])
        .when(retry("issue"))
        .then_rejected(ProcessRejection::StepUnknown);
    given::<SagaSteps>([failed("issue"), retried.clone().into(), failed("issue")])
        .when(retry("issue"))
        .then([retried.into()]);
}

#[test]
fn what_did_not_fail_is_not_retried() {
    given::<SagaSteps>([]).when(retry("issue")).then_rejected(ProcessRejection::SagaUnknown);
    given::<SagaSteps>([failed("draft"), done("draft")])
        .when(retry("draft"))
        .then_rejected(ProcessRejection::StepUnknown);
}

#[test]
fn a_skip_says_why() {
    let position = "0:17".parse().expect("a position");
    let skip = |reason: &str| SkipProjectionEvent {
        projection: "invoices.v1".to_owned(),
        position,
        reason: Staff::new(reason.to_owned()),
    };
    let skipped = skip_projection_event(&skip("known bug")).expect("skipped");
    assert_eq!((skipped.position, skipped.reason), (position, Staff::new("known bug".to_owned())));
    assert_eq!(skip_projection_event(&skip(" ")), Err(ProcessRejection::ReasonMissing));
    assert_eq!(skip_projection_event(&skip(&"x".repeat(2_001))), Err(ProcessRejection::ReasonTooLong));
}
