//! Commands in: the write side that carries them out, and REST over it. OpenAPI comes from the code.

mod write_side;

pub use write_side::{Verdict, WriteSide};
