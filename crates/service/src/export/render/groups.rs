//! Which repositories are written together. Decides where a group ends; refuses to know what is written.
//!
//! A group is the smallest thing that is written anew, and one piece of each family. Where it ends is decided by the
//! repository that it ends with, so that a repository that comes or goes moves the ends of its own group alone.

use ledger::aggregate::{Aggregate, RepoRow};
use ledger::event::RepoId;

/// About so many rows are written together: few enough that little is written anew for one that has changed, many enough that
/// pieces pack well and are not too many.
const ROWS: usize = 64;

/// How many repositories a group has, as a power of two.
pub(super) fn span_of(aggregate: &Aggregate) -> usize {
    let repos = aggregate.repos().len();
    let rows = repos + aggregate.len();
    (ROWS * repos)
        .checked_div(rows)
        .unwrap_or(1)
        .next_power_of_two()
}

/// The ids of the repositories, in order, in groups.
pub(super) fn split<'a>(repos: impl Iterator<Item = RepoRow<'a>>, span: usize) -> Vec<Vec<RepoId>> {
    let mut groups = Vec::new();
    let mut group = Vec::new();
    for repo in repos {
        group.push(repo.id());
        if is_last(repo.id(), span) || group.len() == 4 * span {
            groups.push(std::mem::take(&mut group));
        }
    }
    if !group.is_empty() {
        groups.push(group);
    }
    groups
}

/// Whether a group ends with this repository: one in `span` does.
fn is_last(id: RepoId, span: usize) -> bool {
    // Ids that follow one another differ in all bits of this.
    let mixed = id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    mixed & (span as u64 - 1) == 0
}
