//! Each line of the table of what counts.

use carelog_domain::kernel::actor::RecordedActor;
use carelog_domain::kernel::{
    CommandId, EventId, Position, PurposeOfUse, Revision, Role, Slot, StreamName, Timestamp, Version,
};
use carelog_domain::ports::Fingerprint;
use carelog_schemas::frame::{self, FrameParts};
use uuid::Uuid;

use super::*;

/// A frame of the batch of a command.
fn frame(offset: u64, key: &str, index: u16, batch_length: u16) -> Vec<u8> {
    let (slot, command) = (Slot::new(4).expect("a slot"), CommandId::of_client_key("test", "append", key));
    let id = EventId::derive(command, slot, Timestamp::from_micros(7), u32::from(index));
    let actor = RecordedActor { user: "tester".into(), role: Role::System, purpose: PurposeOfUse::Operations };
    let parts = FrameParts {
        position: Position { partition: Partition(0), offset },
        slot,
        id,
        stream: &StreamName::new("thing", id),
        version: Version(1),
        event_type: "Made",
        revision: Revision(1),
        occurred_at: Timestamp::from_micros(7),
        occurred_assumed: false,
        recorded_at: Timestamp::from_micros(8),
        hospital: None,
        actor: &actor,
        command,
        index,
        batch_length,
        fingerprint: (index == 0).then_some(Fingerprint([1; 32])),
        correlation: command,
        causation: None,
        traceparent: None,
        tags: &[],
        data: b"{}",
    };
    let mut bytes = Vec::new();
    frame::encode(&parts, &mut bytes).expect("a frame");
    bytes
}

const LINEAGE: Uuid = Uuid::from_u128(77);

fn root(size: u64) -> Root {
    Root([size as u8; 32])
}

fn claim(epoch: u64, node: &str, size: u64) -> Ownership {
    Ownership::claim(epoch, (node, ""), LINEAGE, 1, (size, root(size)))
}

fn counting() -> Counting {
    Counting::resume(Partition(0), 1, None, 0)
}

/// What a record comes to, in a word.
fn told(counting: &mut Counting, record: Record<'_>) -> String {
    let counted: Result<_, ()> = counting.count(record, |size| Ok(root(size)));
    match counted.expect("roots are known") {
        Counted::Batch(frames) => format!("batch of {}", frames.len()),
        Counted::Pending => "pending".to_owned(),
        Counted::Begun(ownership) => format!("epoch {} of {}", ownership.epoch, ownership.node),
        Counted::Ignored(Ignored::Foreign(_)) => "foreign".to_owned(),
        Counted::Ignored(Ignored::ClaimedBefore) => "claimed before".to_owned(),
        Counted::Ignored(Ignored::FalseClaim(what)) => format!("false: {what}"),
        Counted::Ignored(Ignored::OtherEpoch) => "other epoch".to_owned(),
        Counted::Ignored(Ignored::OutOfPlace) => "out of place".to_owned(),
        Counted::Later(what) => format!("later: {what}"),
    }
}

fn claims(counting: &mut Counting, claim: &Ownership) -> String {
    told(counting, Record::Ownership(Box::new(claim.clone())))
}

fn event(counting: &mut Counting, epoch: u64, bytes: &[u8]) -> String {
    told(counting, Record::Event { epoch, frame: bytes })
}

#[test]
fn nothing_counts_before_somebody_owns_the_partition() {
    let mut counting = counting();
    assert_eq!(event(&mut counting, 1, &frame(0, "a", 0, 1)), "other epoch");
    assert_eq!(claims(&mut counting, &claim(1, "north", 0)), "epoch 1 of north");
    assert_eq!(event(&mut counting, 1, &frame(0, "a", 0, 1)), "batch of 1");
    assert_eq!((counting.epoch(), counting.next()), (1, 1));
}

#[test]
fn the_first_claim_of_an_epoch_wins() {
    let mut counting = counting();
    assert_eq!(claims(&mut counting, &claim(1, "north", 0)), "epoch 1 of north");
    assert_eq!(claims(&mut counting, &claim(2, "south", 0)), "epoch 2 of south");
    assert_eq!(claims(&mut counting, &claim(2, "north", 0)), "claimed before");
    assert_eq!(claims(&mut counting, &claim(1, "east", 0)), "claimed before");
    assert_eq!(counting.owner().map(|owner| owner.node.as_str()), Some("south"));
}

