//! A seeded scenario over HTTP against the program itself, on top of a practitioner's imported year: money and time in
//! every way they go wrong at two more hospitals, a year ago as an import tells it and then now, and money at the
//! year's own hospital, with books that a model keeps beside it. At the end the model, GraphQL and hledger agree to the
//! last minor unit.
#![allow(clippy::unwrap_used)]

#[path = "scenario/checks.rs"]
mod checks;
#[path = "scenario/model.rs"]
mod model;
#[path = "scenario/money.rs"]
mod money;
#[path = "scenario/place.rs"]
mod place;
#[path = "scenario/time.rs"]
mod time;
#[path = "scenario/visits.rs"]
mod visits;
#[path = "scenario/year_place.rs"]
mod year_place;

use carelog_domain::kernel::Timestamp;
use carelog_tests::homes::Home;
use carelog_tests::server::Server;
use carelog_tests::servers::chain::ChainStores;
use carelog_tests::year::{import, oracle, part_of_year};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use money::Money;
use place::{Kind, Place};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use serde_json::json;
use time::Time;

const LONDON: Kind = Kind { name: "London", zone: "Europe/London", currency: "GBP", decimals: 2 };
/// Where clocks change by half an hour, in a money of three decimals.
const LORD_HOWE: Kind = Kind { name: "Lord Howe", zone: "Australia/Lord_Howe", currency: "KWD", decimals: 3 };

/// The nights on which a clock changes, and how many quarters of an hour 00:00-04:00 has then.
const NIGHTS: [(&str, [(&str, usize); 2]); 2] =
    [("London", [("2025-03-30", 12), ("2025-10-26", 20)]), ("Lord Howe", [("2025-04-06", 18), ("2025-10-05", 14)])];

/// Says the seed when the test fails.
struct Seed(u64);

impl Seed {
    /// `CARELOG_SCENARIO_SEED`, or always the same.
    fn new() -> Seed {
        let given = std::env::var("CARELOG_SCENARIO_SEED").ok();
        Seed(given.map_or(20_241_201, |text| text.parse().expect("a number")))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}: set CARELOG_SCENARIO_SEED to it to see this again", self.0);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Episode {
    Money(Money),
    Time(Time),
}

/// Every episode once, in an order of the seed's.
async fn round(place: &mut Place<'_>) {
    let money = money::ALL.into_iter().map(Episode::Money);
    let mut episodes: Vec<Episode> = money.chain(time::ALL.into_iter().map(Episode::Time)).collect();
    episodes.shuffle(&mut place.random);
    for episode in episodes {
        eprintln!("{} {}: {episode:?}", place.kind.name, place.now());
        match episode {
            Episode::Money(money) => money.happen(place).await,
            Episode::Time(time) => time.happen(place).await,
        }
        place.balances_agree().await;
    }
    place.everything_agrees().await;
}

/// What can happen to the invoices of an imported year, some times over.
async fn year_round(place: &mut Place<'_>) {
    let mut episodes = [money::OF_AN_INVOICE; 3].concat();
    episodes.shuffle(&mut place.random);
    for episode in episodes {
        eprintln!("{} {}: {episode:?}", place.kind.name, place.now());
        episode.happen(place).await;
        place.balances_agree().await;
    }
    place.everything_agrees().await;
    place.numbers_run_on().await;
}

