//! The alarms of one partition: which are set, which may ring now, and what changed since the last checkpoint.
//!
//! During an import a hospital's alarms follow the import's watermark, not the clock.

use std::collections::{BTreeMap, HashMap};

use carelog_domain::event::ProcessEvent;
use carelog_domain::kernel::{AlarmId, CommandId, EventId, HospitalId, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// An alarm that is set.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alarm {
    pub(crate) id: AlarmId,
    pub(crate) saga: String,
    pub(crate) instance: String,
    pub(crate) kind: String,
    pub(crate) due: Timestamp,
    pub(crate) hospital: Option<HospitalId>,
    pub(crate) cause: EventId,
    pub(crate) cause_recorded_at: Timestamp,
    pub(crate) correlation: CommandId,
    pub(crate) traceparent: Option<String>,
    /// Offset of the event that set it.
    pub(crate) set_at: u64,
}

/// An import that is going on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Running {
    pub(crate) hospital: HospitalId,
    pub(crate) manifest: String,
    pub(crate) watermark: Timestamp,
}

/// A change to be written with the next checkpoint: the alarm now, and the offset it changed at.
pub(crate) type Changed = HashMap<AlarmId, (u64, Option<Alarm>)>;

#[derive(Default)]
pub(crate) struct Alarms {
    inner: Mutex<Inner>,
    /// Told whenever another alarm may be the next one.
    pub(crate) changed: Notify,
}

#[derive(Default)]
struct Inner {
    set: BTreeMap<(Timestamp, AlarmId), Alarm>,
    due_of: HashMap<AlarmId, Timestamp>,
    imports: BTreeMap<(HospitalId, String), Timestamp>,
    dirty: Changed,
}

impl Alarms {
    /// As a checkpoint kept them.
    pub(crate) fn restored(alarms: Vec<Alarm>, imports: Vec<Running>) -> Alarms {
        let mut inner = Inner::default();
        alarms.into_iter().for_each(|alarm| inner.put(alarm));
        inner.imports =
            imports.into_iter().map(|running| ((running.hospital, running.manifest), running.watermark)).collect();
        Alarms { inner: Mutex::new(inner), changed: Notify::new() }
    }

    pub(crate) fn set(&self, alarm: Alarm) {
        let mut inner = self.inner.lock();
        inner.dirty.insert(alarm.id, (alarm.set_at, Some(alarm.clone())));
        inner.put(alarm);
        drop(inner);
        self.changed.notify_one();
    }

    /// Takes an alarm off: cancelled, or rung, by the event at this offset.
    pub(crate) fn take_off(&self, id: AlarmId, offset: u64) {
        let mut inner = self.inner.lock();
        if let Some(due) = inner.due_of.remove(&id) {
            inner.set.remove(&(due, id));
            inner.dirty.insert(id, (offset, None));
        }
    }

    /// Follows imports.
    pub(crate) fn follow(&self, event: &ProcessEvent) {
        let mut inner = self.inner.lock();
        match event {
            ProcessEvent::ImportStarted(e) => {
                inner.imports.insert((e.hospital, e.manifest.clone()), e.watermark);
            }
            ProcessEvent::ImportAdvanced(e) => {
                inner.imports.insert((e.hospital, e.manifest.clone()), e.watermark);
            }
            ProcessEvent::ImportFinished(e) => {
                inner.imports.remove(&(e.hospital, e.manifest.clone()));
            }
            _ => return,
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// The alarms that may ring at `now`, and when to look again if nothing changes before.
    pub(crate) fn due(&self, now: Timestamp) -> (Vec<Alarm>, Option<Timestamp>) {
        let inner = self.inner.lock();
        let due = inner.set.values().take_while(|alarm| alarm.due <= now);
        let ready = due.filter(|alarm| alarm.due <= inner.time_of(alarm.hospital, now)).cloned().collect();
        let next = inner.set.keys().map(|(due, _)| *due).find(|due| *due > now);
        (ready, next)
    }

    /// True while it is set.
    pub(crate) fn is_set(&self, id: AlarmId) -> bool {
        self.inner.lock().due_of.contains_key(&id)
    }

    /// The saga of each that is set.
    pub(crate) fn sagas(&self) -> Vec<String> {
        self.inner.lock().set.values().map(|alarm| alarm.saga.clone()).collect()
    }

    /// What changed since the last call.
    pub(crate) fn take_changes(&self) -> Changed {
        std::mem::take(&mut self.inner.lock().dirty)
    }

    /// Changes that could not be written after all.
    pub(crate) fn put_back(&self, changes: Changed) {
        let mut inner = self.inner.lock();
        for (id, change) in changes {
            inner.dirty.entry(id).or_insert(change);
        }
    }

    /// The imports that are going on.
    pub(crate) fn imports(&self) -> Vec<Running> {
        let running = |((hospital, manifest), watermark): (&(HospitalId, String), &Timestamp)| Running {
            hospital: *hospital,
            manifest: manifest.clone(),
            watermark: *watermark,
        };
        self.inner.lock().imports.iter().map(running).collect()
    }
}

impl Inner {
    fn put(&mut self, alarm: Alarm) {
        if let Some(due) = self.due_of.insert(alarm.id, alarm.due) {
            self.set.remove(&(due, alarm.id));
        }
        self.set.insert((alarm.due, alarm.id), alarm);
    }

    /// What time it is for a hospital's alarms: the earliest watermark of its imports, else the clock's.
    fn time_of(&self, hospital: Option<HospitalId>, now: Timestamp) -> Timestamp {
        let Some(hospital) = hospital else { return now };
        let imports = self.imports.range((hospital, String::new())..).take_while(|((of, _), _)| *of == hospital);
        imports.map(|(_, watermark)| *watermark).min().map_or(now, |watermark| watermark.min(now))
    }
}
