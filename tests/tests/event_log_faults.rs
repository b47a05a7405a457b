//! What LocalLog does when things go wrong: planted faults are seen, torn ends are cut, damage stops the start, a
//! failed sync poisons, and nothing durable is ever forgotten.

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

/// A log with three durable batches and a last one; where that one stands in the first segment.
async fn with_last_batch(data_bytes: usize) -> (ForgetfulDisk, usize, usize) {
    let disk = ForgetfulDisk::default();
    let log = open(&disk).expect("the log opens");
    for number in 0..3 {
        assert!(append(&log, number, 333).await);
    }
    let written =
        |disk: &ForgetfulDisk| disk.bytes(&segment(0)).iter().rposition(|byte| *byte != 0).expect("written") + 1;
    let start = written(&disk);
    assert!(append(&log, 3, data_bytes).await);
    drop(log);
    let end = written(&disk);
    (disk, start, end)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_last_batch_cut_at_any_byte_is_torn_if_a_sector_was_not_written_and_damage_if_all_were() {
    for data_bytes in [20, 1_500] {
        let (disk, start, end) = with_last_batch(data_bytes).await;
        let whole = disk.bytes(&segment(0));
        let last_sector = ((end - 1) / SECTOR_BYTES * SECTOR_BYTES).max(start);
        let header_end = start + 28;
        let boundary = (start / SECTOR_BYTES + 1) * SECTOR_BYTES;
        // Half a header within one sector is no torn write: a disk writes a sector whole or not at all.
        let torn = |cut: usize| match cut > start && cut < header_end {
            true => boundary < header_end && cut <= boundary,
            false => cut <= last_sector,
        };
        for cut in start..=end {
            let mut bytes = whole.clone();
            bytes[cut..end].fill(0);
            let copy = disk.copy();
            copy.replace(&segment(0), bytes);
            match open(&copy) {
                Ok(log) if cut == end => assert_eq!(size(&log).await, 4),
                Ok(log) => {
                    assert!(torn(cut), "byte {cut} of {start}..{end}: every sector was written");
                    assert_eq!(size(&log).await, 3, "byte {cut}");
                    assert!(append(&log, 9, 700).await, "the log goes on");
                    drop(log);
                    assert_eq!(size(&open(&copy).expect("it opens again")).await, 4, "byte {cut}");
                }
                Err(OpenError::Damaged(damage)) => {
                    assert!(!torn(cut) && cut < end, "byte {cut} of {start}..{end} is torn, not {damage}");
                    assert_eq!((damage.file, damage.byte), (segment(0), start as u64));
                }
                Err(other) => panic!("byte {cut}: {other}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_sectors_of_a_last_batch_that_were_not_written_make_it_torn() {
    let (disk, start, end) = with_last_batch(1_900).await;
    let whole = disk.bytes(&segment(0));
    let sectors: Vec<usize> = (start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES)).collect();
    assert!(sectors.len() >= 4);
    for subset in 1..1u32 << sectors.len() {
        let mut bytes = whole.clone();
        for (_, sector) in sectors.iter().enumerate().filter(|(at, _)| subset & (1 << at) != 0) {
            bytes[(sector * SECTOR_BYTES).max(start)..((sector + 1) * SECTOR_BYTES).min(end)].fill(0);
        }
        let copy = disk.copy();
        copy.replace(&segment(0), bytes);
        let log = open(&copy).unwrap_or_else(|error| panic!("sectors {subset:b}: {error}"));
        assert_eq!(size(&log).await, 3, "sectors {subset:b}");
        assert!(append(&log, 9, 100).await);
        drop(log);
        assert_eq!(size(&open(&copy).expect("it opens again")).await, 4);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_byte_anywhere_is_damage_that_names_file_and_byte() {
    let (disk, start, end) = with_last_batch(300).await;
    let whole = disk.bytes(&segment(0));
    for at in (8_704..end).step_by(7).chain([0, 9, 30, 97, 600]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let copy = disk.copy();
        copy.replace(&segment(0), bytes.clone());
        let Err(error) = open(&copy) else { panic!("byte {at} of {start}..{end} was changed and nobody saw it") };
        assert!(matches!(error, OpenError::Damaged(_)), "byte {at}: {error}");
        assert!(error.to_string().contains("00000000.segment"), "{error}");
        assert_eq!(copy.bytes(&segment(0)), bytes, "nothing is changed by a start that fails");
    }
}

/// A log of batches from a part of a sector to several, each durable before the next; where each begins and ends.
async fn with_batches(count: usize) -> (ForgetfulDisk, Vec<std::ops::Range<usize>>) {
    let disk = ForgetfulDisk::default();
    let log = open(&disk).expect("the log opens");
    let (mut start, mut batches) = (8_704, Vec::new());
    for number in 0..count {
        assert!(append(&log, number, [20, 700, 60, 2_000, 10][number % 5]).await);
        let end = disk.bytes(&segment(0)).iter().rposition(|byte| *byte != 0).expect("written") + 1;
        batches.push(start..end);
        start = end;
    }
    (disk, batches)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sector_lost_anywhere_is_damage_while_a_later_write_stands_behind_it() {
    let (disk, batches) = with_batches(20).await;
    let whole = disk.bytes(&segment(0));
    let end = batches.last().expect("batches").end;
    let (mut damaged, mut cut) = (0, 0);
    for sector in 8_704 / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
        let lost = sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES;
        let overlaps = |bytes: &std::ops::Range<usize>| bytes.start < lost.end && lost.start < bytes.end;
        let broken = batches.iter().position(overlaps).expect("the sector is of some batch");
        let later = batches[broken + 1..].iter().any(|batch| !overlaps(&(batch.start..batch.start + 28)));
        let mut bytes = whole.clone();
        bytes[lost.clone()].fill(0);
        let copy = disk.copy();
        copy.replace(&segment(0), bytes.clone());
        match open(&copy) {
            Err(OpenError::Damaged(damage)) => {
                assert!(later, "sector {sector}: nothing of a later write stands behind batch {broken}: {damage}");
                assert_eq!((damage.file, damage.byte), (segment(0), batches[broken].start as u64), "sector {sector}");
                assert_eq!(copy.bytes(&segment(0)), bytes, "nothing is changed by a start that fails");
                damaged += 1;
            }
            Err(other) => panic!("sector {sector}: {other}"),
            Ok(log) => {
                assert!(!later, "sector {sector}: batch {broken} was acknowledged, later writes stand behind it");
                assert_eq!(size(&log).await, broken as u64, "sector {sector}");
                cut += 1;
            }
        }
    }
    assert!(damaged > 20 && cut > 0, "{damaged} damaged, {cut} cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_end_is_left_as_it_is_until_something_is_appended() {
    let (disk, start, end) = with_last_batch(1_900).await;
    let mut bytes = disk.bytes(&segment(0));
    bytes[start..(start / SECTOR_BYTES + 1) * SECTOR_BYTES].fill(0);
    assert!(bytes[start..end].iter().any(|byte| *byte != 0));
    disk.replace(&segment(0), bytes.clone());
    let names = disk.names(Path::new("/log/partition-0000"));
    for _ in 0..2 {
        let log = open(&disk).expect("the log opens");
        let head = log.head().await.expect("a head")[0].clone();
        assert_eq!(head.size, 3);
        let behind = log.verify_checkpoint("the test", Partition(0), 4, head.root);
        assert!(matches!(behind, Err(OpenError::BehindCheckpoint { size: 4, .. })), "the caller may know better");
        drop(log);
        assert_eq!(
            (disk.names(Path::new("/log/partition-0000")), disk.bytes(&segment(0))),
            (names.clone(), bytes.clone())
        );
    }
    let log = open(&disk).expect("the log opens");
    assert!(append(&log, 9, 700).await, "the log goes on");
    assert_eq!(log.stats().expect("stats").partitions[0].segments, 2);
    drop(log);
    assert_eq!(size(&open(&disk).expect("it opens again")).await, 4);
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
        disk.fail(failing);
        assert!(!append(&log, 1, 2_000).await, "{failing:?}");
        disk.fail(Failing::default());
        assert!(!append(&log, 2, 2_000).await, "a later sync would not say what became of the first");
        assert!(log.stream_version(&stream()).await.is_err(), "what was accepted may never be durable");
        assert_eq!(size(&log).await, 1, "what is durable can still be read");
        disk.crash(Crash::Tears(7));
        drop(log);
        let log = open(&disk).expect("it opens again");
        assert!(size(&log).await >= 1);
        assert!(append(&log, 3, 100).await);
    }
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
