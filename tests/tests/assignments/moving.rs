//! Partitions move between two processes at random, overlapping and with gaps, while a hospital lives on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{AppointmentId, Partition, PatientId};
use carelog_domain::ports::{Direction, EventFilter, EventLog, Fixed, Freshness, Settlement};
use carelog_projections::operations;
use carelog_schemas::read_models::MODELS;
use carelog_schemas::sealing;
use carelog_tests::assignments::MovingAssignment;
use futures::future::join_all;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::cluster::{Cluster, LONG, PARTITIONS, Process, QUIET, Stores, rows};
use super::hospital::Hospitals;

const PATIENTS: u32 = 30;

/// Moves partitions of both roles about until it is ended.
pub(crate) async fn moves(processes: [(MovingAssignment, MovingAssignment); 2], seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut held = [[[false; PARTITIONS as usize]; 2]; 2]; // By role, process and partition.
    loop {
        let (role, partition) = (random.random_range(0..2), random.random_range(0..usize::from(PARTITIONS)));
        // One of them, mostly; both for a while; nobody for a while.
        let (first, second) =
            [(true, false), (false, true), (true, false), (false, true), (true, true), (false, false)]
                [random.random_range(0..6)];
        (held[role][0][partition], held[role][1][partition]) = (first, second);
        for (process, held) in processes.iter().zip(held[role]) {
            let assignment = if role == 0 { &process.0 } else { &process.1 };
            assignment.set((0..PARTITIONS).filter(|partition| held[usize::from(*partition)]));
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(5..60))).await;
    }
}

