//! The states a stream went through, and at which sizes of its partition each was current.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Anomaly, Audit, Entry, Kind, Observation, Seen, Standing};

/// Sizes of a partition, both ends included.
pub(super) type Sizes = (u64, u64);

/// What is known of a stream at some version.
#[derive(Clone, Default)]
struct State {
    version: u64,
    /// Seats by slot.
    capacity: BTreeMap<String, usize>,
    seats: BTreeMap<String, BTreeSet<String>>,
    standing: Option<Standing>,
}

/// The states of the streams that were observed.
pub(super) struct States {
    of_stream: HashMap<String, (u16, Vec<(State, Sizes)>)>,
}

impl States {
    /// Folds the streams that anybody observed, and all practitioners' days.
    pub(super) fn of(audit: &Audit, observed: &BTreeSet<&str>, wrong: &mut Vec<Anomaly>) -> States {
        let mut events: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in audit.entries() {
            if observed.contains(entry.stream.as_str()) || entry.stream.starts_with("practitioner-day:") {
                events.entry(&entry.stream).or_default().push(entry);
            }
        }
        let mut of_stream = HashMap::new();
        for (stream, events) in events {
            if observed.contains(stream) && events[0].version != 1 {
                let text = format!("{stream} was observed, and the audit begins at its version {}", events[0].version);
                wrong.push(Anomaly::new(Kind::NotUnderstood, text));
                continue;
            }
            of_stream.insert(stream.to_owned(), (events[0].partition, states(&events, wrong)));
        }
        States { of_stream }
    }

    /// The partition of a stream and the sizes at which an observation of it is true; nothing when it has no events.
    pub(super) fn sizes(&self, observation: &Observation) -> Option<(u16, Vec<Sizes>)> {
        let (partition, states) = self.of_stream.get(&observation.stream)?;
        let holding = states.iter().filter(|(state, _)| state.holds(&observation.seen));
        Some((*partition, holding.map(|(_, sizes)| *sizes).collect()))
    }

    /// Whether it is true of a stream that is not there.
    pub(super) fn holds_of_nothing(seen: &Seen) -> bool {
        State::default().holds(seen)
    }
}

/// Every state with the sizes at which it is seen. A batch is seen whole or not at all: within one there are no such sizes.
fn states(events: &[&Entry], wrong: &mut Vec<Anomaly>) -> Vec<(State, Sizes)> {
    let mut state = State::default();
    let mut found = Vec::new();
    let mut from = 0;
    for event in events {
        found.push((state.clone(), (from, event.offset - event.index)));
        state.apply(event);
        if let Some(slot) = state.overbooked() {
            let text = format!("{} at {}:{}: slot {slot}", event.stream, event.partition, event.offset);
            wrong.push(Anomaly::new(Kind::Overbooked, text));
        }
        from = event.offset - event.index + event.batch_length;
    }
    found.push((state, (from, u64::MAX)));
    found
}

impl State {
    fn apply(&mut self, event: &Entry) {
        let text = |name: &str| event.data[name].as_str().unwrap_or_default().to_owned();
        self.version = event.version;
        match event.kind.as_str() {
            "DayOpened" => {
                for slot in event.data["slots"].as_array().into_iter().flatten() {
                    let start = slot["start"].as_str().unwrap_or_default().to_owned();
                    self.capacity.insert(start, slot["capacity"].as_u64().unwrap_or_default() as usize);
                }
            }
            "SeatTaken" => drop(self.seats.entry(text("slot")).or_default().insert(text("appointment"))),
            "SeatReleased" => drop(self.seats.entry(text("slot")).or_default().remove(&text("appointment"))),
            "AppointmentBooked" => self.standing = Some(Standing::Booked),
            "AppointmentCancelled" => self.standing = Some(Standing::Cancelled),
            _ => {}
        }
    }

    fn taken(&self, slot: &str) -> usize {
        self.seats.get(slot).map_or(0, BTreeSet::len)
    }

    fn overbooked(&self) -> Option<&str> {
        let over = |(slot, seats): &(&String, &BTreeSet<String>)| {
            self.capacity.get(*slot).is_some_and(|capacity| seats.len() > *capacity)
        };
        self.seats.iter().find(over).map(|(slot, _)| slot.as_str())
    }

    fn holds(&self, seen: &Seen) -> bool {
        match seen {
            Seen::Version(version) => self.version == *version,
            Seen::Full(slot) => self.capacity.get(slot).is_some_and(|capacity| self.taken(slot) >= *capacity),
            Seen::Seated(slot, appointment) => self.seats.get(slot).is_some_and(|seats| seats.contains(appointment)),
            Seen::Status(standing) => self.standing == Some(*standing),
        }
    }
}
