//! Who may claim, confirm and release an identifier, in every state of the claim.

use super::*;
use crate::kernel::aggregate::testing::given;

const OWNER: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
const PROCESS: Uuid = Uuid::from_u128(3);

fn minute(minute: i64) -> Timestamp {
    Timestamp::from_micros(0).plus_minutes(minute)
}

fn claim(owner: Uuid) -> ClaimCommand {
    ClaimCommand::Claim(ClaimIdentifier { keyed_hash: String::new(), owner, process: PROCESS })
}

fn confirm(owner: Uuid) -> ClaimCommand {
    ClaimCommand::Confirm(ConfirmClaim { keyed_hash: String::new(), owner })
}

fn release(owner: Uuid) -> ClaimCommand {
    ClaimCommand::Release(ReleaseClaim { keyed_hash: String::new(), owner })
}

fn claimed(owner: Uuid, until: i64) -> ClaimEvent {
    IdentifierClaimed { owner, process: PROCESS, until: minute(until) }.into()
}

fn confirmed(owner: Uuid) -> ClaimEvent {
    ClaimConfirmed { owner }.into()
}

fn released(owner: Uuid) -> ClaimEvent {
    ClaimReleased { owner }.into()
}

#[test]
fn a_free_identifier_is_claimed_for_a_while() {
    given::<IdentifierClaim>([]).at(minute(0)).when(claim(OWNER)).then([claimed(OWNER, CLAIM_MINUTES)]);
    given::<IdentifierClaim>([claimed(OWNER, 60), released(OWNER)]).when(claim(OTHER)).then([claimed(OTHER, 60)]);
}

#[test]
fn the_same_owner_again_is_no_event() {
    given::<IdentifierClaim>([claimed(OWNER, 60)]).at(minute(59)).when(claim(OWNER)).then_nothing();
    given::<IdentifierClaim>([claimed(OWNER, 60), confirmed(OWNER)]).when(claim(OWNER)).then_nothing();
    given::<IdentifierClaim>([claimed(OWNER, 60), confirmed(OWNER)]).when(confirm(OWNER)).then_nothing();
}

#[test]
fn what_somebody_claims_or_has_is_not_taken_by_another() {
    let no = PatientRejection::IdentifierTaken;
    given::<IdentifierClaim>([claimed(OWNER, 60)]).at(minute(59)).when(claim(OTHER)).then_rejected(no.clone());
    given::<IdentifierClaim>([claimed(OWNER, 60), confirmed(OWNER)])
        .at(minute(1_000_000))
        .when(claim(OTHER))
        .then_rejected(no);
}

#[test]
fn a_lapsed_claim_can_be_taken() {
    given::<IdentifierClaim>([claimed(OWNER, 60)]).at(minute(60)).when(claim(OTHER)).then([claimed(OTHER, 120)]);
    given::<IdentifierClaim>([claimed(OWNER, 60)]).at(minute(60)).when(claim(OWNER)).then([claimed(OWNER, 120)]);
}

#[test]
fn a_claim_is_confirmed_while_nobody_else_has_it() {
    given::<IdentifierClaim>([claimed(OWNER, 60)]).at(minute(1)).when(confirm(OWNER)).then([confirmed(OWNER)]);
    given::<IdentifierClaim>([claimed(OWNER, 60)]).at(minute(61)).when(confirm(OWNER)).then([confirmed(OWNER)]);
    let lost = PatientRejection::ClaimLost;
    given::<IdentifierClaim>([]).when(confirm(OWNER)).then_rejected(lost.clone());
    given::<IdentifierClaim>([claimed(OWNER, 60), claimed(OTHER, 120)])
        .when(confirm(OWNER))
        .then_rejected(lost.clone());
    given::<IdentifierClaim>([claimed(OTHER, 60), confirmed(OTHER)]).when(confirm(OWNER)).then_rejected(lost);
}

#[test]
fn only_its_owner_gives_a_claim_up() {
    given::<IdentifierClaim>([claimed(OWNER, 60)]).when(release(OWNER)).then([released(OWNER)]);
    given::<IdentifierClaim>([claimed(OWNER, 60), confirmed(OWNER)]).when(release(OWNER)).then([released(OWNER)]);
    given::<IdentifierClaim>([claimed(OWNER, 60), confirmed(OWNER)]).when(release(OTHER)).then_nothing();
    given::<IdentifierClaim>([]).when(release(OWNER)).then_nothing();
    given::<IdentifierClaim>([claimed(OWNER, 60), released(OWNER)]).when(release(OWNER)).then_nothing();
}

#[test]
fn a_claims_stream_is_named_by_its_hash() {
    let hash = "ab".repeat(32);
    assert_eq!(claim_stream(&hash).map(|name| name.to_string()), Ok(format!("identifier:{hash}")));
    for bad in ["", "zz", &"ab".repeat(31), &"ab".repeat(33)] {
        assert_eq!(claim_stream(bad), Err(PatientRejection::KeyedHashInvalid));
    }
}
