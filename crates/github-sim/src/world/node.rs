//! Node ids in GitHub's newer format: a type's prefix, then the packed database ids in URL-safe base64.
//!
//! The rest of the world may take them for opaque; GitHub says they are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The node id of something that stands alone (`U` user, `O` organisation, `BOT`, `R` repository).
pub fn of(prefix: &str, id: u64) -> String {
    format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(packed(&[0, id])))
}

/// The node id of something inside a repository (`PR`, `I`, `IC`, `PRR`, `PRRC`, `CE`, …).
pub fn within(prefix: &str, repo: u64, id: u64) -> String {
    format!(
        "{prefix}_{}",
        URL_SAFE_NO_PAD.encode(packed(&[0, repo, id]))
    )
}

/// The node id of a commit.
pub fn commit(repo: u64, oid: &str) -> String {
    let mut bytes = packed(&[0, repo]);
    bytes[0] += 1;
    bytes.extend([0xd9, 40]);
    bytes.extend(oid.as_bytes());
    format!("C_{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// A `MessagePack` array of small numbers.
fn packed(numbers: &[u64]) -> Vec<u8> {
    let mut bytes =
        vec![0x90 | u8::try_from(numbers.len()).expect("a node id has two or three parts")];
    for number in numbers {
        match u32::try_from(*number) {
            Ok(0) => bytes.push(0),
            Ok(small) => {
                bytes.push(0xce);
                bytes.extend(small.to_be_bytes());
            }
            Err(_) => {
                bytes.push(0xcf);
                bytes.extend(number.to_be_bytes());
            }
        }
    }
    bytes
}
