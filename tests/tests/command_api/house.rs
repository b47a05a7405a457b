//! A command side on a log on a disk that a test can hold, with a hospital in it, and a stand-in for the saga that registers
//! patients.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::{Extension, Router};
use carelog_blob::ObjectBlobs;
use carelog_command_api::{Api, Limits, WriteSide, router};
use carelog_domain::command::Command;
use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::actor::Reach;
use carelog_domain::kernel::{Actor, CommandId, PurposeOfUse, Role, Token};
use carelog_domain::patient::commands::{EndRegistration, LinkPatient, RegisterPatient};
use carelog_domain::ports::{
    BoxFuture, CommandBus, CommandDone, CommandError, CommandRequest, EventLog, Failure, Head, Settlement,
};
use carelog_event_log::{IndexHome, LocalLog, MemoryStore, Options};
use carelog_keys::FileKeyStore;
use carelog_schemas::sealing;
use carelog_tests::clock::ManualClock;
use carelog_tests::forgetful_disk::ForgetfulDisk;
use futures::StreamExt;
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The id of what was made or changed.
    pub(crate) fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {}", self.body)).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The command side, and what is in it.
pub(crate) struct House {
    pub(crate) api: Api,
    pub(crate) app: Router,
    pub(crate) log: Arc<dyn EventLog>,
    /// Where the log is.
    pub(crate) disk: ForgetfulDisk,
    pub(crate) bus: Arc<WriteSide>,
    pub(crate) hospital: String,
    pub(crate) role: String,
    saga: tokio::task::JoinHandle<()>,
    _folder: TempDir,
}

/// Nothing follows from anything here.
struct NothingFollows;

impl Settlement for NothingFollows {
    fn settled(&self, _: CommandId, written: &Token, _: Duration) -> BoxFuture<'_, Result<Option<Token>, Failure>> {
        let written = written.clone();
        Box::pin(async move { Ok(Some(written)) })
    }
}

/// Somebody who may do everything but run processes.
pub(crate) fn owner() -> Actor {
    let roles = vec![
        Role::Administrator,
        Role::FrontDesk,
        Role::Practitioner,
        Role::Laboratory,
        Role::Billing,
        Role::Auditor,
        Role::Importer,
    ];
    Actor {
        tenant: "test".to_owned(),
        user: "owner".to_owned(),
        roles,
        purpose: PurposeOfUse::Operations,
        reach: Reach::Chain,
    }
}

impl House {
    /// A house with a hospital, a role and slots of 15 minutes from Monday, 2 December 2024, 08:00 on.
    pub(crate) async fn open() -> House {
        let mut house = House::empty().await;
        let hospital = json!({ "name": "St Anne", "zone": "Europe/London", "currency": "GBP" });
        house.hospital = house.made("/v1/hospitals", "h", hospital).await;
        let prices = json!({ "entries": [{ "service": "visit", "display": "Visit",
            "amount": { "amount": "80.00", "currency": "GBP" }, "validFrom": "2024-01-01" }] });
        let path = format!("/v1/hospitals/{}/price-list", house.hospital);
        let priced = house.call("PUT", &path, &[("idempotency-key", "p"), ("if-match", "\"1\"")], &prices).await;
        assert_eq!((priced.status, priced.header("etag")), (200, "\"2\""), "{}", priced.body);
        let doctor = house.made("/v1/practitioners", "d", json!({ "name": { "text": "Dr Grey" } })).await;
        let role = json!({ "practitioner": doctor, "hospital": house.hospital, "specialty": "cardiology" });
        house.role = house.made("/v1/practitioner-roles", "r", role).await;
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri"];
        let blocks: Vec<Value> = days
            .iter()
            .map(|day| json!({ "weekday": day, "start": "08:00", "end": "18:00", "slotMinutes": 15 }))
            .collect();
        let path = format!("/v1/practitioner-roles/{}/schedule", house.role);
        let set = json!({ "effectiveFrom": "2024-12-02", "blocks": blocks });
        assert_eq!(house.keyed("PUT", &path, "s", &set).await.status, 200);
        let path = format!("/v1/practitioner-roles/{}/open-days", house.role);
        let open = json!({ "from": "2024-12-02", "to": "2024-12-08" });
        assert_eq!(house.keyed("POST", &path, "o", &open).await.status, 200);
        house
    }

