//! The program `carelog`.
fn main() {}
