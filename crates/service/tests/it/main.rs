//! The integration tests of the house, in one binary.

mod cli;
mod demo;
mod doctor;
mod floors;
mod from_git;
mod kill;
mod metrics;
mod process;
mod simulator;
