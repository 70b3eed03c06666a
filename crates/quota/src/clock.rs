//! The only reader of real time in production. Decides nothing, so that everything that decides takes time as an argument.

use jiff::Timestamp;

/// The time by this machine's wall clock, which can step.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads real time"
)]
pub fn wall() -> Timestamp {
    Timestamp::now()
}
