//! REST: one file per resource, each with the requests that Tidegate sends and the parts of the answers that it reads.

pub mod apps;
pub mod comments;
pub mod copilot;
pub mod jobs;
pub mod meta;
pub mod rate_limit;
pub mod releases;
pub mod repos;
pub mod review_comments;
pub mod runs;
pub mod teams;
pub mod users;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::value::RawValue;

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

/// A page of a list, of which an item that cannot be read costs itself and is counted. A page of which nothing can be read
/// is an error.
#[derive(Debug)]
pub(crate) struct Readable<T> {
    pub(crate) items: Vec<T>,
    pub(crate) unreadable: u64,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Readable<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (mut items, mut unreadable, mut fault) = (Vec::new(), 0, None);
        for item in Vec::<Box<RawValue>>::deserialize(from)? {
            match serde_json::from_str(item.get()) {
                Ok(item) => items.push(item),
                Err(error) => {
                    unreadable += 1;
                    fault.get_or_insert(error);
                }
            }
        }
        match fault {
            Some(error) if items.is_empty() => Err(D::Error::custom(error)),
            _ => Ok(Readable { items, unreadable }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_cannot_be_read_costs_itself() {
        let read = |json| serde_json::from_str::<Readable<u8>>(json);
        let page = read("[1,\"x\",300,2]").unwrap();
        assert_eq!(
            (page.items.as_slice(), page.unreadable),
            ([1, 2].as_slice(), 2)
        );
        assert_eq!(read("[]").unwrap().unreadable, 0);
        assert!(read("[null,-1]").is_err());
        assert!(read("{}").is_err());
    }

    #[test]
    fn a_name_cannot_leave_its_segment() {
        assert_eq!(path(&["repos", "acme", "tide.rs"]), "/repos/acme/tide.rs");
        assert_eq!(path(&["orgs", "a/b?c#d é"]), "/orgs/a%2Fb%3Fc%23d%20%C3%A9");
    }
}
