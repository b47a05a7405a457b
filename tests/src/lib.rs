//! What the tests across crates share: contract suites that every adapter of a port runs, oracles, clocks.

pub mod assignments;
pub mod canonical;
pub mod clinic;
pub mod clock;
pub mod cluster;
pub mod compatibility;
pub mod contract;
pub mod forgetful_disk;
pub mod history;
pub mod homes;
pub mod load;
pub mod model_log;
pub mod practice;
pub mod samples;
pub mod server;
pub mod servers;
pub mod year;
