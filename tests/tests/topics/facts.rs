//! The flat facts for analysts, and that they follow from the log alone, wherever a mapper begins.

use carelog_schemas::cloud_event::CloudEvent;
use carelog_schemas::topics;
use serde_json::{Value, json};

use crate::messages::everything;
use crate::world::World;

fn data(message: &CloudEvent) -> Value {
    serde_json::from_slice(&message.data).expect("json")
}

#[tokio::test]
async fn an_appointment_is_a_row_that_grows() {
    let world = World::with_history(1, 1).await;
    let facts: Vec<Value> = world.messages(&topics::analytics::TOPIC, 0, 0).await.iter().map(data).collect();
    let changes: Vec<&str> = facts.iter().filter_map(|fact| fact["change"].as_str()).collect();
    let expected = ["AppointmentBooked", "PatientArrived", "AppointmentFulfilled", "InvoiceIssued", "InvoiceAllocated"];
    assert_eq!(changes, expected);
    let booked = &facts[0];
    assert_eq!((&booked["specialty"], &booked["status"]), (&json!("cardiology"), &json!("booked")));
    assert_eq!((&booked["agreed"], &booked["currency"]), (&json!("50.00"), &json!("GBP")));
    assert_eq!((booked.get("gross"), booked.get("visitStart")), (None, None), "not yet");
    let paid = facts.last().expect("a fact");
    assert_eq!((&paid["status"], &paid["date"]), (&json!("fulfilled"), &json!("2024-12-02")));
    let amounts = ["net", "tax", "gross", "credited", "balance"].map(|name| paid[name].clone());
    assert_eq!(amounts, ["50.00", "10.00", "60.00", "0.00", "0.00"].map(|amount| json!(amount)));
    assert!(facts.iter().all(|fact| fact.get("patient").is_none()), "a fact is about no person");
}

#[tokio::test]
async fn a_mapper_that_begins_anywhere_makes_the_same_bytes() {
    for partitions in [1, 4] {
        let world = World::with_history(partitions, 8).await;
        let topics = [&topics::analytics::TOPIC, &topics::billing::TOPIC];
        for (topic, partition) in topics.into_iter().flat_map(|topic| (0..partitions).map(move |each| (topic, each))) {
            let whole = world.messages(topic, partition, 0).await;
            let events = world.events(partition).await.len();
            for from in 0..events {
                let rest = world.messages(topic, partition, from).await;
                assert_eq!(rest, whole[whole.len() - rest.len()..], "{} from {partition}:{from}", topic.name);
            }
        }
    }
}

#[tokio::test]
async fn an_erased_patient_stays_the_same_pseudonym() {
    let world = World::with_history(1, 2).await;
    let before = everything(&world).await;
    for stored in world.events(0).await {
        if let Some(patient) = carelog_schemas::sealing::read_sealed(&stored).expect("read").event.patient() {
            for purpose in carelog_domain::kernel::Purpose::ALL {
                world.keys.erase(patient.0, purpose).await.expect("erased");
            }
        }
    }
    assert_eq!(everything(&world).await, before, "no message was ever made from what is erased now");
}
