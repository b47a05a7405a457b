//! Real servers that tests start and that end with them: nothing is mocked, nothing runs on after a test was killed.

pub mod chain;
pub mod dynamodb;
pub mod faulty_line;
pub mod guard;
pub mod kafka;
pub mod pgbouncer;
pub mod postgres;
pub mod s3;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::ops::Range;
use std::sync::Mutex;

/// Below those that systems give to whoever connects: one of these may be gone before the server that is told of it listens.
const PORTS: Range<u16> = 10_000..32_000;

/// A port of the loopback interface that nobody uses now, and that is told once.
pub fn free_port() -> u16 {
    static TOLD: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = rand::random_range(PORTS);
        if TOLD.lock().expect("not poisoned").insert(port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
