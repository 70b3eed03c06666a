//! What `/metrics` shows: one table of families, a writer, and snapshots that are served without waiting for anything.
//!
//! Start reading at [`table`]: it is the list of what is shown. [`Writer`] writes the activity from the aggregate,
//! [`render_node`] what the node knows of itself; [`Snapshots`] keeps the newest result, ready to send.

pub mod table;

mod encode;
mod negotiate;
mod node_counts;
mod node_view;
mod piece;
mod process;
mod render;
mod snapshots;

pub use encode::Format;
pub(crate) use encode::push_label;
pub use node_counts::{NodeCounts, QueueState, Source, Written};
pub use node_view::{Dependency, NodeView, SharedView, StreamState};
pub use piece::Parts;
pub use render::{Exposition, Settings, Writer, render_node};
pub use snapshots::{Part, Snapshots, Stamp};
