//! The feeds over HTTP: who may read them, where they begin, how a reader goes on, and that they carry Kafka's bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::kernel::actor::Reach;
use carelog_domain::kernel::{Actor, HospitalId, Role};
use carelog_publisher::FeedLimits;
use carelog_schemas::topics;
use serde_json::Value;

use crate::history::history;
use crate::lagging::Lagging;
use crate::served::{Served, analyst, app, refused};
use crate::world::World;

const BILLING: &str = "/v1/topics/carelog.billing.v1";

#[tokio::test]
async fn a_feed_from_the_beginning_is_the_topic_byte_for_byte() {
    for partitions in [1, 4] {
        let world = World::with_history(partitions, 8).await;
        let app = app(&world, analyst(), FeedLimits::default());
        for topic in topics::ALL {
            let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
            let mut count = 0;
            for partition in 0..partitions {
                for message in world.messages(topic, partition, 0).await {
                    expected.entry(message.subject.clone()).or_default().push(message.structured());
                    count += 1;
                    let value = std::str::from_utf8(&message.data).expect("text");
                    assert!(message.structured().ends_with(&format!("\"data\":{value}}}")), "not Kafka's bytes");
                }
            }
            let path = format!("/v1/topics/{}?from=beginning", topic.name);
            let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (_, text) in Served::open(&app, &path, &[]).await.take(count).await {
                let message: Value = serde_json::from_str(&text).expect("json");
                found.entry(message["subject"].as_str().expect("a subject").to_owned()).or_default().push(text);
            }
            assert_eq!(found, expected, "{}: each subject in its order", topic.name);
        }
    }
}

#[tokio::test]
async fn a_reader_who_comes_back_anywhere_misses_nothing_and_sees_nothing_twice() {
    for partitions in [1, 4] {
        let world = World::with_history(partitions, 6).await;
        let app = app(&world, analyst(), FeedLimits::default());
        let mut count = 0;
        for partition in 0..partitions {
            count += world.messages(&topics::billing::TOPIC, partition, 0).await.len();
        }
        let from_the_beginning = format!("{BILLING}?from=beginning");
        let whole = Served::open(&app, &from_the_beginning, &[]).await.take(count).await;
        let all: BTreeSet<&String> = whole.iter().map(|(_, text)| text).collect();
        for (seen, (id, _)) in whole.iter().enumerate() {
            // The header wins over the address, which a browser asks again as it is.
            let mut again = Served::open(&app, &from_the_beginning, &[("last-event-id", id)]).await;
            let rest = again.take(count - seen - 1).await;
            let mut both: Vec<&String> = whole[..=seen].iter().chain(&rest).map(|(_, text)| text).collect();
            both.sort();
            both.dedup();
            assert_eq!(both.len(), all.len(), "after message {seen} of {count}");
        }
    }
}

#[tokio::test]
async fn a_feed_begins_now_unless_told_and_goes_on_with_what_comes() {
    let world = World::new(1);
    let steps = history(4);
    let (past, future) = steps.split_at(steps.len() / 2);
    world.append_all(past).await;
    let before = world.messages(&topics::analytics::TOPIC, 0, 0).await.len();
    let app = app(&world, analyst(), FeedLimits::default());
    let mut feed = Served::open(&app, "/v1/topics/carelog.analytics.v1", &[]).await;
    let (live, ()) = tokio::join!(feed.take(3), world.append_all(future));
    let expected = world.messages(&topics::analytics::TOPIC, 0, 0).await.split_off(before);
    let live: Vec<String> = live.into_iter().map(|(_, text)| text).collect();
    assert_eq!(live, expected.iter().take(3).map(|message| message.structured()).collect::<Vec<_>>());
}

#[tokio::test]
async fn whoever_is_no_analyst_reads_nothing() {
    let world = World::with_history(1, 1).await;
    let roles = [Role::Administrator, Role::FrontDesk, Role::Practitioner, Role::Laboratory, Role::Billing];
    for role in roles.into_iter().chain([Role::Auditor, Role::Importer]) {
        let app = app(&world, Actor { roles: vec![role], ..analyst() }, FeedLimits::default());
        for path in ["/v1/topics", BILLING, "/v1/topics/nothing"] {
            let (status, problem) = refused(&app, path, &[]).await;
            assert_eq!((status, problem["code"].as_str()), (403, Some("not-permitted")), "{role:?} {path}");
        }
    }
    let nobody = app(&world, Actor { roles: vec![], ..analyst() }, FeedLimits::default());
    assert_eq!(refused(&nobody, BILLING, &[]).await.0, 403);
}

