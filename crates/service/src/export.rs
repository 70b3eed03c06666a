//! What `/metrics` shows: one table of families, a renderer, and snapshots that are served without waiting for anything.
//!
//! Start reading at [`table`]: it is the list of what is shown. [`render()`] writes it from the aggregate and from what
//! the node knows of itself; [`Snapshots`] keeps the newest result, ready to send.

pub mod table;

mod encode;
mod negotiate;
mod node_view;
mod process;
mod render;
mod snapshots;

pub use encode::Format;
pub use node_view::{Dependency, NodeView, StreamState};
pub use render::{Exposition, Settings, render};
pub use snapshots::Snapshots;
