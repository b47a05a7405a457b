//! What each topic says of what happened: given a history, when it is published, then these messages.

use std::collections::{BTreeMap, BTreeSet};

use carelog_publisher::Pseudonyms;
use carelog_schemas::cloud_event::CloudEvent;
use carelog_schemas::topics;
use serde_json::{Value, json};

use crate::world::World;

/// Every message of every topic of partition 0.
pub(crate) async fn everything(world: &World) -> Vec<(&'static str, CloudEvent)> {
    let mut all = vec![];
    for topic in topics::ALL {
        let messages = world.messages(topic, 0, 0).await;
        all.extend(messages.into_iter().map(|message| (topic.name, message)));
    }
    all
}

fn data(message: &CloudEvent) -> Value {
    serde_json::from_slice(&message.data).expect("json")
}

fn of_type<'a>(messages: &'a [(&str, CloudEvent)], kind: &str) -> &'a CloudEvent {
    &messages.iter().find(|(_, message)| message.kind == kind).unwrap_or_else(|| panic!("no {kind}")).1
}

#[tokio::test]
async fn a_booking_is_told_with_codes_times_and_amounts() {
    let world = World::with_history(1, 1).await;
    let all = everything(&world).await;
    let booked = of_type(&all, "carelog.appointments.v1.AppointmentBooked");
    let body = data(booked);
    assert_eq!(body["specialty"], "cardiology");
    assert_eq!(body["service"], "visit");
    assert_eq!(body["price"], json!({ "amount": "50.00", "currency": "GBP" }));
    assert_eq!(body["period"], json!({ "start": "2024-11-30T20:53:20Z", "end": "2024-11-30T21:08:20Z" }));
    assert_eq!(booked.subject, format!("appointment:{}", body["appointment"].as_str().expect("a text")));
    assert_eq!(booked.source, "urn:carelog:log:0");
    assert_eq!(booked.data_schema, "urn:carelog:schema:carelog.appointments.v1:AppointmentBooked");
    let fields: BTreeSet<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = ["appointment", "hospital", "patient", "practitioner", "specialty", "service", "period", "price"];
    assert_eq!(fields, BTreeSet::from(expected));
}

#[tokio::test]
async fn an_invoice_is_told_without_its_number_and_its_payer() {
    let world = World::with_history(1, 1).await;
    let all = everything(&world).await;
    let issued = data(of_type(&all, "carelog.billing.v1.InvoiceIssued"));
    let amount = |amount: &str| json!({ "amount": amount, "currency": "GBP" });
    assert_eq!(issued["totals"], json!({ "net": amount("50.00"), "tax": amount("10.00"), "gross": amount("60.00") }));
    assert_eq!((&issued["issueDate"], &issued["services"]), (&json!("2024-12-02"), &json!(["visit"])));
    assert!(issued.get("number").is_none() && issued.get("printedNumber").is_none());
    let paid = data(of_type(&all, "carelog.billing.v1.InvoiceAllocated"));
    assert_eq!((&paid["amount"], &paid["balance"]), (&amount("60.00"), &amount("0.00")));
    assert!(!all.iter().any(|(_, message)| message.kind.contains("Addressed") || message.kind.contains("Guarantor")));
}

#[tokio::test]
async fn a_lab_report_is_told_without_what_it_says() {
    let world = World::with_history(1, 1).await;
    let all = everything(&world).await;
    let lab: Vec<&CloudEvent> =
        all.iter().filter(|(topic, _)| *topic == "carelog.laboratory.v1").map(|(_, message)| message).collect();
    let names: Vec<&str> = lab.iter().map(|message| message.kind.rsplit('.').next().expect("a name")).collect();
    assert_eq!(names, ["LabReportUploaded", "LabReportExtracted", "LabReportFinalised", "LabReportAppended"]);
    let extracted = data(lab[1]);
    let fields: BTreeSet<&str> = extracted.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = ["attempt", "hospital", "needsReview", "observations", "patient", "report"];
    assert_eq!(fields, BTreeSet::from(expected));
}

#[tokio::test]
async fn the_same_person_is_another_in_every_topic() {
    let world = World::with_history(1, 2).await;
    let mut by_topic: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (topic, message) in everything(&world).await {
        let body = data(&message);
        let ids = body.as_object().expect("an object").iter().filter(|(name, _)| *name != "hospital");
        let pseudonyms = ids.filter_map(|(_, value)| value.as_str()).filter(|text| text.len() == 32);
        by_topic.entry(topic).or_default().extend(pseudonyms.map(str::to_owned));
        by_topic.entry(topic).or_default().insert(message.id.clone());
        by_topic.entry(topic).or_default().insert(message.subject.rsplit(':').next().expect("a pseudonym").to_owned());
    }
    let hospitals = by_topic.remove("carelog.hospitals.v1").expect("hospitals");
    assert_eq!(hospitals.len(), 4, "two messages about two hospitals");
    assert_eq!(by_topic.len(), 5);
    let together: usize = by_topic.values().map(BTreeSet::len).sum();
    let apart: BTreeSet<&String> = by_topic.values().flatten().collect();
    assert_eq!(apart.len(), together, "a pseudonym stands in two topics");
}

#[tokio::test]
async fn within_a_topic_a_person_stays_the_same_and_another_secret_gives_another_pseudonym() {
    let (one, other) = (World::with_history(1, 1).await, World::with_history(1, 1).await);
    let patients = |world: &World| {
        let messages = futures::executor::block_on(world.messages(&topics::appointments::TOPIC, 0, 0));
        messages.iter().map(|message| data(message)["patient"].clone().to_string()).collect::<BTreeSet<_>>()
    };
    assert_eq!(patients(&one).len(), 1);
    assert_ne!(patients(&one), patients(&other), "the two chains have the same ids and their own secrets");
    let names = Pseudonyms::new(one.keys.as_ref(), "t");
    assert_ne!(names.of("patient", "1"), names.of("practitioner", "1"));
}

#[tokio::test]
async fn messages_of_one_subject_come_from_one_slot_and_have_ids_of_their_own() {
    for partitions in [1, 4] {
        let world = World::with_history(partitions, 9).await;
        let mut partition_of: BTreeMap<(String, String), u16> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for topic in topics::ALL {
            for partition in 0..partitions {
                for message in world.messages(topic, partition, 0).await {
                    let key = (topic.name.to_owned(), message.subject.clone());
                    assert_eq!(*partition_of.entry(key).or_insert(partition), partition, "{}", message.subject);
                    assert!(ids.insert(message.id.clone()), "{} is there twice", message.id);
                }
            }
        }
        assert!(ids.len() > 100, "there is something to compare");
    }
}