#[test]
fn a_batch_counts_when_it_is_whole() {
    let mut counting = counting();
    claims(&mut counting, &claim(1, "north", 0));
    assert_eq!(event(&mut counting, 1, &frame(0, "a", 0, 3)), "pending");
    assert_eq!(event(&mut counting, 1, &frame(1, "a", 1, 3)), "pending");
    assert_eq!((counting.next(), counting.is_between_batches()), (0, false));
    assert_eq!(event(&mut counting, 1, &frame(2, "a", 2, 3)), "batch of 3");
    assert_eq!((counting.next(), counting.is_between_batches()), (3, true));
}

#[test]
fn a_batch_that_a_dead_owner_left_incomplete_never_counts() {
    let mut counting = counting();
    claims(&mut counting, &claim(1, "north", 0));
    event(&mut counting, 1, &frame(0, "a", 0, 2));
    assert_eq!(claims(&mut counting, &claim(2, "south", 0)), "epoch 2 of south");
    assert_eq!(event(&mut counting, 1, &frame(1, "a", 1, 2)), "other epoch", "its end comes late");
    assert_eq!(event(&mut counting, 2, &frame(1, "a", 1, 2)), "out of place", "not even in the new epoch");
    assert_eq!(event(&mut counting, 2, &frame(0, "b", 0, 1)), "batch of 1", "its place is given again");
}

#[test]
fn frames_of_an_old_epoch_between_new_ones_do_not_count() {
    let mut counting = counting();
    claims(&mut counting, &claim(1, "north", 0));
    event(&mut counting, 1, &frame(0, "a", 0, 1));
    claims(&mut counting, &claim(2, "south", 1));
    assert_eq!(event(&mut counting, 2, &frame(1, "b", 0, 2)), "pending");
    assert_eq!(event(&mut counting, 1, &frame(1, "c", 0, 1)), "other epoch");
    assert_eq!(event(&mut counting, 1, &frame(2, "c", 0, 1)), "other epoch", "though the place is the next");
    assert_eq!(event(&mut counting, 2, &frame(2, "b", 1, 2)), "batch of 2");
}

#[test]
fn what_does_not_follow_is_left_out() {
    let mut counting = counting();
    claims(&mut counting, &claim(1, "north", 0));
    assert_eq!(event(&mut counting, 1, &frame(1, "a", 0, 1)), "out of place", "a gap");
    assert_eq!(event(&mut counting, 1, &frame(0, "a", 1, 2)), "out of place", "the middle of a batch");
    assert_eq!(event(&mut counting, 1, &frame(0, "a", 0, 2)), "pending");
    assert_eq!(event(&mut counting, 1, &frame(0, "a", 0, 2)), "out of place", "again");
    assert_eq!(event(&mut counting, 1, &frame(1, "b", 1, 2)), "out of place", "of another command");
    assert_eq!(event(&mut counting, 1, &frame(1, "a", 1, 2)), "batch of 2");
    let mut elsewhere = Counting::resume(Partition(1), 1, Some(claim(1, "north", 0)), 0);
    assert_eq!(event(&mut elsewhere, 1, &frame(0, "a", 0, 1)), "out of place", "of another partition");
}

#[test]
fn a_claim_by_whoever_has_another_log_is_false() {
    let mut counting = counting();
    claims(&mut counting, &claim(1, "north", 0));
    event(&mut counting, 1, &frame(0, "a", 0, 1));
    let is_false = |counting: &mut Counting, claim: &Ownership, why: &str| {
        let told = claims(counting, claim);
        assert!(told.starts_with("false") && told.contains(why), "{told}");
    };
    is_false(&mut counting, &claim(3, "south", 1), "epoch 3 follows epoch 1");
    is_false(&mut counting, &claim(2, "south", 2), "had applied 2 frames where the log has 1");
    is_false(&mut counting, &Ownership { root: "00".to_owned(), ..claim(2, "south", 1) }, "root 00");
    is_false(&mut counting, &Ownership { partitions: 4, ..claim(2, "south", 1) }, "4 partitions");
    is_false(&mut counting, &Ownership { lineage: Uuid::from_u128(1), ..claim(2, "south", 1) }, "lineage");
    assert_eq!(claims(&mut counting, &claim(2, "south", 1)), "epoch 2 of south", "none of them was in its way");
}

#[test]
fn foreign_records_are_passed_over_and_later_ones_are_not() {
    let mut counting = counting();
    claims(&mut counting, &claim(1, "north", 0));
    assert_eq!(told(&mut counting, Record::Foreign("hello".to_owned())), "foreign");
    assert_eq!(told(&mut counting, Record::Later("a hand-over".to_owned())), "later: a hand-over");
}
