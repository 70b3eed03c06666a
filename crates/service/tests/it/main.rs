//! The integration tests of the house, in one binary.

mod cli;
mod doctor;
mod floors;
mod simulator;
