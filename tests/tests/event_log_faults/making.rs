//! Making a log, also when it stops in the middle, and never over one that is there.

use super::*;

fn parted(disk: &ForgetfulDisk, partitions: u16) -> Result<LocalLog, OpenError> {
    LocalLog::open(Options { partitions, ..options(disk, &MemoryStore::default()) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_first_partition_is_damage_not_a_new_log() {
    let disk = ForgetfulDisk::default();
    let log = parted(&disk, 4).expect("the log opens");
    assert!(append(&log, 0, 100).await);
    drop(log);
    assert_eq!(slot().number() % 4, 3, "the event is in partition 3");
    disk.remove(&segment(0)).expect("it is there");
    let last = Path::new("/log/partition-0003/00000000.segment");
    let before = (disk.names(Path::new("/log")), disk.bytes(last));
    for asked in [0, 1, 2, 4] {
        let Err(error) = parted(&disk, asked) else {
            panic!("{asked} partitions: a new log was made over the old one")
        };
        assert!(matches!(&error, OpenError::Damaged(damage) if damage.file.ends_with("partition-0000")), "{error}");
        assert_eq!((disk.names(Path::new("/log")), disk.bytes(last)), before, "nothing was changed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_making_that_stops_anywhere_goes_on_at_the_next_start() {
    for changes in 0.. {
        let disk = ForgetfulDisk::default();
        disk.fail_after(changes);
        if parted(&disk, 4).is_ok() {
            assert!(changes > 20, "{changes} changes made a log");
            break;
        }
        disk.crash([Crash::ForgetsAll, Crash::KeepsAll, Crash::Tears(changes)][changes as usize % 3]);
        let mut partitions = [4, 2, 1][changes as usize / 3 % 3];
        if let Err(OpenError::PartitionsDiffer { found, .. }) = parted(&disk, partitions) {
            partitions = found; // It was made; the last folder was not synced when it stopped.
        }
        let log = parted(&disk, partitions).unwrap_or_else(|error| panic!("after {changes} changes: {error}"));
        assert_eq!(log.partitions(), partitions);
        assert!(append(&log, 0, 100).await, "after {changes} changes");
        drop(log);
        disk.crash(Crash::ForgetsAll);
        let log = parted(&disk, partitions).unwrap_or_else(|error| panic!("after {changes} changes: {error}"));
        let sizes: u64 = log.head().await.expect("a head").iter().map(|head| head.size).sum();
        assert_eq!(sizes, 1, "after {changes} changes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_the_log_does_not_know_is_not_replaced() {
    let disk = ForgetfulDisk::default();
    let log = open(&disk).expect("the log opens");
    let file = disk.open(&segment(1), OpenFor::Creating).expect("a file");
    file.write_all_at(b"somebody's only copy", 0).expect("written");
    let mut number = 0;
    while number < 100 && append(&log, number, 2_000).await {
        number += 1;
    }
    assert!((10..100).contains(&number), "{number}: the first segment was filled and there is no second");
    assert_eq!(disk.bytes(&segment(1)), b"somebody's only copy");
}
