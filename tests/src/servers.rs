//! Real servers that tests start and that end with them: nothing is mocked, nothing runs on after a test was killed.

pub mod chain;
pub mod dynamodb;
pub mod faulty_line;
pub mod guard;
pub mod kafka;
pub mod pgbouncer;
pub mod postgres;
pub mod s3;

use std::net::TcpListener;

/// A port of the loopback interface that nobody uses now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}
