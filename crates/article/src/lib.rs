//! A page in, a readable article out.
