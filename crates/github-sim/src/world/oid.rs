//! Object ids: 40 hexadecimal digits outside, 20 bytes inside.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::str::FromStr;

/// The id of a git object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(pub [u8; 20]);

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a text that is no object id ends in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an object id has 40 hexadecimal digits")]
pub struct NotAnOid;

impl FromStr for Oid {
    type Err = NotAnOid;

    fn from_str(text: &str) -> Result<Oid, NotAnOid> {
        Oid::from_hex(text.as_bytes()).ok_or(NotAnOid)
    }
}

impl Oid {
    /// Reads the digits; `None` for anything else. Ids of SHA-256 repositories (64 digits) keep their first 40.
    pub fn from_hex(digits: &[u8]) -> Option<Oid> {
        let digits = match digits.len() {
            40 => digits,
            64 => &digits[..40],
            _ => return None,
        };
        let mut bytes = [0; 20];
        hex::decode_to_slice(digits, &mut bytes).ok()?;
        Some(Oid(bytes))
    }
}

/// Object ids are evenly spread already: eight of their bytes are the hash.
#[derive(Debug, Clone, Copy, Default)]
pub struct OidHasher(u64);

impl Hasher for OidHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // The array's length prefix comes through `write_usize`; only the 20 bytes arrive here.
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}

/// A map keyed by object ids.
pub type OidMap<V> = std::collections::HashMap<Oid, V, BuildHasherDefault<OidHasher>>;
/// A set of object ids.
pub type OidSet = std::collections::HashSet<Oid, BuildHasherDefault<OidHasher>>;
