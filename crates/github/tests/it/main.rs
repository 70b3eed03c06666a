//! The client against a simulated GitHub, in process and on paused time.

mod conditional;
mod faults;
mod lab;
mod limits;
mod lists;
mod published_schema;
mod strangers;
mod tokens;
