//! Registering a practitioner.

use super::*;
use crate::kernel::Staff;
use crate::kernel::aggregate::testing::given;

fn id() -> PractitionerId {
    PractitionerId(uuid::Uuid::from_u128(1))
}

fn named(text: &str) -> Staff<HumanName> {
    Personal::new(HumanName { text: text.to_owned() })
}

fn register(name: Staff<HumanName>) -> PractitionerCommand {
    PractitionerCommand::Register(id(), RegisterPractitioner { name })
}

#[test]
fn a_practitioner_is_registered_once() {
    let registered = PractitionerRegistered { practitioner: id(), name: named("Dr Test") };
    given::<Practitioner>([]).when(register(named(" Dr Test "))).then([registered.clone().into()]);
    given::<Practitioner>([registered.into()])
        .when(register(named("Dr Test")))
        .then_rejected(PractitionerRejection::PractitionerExists);
}

#[test]
fn a_practitioner_needs_a_readable_name_of_bearable_length() {
    given::<Practitioner>([]).when(register(named(" "))).then_rejected(PractitionerRejection::NameMissing);
    given::<Practitioner>([]).when(register(Personal::Erased)).then_rejected(PractitionerRejection::NameMissing);
    given::<Practitioner>([]).when(register(named(&"x".repeat(301)))).then_rejected(PractitionerRejection::NameTooLong);
}
