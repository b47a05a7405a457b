//! Who answers for an account, asked of the program itself: named, changed, given back to the patient, and shown.

use carelog_tests::practice::{Answer, Practice, command};
use carelog_tests::server::Server;
use serde_json::{Value, json};

/// A server with a practice, and the account a booking opened there.
struct Books {
    server: Server,
    practice: Practice,
    account: String,
    appointment: String,
    _folder: tempfile::TempDir,
}

impl Books {
    async fn open() -> Books {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(folder.path(), 4).await;
        let practice = Practice::set_up(&server, "st-anne").await;
        let patient = practice.patient(&server, "ada", json!({ "name": { "text": "Ada" } })).await;
        let booked = command(&server, "POST", "/v1/appointments", "b", &[], &practice.booking(&patient, 0)).await;
        assert_eq!(booked.status, 201, "{}", booked.body);
        server.settle().await;
        let query = "query($patient: ID!) { accounts(filter: { patient: $patient }) { nodes { id } } }";
        let data = server.query(query, json!({ "patient": patient })).await;
        let account = data["accounts"]["nodes"][0]["id"].as_str().expect("an account").to_owned();
        Books { server, practice, account, appointment: booked.id(), _folder: folder }
    }

    async fn name(&self, key: &str, body: &Value) -> Answer {
        let path = format!("/v1/accounts/{}/guarantor", self.account);
        command(&self.server, "PUT", &path, key, &[], body).await
    }

    /// Who answers for the account, and since when.
    async fn guarantor(&self) -> (Value, Value) {
        self.server.settle().await;
        let query = "query($id: ID!) { account(id: $id) { guarantor guarantorSince } }";
        let account = self.server.query(query, json!({ "id": self.account })).await["account"].clone();
        (account["guarantor"].clone(), account["guarantorSince"].clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_answers_for_the_account_until_the_patient_does_again() {
    let books = Books::open().await;
    assert_eq!(books.guarantor().await, (Value::Null, Value::Null));
    let named = books.name("g1", &json!({ "name": "Acme Ltd", "reason": "employed there" })).await;
    assert_eq!((named.status, named.id()), (200, books.account.clone()), "{}", named.body);
    let (who, since) = books.guarantor().await;
    assert_eq!(who, "Acme Ltd");
    assert!(since.as_str().is_some_and(|since| since.starts_with("20")), "{since}");

    let version = named.body["version"].clone();
    let same = books.name("g2", &json!({ "name": "Acme Ltd" })).await;
    assert_eq!((same.status, &same.body["version"]), (200, &version), "no event: {}", same.body);
    let resource = books.server.get(&format!("/v1/accounts/{}", books.account)).await;
    assert_eq!((resource.0, &resource.1["version"]), (200, &version));

    assert_eq!(books.name("g3", &json!({ "name": "Bea Example" })).await.status, 200);
    assert_eq!(books.guarantor().await.0, "Bea Example");
    assert_eq!(books.name("g4", &json!({})).await.status, 200);
    assert_eq!(books.guarantor().await, (Value::Null, Value::Null));
    let (_, log) = books.server.get("/v1/events?type=GuarantorNamed&limit=10").await;
    assert_eq!(log["events"].as_array().map(Vec::len), Some(3));
    for personal in ["Acme", "Bea", "employed"] {
        assert!(!log.to_string().contains(personal), "{personal} is sealed");
    }
    let verified = books.server.run(&["projections", "verify", "--deep"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    books.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_theirs_to_pay_who_answer_for_the_account_when_it_is_issued() {
    let books = Books::open().await;
    let invoice = async || {
        books.server.settle().await;
        let query = "query($id: ID!) { appointment(id: $id) { invoice { status recipient version } } }";
        books.server.query(query, json!({ "id": books.appointment })).await["appointment"]["invoice"].clone()
    };
    assert_eq!(books.name("g1", &json!({ "name": "Acme Ltd" })).await.status, 200);
    assert_eq!(invoice().await, json!({ "status": "DRAFT", "recipient": null, "version": 1 }));
    let on = |what: &str| format!("/v1/appointments/{}/{what}", books.appointment);
    assert_eq!(command(&books.server, "POST", &on("arrive"), "a", &[], &json!({})).await.status, 200);
    let now = chrono::Utc::now();
    let visit = json!({ "started": now - chrono::TimeDelta::minutes(2), "ended": now - chrono::TimeDelta::minutes(1) });
    let fulfilled = command(&books.server, "POST", &on("fulfil"), "f", &[], &visit).await;
    assert_eq!(fulfilled.status, 200, "{}", fulfilled.body);
    let issued = json!({ "status": "ISSUED", "recipient": "Acme Ltd", "version": 3 });
    assert_eq!(invoice().await, issued);
    assert_eq!(books.name("g2", &json!({ "name": "Bea Example" })).await.status, 200);
    assert_eq!(invoice().await, issued, "what was issued stays");
    let verified = books.server.run(&["projections", "verify", "--deep"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    books.server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guarantor_needs_an_account_and_a_name_that_says_something() {
    let books = Books::open().await;
    let long = "x".repeat(301);
    for (body, code, field) in [
        (json!({ "name": " " }), "name-missing", "/name"),
        (json!({ "name": long }), "name-too-long", "/name"),
        (json!({ "name": "Acme Ltd", "reason": " " }), "reason-missing", "/reason"),
    ] {
        let refused = books.name("bad", &body).await;
        assert_eq!((refused.status, refused.code(), &refused.body["field"]), (422, code, &json!(field)));
    }
    let nobody = "0193a000-0000-8abc-8000-000000000001";
    let path = format!("/v1/accounts/{nobody}/guarantor");
    let unknown = command(&books.server, "PUT", &path, "bad", &[], &json!({ "name": "Acme Ltd" })).await;
    assert_eq!((unknown.status, unknown.code()), (404, "account-unknown"));
    // A patient without a booking has no account yet, though it is known which one it would be.
    let other = books.practice.patient(&books.server, "bob", json!({ "name": { "text": "Bob" } })).await;
    let query = "query($patient: ID!) { accounts(filter: { patient: $patient }) { totalCount } }";
    let data = books.server.query(query, json!({ "patient": other })).await;
    assert_eq!(data["accounts"]["totalCount"], 0);
    books.server.stop();
}
