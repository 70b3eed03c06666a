//! Real histories: local clones, read with git itself.
