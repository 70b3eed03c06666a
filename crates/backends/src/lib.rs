//! The adapters of the ports: where what the ledger decided is kept.
//!
//! An adapter keeps and finds; it never judges. Which event counts, what a window proves and who may write is said by
//! `ledger`, and the suite in `ledger::conformance` holds every adapter to it.

#[cfg(feature = "kubernetes")]
pub mod kubernetes;
mod message;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
#[cfg(feature = "redis")]
pub mod redis;
pub mod sqlite;
