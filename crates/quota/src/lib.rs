//! How fast may we go? Decides pace, and refuses to know of networks, logs and runtimes.
//!
//! Start reading at [`pace`]: the whole decision is in that file, the others are what it asks. [`CredentialQuota`] holds
//! what is known of one credential and is all that a caller needs. Time comes in as an argument, from any clock that never
//! jumps; GitHub's own clock is followed by the `date` of its answers.

pub mod pace;

pub mod lane;

pub mod ask;

pub mod item;

pub mod reserve;

pub mod demand;

pub mod policy;

pub mod bucket;

pub mod secondary;

pub mod fleet;

pub mod block;

pub mod observation;

pub mod refusal;

pub mod credential;

pub mod forecast;

pub mod slack;

pub mod desk;

pub mod skew;

pub mod clock;

pub mod simulate;

mod time;

pub use ask::{Ask, Seen};
pub use credential::{CredentialQuota, Report, Reservation, ResourceReport, Settings};
pub use demand::Learnt;
pub use desk::{Desk, Ticket};
pub use fleet::{Heard, Hearing, ResourceShare, Share};
pub use forecast::Forecast;
pub use item::{ItemCost, ItemId};
pub use lane::Lane;
pub use observation::{Observation, Resource};
pub use pace::{Decision, Wait, WaitReason};
pub use policy::Policy;
pub use refusal::Refusal;
