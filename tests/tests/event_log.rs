//! LocalLog keeps to the contract of its port, on the real disk and on one that forgets, with 1 and with 4 partitions,
//! and so does the model it is compared with.

use std::path::Path;
use std::sync::Arc;

use carelog_domain::kernel::Timestamp;
use carelog_event_log::disk::Disk;
use carelog_event_log::{IndexHome, LocalLog, MemoryStore, Options};
use carelog_tests::clock::ManualClock;
use carelog_tests::contract::event_log::{History, LogHome, agrees_with_the_model, holds, seeds};
use carelog_tests::forgetful_disk::{Crash, ForgetfulDisk};
use carelog_tests::model_log::ModelLog;

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_micros(1_000_000))
}

/// Small in everything, so that a short test passes many segments, tables and merges.
fn small(folder: &Path, partitions: u16, clock: &ManualClock) -> Options {
    Options {
        partitions,
        segment_bytes_max: 64 * 1024,
        memory_index_events_max: 24,
        recent_bytes_max: 2_000,
        ..Options::new(folder, Arc::new(clock.clone()))
    }
}

struct RealHome {
    folder: tempfile::TempDir,
    partitions: u16,
    clock: ManualClock,
}

impl RealHome {
    fn new(partitions: u16) -> RealHome {
        RealHome { folder: tempfile::tempdir().expect("a folder"), partitions, clock: clock() }
    }
}

impl LogHome for RealHome {
    type Log = LocalLog;

    async fn open(&self) -> LocalLog {
        LocalLog::open(small(self.folder.path(), self.partitions, &self.clock)).expect("the log opens")
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

struct ForgetfulHome {
    disk: ForgetfulDisk,
    index: MemoryStore,
    partitions: u16,
    hash_bits: u32,
    clock: ManualClock,
}

impl ForgetfulHome {
    fn new(partitions: u16, hash_bits: u32) -> ForgetfulHome {
        let (disk, index) = (ForgetfulDisk::default(), MemoryStore::default());
        ForgetfulHome { disk, index, partitions, hash_bits, clock: clock() }
    }
}

impl LogHome for ForgetfulHome {
    type Log = LocalLog;

    async fn open(&self) -> LocalLog {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let index = IndexHome::Given(Arc::new(self.index.clone()));
        let options = small(Path::new("/log"), self.partitions, &self.clock);
        let options = Options { disk, index, index_hash_bits: self.hash_bits, ..options };
        LocalLog::open(options).expect("the log opens")
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    fn crash(&self, seed: u64) -> bool {
        let crash = match seed % 4 {
            0 => Crash::ForgetsAll,
            1 => Crash::KeepsAll,
            _ => Crash::Tears(seed),
        };
        self.disk.crash(crash);
        true
    }
}

struct ModelHome(ModelLog, ManualClock);

impl LogHome for ModelHome {
    type Log = ModelLog;

    async fn open(&self) -> ModelLog {
        self.0.clone()
    }

    fn clock(&self) -> &ManualClock {
        &self.1
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_keeps_its_promises_on_the_real_disk() {
    holds(|| RealHome::new(1)).await;
    holds(|| RealHome::new(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_keeps_its_promises_on_a_disk_that_forgets() {
    holds(|| ForgetfulHome::new(1, 64)).await;
    holds(|| ForgetfulHome::new(4, 64)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_model_keeps_the_promises_too() {
    let home = |partitions| {
        let clock = clock();
        ModelHome(ModelLog::new(partitions, Arc::new(clock.clone())), clock)
    };
    holds(|| home(1)).await;
    holds(|| home(4)).await;
}

/// Hashes of 5 bits, so that every name shares its hash with others in every table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_agree_with_the_model() {
    for seed in seeds(600) {
        let partitions = if seed % 3 == 0 { 4 } else { 1 };
        let home = ForgetfulHome::new(partitions, if seed % 2 == 0 { 5 } else { 64 });
        let model = ModelLog::new(partitions, Arc::new(home.clock.clone()));
        let steps = if seed % 50 == 0 { 1_500 } else { 150 };
        agrees_with_the_model(seed, &home, &model, History { steps, slots: 3, crashes: true }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_agree_with_the_model_on_the_real_disk_and_sled() {
    for seed in seeds(12) {
        let home = RealHome::new(if seed % 2 == 0 { 1 } else { 4 });
        let model = ModelLog::new(home.partitions, Arc::new(home.clock.clone()));
        agrees_with_the_model(seed, &home, &model, History { steps: 300, slots: 3, crashes: false }).await;
    }
}
