//! What the tests across crates share: contract suites that every adapter of a port runs, oracles, clocks.

pub mod canonical;
pub mod clinic;
pub mod clock;
pub mod contract;
pub mod forgetful_disk;
pub mod model_log;
pub mod practice;
pub mod server;
pub mod servers;
pub mod year;
