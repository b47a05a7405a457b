//! How long and how hard each part is measured.

use std::time::Duration;

/// Lengths and sizes of a run.
pub(crate) struct Pressure {
    /// One figure of appends in process, of the bare segment and of PostgreSQL, in rounds.
    pub(crate) appends: Duration,
    /// A burst of commands over HTTP.
    pub(crate) burst: Duration,
    /// Commands over HTTP, held.
    pub(crate) held: Duration,
    /// The paced client.
    pub(crate) paced: Duration,
    /// Commands a second of the paced client.
    pub(crate) paced_rate: u64,
    /// Queries.
    pub(crate) queries: Duration,
    /// Rows written to a table of PostgreSQL.
    pub(crate) rows: u64,
    /// Events of the log that is scanned and restarted.
    pub(crate) events: u64,
    /// Patients of the hospital that is booked at.
    pub(crate) patients: usize,
}

impl Pressure {
    /// What docs/benchmarks.md is made with.
    pub(crate) fn full() -> Pressure {
        Pressure {
            appends: Duration::from_secs(5),
            burst: Duration::from_secs(5),
            held: Duration::from_secs(60),
            paced: Duration::from_secs(20),
            paced_rate: 1_000,
            queries: Duration::from_secs(10),
            rows: 200_000,
            events: 1_000_000,
            patients: 2_000,
        }
    }

    /// Enough to see whether everything works.
    pub(crate) fn quick() -> Pressure {
        Pressure {
            appends: Duration::from_secs(1),
            burst: Duration::from_secs(1),
            held: Duration::from_secs(3),
            paced: Duration::from_secs(2),
            paced_rate: 200,
            queries: Duration::from_secs(1),
            rows: 20_000,
            events: 50_000,
            patients: 1_200,
        }
    }
}
