//! An import begins, advances and ends; its watermark never goes back.

use super::*;
use crate::kernel::{HospitalId, fold};
use crate::scheduling::world::{World, at, names};

const EARLY: &str = "2024-01-01T00:00:00Z";
const LATE: &str = "2024-06-01T00:00:00Z";

fn start(hospital: HospitalId, manifest: &str) -> StartImport {
    StartImport { hospital, manifest: manifest.to_owned(), digest: "d1".to_owned(), watermark: at(EARLY) }
}

fn advance(hospital: HospitalId, watermark: &str) -> AdvanceImport {
    AdvanceImport { hospital, manifest: "year".to_owned(), watermark: at(watermark) }
}

fn after(changes: &[Changes]) -> Import {
    let events: Vec<ProcessEvent> =
        changes.iter().flatten().map(|(_, event)| event.clone().try_into().expect("a process's")).collect();
    fold(&events)
}

#[test]
fn an_import_advances_to_its_end() {
    let world = World::new();
    let finish = FinishImport { hospital: world.hospital, manifest: "year".to_owned() };
    let started = start_import(&world.hospital(), &Import::default(), &start(world.hospital, "year")).expect("started");
    assert_eq!(names(&started), ["ImportStarted"]);
    let running = after(std::slice::from_ref(&started));
    assert_eq!(start_import(&world.hospital(), &running, &start(world.hospital, "year")), Ok(vec![]), "taken up again");
    assert_eq!(advance_import(&running, &advance(world.hospital, EARLY)), Ok(vec![]), "there already");
    let advanced = advance_import(&running, &advance(world.hospital, LATE)).expect("advanced");
    assert_eq!(names(&advanced), ["ImportAdvanced"]);
    let further = after(&[started.clone(), advanced.clone()]);
    assert_eq!(further.status(), Some(ImportStatus::Running { watermark: at(LATE) }));
    assert_eq!(
        advance_import(&further, &advance(world.hospital, EARLY)),
        Err(ProcessRejection::WatermarkBack { watermark: at(LATE) })
    );
    let finished = finish_import(&further, &finish).expect("finished");
    let over = after(&[started, advanced, finished]);
    assert_eq!(finish_import(&over, &finish), Ok(vec![]));
    assert_eq!(advance_import(&over, &advance(world.hospital, LATE)), Err(ProcessRejection::ImportFinished));
    assert_eq!(
        start_import(&world.hospital(), &over, &start(world.hospital, "year")),
        Err(ProcessRejection::ImportFinished)
    );
}

#[test]
fn a_folder_that_changed_under_its_name_is_refused() {
    let world = World::new();
    let started = start_import(&world.hospital(), &Import::default(), &start(world.hospital, "year")).expect("started");
    let changed = StartImport { digest: "d2".to_owned(), ..start(world.hospital, "year") };
    let running = after(&[started]);
    assert_eq!(start_import(&world.hospital(), &running, &changed), Err(ProcessRejection::FolderChanged));
}

#[test]
fn an_import_needs_a_beginning_a_hospital_and_a_name() {
    let world = World::new();
    let finish = FinishImport { hospital: world.hospital, manifest: "year".to_owned() };
    assert_eq!(finish_import(&Import::default(), &finish), Err(ProcessRejection::ImportUnknown));
    assert_eq!(
        advance_import(&Import::default(), &advance(world.hospital, LATE)),
        Err(ProcessRejection::ImportUnknown)
    );
    assert_eq!(
        start_import(&Hospital::default(), &Import::default(), &start(world.hospital, "year")),
        Err(ProcessRejection::HospitalUnknown)
    );
    for manifest in ["", "a b", "a:b", &"x".repeat(101)] {
        assert_eq!(
            start_import(&world.hospital(), &Import::default(), &start(world.hospital, manifest)),
            Err(ProcessRejection::ManifestInvalid)
        );
    }
}
