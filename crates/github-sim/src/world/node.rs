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

/// The prefix, the repository and the database id in the node id of something inside a repository.
pub(crate) fn unpacked(node_id: &str) -> Option<(&str, u64, u64)> {
    let (prefix, rest) = node_id.split_once('_')?;
    let bytes = URL_SAFE_NO_PAD.decode(rest).ok()?;
    let [0x93, 0, numbers @ ..] = bytes.as_slice() else {
        return None;
    };
    let (repo, rest) = number(numbers)?;
    let (id, rest) = number(rest)?;
    rest.is_empty().then_some((prefix, repo, id))
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (kind, bytes) = bytes.split_first()?;
    match kind {
        0 => Some((0, bytes)),
        0xce => {
            let (small, rest) = bytes.split_first_chunk()?;
            Some((u64::from(u32::from_be_bytes(*small)), rest))
        }
        0xcf => {
            let (large, rest) = bytes.split_first_chunk()?;
            Some((u64::from_be_bytes(*large), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_id_holds_where_a_thing_is_and_what_it_is() {
        for (repo, id) in [(1, 1), (7, 0), (u64::from(u32::MAX), 1 << 40)] {
            assert_eq!(unpacked(&within("PR", repo, id)), Some(("PR", repo, id)));
        }
        for other in [
            of("U", 7),
            commit(7, &"a".repeat(40)),
            "I_".to_owned(),
            "I".to_owned(),
            "I_%%%".to_owned(),
            format!("{}A", within("I", 1, 2)),
        ] {
            assert_eq!(unpacked(&other), None, "{other}");
        }
    }
}
