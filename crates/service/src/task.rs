//! The tasks of a node: each takes no input, may run at any time and any number of times, runs on a period and on a
//! nudge, and does not retry itself.

pub(crate) mod backfill;
pub(crate) mod cooldown;
pub(crate) mod dispatch;
pub mod fleet;
pub(crate) mod schedule;
pub mod scrape;
pub(crate) mod snapshot;
mod watchdog;

pub(crate) use watchdog::keep_running;
