//! One log, one set of stores, and processes that share the work on them as they are assigned to.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use carelog_blob::ObjectBlobs;
use carelog_command_api::WriteSide;
use carelog_domain::kernel::{Position, Token};
use carelog_domain::ports::{Assignment, CommandBus, DocumentStore, EventLog, Fixed, Freshness, SqlStore, Statement};
use carelog_event_log::{LocalLog, Options};
use carelog_keys::FileKeyStore;
use carelog_lab_pdf::{ChildLabReader, Limits};
use carelog_projections::Projections;
use carelog_sagas::{SagaEngine, SagasConfig};
use carelog_schemas::read_models::{MODELS, Set, chart, view};
use carelog_tests::assignments::MovingAssignment;
use carelog_tests::clock::ManualClock;

use crate::{document_store, read_store};

pub(crate) const PARTITIONS: u16 = 4;
pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const QUIET: &(dyn Fn(carelog_projections::operations::Progress) + Sync) = &|_| {};

pub(crate) struct Cluster {
    pub(crate) log: Arc<LocalLog>,
    pub(crate) keys: Arc<FileKeyStore>,
    pub(crate) bus: Arc<WriteSide>,
    pub(crate) clock: ManualClock,
    pub(crate) stores: Stores,
    folder: tempfile::TempDir,
}

#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) sql: Arc<dyn SqlStore>,
    pub(crate) documents: Arc<dyn DocumentStore>,
}

impl Stores {
    pub(crate) fn empty(folder: &Path) -> Stores {
        Stores { sql: read_store(folder), documents: document_store(folder) }
    }
}

/// A process with both roles.
pub(crate) struct Process {
    pub(crate) projections: Arc<Projections>,
    pub(crate) sagas: Arc<SagaEngine>,
    pub(crate) reading: MovingAssignment,
    pub(crate) doing: MovingAssignment,
}

impl Cluster {
    pub(crate) fn new() -> Cluster {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::at("2024-12-02T07:00:00Z".parse().expect("an instant"));
        let options =
            Options { partitions: PARTITIONS, ..Options::new(folder.path().join("log"), Arc::new(clock.clone())) };
        let log = Arc::new(LocalLog::open(options).expect("a log"));
        let keys = Arc::new(FileKeyStore::open(&folder.path().join("keys")).expect("keys"));
        let bus = WriteSide::new(log.clone(), keys.clone(), Arc::new(clock.clone()));
        let stores = Stores::empty(folder.path());
        Cluster { log, keys, bus, clock, stores, folder }
    }

    pub(crate) fn reading(&self, stores: &Stores, assigned: Arc<dyn Assignment>) -> carelog_projections::Deps {
        carelog_projections::Deps {
            log: self.log.clone(),
            keys: self.keys.clone(),
            sql: stores.sql.clone(),
            documents: stores.documents.clone(),
            clock: Arc::new(self.clock.clone()),
            assigned,
            read_models: carelog_projections::ALL,
            alone: false,
        }
    }

    pub(crate) async fn sagas(&self, stores: &Stores, assigned: Arc<dyn Assignment>) -> Arc<SagaEngine> {
        self.sagas_by(self.bus.clone(), stores, assigned).await
    }

    /// Sagas that send their commands this way.
    pub(crate) async fn sagas_by(
        &self,
        bus: Arc<dyn CommandBus>,
        stores: &Stores,
        assigned: Arc<dyn Assignment>,
    ) -> Arc<SagaEngine> {
        let blobs = ObjectBlobs::in_folder(&self.folder.path().join("blobs")).expect("blobs");
        let engine = SagaEngine::start(carelog_sagas::Deps {
            log: self.log.clone(),
            keys: self.keys.clone(),
            bus,
            documents: stores.documents.clone(),
            blobs: Arc::new(blobs),
            clock: Arc::new(self.clock.clone()),
            // No file is uploaded here.
            lab_reader: Arc::new(ChildLabReader::new("false", [""; 0], Limits::default(), 1)),
            assigned,
            config: SagasConfig { checkpoint_every: Duration::from_millis(40), ..SagasConfig::default() },
        });
        engine.await.expect("the sagas start")
    }

    /// A process that works on nothing yet.
    pub(crate) async fn process(&self) -> Process {
        let (reading, doing) = (MovingAssignment::none(), MovingAssignment::none());
        let deps = self.reading(&self.stores, Arc::new(reading.clone()));
        let projections = Projections::start(deps).await.expect("projections start");
        let sagas = self.sagas(&self.stores, Arc::new(doing.clone())).await;
        Process { projections, sagas, reading, doing }
    }

    pub(crate) async fn end(&self) -> Token {
        let heads = self.log.head().await.expect("heads");
        let last = heads.iter().filter(|head| head.size > 0);
        last.map(|head| Position { partition: head.partition, offset: head.size - 1 }).collect()
    }

    /// Every row and item of read models that one process alone makes of the log.
    pub(crate) async fn undisturbed(&self) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let stores = Stores::empty(folder.path());
        let deps = self.reading(&stores, Arc::new(Fixed::all(PARTITIONS)));
        let projections = Projections::start(deps).await.expect("projections start");
        assert!(projections.reached(&[], &self.end().await, LONG).await.expect("asked"));
        projections.stop().await;
        rows(&stores).await
    }
}

impl Process {
    pub(crate) async fn stop(&self) {
        self.sagas.stop().await;
        self.projections.stop().await;
    }
}

/// Every row and item, by table and key.
pub(crate) async fn rows(stores: &Stores) -> Vec<String> {
    let mut all = Vec::new();
    for table in MODELS.iter().flat_map(|model| model.tables) {
        let query = format!("SELECT * FROM {} ORDER BY {}", view(table.name), table.key.join(", "));
        let found = stores.sql.read(vec![Statement::new(query, vec![])]).await.expect("read").remove(0);
        all.extend(found.rows.iter().map(|row| format!("{} {row:?}", table.name)));
    }
    let live = stores.documents.get(&chart::KEYS.live()).await.expect("read").expect("a live set");
    let set = Set::from_word(live.body["live"].as_str().expect("a word")).expect("a set");
    let items = stores.documents.scan(&chart::KEYS.table(set), None, 100_000).await.expect("read").items;
    all.extend(items.iter().map(|item| format!("chart {} {}", item.key.sort_key, item.body)));
    all.sort_unstable();
    all
}
