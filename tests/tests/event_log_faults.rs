//! What LocalLog does when things go wrong: planted faults are seen, torn ends are cut, damage stops the start, a
//! failed sync poisons, and nothing durable is ever forgotten.

#[path = "event_log_faults/index.rs"]
mod index;
#[path = "event_log_faults/making.rs"]
mod making;
#[path = "event_log_faults/torn.rs"]
mod torn;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carelog_domain::kernel::{Partition, Slot, StreamName, Timestamp, Version};
use carelog_domain::ports::{Direction, EventFilter, EventLog, Stored};
use carelog_event_log::disk::{Disk, OpenFor};
use carelog_event_log::{Faults, IndexHome, LocalLog, MemoryStore, OpenError, Options};
use carelog_tests::clock::ManualClock;
use carelog_tests::contract::event_log::{batch, everything, stream_in};
use carelog_tests::forgetful_disk::{Crash, Failing, ForgetfulDisk, SECTOR_BYTES};
use futures::StreamExt;

fn slot() -> Slot {
    Slot::new(3).expect("a slot")
}

fn stream() -> StreamName {
    stream_in(slot(), "thing", 1)
}

fn options(disk: &ForgetfulDisk, index: &MemoryStore) -> Options {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let index = IndexHome::Given(Arc::new(index.clone()));
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_000_000)));
    let base = Options::new("/log", clock);
    Options { segment_bytes_max: 64 * 1024, memory_index_events_max: 50, recent_bytes_max: 4_000, disk, index, ..base }
}

fn open(disk: &ForgetfulDisk) -> Result<LocalLog, OpenError> {
    LocalLog::open(options(disk, &MemoryStore::default()))
}

/// Appends and reports whether it was reported durable.
async fn append(log: &LocalLog, number: usize, data_bytes: usize) -> bool {
    let data = format!("\"{}\"", "d".repeat(data_bytes));
    let asked = batch(slot(), &format!("k{number}")).event(&stream(), "Made", &["t:1"], &data).build();
    match log.append(asked).await {
        Ok(accepted) => accepted.durable.await.is_ok(),
        Err(_) => false,
    }
}

async fn size(log: &LocalLog) -> u64 {
    log.head().await.expect("a head")[0].size
}

