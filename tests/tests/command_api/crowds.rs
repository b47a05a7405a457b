//! Many at once.

use std::collections::BTreeSet;

use carelog_domain::billing::InvoiceKind;
use carelog_domain::billing::commands::{DraftInvoice, IssueInvoice};
use carelog_domain::kernel::{AppointmentId, CommandId, InvoiceId, Money, Timestamp, Version};
use carelog_domain::organization::Tax;
use carelog_domain::scheduling::AgreedPrice;
use carelog_domain::streams;
use futures::future::join_all;
use serde_json::json;

use super::house::House;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_command_sent_fifty_times_at_once_does_one_thing() {
    let house = House::open().await;
    let patient = house.patient("p1").await;
    let booking = house.booking(&patient, 2, 0);
    let answers = join_all((0..50).map(|_| house.keyed("POST", "/v1/appointments", "same", &booking))).await;
    let mut ids = BTreeSet::new();
    for answer in &answers {
        match answer.status {
            201 => drop(ids.insert(answer.id())),
            409 => {
                assert_eq!(answer.body["code"], "still-running");
                assert_eq!(answer.header("retry-after"), "1");
            }
            other => panic!("{other}: {}", answer.body),
        }
    }
    assert_eq!(ids.len(), 1);
    let events = house.call("GET", "/v1/events?type=AppointmentBooked", &[], &json!(null)).await;
    assert_eq!(events.body["events"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_race_for_each_of_a_hundred_slots_and_one_wins_each() {
    let house = House::open().await;
    let (one, other) = (house.patient("p1").await, house.patient("p2").await);
    let races = (0..100u32).map(|slot| {
        let (house, one, other) = (&house, &one, &other);
        async move {
            let (day, minutes) = (2 + slot / 40, slot % 40 * 15);
            let (first, second) = (house.booking(one, day, minutes), house.booking(other, day, minutes));
            let (a, b) = (format!("a{slot}"), format!("b{slot}"));
            tokio::join!(
                house.keyed("POST", "/v1/appointments", &a, &first),
                house.keyed("POST", "/v1/appointments", &b, &second)
            )
        }
    });
    for (first, second) in join_all(races).await {
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{} {}", first.body, second.body);
        let loser = if first.status == 409 { first } else { second };
        assert_eq!(loser.body["code"], "slot-taken");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_clients_issue_invoices_without_a_gap_or_a_conflict() {
    let house = House::open().await;
    let patient = house.patient("p1").await.parse().unwrap();
    let hospital: carelog_domain::kernel::HospitalId = house.hospital.parse().unwrap();
    let issue = |number: u32| {
        let house = &house;
        async move {
            let origin = CommandId::of_step("visit", &number.to_string());
            let price = AgreedPrice {
                service: "visit".to_owned(),
                display: "Visit".to_owned(),
                amount: Money::new(8_000, "GBP".parse().unwrap()),
                tax: Tax { category: "E".to_owned(), rate_basis_points: 0 },
                service_date: "2024-12-02".parse().unwrap(),
            };
            let draft = DraftInvoice {
                hospital,
                patient,
                appointment: AppointmentId::derive(origin, hospital.slot(), Timestamp::from_micros(0), 0),
                kind: InvoiceKind::Visit,
                price,
            };
            let drafted = house.step(&format!("draft:{number}"), draft).await.expect("drafted");
            let invoice = IssueInvoice { invoice: InvoiceId(drafted.subject), imported: false };
            house.step(&format!("issue:{number}"), invoice).await.expect("issued");
        }
    };
    join_all((0..64).map(issue)).await;
    let series = streams::invoice_series(hospital, "visit", 2024);
    let given = house.log.read_stream(&series, Version::NONE, 1_000).await.unwrap();
    let numbers: Vec<u64> = given
        .iter()
        .map(|stored| serde_json::from_slice::<serde_json::Value>(&stored.data).unwrap()["number"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=64).collect::<Vec<u64>>());
}
