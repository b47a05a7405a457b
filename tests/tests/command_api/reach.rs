//! What somebody who acts for single hospitals may do to a chain's patients.

use carelog_domain::command::Command;
use carelog_domain::kernel::actor::Reach;
use carelog_domain::kernel::{Actor, CommandId, HospitalId, Personal};
use carelog_domain::patient::Identifier;
use carelog_domain::patient::commands::{AddIdentifier, CorrectPatient};
use carelog_domain::ports::{CommandBus, CommandError, CommandRequest};

use crate::house::{House, owner};

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_is_changed_only_by_those_whose_hospital_knows_them() {
    let house = House::open().await;
    let patient = house.patient("p1").await.parse().expect("an id");
    let here: HospitalId = house.hospital.parse().expect("an id");
    let elsewhere = HospitalId(uuid::Uuid::from_u128(7));
    let correct: Command = CorrectPatient {
        patient,
        name: None,
        gender: None,
        birth_date: Some(Personal::new("1980-05-06".parse().expect("a date"))),
        reason: Personal::new("a slip".to_owned()),
    }
    .into();
    let identifier = Identifier { system: "urn:test".to_owned(), kind: "MR".to_owned(), value: "p2".to_owned() };
    let add: Command = AddIdentifier { patient, identifier: Personal::new(identifier) }.into();
    let send = async |command: &Command, reach: Reach| {
        let request = CommandRequest::now(
            CommandId::of_client_key("test", command.name(), "1"),
            command.clone(),
            Actor { reach, ..owner() },
        );
        house.bus.send(request).await
    };
    for command in [correct, add] {
        let before = house.heads().await;
        for reach in [vec![elsewhere], vec![]] {
            let refused = send(&command, Reach::Hospitals(reach)).await;
            let Err(CommandError::Rejected(rejection)) = refused else { panic!("{refused:?}") };
            assert_eq!(rejection.code, "patient-unknown", "to them there is no such patient");
        }
        assert_eq!(house.heads().await, before);
        send(&command, Reach::Hospitals(vec![elsewhere, here])).await.expect("their hospital knows the patient");
    }
}
