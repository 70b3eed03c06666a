//! How fast may we go? Decides pace, and refuses to know of networks, logs and runtimes.
