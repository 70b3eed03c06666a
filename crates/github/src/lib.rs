//! Speaks to GitHub, never faster than `quota` allows.