    async fn empty() -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at("2024-12-01T12:00:00Z".parse().expect("instant")));
        let disk = ForgetfulDisk::default();
        let index = IndexHome::Given(Arc::new(MemoryStore::default()));
        let options = Options { disk: Arc::new(disk.clone()), index, ..Options::new("/log", clock.clone()) };
        let log: Arc<dyn EventLog> = Arc::new(LocalLog::open(options).expect("a log"));
        let keys = Arc::new(FileKeyStore::open(&folder.path().join("keys")).expect("keys"));
        let bus = WriteSide::new(log.clone(), keys.clone(), clock.clone());
        let api = Api {
            bus: bus.clone(),
            log: log.clone(),
            keys: keys.clone(),
            blobs: Arc::new(ObjectBlobs::in_folder(&folder.path().join("blobs")).expect("blobs")),
            clock,
            settlement: Arc::new(NothingFollows),
            limits: Limits { registration_wait: Duration::from_secs(30), ..Limits::default() },
            traceparent: || None,
        };
        let saga = tokio::spawn(register_patients(log.clone(), keys, bus.clone()));
        let app = router(api.clone()).layer(Extension(owner()));
        House { api, app, log, disk, bus, hospital: String::new(), role: String::new(), saga, _folder: folder }
    }

    /// The same house behind an API of another kind.
    pub(crate) fn rebuilt(&mut self, rebuild: impl FnOnce(&mut Api)) {
        rebuild(&mut self.api);
        self.app = router(self.api.clone()).layer(Extension(owner()));
    }

    /// A registered patient.
    pub(crate) async fn patient(&self, key: &str) -> String {
        let body = json!({ "hospital": self.hospital, "name": { "text": "Ada Lovelace" },
            "identifiers": [{ "system": "urn:test", "kind": "MR", "value": key }] });
        self.made("/v1/patients", key, body).await
    }

    /// A booking at a wall time of a day in December 2024 (London, so UTC).
    pub(crate) fn booking(&self, patient: &str, day: u32, minutes: u32) -> Value {
        let start = format!("2024-12-{day:02}T{:02}:{:02}:00Z", 8 + minutes / 60, minutes % 60);
        json!({ "role": self.role, "patient": patient, "start": start, "service": "visit" })
    }

    /// The id of something that has to be made.
    pub(crate) async fn made(&self, path: &str, key: &str, body: Value) -> String {
        let answer = self.keyed("POST", path, key, &body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.body);
        assert!(answer.header("location").ends_with(&answer.id()));
        assert!(!answer.header("carelog-token").is_empty());
        answer.id()
    }

    pub(crate) async fn keyed(&self, method: &str, path: &str, key: &str, body: &Value) -> Answer {
        self.call(method, path, &[("idempotency-key", key)], body).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).expect("json") };
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.raw(method, path, &all, body).await
    }

    pub(crate) async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).expect("a request");
        let response = self.app.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn heads(&self) -> Vec<Head> {
        self.log.head().await.expect("heads")
    }

    /// A step of a process.
    pub(crate) async fn step(&self, step: &str, command: impl Into<Command>) -> Result<CommandDone, CommandError> {
        send(&self.bus, step, command.into()).await
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.saga.abort();
    }
}

async fn send(bus: &WriteSide, step: &str, command: Command) -> Result<CommandDone, CommandError> {
    bus.send(CommandRequest::now(CommandId::of_step("test", step), command, Actor::system("test"))).await
}

/// What the saga `PatientRegistration` does, without its claims: the real one has tests of its own.
async fn register_patients(log: Arc<dyn EventLog>, keys: Arc<FileKeyStore>, bus: Arc<WriteSide>) {
    let mut events = log.subscribe(carelog_domain::kernel::Partition(0), 0);
    while let Some(Ok(chunk)) = events.next().await {
        for stored in chunk.iter().filter(|stored| stored.event_type == "RegistrationRequested") {
            let recorded = sealing::open_event(&*keys, stored).await.expect("readable");
            let Event::ProcessEvent(ProcessEvent::RegistrationRequested(asked)) = recorded.event else { continue };
            let (patient, hospital) = (asked.patient, asked.hospital);
            let step = |name: &str| format!("{name}:{patient}");
            if let Some(demographics) = asked.demographics {
                let register = RegisterPatient { patient, demographics, identifiers: asked.identifiers };
                send(&bus, &step("register"), register.into()).await.expect("registered");
            }
            send(&bus, &step("link"), LinkPatient { hospital, patient }.into()).await.expect("linked");
            let end = EndRegistration { hospital, patient, refused: None };
            send(&bus, &step("end"), end.into()).await.expect("ended");
        }
    }
}