/// A day at two hospitals; every command is waited for by a process that works on nothing.
async fn a_day(cluster: &Cluster, onlooker: &Process) {
    let hospitals = Hospitals::open(cluster).await;
    let settled = async |done: &carelog_domain::ports::CommandDone| {
        let settled = onlooker.sagas.settled(done.command, &done.token, LONG).await.expect("asked");
        settled.unwrap_or_else(|| panic!("{} is not settled", done.stream))
    };
    let one = async |number: u32| {
        let registered = hospitals.register(number).await;
        let all = settled(&registered).await;
        assert!(onlooker.projections.reached(&[], &all, LONG).await.expect("asked"), "{all}");
        if number % 10 == 9 {
            return; // Refused.
        }
        let booked = hospitals.book(number, PatientId(registered.subject)).await;
        settled(&booked).await;
        if number.is_multiple_of(3) {
            settled(&hospitals.treat(AppointmentId(booked.subject)).await).await;
        }
    };
    // The days are open once the schedules are settled.
    assert!(onlooker.sagas.wait(LONG).await.expect("asked"), "the days are opened");
    cluster.clock.set("2024-12-02T07:05:00Z".parse().expect("an instant"));
    for some in (0..PATIENTS).collect::<Vec<_>>().chunks(6) {
        join_all(some.iter().map(|number| one(*number))).await;
    }
    // Whoever did not come is marked, and at midnight the next day is opened.
    cluster.clock.set("2024-12-02T13:00:00Z".parse().expect("an instant"));
    tokio::time::sleep(Duration::from_millis(400)).await;
    cluster.clock.set("2024-12-03T01:00:00Z".parse().expect("an instant"));
    let begun = Instant::now();
    loop {
        let records = records(cluster).await;
        let rang = (count(&records, "rang at midnight"), count(&records, "NoShowMarked #"));
        if rang == (hospitals.places.len(), no_shows()) {
            return;
        }
        assert!(begun.elapsed() < LONG, "the next day is not opened, or not all are marked: {rang:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every tenth claims somebody else's identifier and is refused.
fn booked() -> usize {
    (0..PATIENTS).filter(|number| number % 10 != 9).count()
}

/// Of those who booked, every third comes.
fn treated() -> usize {
    (0..PATIENTS).filter(|number| number % 10 != 9 && number % 3 == 0).count()
}

fn no_shows() -> usize {
    booked() - treated()
}

/// How often the sagas wrote down the same thing, by what it is.
async fn records(cluster: &Cluster) -> BTreeMap<String, usize> {
    let mut records = BTreeMap::new();
    let afternoon = "2024-12-02T13:00:00Z".parse().expect("an instant");
    for partition in (0..PARTITIONS).map(Partition) {
        let all = EventFilter::default();
        let (events, _) =
            cluster.log.read(partition, 0, Direction::Forward, &all, usize::MAX >> 1).await.expect("read");
        for stored in events {
            let name = match sealing::read_sealed(&stored).expect("readable").event {
                Event::ProcessEvent(ProcessEvent::SagaReacted(e)) => {
                    format!("{} reacted {} {}", e.saga, e.instance, e.cause)
                }
                Event::ProcessEvent(ProcessEvent::SagaStepDone(e)) => {
                    format!("{} done {} {}", e.saga, e.instance, e.step)
                }
                Event::ProcessEvent(ProcessEvent::SagaStepFailed(e)) => {
                    format!("{} failed {} {}", e.saga, e.instance, e.step)
                }
                Event::ProcessEvent(ProcessEvent::AlarmRang(e)) => {
                    let when = if e.saga == "day-opening" && e.due_at > afternoon { "at midnight" } else { "by day" };
                    format!("{} rang {when} {}", e.saga, e.alarm)
                }
                other => format!("{} #{}", other.event_type(), stored.context.id),
            };
            *records.entry(name).or_default() += 1;
        }
    }
    records
}

fn count(records: &BTreeMap<String, usize>, what: &str) -> usize {
    records.iter().filter(|(name, _)| name.contains(what)).map(|(_, count)| count).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wherever_partitions_move_rows_and_steps_are_those_of_one_process_alone() {
    let _one_at_a_time = super::SOUND.read().await;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let cluster = Cluster::new();
    let (first, second, onlooker) = tokio::join!(cluster.process(), cluster.process(), cluster.process());
    let both = [&first, &second].map(|process| (process.reading.clone(), process.doing.clone()));
    let moving = tokio::spawn(moves(both, seed));
    a_day(&cluster, &onlooker).await;
    moving.abort();
    let _ = moving.await;
    for (process, partitions) in [(&first, [0, 3]), (&second, [1, 2])] {
        process.reading.set(partitions);
        process.doing.set(partitions);
    }
    assert!(onlooker.sagas.wait(LONG).await.expect("asked"), "{:#?}", onlooker.sagas.list().await);
    let end = cluster.end().await;
    for process in [&first, &second, &onlooker] {
        assert!(
            process.projections.reached(&[], &end, LONG).await.expect("asked"),
            "{:#?}",
            process.projections.registry().await
        );
        let overview = process.sagas.list().await.expect("listed");
        assert_eq!(overview.dead_letters, vec![], "seed {seed}");
        assert!(overview.partitions.iter().all(|each| each.handled == each.head), "{overview:#?}");
        let lines = process.projections.registry().await.expect("listed");
        assert!(
            lines.iter().all(|line| line.lag() == 0 && line.doing == carelog_projections::Doing::Running),
            "{lines:#?}"
        );
    }
    let found = records(&cluster).await;
    let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "seed {seed}: {twice:#?}");
    let refused = PATIENTS as usize - booked();
    assert_eq!(count(&found, "failed"), refused, "the claims of somebody else's identifiers");
    assert_eq!(count(&found, "RegistrationCompleted #"), booked());
    assert_eq!(count(&found, "InvoiceIssued #"), treated());
    assert_eq!(count(&found, "NoShowMarked #"), no_shows(), "the alarms of those who did not come");
    // Nothing is left to do for an engine that handles all of it again.
    let folder = tempfile::tempdir().expect("a folder");
    let again = cluster.sagas(&Stores::empty(folder.path()), Arc::new(Fixed::all(PARTITIONS))).await;
    assert!(again.wait(LONG).await.expect("asked"));
    again.stop().await;
    assert_eq!(cluster.end().await, end, "seed {seed}: the log grew when all was handled again");
    for model in MODELS {
        let deps = cluster.reading(&cluster.stores, Arc::new(Fixed::none()));
        let verdict =
            operations::verify(&deps, Some(&first.projections), model.name, true, QUIET).await.expect("verified");
        assert_eq!(verdict.to_string(), format!("{}: complete", model.name), "seed {seed}");
    }
    for process in [&first, &second, &onlooker] {
        process.stop().await;
    }
    assert_eq!(rows(&cluster.stores).await, cluster.undisturbed().await, "seed {seed}");
}
