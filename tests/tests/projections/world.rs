//! A log, stores and keys to project with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carelog_domain::kernel::{Actor, CommandId, EventId, Token, Version};
use carelog_domain::ports::{
    Batch, DocumentStore, EventLog, Expected, Fingerprint, Fixed, Freshness, KeyStore, SqlStore, Statement, ToAppend,
};
use carelog_keys::FileKeyStore;
use carelog_projections::{ALL, Deps, Projections};
use carelog_schemas::read_models::chart::KEYS;
use carelog_schemas::read_models::{MODELS, Set, view};
use carelog_schemas::sealing::seal_event;
use carelog_tests::clock::ManualClock;
use carelog_tests::model_log::ModelLog;

use super::history::{Step, at};
use crate::{document_store, read_store};

pub(crate) struct World {
    pub(crate) log: Arc<ModelLog>,
    pub(crate) keys: Arc<FileKeyStore>,
    pub(crate) sql: Arc<dyn SqlStore>,
    pub(crate) documents: Arc<dyn DocumentStore>,
    pub(crate) clock: ManualClock,
    /// The user who causes everything.
    pub(crate) user: String,
    /// Deleted when the world ends.
    pub(crate) _folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new(partitions: u16) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("keys")).expect("a folder");
        let clock = ManualClock::at(at(10_000));
        World {
            log: Arc::new(ModelLog::new(partitions, Arc::new(clock.clone()))),
            keys: Arc::new(FileKeyStore::open(&folder.path().join("keys")).expect("keys")),
            sql: read_store(folder.path()),
            documents: document_store(folder.path()),
            clock,
            user: "test".to_owned(),
            _folder: folder,
        }
    }

    /// The same log and keys with empty stores.
    pub(crate) fn beside(&self) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        World {
            log: Arc::clone(&self.log),
            keys: Arc::clone(&self.keys),
            sql: read_store(folder.path()),
            documents: document_store(folder.path()),
            clock: self.clock.clone(),
            user: self.user.clone(),
            _folder: folder,
        }
    }

    pub(crate) fn deps(&self) -> Deps {
        Deps {
            log: Arc::clone(&self.log) as Arc<dyn EventLog>,
            keys: Arc::clone(&self.keys) as Arc<dyn KeyStore>,
            sql: Arc::clone(&self.sql) as Arc<dyn SqlStore>,
            documents: Arc::clone(&self.documents),
            clock: Arc::new(self.clock.clone()),
            assigned: Arc::new(Fixed::all(self.log.partitions())),
            read_models: ALL,
            alone: false,
        }
    }

    pub(crate) async fn start(&self) -> Arc<Projections> {
        Projections::start(self.deps()).await.expect("projections start")
    }

    /// Appends one command's events; returns where the last of them is.
    pub(crate) async fn append(&self, step: &Step) -> Token {
        let (stream, first) = &step.events[0];
        let version = self.log.stream_version(stream).await.expect("a version");
        let command = CommandId::of_client_key("test", first.event_type(), &format!("{stream}@{}", version.0));
        let mut events = Vec::new();
        for (index, (stream, event)) in step.events.iter().enumerate() {
            let id = EventId::derive(command, step.slot, at(0), index as u32);
            let data = seal_event(self.keys.as_ref(), event, id).await.expect("sealed");
            events.push(ToAppend {
                id,
                stream: stream.clone(),
                event_type: event.event_type().into(),
                revision: event.revision(),
                occurred_at: at(i64::from(version.0 as u32)),
                occurred_assumed: false,
                hospital: event.hospital(),
                tags: event.tags(),
                data,
            });
        }
        let batch = Batch {
            slot: step.slot,
            command,
            fingerprint: Fingerprint([0; 32]),
            events,
            expected: vec![(stream.clone(), Expected::Exactly(Version(version.0)))],
            conditions: vec![],
            term: None,
            actor: Actor::system(&self.user).recorded(),
            correlation: command,
            causation: None,
            recorded_after: None,
            traceparent: None,
        };
        let accepted = self.log.append(batch).await.expect("accepted");
        let token = accepted.events.iter().map(|context| context.position).collect();
        accepted.durable.await.expect("durable");
        token
    }

    pub(crate) async fn append_all(&self, steps: &[Step]) {
        for step in steps {
            self.append(step).await;
        }
    }

    /// Waits until every read model has applied the whole log, and is shown.
    pub(crate) async fn settle(&self, projections: &Projections) {
        let heads = self.log.head().await.expect("heads");
        let last = heads
            .iter()
            .filter(|head| head.size > 0)
            .map(|head| carelog_domain::kernel::Position { partition: head.partition, offset: head.size - 1 });
        let token: Token = last.collect();
        let reached = projections.reached(&[], &token, Duration::from_secs(30)).await.expect("asked");
        assert!(reached, "{:#?}", projections.registry().await);
        let begun = Instant::now();
        while !projections.filling().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?} are never filled", projections.filling());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn sql(&self, sql: &str) -> Vec<Vec<carelog_domain::ports::SqlValue>> {
        self.sql.read(vec![Statement::new(sql, vec![])]).await.expect("read").remove(0).rows
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let affected = self.sql.write(vec![Statement::new(sql, vec![])]).await.expect("written");
        assert_eq!(affected, [1], "{sql}");
    }

    /// How far the chart's first set has come in the first partition, as its store has it.
    pub(crate) async fn checkpoint_of_documents(&self) -> u64 {
        let found = self.documents.query(&KEYS.checkpoints(Set::A), "", None, 10).await.expect("read").items;
        found.first().map_or(0, |item| item.body["size"].as_u64().expect("a number"))
    }

    /// Every row and item, by table and key.
    pub(crate) async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        for table in MODELS.iter().flat_map(|model| model.tables) {
            let query = format!("SELECT * FROM {} ORDER BY {}", view(table.name), table.key.join(", "));
            let rows = self.sql(&query).await.iter().map(|row| format!("{row:?}")).collect();
            all.insert(table.name.to_owned(), rows);
        }
        let live = self.documents.get(&KEYS.live()).await.expect("read").expect("a live set");
        let set = Set::from_word(live.body["live"].as_str().expect("a word")).expect("a set");
        let items = self.documents.scan(&KEYS.table(set), None, 100_000).await.expect("read").items;
        let shown = |key: &carelog_domain::ports::DocumentKey| {
            format!("{} {}", key.partition_key.split_once('#').expect("a subject").1, key.sort_key)
        };
        all.insert(
            "chart".to_owned(),
            items.iter().map(|item| format!("{} {}", shown(&item.key), item.body)).collect(),
        );
        all
    }
}
