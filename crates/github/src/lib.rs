//! Speaks to GitHub, never faster than `quota` allows.
//!
//! Start reading at [`Client::send`](client::Client::send): the whole way of a request is in that one function. The other
//! modules are its steps, in the order in which a request meets them.

pub mod client;
pub mod request;

pub mod conditional;

pub mod clock;
pub mod gate;

pub mod auth;
pub mod origin;
pub mod transport;

mod retry;

pub mod page;

pub mod graphql;
pub mod person;
pub mod rest;

pub mod error;
pub mod stats;

pub use auth::{AppKey, Credential, Installation};
pub use client::{Client, Settings};
pub use clock::Clock;
pub use conditional::{AnswerStore, MemoryAnswers, StoredAnswer};
pub use error::Error;
pub use gate::{Gate, Governor};
pub use origin::ApiUrl;
pub use person::Person;
pub use quota::Lane;
pub use request::{Request, Response};
pub use transport::{Transport, TransportError, reqwest_transport};
