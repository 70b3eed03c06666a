//! What is known, owed and under way. Decides what counts, and refuses to know of SQL, networks and runtimes.
//!
//! Start reading at [`event`]: everything shown is computed from events, and an event is counted once, at its own time.
//! [`coverage`] says which time has been read whole; [`aggregate`] folds events into what `/metrics` shows;
//! [`port`] is what a store must do, [`lease`] says by it who leads, and [`conformance`] the suite that holds every store to it.

pub mod event;
pub mod window;

pub mod coverage;
pub mod fingerprint;

pub mod exclude;
pub mod user_label;

pub mod aggregate;

pub mod port;

pub mod lease;

pub mod conformance;
