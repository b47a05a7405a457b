//! Keeps what all clients of a process asked and were answered, on one clock that never goes back.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Attempt;

/// Gathers attempts of many clients.
pub struct Recorder {
    begun: Instant,
    attempts: Mutex<Vec<Attempt>>,
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder { begun: Instant::now(), attempts: Mutex::default() }
    }
}

impl Recorder {
    /// Nanoseconds since the recorder was made.
    pub fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// The same of another moment.
    pub fn at(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.begun).as_nanos()).expect("not for centuries")
    }

    /// The moment behind such a number.
    pub fn moment(&self, nanos: u64) -> Instant {
        self.begun + Duration::from_nanos(nanos)
    }

    /// Keeps one.
    pub fn keep(&self, attempt: Attempt) {
        self.attempts.lock().expect("not poisoned").push(attempt);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.attempts.lock().expect("not poisoned").len()
    }

    /// All of them so far.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().expect("not poisoned").clone()
    }

    /// Something about each of them.
    pub fn gather<T>(&self, about: impl FnMut(&Attempt) -> Option<T>) -> Vec<T> {
        self.attempts.lock().expect("not poisoned").iter().filter_map(about).collect()
    }
}
