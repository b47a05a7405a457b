//! What people decide about reports: reviews, final, amended, critical values.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_disagrees_waits_for_a_person_and_nothing_reaches_the_chart_before() {
    let desk = Desk::open().await;
    let cases = [
        ("reportlab", "name", "Somebody Else", "NAME_DIFFERS"),
        ("libreoffice", "birthDate", "1950-01-01", "BIRTH_DATE_DIFFERS"),
        ("chromium", "identifier", "OTHER-1", "IDENTIFIER_DIFFERS"),
    ];
    for (producer, field, value, reason) in cases {
        let truth = truth(producer, "01-plain");
        let patient = desk.patient_of(producer, &truth, &[(field, value)]).await;
        let id = desk.hand_in(producer, &patient, &pdf(producer, "01-plain")).await.id();
        let held = desk.report(&patient).await;
        assert_eq!((&held["fileStatus"], &held["reviewReasons"]), (&json!("NEEDS_REVIEW"), &json!([reason])), "{held}");
        assert_eq!(held["reachesChart"], json!(false));
        for hidden in ["observations", "unparsed"] {
            assert_eq!(held[hidden], json!([]), "{hidden} is shown before the review");
        }
        assert!(held["laboratory"].is_null() && held["collected"].is_null(), "{held}");
        assert!(desk.critical(&patient).await.is_empty());
        let early = desk.on(&id, "finalise", &format!("{id}/early"), &[], json!({})).await;
        assert_eq!((early.status, early.code()), (409, "review-open"), "{}", early.body);
        let accepted =
            desk.on(&id, "review", &format!("{id}/r"), &[], json!({ "accepted": true, "reason": "seen" })).await;
        assert_eq!(accepted.status, 200, "{}", accepted.body);
        let shown = desk.report(&patient).await;
        assert_eq!((&shown["fileStatus"], &shown["reachesChart"]), (&json!("EXTRACTED"), &json!(true)), "{shown}");
        assert_eq!(shown["observations"].as_array().unwrap().len(), truth["rows"].as_array().unwrap().len());
        let again = desk.on(&id, "review", &format!("{id}/s"), &[], json!({ "accepted": false, "reason": "x" })).await;
        assert_eq!((again.status, again.code()), (409, "review-not-open"), "{}", again.body);
    }
    let truth = truth("reportlab", "06-previous");
    let patient = desk.patient_of("refused", &truth, &[("name", "Somebody Else")]).await;
    let id = desk.hand_in("refused", &patient, &pdf("reportlab", "06-previous")).await.id();
    let refused = desk.on(&id, "review", "refused", &[], json!({ "accepted": false, "reason": "not theirs" })).await;
    assert_eq!(refused.status, 200, "{}", refused.body);
    let gone = desk.report(&patient).await;
    assert_eq!((&gone["status"], &gone["reachesChart"]), (&json!("CANCELLED"), &json!(false)), "{gone}");
    assert_eq!(gone["observations"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_value_waits_until_someone_saw_it_and_again_when_it_changes() {
    let desk = Desk::open().await;
    for producer in PRODUCERS {
        let truth = truth(producer, "03-other-order");
        let patient = desk.patient_of(producer, &truth, &[]).await;
        let id = desk.hand_in(producer, &patient, &pdf(producer, "03-other-order")).await.id();
        let report = desk.report(&patient).await;
        if report["fileStatus"] == "NEEDS_REVIEW" {
            let accept = json!({ "accepted": true, "reason": "as printed" });
            assert_eq!(desk.on(&id, "review", &format!("{id}/r"), &[], accept).await.status, 200);
        }
        let printed = |row: &&Value| row["flag"].as_str().is_some_and(|flag| ["LL", "HH", "AA"].contains(&flag));
        let expected = truth["rows"].as_array().unwrap().iter().filter(printed).count();
        let report = desk.report(&patient).await;
        let open = desk.critical(&patient).await;
        assert!(expected > 0 && open.len() == expected, "{producer}: {open:?} of {expected} critical values wait");
        let value = report["observations"].as_array().unwrap().iter().find(|value| value["id"] == *open[0]).unwrap();
        assert_eq!(value["openTask"], json!(true));
        let number = value["number"].clone();
        let seen = value["printed"].as_str().unwrap().to_owned();
        let path = format!("/v1/observations/{}/acknowledge", open[0]);
        let acknowledge = async |key: &str, seen: &str| {
            command(&desk.server, "POST", &path, &format!("{id}/{key}"), &[], &json!({ "valueSeen": seen })).await
        };
        let stale = acknowledge("stale", "0.0001").await;
        assert_eq!((stale.status, stale.code()), (409, "critical-value-changed"), "{}", stale.body);
        assert_eq!(desk.critical(&patient).await.len(), expected);
        assert_eq!(acknowledge("seen", &seen).await.status, 200);
        assert_eq!(desk.critical(&patient).await.len(), expected - 1);
        let twice = acknowledge("twice", &seen).await;
        assert_eq!((twice.status, twice.code()), (409, "critical-acknowledged"), "{}", twice.body);
        let value = shown(&desk, &patient, &number).await;
        assert_eq!((&value["openTask"], &value["valueSeen"]), (&json!(false), &json!(seen)), "{value}");
        assert!(value["acknowledgedBy"].is_string(), "{value}");
        amended(&desk, (producer, &patient, &id), &number, &seen, expected).await;
    }
}

/// The value of a number in a patient's only report.
async fn shown(desk: &Desk, patient: &str, number: &Value) -> Value {
    let report = desk.report(patient).await;
    let values = report["observations"].as_array().unwrap();
    values.iter().find(|value| value["number"] == *number).unwrap_or_else(|| panic!("no {number} in {report}")).clone()
}

async fn amended(
    desk: &Desk,
    (producer, patient, id): (&str, &str, &str),
    number: &Value,
    seen: &str,
    expected: usize,
) {
    let change = json!({ "number": number, "printed": "99.9", "decimal": "99.9", "flag": "HH" });
    let body = json!({ "changes": [change], "reason": "a sample was mixed up" });
    let early = desk.on(id, "amend", &format!("{id}/early"), &[("if-match", "\"99\"")], body.clone()).await;
    assert_eq!((early.status, early.code()), (412, "version-differs"), "{}", early.body);
    let finalised = desk.on(id, "finalise", &format!("{id}/final"), &[], json!({})).await;
    assert_eq!(finalised.status, 200, "{}", finalised.body);
    let again = desk.on(id, "finalise", &format!("{id}/final2"), &[], json!({})).await;
    assert_eq!((again.status, again.code()), (409, "lab-report-final"), "{}", again.body);
    let report = desk.report(patient).await;
    assert_eq!(report["status"], "FINAL", "{producer}");
    assert!(report["observations"].as_array().unwrap().iter().all(|value| value["machineRead"] == json!(false)));
    let version = finalised.header("etag").to_owned();
    let amend = desk.on(id, "amend", &format!("{id}/amend"), &[("if-match", &version)], body).await;
    assert_eq!(amend.status, 200, "{}", amend.body);
    let value = shown(desk, patient, number).await;
    assert_eq!((&value["printed"], &value["decimal"]), (&json!("99.9"), &json!("99.9")), "{value}");
    assert_eq!(
        value["earlier"].as_array().unwrap().last(),
        Some(&json!(seen)),
        "the old value is not visible: {value}"
    );
    assert_eq!((&value["status"], &value["openTask"]), (&json!("AMENDED"), &json!(true)), "{value}");
    let open = desk.critical(patient).await;
    assert_eq!(open.len(), expected, "{producer}: the amended value waits again");
    let path = format!("/v1/observations/{id}-{number}/acknowledge");
    let old = command(&desk.server, "POST", &path, &format!("{id}/old"), &[], &json!({ "valueSeen": seen })).await;
    assert_eq!((old.status, old.code()), (409, "critical-value-changed"), "{}", old.body);
    let new = command(&desk.server, "POST", &path, &format!("{id}/new"), &[], &json!({ "valueSeen": "99.9" })).await;
    assert_eq!(new.status, 200, "{}", new.body);
    assert_eq!(desk.critical(patient).await.len(), expected - 1);
    let report = desk.report(patient).await;
    assert_eq!(report["status"], "AMENDED");
    revised(desk, patient, id, number, expected - 1, new.header("etag")).await;
}

/// Corrects the value, adds one, and withdraws that: nothing goes out of sight, and tasks follow.
async fn revised(desk: &Desk, patient: &str, id: &str, number: &Value, open_before: usize, version: &str) {
    let how_many = desk.report(patient).await["observations"].as_array().unwrap().len();
    let change = json!({ "number": number, "printed": "55.5", "flag": "N" });
    let body = json!({ "changes": [change], "reason": "read off the wrong line" });
    let unversioned = desk.on(id, "correct", &format!("{id}/c0"), &[], body.clone()).await;
    assert_eq!((unversioned.status, unversioned.code()), (428, "if-match-missing"), "{}", unversioned.body);
    let corrected = desk.on(id, "correct", &format!("{id}/c"), &[("if-match", version)], body).await;
    assert_eq!(corrected.status, 200, "{}", corrected.body);
    let value = shown(desk, patient, number).await;
    assert_eq!((&value["status"], &value["printed"]), (&json!("CORRECTED"), &json!("55.5")), "{value}");
    assert_eq!(value["earlier"].as_array().unwrap().last(), Some(&json!("99.9")), "{value}");
    assert_eq!(desk.report(patient).await["status"], "CORRECTED");

    let version = corrected.header("etag").to_owned();
    let values = json!([{ "name": "Troponin T", "printed": "> 52", "unit": "ng/L", "flag": "HH" }]);
    let nameless = json!({ "observations": [{ "name": "", "printed": "1" }], "reason": "came later" });
    let refused = desk.on(id, "append", &format!("{id}/a0"), &[("if-match", &version)], nameless).await;
    assert_eq!((refused.status, refused.code()), (422, "appended-invalid"), "{}", refused.body);
    let body = json!({ "observations": values, "reason": "came later" });
    let appended = desk.on(id, "append", &format!("{id}/a"), &[("if-match", &version)], body).await;
    assert_eq!(appended.status, 200, "{}", appended.body);
    let report = desk.report(patient).await;
    assert_eq!(report["status"], "APPENDED");
    let added = report["observations"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(report["observations"].as_array().unwrap().len(), how_many + 1);
    assert_eq!(
        (&added["decimal"], &added["comparator"], &added["status"], &added["openTask"]),
        (&json!("52"), &json!(">"), &json!("FINAL"), &json!(true)),
        "{added}"
    );
    assert_eq!(desk.critical(patient).await.len(), open_before + 1, "the added value waits for someone");

    let path = format!("/v1/observations/{}/cancel", added["id"].as_str().unwrap());
    let headers = [("if-match", appended.header("etag"))];
    let body = json!({ "reason": "the sample was haemolysed" });
    let withdrawn = command(&desk.server, "POST", &path, &format!("{id}/w"), &headers, &body).await;
    assert_eq!(withdrawn.status, 200, "{}", withdrawn.body);
    let value = shown(desk, patient, &added["number"]).await;
    assert_eq!(
        (&value["status"], &value["printed"], &value["openTask"]),
        (&json!("CANCELLED"), &json!("> 52"), &json!(false)),
        "{value}"
    );
    assert_eq!(desk.critical(patient).await.len(), open_before, "a withdrawn value is nobody's task");
}