/// The nights around both clock changes lose no slot and invent none.
async fn nights(place: &mut Place<'_>) {
    let (_, changes) = NIGHTS.into_iter().find(|(name, _)| *name == place.kind.name).expect("a hospital");
    for (date, quarters) in changes {
        let date: NaiveDate = date.parse().expect("a date");
        let day = |days| date + Duration::days(days);
        let role = place.night.clone();
        place.open_days(&role, &day(-1).to_string(), &day(1).to_string()).await;
        let from: DateTime<Utc> = day(-2).and_hms_opt(6, 0, 0).expect("a time").and_utc();
        let slots = place.slots(&role, from, 4, true).await;
        for (date, expected) in [(day(-1), 16), (date, quarters), (day(1), 16)] {
            let night: Vec<_> = slots.iter().map(|slot| &slot.0).filter(|slot| slot.date == date).collect();
            assert_eq!(night.len(), expected, "{} {date}", place.kind.zone);
            assert!(night.iter().all(|slot| slot.end - slot.start == Duration::minutes(15)));
            assert!(night.windows(2).all(|pair| pair[0].end == pair[1].start), "{} {date} has a hole", place.kind.zone);
        }
        assert_eq!(slots.len(), 32 + quarters);
        // Each slot is a time of its own, also where the wall shows the same twice: one patient can have them all.
        let patient = place.patient();
        let night: Vec<_> = slots.into_iter().map(|slot| slot.0).filter(|slot| slot.date == date).collect();
        for slot in &night {
            let visit = place.book(slot, &patient, "PLAIN").await;
            place.on(&visit, "cancel", json!({ "by": "prov" })).await;
            place.books.cancel_draft(&visit.invoice);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_agree_with_graphql_and_hledger_after_everything_that_can_happen_on_one_partition() {
    everything_that_can_happen(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_agree_with_graphql_and_hledger_after_everything_that_can_happen_on_four_partitions() {
    everything_that_can_happen(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_the_same_on_kafka_and_the_stores_of_a_chain_with_four_partitions() {
    let live = Timestamp::from_micros(Utc::now().timestamp_micros());
    let (work, stores) = (tempfile::tempdir().expect("a folder"), ChainStores::start_with_log());
    let embedded = past(Home::embedded(&work.path().join("embedded"), 1, None).await).await;
    let chain = async { past(Home::on(&stores, &work.path().join("chain"), 4, None).await).await.end(live).await };
    // What is left of the first takes a while and little work.
    let (embedded, chain) = tokio::join!(embedded.end(live), chain);
    chain.assert_same(&embedded);
    let (same, said) = embedded.compared_with(&chain);
    assert!(same, "{said}");
}

/// What an importer would tell, which no wall clock has a part in.
async fn past(home: Home) -> Home {
    let seed = Seed::new();
    for (number, kind) in [LONDON, LORD_HOWE].into_iter().enumerate() {
        let random = SmallRng::seed_from_u64(seed.0 + number as u64);
        round(&mut Place::open(&home.server, kind, random).await).await;
    }
    home
}

async fn everything_that_can_happen(partitions: u16) {
    let seed = Seed::new();
    let work = tempfile::tempdir().expect("a folder");
    let server = Server::start(&work.path().join("data"), partitions).await;
    let folder = work.path().join("year");
    std::fs::create_dir(&folder).expect("made");
    part_of_year(&folder, &["dermatology"]);
    let hospital = import(&server, &folder)["hospital"].as_str().expect("the hospital's id").to_owned();
    server.settle().await;
    let random = SmallRng::seed_from_u64(seed.0);
    let mut year = Place::of_year(&server, hospital, &oracle(&folder), random).await;
    let mut places = vec![];
    for (number, kind) in [LONDON, LORD_HOWE].into_iter().enumerate() {
        let random = SmallRng::seed_from_u64(seed.0 + number as u64);
        places.push(Place::open(&server, kind, random).await);
    }
    for place in &mut places {
        round(place).await;
    }
    for place in &mut places {
        place.go_live().await;
        nights(place).await;
        round(place).await;
        place.numbers_have_no_gap().await;
    }
    year_round(&mut year).await;
    places.push(year);
    server.settle().await;
    let journal = checks::succeeds(&server, &["ledger", "export"]);
    let balances = checks::hledger(&journal, work.path());
    for place in &places {
        place.hledger_agrees(&balances);
        assert!(place.patients.iter().all(|patient| !journal.contains(patient)), "the journal names a patient");
    }
    checks::succeeds(&server, &["ledger", "check"]);
    checks::succeeds(&server, &["projections", "verify", "--deep"]);
    checks::succeeds(&server, &["log", "verify"]);
    server.stop();
}
