//! Commands in: the write side that carries them out, and REST over it. OpenAPI comes from the code. Nothing here is a
//! rule of the domain, and nothing here knows a vendor.

#![allow(clippy::result_large_err, reason = "a problem is made once a refused request and moved a few times")]

pub mod nodes;

mod problem;
mod rest;
mod write_side;

pub use problem::{CODES, Problem};
pub use rest::openapi::document as openapi;
pub use rest::{Api, Limits, method_not_allowed, router};
pub use write_side::{Verdict, WriteSide};
