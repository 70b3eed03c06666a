//! Arranges: roles, tasks, HTTP, export, command line.
//!
//! Start reading in [`cli`]: a command loads a [`config`], and what it runs is put together from there. Nothing in this crate
//! decides how fast, what is missing or what counts: that is the ground floor's.

pub mod cli;
pub mod config;

pub mod node;
pub mod role;
pub mod wire;

pub mod task;

pub mod export;
pub mod health;
pub mod http;
pub mod quota_view;

mod explain;
mod signal;
pub mod telemetry;
mod trouble;

pub use trouble::{Blame, Trouble};