#[tokio::test]
async fn an_analyst_of_one_hospital_sees_no_other() {
    let world = World::with_history(1, 6).await;
    let all = world.messages(&topics::billing::TOPIC, 0, 0).await;
    let hospital_of = |data: &[u8]| serde_json::from_slice::<Value>(data).expect("json")["hospital"].clone();
    let own: HospitalId = hospital_of(&all[0].data).as_str().expect("an id").parse().expect("an id");
    let expected: Vec<String> = all
        .iter()
        .filter(|message| hospital_of(&message.data) == own.to_string())
        .map(|message| message.structured())
        .collect();
    assert!(expected.len() < all.len(), "there is another hospital");
    let actor = Actor { reach: Reach::Hospitals(vec![own]), ..analyst() };
    let app = app(&world, actor, FeedLimits::default());
    let mut feed = Served::open(&app, &format!("{BILLING}?from=beginning"), &[]).await;
    let found: Vec<String> = feed.take(expected.len()).await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_is_unknown_or_unreadable_is_refused_by_name() {
    let world = World::with_history(1, 1).await;
    let app = app(&world, analyst(), FeedLimits::default());
    let (status, problem) = refused(&app, "/v1/topics/carelog.nothing.v1", &[]).await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("topic-unknown")));
    assert_eq!(problem["type"], "/docs/errors/topic-unknown");
    assert_eq!(problem["instance"], "/v1/topics/carelog.nothing.v1");
    let (of_another, _) = Served::open(&app, "/v1/topics/carelog.patients.v1?from=beginning", &[]).await.next().await;
    for id in ["", "0:3", "not an id", &of_another] {
        let (status, problem) = refused(&app, BILLING, &[("last-event-id", id)]).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("malformed-parameter")), "{id}");
        assert_eq!(problem["field"], "Last-Event-ID");
    }
    for (query, field) in [("from=0:3", "from"), ("form=now", "query"), ("from=now&from=now", "query")] {
        let (status, problem) = refused(&app, &format!("{BILLING}?{query}"), &[]).await;
        assert_eq!((status, problem["field"].as_str()), (400, Some(field)), "{query}");
    }
}

#[tokio::test]
async fn a_place_beyond_the_log_is_refused_as_after_a_restore() {
    let (longer, shorter) = (World::with_history(1, 4).await, World::new(1));
    shorter.append_all(&history(4)[..20]).await;
    let feeds = app(&longer, analyst(), FeedLimits::default());
    let whole = longer.messages(&topics::billing::TOPIC, 0, 0).await.len();
    let (last, _) =
        Served::open(&feeds, &format!("{BILLING}?from=beginning"), &[]).await.take(whole).await.remove(whole - 1);
    let restored = World { keys: longer.keys.clone(), ..shorter };
    let (status, _) =
        refused(&app(&restored, analyst(), FeedLimits::default()), BILLING, &[("last-event-id", &last)]).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_reader_who_comes_back_to_a_process_that_has_not_followed_so_far_is_no_stranger() {
    let world = World::with_history(1, 4).await;
    let whole = world.messages(&topics::billing::TOPIC, 0, 0).await.len();
    let feeds = app(&world, analyst(), FeedLimits::default());
    let mut sent = Served::open(&feeds, &format!("{BILLING}?from=beginning"), &[]).await.take(whole).await;
    let (last, before_it) = (sent.pop().expect("a message"), sent.pop().expect("another"));
    let behind = World { log: Arc::new(Lagging::behind(world.log.clone())), ..world };
    let feeds = app(&behind, analyst(), FeedLimits::default());
    let mut again = Served::open(&feeds, BILLING, &[("last-event-id", &before_it.0)]).await;
    assert_eq!(again.next().await.1, last.1);
}

#[tokio::test]
async fn feeds_are_counted_and_a_silent_one_says_that_it_is_there() {
    let world = World::new(1);
    let limits = FeedLimits { feeds_max: 1, keep_alive: Duration::from_millis(20) };
    let app = app(&world, analyst(), limits);
    let mut only = Served::open(&app, BILLING, &[]).await;
    assert_eq!(only.comment().await, ":");
    let (status, problem) = refused(&app, BILLING, &[]).await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("too-many-requests")));
    drop(only);
    Served::open(&app, BILLING, &[]).await;
}
