//! The world by itself: what follows from a seed, how it lives, what scripts do to it, and real histories.

mod clone;
mod from_git;
mod growth;
mod random;
mod script;
