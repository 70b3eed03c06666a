//! Pull requests out of a history: one for each merge into the first-parent line, and one for each commit on it whose
//! subject ends in `(#123)`, as squash merges do. What is invented beyond that is said in [`super`].

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::world::change::PastPull;
use crate::world::{AccountId, Commit, Oid, OidSet, Repo, RepoId, ReviewState, World};

/// A pull as the history tells it.
struct Told {
    number: Option<u64>,
    branch: Option<String>,
    merge: Arc<Commit>,
    /// What it brought, its tip first.
    brought: Vec<Arc<Commit>>,
}

pub(super) fn derive(world: &mut World, repo: RepoId, now: Timestamp) {
    let told = world.repo(repo).map(tell).unwrap_or_default();
    // Numbers that the history names are kept; the first commit to name one has it.
    let mut taken = BTreeSet::new();
    let named: Vec<Option<u64>> = told
        .iter()
        .map(|told| told.number.filter(|number| taken.insert(*number)))
        .collect();
    let mut free = taken.last().copied().unwrap_or(0);
    let mut colleague = None;
    for (told, number) in told.into_iter().zip(named) {
        let number = number.unwrap_or_else(|| {
            free += 1;
            free
        });
        colleague = invent(world, repo, number, &told, now, colleague);
    }
    world.at(now);
}

/// The pulls of a repository, oldest first.
fn tell(repo: &Repo) -> Vec<Told> {
    let mut line = Vec::new();
    let mut at = repo.head();
    while let Some(commit) = at.and_then(|oid| repo.commit(&oid)) {
        line.push(Arc::clone(commit));
        at = commit.parents.first().copied();
    }
    let mut claimed = OidSet::default();
    let mut told = Vec::new();
    for commit in line.into_iter().rev() {
        claimed.insert(commit.oid);
        let brought = claim(repo, &commit.parents, &mut claimed);
        let (number, branch) = subject(&commit.message);
        if commit.is_merge() && !brought.is_empty() {
            told.push(Told {
                number,
                branch,
                merge: commit,
                brought,
            });
        } else if !commit.is_merge() && number.is_some() {
            told.push(Told {
                number,
                branch,
                brought: vec![Arc::clone(&commit)],
                merge: commit,
            });
        }
    }
    told
}

/// Everything reachable from the parents that nobody claimed before; each commit is met once in the whole history.
fn claim(repo: &Repo, parents: &[Oid], claimed: &mut OidSet) -> Vec<Arc<Commit>> {
    let mut brought = Vec::new();
    let mut open: Vec<Oid> = parents.iter().rev().copied().collect();
    while let Some(oid) = open.pop() {
        let Some(commit) = repo.commit(&oid).filter(|_| claimed.insert(oid)) else {
            continue;
        };
        open.extend(commit.parents.iter().rev());
        brought.push(Arc::clone(commit));
    }
    brought
}

/// What a subject says: `Merge pull request #7 from ada/topic`, `Merge branch 'topic'`, `Fix it (#7)`.
fn subject(subject: &str) -> (Option<u64>, Option<String>) {
    if let Some(rest) = subject.strip_prefix("Merge pull request #") {
        let (number, from) = rest.split_once(' ').unwrap_or((rest, ""));
        return (
            number.parse().ok(),
            from.strip_prefix("from ").map(str::to_owned),
        );
    }
    if let Some(rest) = subject.strip_prefix("Merge branch '") {
        return (
            None,
            rest.split_once('\'').map(|(branch, _)| branch.to_owned()),
        );
    }
    let number = subject
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once("(#"))
        .map(|(_, number)| number);
    (
        number
            .and_then(|number| number.parse().ok())
            .filter(|number| *number > 0),
        None,
    )
}

/// Puts a pull down and returns its author. Whoever merged it looks at it first; where that is the author, the colleague.
fn invent(
    world: &mut World,
    repo: RepoId,
    number: u64,
    told: &Told,
    now: Timestamp,
    colleague: Option<AccountId>,
) -> Option<AccountId> {
    let sane = |at: Timestamp| at.clamp(Timestamp::UNIX_EPOCH, now);
    let merged_at = sane(told.merge.committer.at);
    let written = told
        .brought
        .iter()
        .map(|commit| sane(commit.author.at))
        .min();
    let opened_at = written.unwrap_or(merged_at).min(merged_at);
    let person = |commit: &Commit| {
        let signatures = [&commit.committer, &commit.author];
        let linked = signatures
            .into_iter()
            .filter_map(|signature| signature.who.user);
        linked
            .filter_map(|id| world.account(id))
            .find(|who| !who.is_web_flow())
            .map(|who| who.id)
    };
    let tip = &told.brought[0];
    let (author, merged_by) = (tip.author.who.user, person(&told.merge));
    let past = PastPull {
        number,
        title: told.merge.message.to_string(),
        author,
        head: told
            .branch
            .clone()
            .unwrap_or_else(|| format!("topic-{number}")),
        head_oid: tip.oid,
        base_oid: told
            .merge
            .parents
            .first()
            .copied()
            .unwrap_or(told.merge.oid),
        commits: told.brought.iter().rev().map(|commit| commit.oid).collect(),
        merged_at,
        merged_by,
        merge: told.merge.oid,
    };
    world.at(opened_at);
    world.record_pull(repo, past);
    let share = |tenths: i64| {
        let seconds = merged_at.duration_since(opened_at).as_secs() * tenths / 10;
        opened_at + SignedDuration::from_secs(seconds)
    };
    let reviewer = merged_by
        .filter(|by| Some(*by) != author)
        .or(colleague)
        .filter(|by| Some(*by) != author);
    if let Some(reviewer) = reviewer {
        if number.is_multiple_of(3) {
            world.at(share(3));
            world.comment(repo, number, reviewer, "What is this for?");
            world.at(share(5));
            world.comment(repo, number, author, "It is said in the first commit.");
        }
        world.at(share(8));
        let review = world.review(repo, number, reviewer, ReviewState::Approved, "");
        if number.is_multiple_of(5) {
            world.diff_comment_in(repo, review, "A matter of taste, as you like.");
        }
    }
    world.at(merged_at);
    world.record_merge(repo, number);
    author
}

#[cfg(test)]
mod tests {
    use super::subject;

    #[test]
    fn a_subject_tells_a_number_or_a_branch_or_nothing() {
        let branch = |name: &str| Some(name.to_owned());
        assert_eq!(
            subject("Merge pull request #7 from ada/topic"),
            (Some(7), branch("ada/topic"))
        );
        assert_eq!(
            subject("Merge branch 'topic' into main"),
            (None, branch("topic"))
        );
        assert_eq!(subject("Fix it (#12)"), (Some(12), None));
        for nothing in [
            "Fix it",
            "Fix #12",
            "(#)",
            "(#0)",
            "",
            "Merge pull request #",
            "Merge branch '",
        ] {
            assert_eq!(subject(nothing), (None, None), "{nothing}");
        }
    }
}
