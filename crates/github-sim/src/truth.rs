//! The truth: what this GitHub would have to answer now, without any of its ways of answering.
