//! One more identifier for a patient the chain knows, asked of the program itself: added once, found by search and on the
//! chart, refused to anybody else, whatever is sent twice, at once, or just before a kill.

use std::time::Duration;

use carelog_tests::practice::{Answer, Practice, command, heads, send};
use carelog_tests::server::Server;
use futures::future::join_all;
use serde_json::{Value, json};

/// A server with a practice.
struct Desk {
    server: Server,
    practice: Practice,
    folder: tempfile::TempDir,
}

fn mrn(value: &str) -> Value {
    json!({ "system": "urn:test", "kind": "MR", "value": value })
}

impl Desk {
    async fn open() -> Desk {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(folder.path(), 4).await;
        let practice = Practice::set_up(&server, "st-anne").await;
        Desk { server, practice, folder }
    }

    /// A patient with these record numbers.
    async fn patient(&self, name: &str, numbers: &[&str]) -> String {
        let identifiers: Vec<Value> = numbers.iter().map(|number| mrn(number)).collect();
        let person = json!({ "name": { "text": name }, "identifiers": identifiers });
        self.practice.patient(&self.server, name, person).await
    }

    async fn add(&self, patient: &str, key: &str, identifier: &Value) -> Answer {
        command(&self.server, "POST", &format!("/v1/patients/{patient}/identifiers"), key, &[], identifier).await
    }

    /// How often something was added to a patient, as the log has it.
    async fn additions(&self, patient: &str) -> usize {
        let path = format!("/v1/events?type=IdentifierAdded&tag=patient:{patient}&limit=1000");
        let (status, page) = self.server.get(&path).await;
        assert_eq!(status, 200, "{page}");
        page["events"].as_array().expect("events").len()
    }

    /// The patients a record number leads to.
    async fn search(&self, value: &str) -> Value {
        let query = "query($value: String!) { patients(filter: { identifier: { system: \"urn:test\", kind: \"MR\", \
            value: $value } }) { nodes { id } } }";
        self.server.query(query, json!({ "value": value })).await["patients"]["nodes"].clone()
    }

