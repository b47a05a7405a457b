//! The link, and overlaps of a patient's live appointments.

use super::super::world::{World, at, names};
use super::*;
use crate::kernel::{HospitalId, Timestamp};

fn period(start: &str, end: &str) -> Period {
    let instant = |time: &str| -> Timestamp { at(&format!("2025-03-03T{time}:00Z")) };
    Period { start: instant(start), end: instant(end) }
}

#[test]
fn periods_that_only_touch_do_not_overlap() {
    assert!(!period("09:00", "09:30").overlaps(&period("09:30", "10:00")));
    assert!(period("09:00", "09:31").overlaps(&period("09:30", "10:00")));
    assert!(period("09:00", "12:00").overlaps(&period("10:00", "10:30")));
    assert!(!period("09:30", "09:30").overlaps(&period("09:00", "10:00")), "an empty period overlaps nothing");
}

#[test]
fn linking_again_is_no_event() {
    let world = World::new();
    let command = LinkPatient { hospital: world.hospital, patient: world.ann };
    let first = link(&world.hospital(), &PatientSchedule::default(), &command).expect("linked");
    assert_eq!(names(&first), ["PatientLinked"]);
    assert_eq!(link(&world.hospital(), &world.schedule(world.ann), &command), Ok(vec![]));
}

#[test]
fn nobody_is_linked_to_a_hospital_that_is_not_there() {
    let world = World::new();
    let elsewhere = HospitalId(uuid::Uuid::from_u128(5));
    let command = LinkPatient { hospital: elsewhere, patient: world.ann };
    let no = Err(SchedulingRejection::HospitalUnknown);
    assert_eq!(link(&Hospital::default(), &PatientSchedule::default(), &command), no);
    assert_eq!(link(&world.hospital(), &PatientSchedule::default(), &command), no);
}
