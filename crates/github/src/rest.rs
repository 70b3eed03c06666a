//! REST: one file per resource, each with the requests that Tidegate sends and the parts of the answers that it reads.

pub mod apps;
pub mod comments;
pub mod meta;
pub mod rate_limit;
pub mod repos;
pub mod review_comments;
pub mod users;

pub use users::User;

/// Joins segments to a path, each escaped, so that no name can add a segment or a query.
pub(crate) fn path(segments: &[&str]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        for &byte in segment.as_bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
                path.push(char::from(byte));
            } else {
                path.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_segment() {
        assert_eq!(path(&["repos", "acme", "tide.rs"]), "/repos/acme/tide.rs");
        assert_eq!(path(&["orgs", "a/b?c#d é"]), "/orgs/a%2Fb%3Fc%23d%20%C3%A9");
    }
}