/// Appends, loses the power, and says how many acknowledged events are gone.
async fn lost_with(faults: Faults) -> u64 {
    let disk = ForgetfulDisk::default();
    let index = MemoryStore::default();
    let log = LocalLog::open(Options { faults, ..options(&disk, &index) }).expect("the log opens");
    let mut acknowledged = 0;
    for number in 0..300 {
        acknowledged += u64::from(append(&log, number, 500).await);
    }
    // What cannot be synced must not be acknowledged either.
    disk.fail(Failing { sync_data: true, ..Failing::default() });
    acknowledged += u64::from(append(&log, 300, 500).await);
    disk.crash(Crash::ForgetsAll);
    drop(log);
    match open(&disk) {
        Ok(log) => acknowledged.saturating_sub(size(&log).await),
        Err(_) => acknowledged, // It does not even open.
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_means_durable_and_each_planted_fault_is_seen() {
    assert_eq!(lost_with(Faults::default()).await, 0, "nothing that was acknowledged may be lost");
    let without_sync = Faults { skip_data_sync: true, ..Faults::default() };
    assert!(lost_with(without_sync).await > 0, "taking the fdatasync away must be seen");
    let early = Faults { acknowledge_early: true, ..Faults::default() };
    assert!(lost_with(early).await > 0, "acknowledging early must be seen");
    let nameless = Faults { skip_folder_sync: true, ..Faults::default() };
    assert!(lost_with(nameless).await > 0, "skipping the directory's fsync must be seen");
    let homeless = Faults { skip_parent_sync: true, ..Faults::default() };
    assert!(lost_with(homeless).await > 0, "skipping the fsync of what the directory stands in must be seen");
}

fn segment(number: u32) -> PathBuf {
    Path::new("/log/partition-0000").join(format!("{number:08}.segment"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_is_cut_off_or_missing_is_damage() {
    let disk = ForgetfulDisk::default();
    let log = open(&disk).expect("the log opens");
    for number in 0..400 {
        assert!(append(&log, number, 500).await);
    }
    let segments = log.stats().expect("stats").partitions[0].segments as u32;
    assert!(segments > 3);
    drop(log);
    for number in [0, 1, segments - 1] {
        let copy = disk.copy();
        let mut bytes = copy.bytes(&segment(number));
        bytes.pop();
        copy.replace(&segment(number), bytes);
        assert!(matches!(open(&copy), Err(OpenError::Damaged(_))), "segment {number} is shorter than it should be");
        let copy = disk.copy();
        copy.remove(&segment(number)).expect("it is there");
        let opened = open(&copy).map(|_| ()).err();
        // Without the last one the log is merely shorter: checkpoints notice that, see below.
        assert!(number == segments - 1 || matches!(opened, Some(OpenError::Damaged(_))), "segment {number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_older_than_its_index_or_than_a_checkpoint_does_not_start() {
    let disk = ForgetfulDisk::default();
    let index = MemoryStore::default();
    let log = LocalLog::open(options(&disk, &index)).expect("the log opens");
    for number in 0..20 {
        assert!(append(&log, number, 300).await);
    }
    drop(log);
    let older = disk.copy();
    let log = LocalLog::open(options(&disk, &index)).expect("the log opens");
    for number in 20..400 {
        assert!(append(&log, number, 300).await);
    }
    let head = log.head().await.expect("a head")[0].clone();
    log.verify_checkpoint("the test", Partition(0), head.size, head.root).expect("its own checkpoint");
    drop(log);
    let Err(OpenError::BehindCheckpoint { known_by, .. }) = LocalLog::open(options(&older, &index)) else {
        panic!("a log that is older than its index started")
    };
    assert_eq!(known_by, "the index");
    let log = open(&older).expect("without an index there is nothing to compare with");
    let behind = log.verify_checkpoint("the test", Partition(0), head.size, head.root);
    assert!(matches!(behind, Err(OpenError::BehindCheckpoint { size: 400, .. })));
    for number in 500..900 {
        assert!(append(&log, number, 300).await);
    }
    let other = log.verify_checkpoint("the test", Partition(0), head.size, head.root);
    assert!(matches!(other, Err(OpenError::BehindCheckpoint { found: Some(_), .. })), "another history");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_poisons_the_log_until_it_is_opened_again() {
    let failings =
        [Failing { sync_data: true, ..Failing::default() }, Failing { write_short: true, ..Failing::default() }];
    for failing in failings {
        let disk = ForgetfulDisk::default();
        let log = open(&disk).expect("the log opens");
        assert!(append(&log, 0, 2_000).await);
        assert_eq!(log.failure(), None);
        disk.fail(failing);
        assert!(!append(&log, 1, 2_000).await, "{failing:?}");
        disk.fail(Failing::default());
        assert!(!append(&log, 2, 2_000).await, "a later sync would not say what became of the first");
        assert!(log.stream_version(&stream()).await.is_err(), "what was accepted may never be durable");
        assert_eq!(size(&log).await, 1, "what is durable can still be read");
        let failure = log.failure().expect("it is said");
        assert!(failure.starts_with("partition 0 of the log stopped") && failure.contains("the disk"), "{failure}");
        disk.crash(Crash::Tears(7));
        drop(log);
        let log = open(&disk).expect("it opens again");
        assert!(size(&log).await >= 1);
        assert_eq!(log.failure(), None);
        assert!(append(&log, 3, 100).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_start_finds_is_durable_also_when_the_last_sync_before_it_failed() {
    for data_bytes in [20, 700, 3_000] {
        let (disk, index) = (ForgetfulDisk::default(), MemoryStore::default());
        let options = Options { memory_index_events_max: 2, ..options(&disk, &index) };
        let log = LocalLog::open(options.clone()).expect("the log opens");
        for number in 0..5 {
            assert!(append(&log, number, data_bytes).await);
        }
        disk.fail(Failing { sync_data: true, ..Failing::default() });
        assert!(!append(&log, 5, data_bytes).await);
        disk.fail(Failing::default());
        drop(log);
        disk.crash(Crash::KeepsAll);
        let log = LocalLog::open(options.clone()).expect("it opens again");
        assert_eq!(size(&log).await, 6, "the disk still shows what it could not write");
        drop(log);
        disk.crash(Crash::ForgetsAll);
        let log = LocalLog::open(options).expect("it opens again");
        assert_eq!(size(&log).await, 6, "it was reported durable");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_stops_anywhere_never_leaves_an_index_ahead_of_its_log() {
    for changes in 0.. {
        let (disk, index) = (ForgetfulDisk::default(), MemoryStore::default());
        let log = LocalLog::open(options(&disk, &index)).expect("the log opens");
        for number in 0..20 {
            assert!(append(&log, number, 300).await);
        }
        disk.fail(Failing { sync_data: true, ..Failing::default() });
        assert!(!append(&log, 20, 300).await);
        disk.fail(Failing::default());
        drop(log);
        disk.crash(Crash::KeepsAll);
        disk.fail_after(changes);
        let opened = LocalLog::open(Options { memory_index_events_max: 7, ..options(&disk, &index) }).is_ok();
        disk.crash(Crash::ForgetsAll);
        let log = LocalLog::open(options(&disk, &index)).unwrap_or_else(|error| panic!("{changes} changes: {error}"));
        assert!(size(&log).await >= 20);
        if opened {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_lost_its_sync_to_a_kill_gets_it_at_the_next_start() {
    let disk = ForgetfulDisk::default();
    let log = open(&disk).expect("the log opens");
    disk.fail(Failing { sync_folder: true, ..Failing::default() });
    let mut number = 0;
    while number < 100 && append(&log, number, 2_000).await {
        number += 1;
    }
    assert!((10..100).contains(&number), "{number}: the second segment has its name, but not durably");
    drop(log);
    disk.crash(Crash::KeepsAll);
    let log = open(&disk).expect("it opens again");
    assert!(append(&log, 100, 2_000).await);
    let acknowledged = size(&log).await;
    drop(log);
    disk.crash(Crash::ForgetsAll);
    assert_eq!(size(&open(&disk).expect("it opens again")).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_are_written_in_whole_blocks_so_that_nothing_has_to_be_read_first() {
    let disk = ForgetfulDisk::default();
    let mut number = 0;
    for _ in 0..4 {
        let log = open(&disk).expect("the log opens");
        let before = disk.partial_writes();
        for _ in 0..50 {
            assert!(append(&log, number, 37 * (number % 100)).await);
            number += 1;
        }
        assert_eq!(disk.partial_writes() - before, 0, "after {number} events");
    }
    assert!(disk.names(Path::new("/log/partition-0000")).len() > 3, "segments were changed on the way");
    assert_eq!(size(&open(&disk).expect("the log opens")).await, number as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_in_use_and_a_wrong_number_of_partitions_are_refused_clearly() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1)));
    let options = Options { partitions: 4, segment_bytes_max: 64 * 1024, ..Options::new(folder.path(), clock) };
    let log = LocalLog::open(options.clone()).expect("the log opens");
    let Err(error) = LocalLog::open(options.clone()) else { panic!("two at once") };
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(log);
    let Err(error) = LocalLog::open(Options { partitions: 2, ..options.clone() }) else { panic!("another number") };
    assert!(matches!(error, OpenError::PartitionsDiffer { found: 4, asked: 2, .. }), "{error}");
    let log = LocalLog::open(Options { partitions: 0, ..options }).expect("as many as it has");
    assert_eq!(log.partitions(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_known_past_segments_merged_tables_restarts_and_a_lost_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1)));
    let base = Options::new(folder.path(), clock);
    let options = Options { segment_bytes_max: 64 * 1024, memory_index_events_max: 100, recent_bytes_max: 0, ..base };
    let asked = |number: usize| {
        let stream = stream_in(slot(), "thing", (number % 700) as u32);
        batch(slot(), &format!("k{number}")).event(&stream, "Made", &["t:1"], "{}").build()
    };
    let mut first: Vec<Vec<Stored>> = Vec::new();
    for round in 0..3 {
        let log = LocalLog::open(options.clone()).expect("the log opens");
        let mut last = None;
        for number in 0..3_000 {
            let accepted = log.append(asked(number)).await.expect("it is taken");
            assert_eq!(accepted.repeated, round > 0, "command {number} in round {round}");
            assert_eq!(accepted.events[0].position.offset, number as u64);
            last = Some(accepted.durable);
        }
        last.expect("appended").await.expect("durable");
        assert_eq!(size(&log).await, 3_000);
        assert!(log.stats().expect("stats").partitions[0].segments > 8);
        let mut shown = 0;
        let verified = log.verify(|progress| shown = progress.read).expect("the log is whole");
        assert_eq!((verified[0].size, verified[0].streams, shown), (3_000, 700, 3_000));
        let read = log.read_stream(&stream_in(slot(), "thing", 5), Version(1), 9).await.expect("a read");
        first.push(read);
        drop(log);
        if round == 1 {
            std::fs::remove_dir_all(folder.path().join("index")).expect("the index can be deleted");
        }
    }
    assert!(first.iter().all(|read| format!("{read:?}") == format!("{:?}", first[0])));
    assert_eq!(first[0].len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_share_a_sync_and_one_command_sent_often_is_done_once() {
    let disk = ForgetfulDisk::default();
    let log = Arc::new(open(&disk).expect("the log opens"));
    let before = disk.data_syncs();
    let mut all = Vec::new();
    for number in 0..2_000 {
        // Accepted one after the other, waited for together: the writer gathers while it syncs.
        let asked = batch(slot(), &format!("k{}", number % 1_000)).event(&stream(), "Made", &[], "{}").build();
        all.push(log.append(asked).await.expect("it is taken").durable);
    }
    for durable in all {
        durable.await.expect("durable");
    }
    assert_eq!(size(&log).await, 1_000);
    assert!(disk.data_syncs() - before < 1_000, "{} syncs for 1,000 batches", disk.data_syncs() - before);
    let filter = EventFilter { types: vec!["Made".into()], ..EventFilter::default() };
    let read = log.read(Partition(0), 998, Direction::Forward, &filter, 9).await.expect("a read");
    assert_eq!((read.0.len(), read.1), (2, None));
    assert_eq!(everything(&*log, Partition(0)).await.len(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_shows_what_is_durable_and_ends_when_the_log_closes() {
    let log = open(&ForgetfulDisk::default()).expect("the log opens");
    assert!(append(&log, 0, 10).await);
    let mut events = log.subscribe(Partition(0), 0);
    log.close();
    assert_eq!(events.next().await.expect("a chunk").expect("it can be read").len(), 1);
    assert!(events.next().await.expect("an end").is_err(), "who follows is told that no more will come");
    assert!(events.next().await.is_none());
}

/// The first format ever written must read for ever. `CARELOG_WRITE_FIXTURE=1` wrote it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_written_by_the_first_version_still_reads() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/event-log");
    let (kept, kept_root) = (fixtures.join("segment-1.bin"), fixtures.join("segment-1.root"));
    if std::env::var_os("CARELOG_WRITE_FIXTURE").is_some() {
        let disk = ForgetfulDisk::default();
        let small = Options { segment_bytes_max: 16 * 1024, ..options(&disk, &MemoryStore::default()) };
        let log = LocalLog::open(small).expect("the log opens");
        for number in 0..5 {
            assert!(append(&log, number, 40).await);
        }
        std::fs::write(&kept, disk.bytes(&segment(0))).expect("written");
        std::fs::write(&kept_root, log.head().await.expect("a head")[0].root.to_string()).expect("written");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let partition = folder.path().join("partition-0000");
    std::fs::create_dir(&partition).expect("a folder");
    std::fs::copy(&kept, partition.join("00000000.segment")).expect("copied");
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(5)));
    let log = LocalLog::open(Options::new(folder.path(), clock)).expect("the log opens");
    let head = log.head().await.expect("a head")[0].clone();
    assert_eq!((head.size, head.root.to_string()), (5, std::fs::read_to_string(&kept_root).expect("a root")));
    let events = log.read_stream(&stream(), Version::NONE, 9).await.expect("a read");
    assert_eq!(events.len(), 5);
    assert_eq!(events[4].event_type, "Made");
    assert_eq!(events[4].data.len(), 42);
    assert!(append(&log, 9, 10).await, "the log goes on");
}
