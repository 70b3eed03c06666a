//! The integration tests of the house, in one binary.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod bad_input;
mod cli;
mod coordination;
mod cost;
mod demo;
mod doctor;
mod export;
mod faults;
mod fleet_processes;
mod floors;
mod from_git;
mod kill;
mod metrics;
mod outage;
mod plan;
mod process;
mod prometheus;
mod quota;
mod records;
mod rotation;
mod secrets;
mod several;
mod signals;
mod simulate;
mod simulator;
mod stage;
mod truth;
mod truth_changes;
mod truth_metrics;
mod two_buckets;
