//! What stands after the last good batch: nothing, a write that was not finished, or damage.

use super::*;

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

/// A batch of about 1 MiB.
async fn append_large(log: &LocalLog, number: usize) -> impl Future<Output = bool> {
    let data = format!("\"{}\"", "d".repeat(64_000));
    let asked = (0..16).fold(batch(slot(), &format!("k{number}")), |b, _| b.event(&stream(), "Made", &[], &data));
    let accepted = log.append(asked.build()).await.expect("it is taken");
    async move { accepted.durable.await.is_ok() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_group_is_several_writes_and_a_sector_lost_from_an_earlier_one_is_damage() {
    let disk = ForgetfulDisk::default();
    let large = Options {
        segment_bytes_max: 16 << 20,
        memory_index_events_max: 1 << 20,
        ..options(&disk, &MemoryStore::default())
    };
    let log = LocalLog::open(large).expect("the log opens");
    let last = |disk: &ForgetfulDisk| {
        disk.names(Path::new("/log/partition-0000"))
            .into_iter()
            .rfind(|name| name.extension().is_some_and(|ending| ending == "segment"))
            .expect("a segment")
    };
    let mut number = 0;
    let length = |file: &Path| disk.open(file, OpenFor::Existing).and_then(|file| file.len()).expect("its length");
    while length(&last(&disk)) < 16 << 20 {
        assert!(append(&log, number, 60_000).await);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await; // The next segment is made meanwhile.
        number += 1;
        assert!(number < 3_000, "segments grow");
    }
    disk.hold_syncs(true);
    let mut durable = Vec::new();
    for more in 0..9 {
        durable.push(append_large(&log, number + more).await);
    }
    disk.hold_syncs(false);
    for durable in durable {
        assert!(durable.await);
    }
    drop(log);
    let (file, mut at, mut starts) = (last(&disk), 8_704, Vec::new());
    let whole = disk.bytes(&file);
    while whole[at..].starts_with(b"CLB1") {
        starts.push(at);
        at += 28 + u32::from_le_bytes(whole[at + 4..at + 8].try_into().expect("4 bytes")) as usize;
    }
    let opened = |broken: usize| {
        let mut bytes = whole.clone();
        let sector = starts[broken] / SECTOR_BYTES + 9;
        bytes[sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES].fill(0);
        let copy = disk.copy();
        copy.replace(&file, bytes);
        open(&copy)
    };
    // The first of the nine may have been taken alone; the others are of three writes.
    assert!(matches!(opened(starts.len() - 8), Err(OpenError::Damaged(_))), "a later write of the group is whole");
    assert!(opened(starts.len() - 1).is_ok(), "the last write may be torn");
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
