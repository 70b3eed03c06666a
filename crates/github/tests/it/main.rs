//! The client against a simulated GitHub, in process and on paused time.

#![expect(clippy::unwrap_used, reason = "what cannot be had ends the test")]

mod actions;
mod agreement;
mod breaking;
mod coalesce;
mod conditional;
mod copilot;
mod edges;
mod faults;
mod items;
mod lab;
mod limits;
mod lists;
mod published_schema;
mod strangers;
mod tokens;
