//! The simulated GitHub, from outside.

mod faces;
mod openapi;
mod published;
mod published_schema;
mod world;
