//! The integration tests of the house, in one binary.

mod cli;
mod floors;
