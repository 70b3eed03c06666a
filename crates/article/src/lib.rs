//! A page in, a readable article out: URL lists, normal forms, extraction, walls.
//!
//! The floor is laid and its rooms are still empty: nothing here is called by the rest of the house. The crate stands so that its
//! floor is enforced from the first line on: it decides, and never opens a connection or starts a runtime.
