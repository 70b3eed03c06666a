//! The simulated GitHub, from outside.

#![expect(
    clippy::unwrap_used,
    reason = "what tests share may unwrap as tests do"
)]

mod faces;
mod openapi;
mod published;
mod published_schema;
mod world;
