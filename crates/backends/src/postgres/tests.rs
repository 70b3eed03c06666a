//! On a real server: see [`space::url`] for where it is. Each test has a schema of its own, which goes with it.

mod conformance;
mod faults;
mod fencing;
mod opening;
mod pooled;
mod pooler;
mod proxy;
mod restart;
mod space;
mod trips;
mod world;
