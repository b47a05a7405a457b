//! The log as an auditor reads it: every event over HTTP, partition by partition, or as a test writes it down by hand.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::Value;

/// An event of the log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its partition.
    pub partition: u16,
    /// Its place there.
    pub offset: u64,
    /// Its id.
    pub id: String,
    /// Its stream.
    pub stream: String,
    /// Its place there, from 1.
    pub version: u64,
    /// Its type.
    pub kind: String,
    /// The command that caused it.
    pub command: String,
    /// Its place in the command's batch, from 0.
    pub index: u64,
    /// How many events the batch has.
    pub batch_length: u64,
    /// When it was written down, in microseconds.
    pub recorded_at: i64,
    /// What happened; personal values are sealed.
    pub data: Value,
}

/// All events that were read, by partition and in their order.
#[derive(Clone, Default, Debug)]
pub struct Audit {
    /// The events of each partition.
    pub partitions: BTreeMap<u16, Vec<Entry>>,
}

impl Entry {
    /// An event as `GET /v1/events` shows it.
    pub fn of(shown: &Value) -> Entry {
        let text = |name: &str| shown[name].as_str().unwrap_or_else(|| panic!("{name}: {shown}")).to_owned();
        let number = |name: &str| shown[name].as_u64().unwrap_or_else(|| panic!("{name}: {shown}"));
        let (partition, offset) = place(&text("position"));
        let recorded_at = DateTime::parse_from_rfc3339(&text("recordedAt")).expect("an instant").timestamp_micros();
        Entry {
            partition,
            offset,
            id: text("id"),
            stream: text("stream"),
            version: number("version"),
            kind: text("type"),
            command: text("command"),
            index: number("index"),
            batch_length: number("batchLength"),
            recorded_at,
            data: shown["data"].clone(),
        }
    }
}

impl Audit {
    /// Of events in any order.
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Audit {
        let mut audit = Audit::default();
        for entry in entries {
            audit.partitions.entry(entry.partition).or_default().push(entry);
        }
        audit.partitions.values_mut().for_each(|events| events.sort_by_key(|entry| entry.offset));
        audit
    }

    /// Reads what a node has, from these offsets on; of a partition that is not named, everything.
    pub async fn read(http: &reqwest::Client, base: &str, partitions: u16, from: &BTreeMap<u16, u64>) -> Audit {
        let mut entries = Vec::new();
        for partition in 0..partitions {
            let mut next = from.get(&partition).copied();
            loop {
                let start = next.map(|offset| format!("&from={offset}")).unwrap_or_default();
                let address = format!("{base}/v1/events?partition={partition}&limit=1000{start}");
                let answer = http.get(&address).send().await.expect("an answer");
                assert_eq!(answer.status().as_u16(), 200, "{address}");
                let page: Value = answer.json().await.expect("json");
                entries.extend(page["events"].as_array().expect("events").iter().map(Entry::of));
                match page["next"].as_str() {
                    Some(token) => next = Some(place(token).1),
                    None => break,
                }
            }
        }
        Audit::of(entries)
    }

    /// Every event.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.partitions.values().flatten()
    }

    /// How many events were read.
    pub fn len(&self) -> usize {
        self.partitions.values().map(Vec::len).sum()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// `0:17`.
pub fn place(text: &str) -> (u16, u64) {
    let (partition, offset) = text.split_once(':').unwrap_or_else(|| panic!("{text:?} is no position"));
    (partition.parse().expect("a partition"), offset.parse().expect("an offset"))
}

/// `0:17,2:4`.
pub fn places(text: &str) -> Vec<(u16, u64)> {
    text.split(',').filter(|part| !part.is_empty()).map(place).collect()
}
