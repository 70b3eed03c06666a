//! What the last whole fetch of a stream saw, so that a cheap look can tell whether anything changed since.
//!
//! Decides what counts as unchanged; refuses to compare with "newer than", because replicas lag and seconds are equal.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How far an item's time must lie behind the answer's date before no other item can still get the same second.
pub const SETTLING: SignedDuration = SignedDuration::from_mins(2);

/// What one look at a stream saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Fingerprint {
    /// Of the default branch.
    Commits {
        /// The default branch's name; none in an empty repository.
        branch: Option<String>,
        /// The oid it points to.
        head: Option<String>,
        /// How many commits its history has: the checksum of a walk. A probe does not ask for it, so it takes no part
        /// in the comparison.
        total: u64,
    },
    /// Of pull requests or issues.
    Items {
        /// Number and update time of the newest item; none where there is no item.
        newest: Option<(u64, Timestamp)>,
        /// How many items there are.
        total: u64,
        /// Whether the newest time lies far enough behind the date of the answer; see [`SETTLING`].
        settled: bool,
    },
}

impl Fingerprint {
    /// Of the default branch.
    pub fn commits(branch: Option<String>, head: Option<String>, total: u64) -> Fingerprint {
        Fingerprint::Commits {
            branch,
            head,
            total,
        }
    }

    /// Of pull requests or issues, as seen in an answer of that date.
    pub fn items(newest: Option<(u64, Timestamp)>, total: u64, date: Timestamp) -> Fingerprint {
        let settled = newest.is_none_or(|(_, updated)| date.duration_since(updated) >= SETTLING);
        Fingerprint::Items {
            newest,
            total,
            settled,
        }
    }

    /// Whether a later look proves that the stream is as it was at this whole fetch. Any difference is a change, and
    /// what was unsettled then proves nothing now.
    pub fn is_unchanged_in(&self, look: &Fingerprint) -> bool {
        match (self, look) {
            (
                Fingerprint::Commits { branch, head, .. },
                Fingerprint::Commits {
                    branch: branch_now,
                    head: head_now,
                    ..
                },
            ) => branch == branch_now && head == head_now,
            (
                Fingerprint::Items {
                    newest,
                    total,
                    settled,
                },
                Fingerprint::Items {
                    newest: newest_now,
                    total: total_now,
                    ..
                },
            ) => *settled && newest == newest_now && total == total_now,
            (Fingerprint::Commits { .. }, Fingerprint::Items { .. })
            | (Fingerprint::Items { .. }, Fingerprint::Commits { .. }) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn any_difference_is_a_change_also_an_older_time_or_a_smaller_count() {
        let seen = Fingerprint::items(Some((4, at(1000))), 9, at(5000));
        assert!(seen.is_unchanged_in(&Fingerprint::items(Some((4, at(1000))), 9, at(5100))));
        assert!(!seen.is_unchanged_in(&Fingerprint::items(Some((4, at(999))), 9, at(5100))));
        assert!(!seen.is_unchanged_in(&Fingerprint::items(Some((3, at(1000))), 9, at(5100))));
        assert!(!seen.is_unchanged_in(&Fingerprint::items(Some((4, at(1000))), 8, at(5100))));
        assert!(!seen.is_unchanged_in(&Fingerprint::items(None, 0, at(5100))));
        assert!(!seen.is_unchanged_in(&Fingerprint::commits(None, None, 0)));
    }

    #[test]
    fn an_item_of_the_last_two_minutes_is_unsettled_and_proves_nothing() {
        let look = Fingerprint::items(Some((4, at(1000))), 9, at(9000));
        assert!(!Fingerprint::items(Some((4, at(1000))), 9, at(1119)).is_unchanged_in(&look));
        assert!(Fingerprint::items(Some((4, at(1000))), 9, at(1120)).is_unchanged_in(&look));
        assert!(
            Fingerprint::items(None, 0, at(1000)).is_unchanged_in(&Fingerprint::items(
                None,
                0,
                at(1001)
            ))
        );
    }

    #[test]
    fn a_branch_is_unchanged_if_name_and_head_are() {
        let seen = Fingerprint::commits(Some("main".into()), Some("a".into()), 12);
        assert!(seen.is_unchanged_in(&Fingerprint::commits(
            Some("main".into()),
            Some("a".into()),
            0
        )));
        assert!(!seen.is_unchanged_in(&Fingerprint::commits(
            Some("main".into()),
            Some("b".into()),
            12
        )));
        assert!(!seen.is_unchanged_in(&Fingerprint::commits(
            Some("trunk".into()),
            Some("a".into()),
            12
        )));
    }
}
