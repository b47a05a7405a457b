//! The sagas' checkpoint and alarms in DynamoDB: they come back, and wherever the line is cut while they are saved, no
//! checkpoint is there before the alarms that it counts on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use carelog_blob::ObjectBlobs;
use carelog_command_api::WriteSide;
use carelog_domain::command::Command;
use carelog_domain::kernel::{Actor, CommandId, Staff};
use carelog_domain::organization::commands::RegisterHospital;
use carelog_domain::organization::{Numbering, Policies};
use carelog_domain::patient::HumanName;
use carelog_domain::ports::{CommandBus, CommandRequest, DocumentKey, DocumentStore, EventLog, Fixed};
use carelog_domain::practitioner::commands::{AssignRole, RegisterPractitioner, SetSchedule};
use carelog_dynamodb::DynamoDocuments;
use carelog_keys::FileKeyStore;
use carelog_lab_pdf::{ChildLabReader, Limits};
use carelog_sagas::{Deps, SagaEngine, SagasConfig};
use carelog_tests::clock::ManualClock;
use carelog_tests::model_log::ModelLog;
use carelog_tests::servers::dynamodb::DynamoServer;
use carelog_tests::servers::faulty_line::{Fate, faulty_line};
use serde_json::{Value, json};

/// Each has one alarm: its next day is to be opened.
const ROLES: usize = 6;

struct House {
    log: Arc<ModelLog>,
    keys: Arc<FileKeyStore>,
    clock: ManualClock,
    bus: Arc<WriteSide>,
    folder: tempfile::TempDir,
}

impl House {
    /// A hospital with practitioners whose schedules were just set.
    async fn open() -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::at("2024-12-02T07:00:00Z".parse().expect("an instant"));
        let log = Arc::new(ModelLog::new(1, Arc::new(clock.clone())));
        let keys = Arc::new(FileKeyStore::open(&folder.path().join("keys")).expect("keys"));
        let bus = WriteSide::new(log.clone(), keys.clone(), Arc::new(clock.clone()));
        let house = House { log, keys, clock, bus, folder };
        let hospital = RegisterHospital {
            name: "St Anne".to_owned(),
            zone: "Europe/London".parse().expect("a zone"),
            currency: "GBP".parse().expect("a currency"),
            policies: Policies::default(),
            numbering: Numbering::default(),
        };
        let hospital = house.send("hospital", hospital).await;
        for number in 0..ROLES {
            let name = Staff::new(HumanName { text: format!("Dr Grey {number}") });
            let practitioner = house.send(&format!("practitioner {number}"), RegisterPractitioner { name }).await;
            let body = json!({ "practitioner": practitioner, "hospital": hospital, "specialty": "cardiology", "services": [] });
            let role = house.send(&format!("role {number}"), of::<AssignRole>(body)).await;
            let block =
                json!({ "weekday": "Mon", "start": "08:00:00", "end": "09:00:00", "slotMinutes": 30, "capacity": 1 });
            let body = json!({ "role": role, "effectiveFrom": "2024-12-02", "blocks": [block] });
            house.send(&format!("schedule {number}"), of::<SetSchedule>(body)).await;
        }
        house
    }

    /// The id of what a command made.
    async fn send(&self, step: &str, command: impl Into<Command>) -> String {
        let request = CommandRequest::now(CommandId::of_step("test", step), command, Actor::system("test"));
        self.bus.send(request).await.expect("done").subject.to_string()
    }

    /// Runs the sagas until they have handled everything, and stops them, which saves their checkpoint.
    async fn run_sagas(&self, documents: Arc<dyn DocumentStore>) {
        let blobs = ObjectBlobs::in_folder(&self.folder.path().join("blobs")).expect("blobs");
        let engine = SagaEngine::start(Deps {
            log: self.log.clone(),
            keys: self.keys.clone(),
            bus: self.bus.clone(),
            documents,
            blobs: Arc::new(blobs),
            clock: Arc::new(self.clock.clone()),
            // No file is uploaded here.
            lab_reader: Arc::new(ChildLabReader::new("false", [""; 0], Limits::default(), 1)),
            assigned: Arc::new(Fixed::all(1)),
            config: SagasConfig { checkpoint_every: Duration::from_secs(3_600), ..SagasConfig::default() },
        });
        let engine = engine.await.expect("started");
        assert!(engine.wait(Duration::from_secs(60)).await.expect("asked"), "everything is handled");
        engine.stop().await;
    }
}

fn of<T: serde::de::DeserializeOwned>(body: Value) -> T {
    serde_json::from_value(body).expect("a command")
}

/// The offset before which everything is handled, if there is a checkpoint, and how many alarms are kept.
async fn kept(documents: &DynamoDocuments) -> (Option<u64>, usize) {
    let key = DocumentKey { partition_key: "sagas#checkpoint".to_owned(), sort_key: "0".to_owned() };
    let checkpoint = documents.get(&key).await.expect("read");
    let alarms = documents.query("sagas#alarms-0", "", None, 1_000).await.expect("read").items;
    (checkpoint.map(|document| document.body["next"].as_u64().expect("an offset")), alarms.len())
}

async fn size(house: &House) -> u64 {
    house.log.head().await.expect("heads")[0].size
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoint_and_alarms_come_back_after_a_restart() {
    let (house, table) = (House::open().await, DynamoServer::table());
    for _ in 0..2 {
        let documents = Arc::new(DynamoServer::documents(DynamoServer::shared().port, &table).await);
        house.run_sagas(documents.clone()).await;
        assert_eq!(kept(&documents).await, (Some(size(&house).await), ROLES));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_cut_anywhere_leaves_no_checkpoint_ahead_of_its_alarms() {
    for cut in [0, 1, 3, ROLES, ROLES + 1] {
        let (house, table, server) = (House::open().await, DynamoServer::table(), DynamoServer::shared());
        let sound = Arc::new(DynamoServer::documents(server.port, &table).await);
        let puts = AtomicUsize::new(0);
        let line = faulty_line(server.port, move |operation, body| {
            // How far they are is told beside it, and nobody counts on that.
            let is_saved = operation == "PutItem" && !body.to_string().contains("sagas#progress");
            let is_cut = is_saved && puts.fetch_add(1, Ordering::SeqCst) >= cut;
            if is_cut { Fate::Cut } else { Fate::Pass }
        });
        let cut_off = DynamoServer::documents(line.await, &table).await;
        house.run_sagas(Arc::new(cut_off)).await;
        let (checkpoint, alarms) = kept(&sound).await;
        assert_eq!((checkpoint.is_some(), alarms), (cut > ROLES, cut.min(ROLES)), "cut after {cut}");
        house.run_sagas(sound.clone()).await;
        assert_eq!(kept(&sound).await, (Some(size(&house).await), ROLES), "cut after {cut}");
    }
}