    /// A patient's record numbers: of the read model, and of the chart.
    async fn numbers(&self, patient: &str) -> (Vec<String>, Vec<String>) {
        let query = "query($id: ID!) { patient(id: $id) { identifiers { value } } \
            chart(patient: $id) { profile { identifiers { value } } } }";
        let data = self.server.query(query, json!({ "id": patient })).await;
        let values = |list: &Value| {
            let list = list.as_array().unwrap_or_else(|| panic!("no identifiers in {data}"));
            list.iter().map(|each| each["value"].as_str().expect("a value").to_owned()).collect()
        };
        (values(&data["patient"]["identifiers"]), values(&data["chart"]["profile"]["identifiers"]))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_added_once_and_leads_to_its_patient() {
    let desk = Desk::open().await;
    let ada = desk.patient("Ada Lovelace", &["A-1"]).await;
    let added = desk.add(&ada, "k1", &mrn("B-2")).await;
    assert_eq!((added.status, added.id()), (201, ada.clone()), "{}", added.body);
    assert_eq!(added.header("location"), format!("/v1/patients/{ada}"));
    assert_eq!(added.body["repeated"], json!(false));
    let again = desk.add(&ada, "k1", &mrn("B-2")).await;
    assert_eq!((again.status, &again.body["repeated"]), (201, &json!(true)), "{}", again.body);
    assert_eq!(again.body["command"], added.body["command"]);
    let reused = desk.add(&ada, "k1", &mrn("C-3")).await;
    assert_eq!((reused.status, reused.code()), (422, "key-reused"));
    // The same one under other keys, written otherwise; and one she was registered with.
    for (key, value) in [("k2", "B-2"), ("k3", "b 2"), ("k4", "a1")] {
        let same = desk.add(&ada, key, &mrn(value)).await;
        assert_eq!((same.status, same.id()), (201, ada.clone()), "{value}: {}", same.body);
    }
    assert_eq!(desk.additions(&ada).await, 1);

    let found = "query($value: String!) { patients(filter: { identifier: { system: \"urn:test\", kind: \"MR\", \
        value: $value } }) { nodes { id } } }";
    let body = json!({ "query": found, "variables": { "value": "b2" } }).to_string().into_bytes();
    let token = added.header("carelog-token").to_owned();
    let headers = [("content-type", "application/json"), ("carelog-token", token.as_str())];
    let seen = send(&desk.server, "POST", "/graphql", &headers, body).await;
    assert_eq!(seen.body["data"]["patients"]["nodes"], json!([{ "id": ada }]), "the token waits for it: {}", seen.body);
    desk.server.settle().await;
    let both = vec!["A-1".to_owned(), "B-2".to_owned()];
    assert_eq!(desk.numbers(&ada).await, (both.clone(), both));
    assert_eq!(desk.search("A-1").await, json!([{ "id": ada }]));
    let (_, log) = desk.server.get("/v1/events?limit=1000").await;
    assert!(!log.to_string().contains("B-2"), "it is sealed");
    desk.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_refused_where_it_is_anothers_or_one_too_many() {
    let desk = Desk::open().await;
    let (ada, bob) = (desk.patient("Ada", &["A-1"]).await, desk.patient("Bob", &[]).await);
    assert_eq!(desk.add(&bob, "b1", &mrn("B-1")).await.status, 201);
    desk.server.settle().await;
    let before = heads(&desk.server).await;
    for (patient, key, value) in [(&bob, "b2", "a 1"), (&ada, "a1", "B-1")] {
        let taken = desk.add(patient, key, &mrn(value)).await;
        assert_eq!((taken.status, taken.code()), (409, "identifier-taken"), "{}", taken.body);
    }
    assert_eq!(heads(&desk.server).await, before, "a refusal wrote something");
    let person = json!({ "hospital": desk.practice.hospital, "name": { "text": "Eve" }, "identifiers": [mrn("B-1")] });
    let eve = command(&desk.server, "POST", "/v1/patients", "eve", &[], &person).await;
    assert_eq!((eve.status, eve.code()), (409, "identifier-taken"), "what was added later is as much taken");

    let many: Vec<String> = (0..20).map(|number| format!("M-{number}")).collect();
    let full = desk.patient("Full", &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let beyond = desk.add(&full, "f1", &mrn("M-20")).await;
    assert_eq!((beyond.status, beyond.code()), (422, "identifier-invalid"), "{}", beyond.body);
    assert_eq!(desk.add(&full, "f2", &mrn("M-7")).await.status, 201, "one of the twenty");
    desk.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_it_at_once_one_gets_it_and_nobody_gets_more_than_twenty() {
    let desk = Desk::open().await;
    let ada = desk.patient("Ada", &[]).await;
    let rivals = join_all((0..6).map(async |n| desk.patient(&format!("Rival {n}"), &[]).await)).await;
    let sent = rivals.iter().enumerate().flat_map(|(n, rival)| [(rival, format!("r{n}")), (rival, format!("s{n}"))]);
    let answers = join_all(sent.map(async |(rival, key)| desk.add(rival, &key, &mrn("X-1")).await)).await;
    let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 2, "both requests of one rival");
    assert_eq!(won[0].id(), won[1].id());
    for lost in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((lost.status, lost.code()), (409, "identifier-taken"), "{}", lost.body);
    }
    assert_eq!(desk.additions(&won[0].id()).await, 1);

    let wanted = (0..30).map(async |n| desk.add(&ada, &format!("a{n}"), &mrn(&format!("Y-{n}"))).await);
    let answers = join_all(wanted).await;
    desk.server.settle().await;
    let refused = answers.iter().filter(|answer| (answer.status, answer.code()) == (422, "identifier-invalid"));
    assert_eq!(refused.count(), 10);
    // Whoever was told to come again (202) finds it done.
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 202 | 422)));
    assert_eq!(desk.additions(&ada).await, 20);
    assert_eq!(desk.numbers(&ada).await.0.len(), 20);
    desk.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_on_the_way_it_ends_added_once() {
    let mut desk = Desk::open().await;
    let patients = join_all((0..8).map(async |n| desk.patient(&format!("Patient {n}"), &[]).await)).await;
    for (round, delay) in [1, 3, 6, 10, 15, 25].into_iter().enumerate() {
        let sending: Vec<_> = patients
            .iter()
            .enumerate()
            .map(|(n, patient)| {
                let address = format!("{}/v1/patients/{patient}/identifiers", desk.server.base);
                let request = desk.server.http.post(address).header("idempotency-key", format!("{round}/{n}"));
                tokio::spawn(request.json(&mrn(&format!("{round}-{n}"))).send())
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(delay)).await; // A moment between two steps, another one each round.
        desk.server.kill();
        join_all(sending).await;
        desk.server = Server::start(desk.folder.path(), 4).await;
        desk.server.settle().await;
        for (n, patient) in patients.iter().enumerate() {
            let half = desk.additions(patient).await;
            assert!([round, round + 1].contains(&half), "{half} additions in round {round}");
            let again = desk.add(patient, &format!("{round}/{n}"), &mrn(&format!("{round}-{n}"))).await;
            assert_eq!(again.status, 201, "{}", again.body);
            assert_eq!(desk.additions(patient).await, round + 1);
        }
    }
    desk.server.settle().await;
    for (n, patient) in patients.iter().enumerate() {
        assert_eq!(desk.numbers(patient).await.1.len(), 6);
        assert_eq!(desk.search(&format!("3-{n}")).await, json!([{ "id": patient }]));
    }
    let list = desk.server.run(&["sagas", "list", "--json"]);
    assert!(list.status.success(), "{}", String::from_utf8_lossy(&list.stderr));
    desk.server.stop();
}
