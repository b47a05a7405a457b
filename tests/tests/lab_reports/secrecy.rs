//! Nothing personal is readable in what the server logs, nor in the log and the files it keeps.

use std::path::Path;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn names_and_values_are_nowhere_in_the_output_or_on_disk() {
    let desk = Desk::open().await;
    let mut secrets: Vec<String> = vec!["secret-name.pdf".to_owned(), "Dr Sealed Practitioner".to_owned()];
    for producer in PRODUCERS {
        let truth = truth(producer, "04-long-names");
        for field in ["name", "birthDate", "identifier", "laboratory"] {
            secrets.push(truth["header"][field].as_str().unwrap().to_owned());
        }
        // Analytes of more than one word: short ones may stand in any binary by chance.
        let analytes = truth["rows"].as_array().unwrap().iter().filter_map(|row| row["name"].as_str());
        secrets.extend(analytes.filter(|name| name.len() > 12).map(str::to_owned));
        let patient = desk.patient_of(producer, &truth, &[]).await;
        let id = desk.hand_in(producer, &patient, &pdf(producer, "04-long-names")).await.id();
        let reason = json!({ "accepted": true, "reason": "a very private reason" });
        desk.on(&id, "review", &format!("{id}/review"), &[], reason.clone()).await;
        desk.on(&id, "cancel", &format!("{id}/cancel"), &[], json!({ "reason": "a very private reason" })).await;
    }
    secrets.push("a very private reason".to_owned());
    desk.server.settle().await;
    let output = desk.server.log();
    let sealed = send(&desk.server, "GET", "/v1/events?limit=1000", &[], vec![]).await.body.to_string();
    let opened = send(&desk.server, "GET", "/v1/events?limit=1000&open=true", &[], vec![]).await.body.to_string();
    let Desk { server, folder, .. } = desk;
    server.stop();
    let mut files = vec![];
    for part in ["log", "blobs", "keys"] {
        let found = texts_of(&folder.path().join(part));
        assert!(!found.is_empty(), "{part} holds nothing");
        files.extend(found);
    }
    assert!(secrets.len() > 15, "{secrets:?}");
    for secret in &secrets {
        assert!(!output.contains(secret), "{secret:?} is in the server's output");
        assert!(!sealed.contains(secret), "{secret:?} is in the log as sent");
        assert!(opened.contains(secret), "{secret:?} is not what the log holds sealed");
        for (file, text) in &files {
            assert!(!text.contains(secret), "{secret:?} is readable in {file}");
        }
    }
    let a_pdf = files.iter().find(|(_, text)| text.contains("%PDF-"));
    assert!(a_pdf.is_none(), "{} holds an unsealed file", a_pdf.unwrap().0);
}

/// Every file under a folder, as far as it is text, without the zeros that segments are filled with.
fn texts_of(folder: &Path) -> Vec<(String, String)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts_of(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            found.push((path.display().to_string(), String::from_utf8_lossy(&bytes[..end]).into_owned()));
        }
    }
    found
}
