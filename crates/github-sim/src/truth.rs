//! The truth: what this GitHub would have to answer now if it were asked for everything, without any of its ways of
//! answering: no pages, no limits, no lag.
//!
//! Who did what is resolved here once more, and on purpose not with the code that anybody under test uses:
//! a commit's author is its author's login, else its committer's (`web-flow` is nobody), else the login inside the
//! author's noreply address, else `unlinked`, else (there is neither a name nor an address) `unattributed`. Bots are
//! `name[bot]` everywhere, and whoever is gone is `ghost`. A commit with more than one parent adds and removes nothing.

mod actions;
mod copilot;
mod person;
mod summary;

use jiff::Timestamp;
use serde::Serialize;

use crate::world::{Account, AccountId, CommentOn, Happening, Repo, World};

pub use actions::{TruthAttempt, TruthJob, TruthRun};
pub use copilot::{TruthCopilot, TruthCopilotDay, TruthCounts, TruthUsage};
pub use summary::Summary;

/// Everything, as of one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// The instant.
    pub now: Timestamp,
    /// Every account but the organisations.
    pub users: Vec<TruthUser>,
    /// Every repository.
    pub repos: Vec<TruthRepo>,
    /// Every team.
    pub teams: Vec<TruthTeam>,
    /// What Copilot's reports say, of organisations and enterprises.
    pub copilot: Vec<TruthCopilot>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthUser {
    /// The login; a bot's with `[bot]`.
    pub login: String,
    /// Database id.
    pub id: u64,
    /// The display name.
    pub name: Option<String>,
    /// The addresses that its commits carry.
    pub emails: Vec<String>,
}

/// A repository with everything in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthRepo {
    /// The owner's login.
    pub org: String,
    /// Database id.
    pub id: u64,
    /// The name without its owner.
    pub name: String,
    /// The default branch's name.
    pub default_branch: String,
    /// The tip of the default branch; none if the repository is empty.
    pub head: Option<String>,
    /// Read-only.
    pub archived: bool,
    /// Blocked by GitHub.
    pub disabled: bool,
    /// Whether it has issues.
    pub issues_enabled: bool,
    /// Whether Actions are switched on.
    pub actions_enabled: bool,
    /// What is reachable from `head`, in the order of `git log`.
    pub commits: Vec<TruthCommit>,
    /// Pull requests by number.
    pub pulls: Vec<TruthPull>,
    /// Submitted reviews by id.
    pub reviews: Vec<TruthReview>,
    /// Comments that exist, of all kinds.
    pub comments: Vec<TruthComment>,
    /// Comments that existed once. A reader who came in time has seen them.
    pub deleted_comments: Vec<TruthComment>,
    /// Issues by number; empty where issues are off.
    pub issues: Vec<TruthIssue>,
    /// Every time that an issue or a pull was closed, merges included.
    pub closes: Vec<TruthClose>,
    /// Workflow runs by id; empty where Actions are off.
    pub runs: Vec<TruthRun>,
    /// Releases by id, drafts included.
    pub releases: Vec<TruthRelease>,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthRelease {
    /// Database id.
    pub id: u64,
    /// The tag's name.
    pub tag: String,
    /// Who made it.
    pub author: String,
    /// When it was published; none for a draft.
    pub published_at: Option<Timestamp>,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthTeam {
    /// The organisation's login.
    pub org: String,
    /// Its name in addresses.
    pub slug: String,
    /// The slug of the team that it is a part of.
    pub parent: Option<String>,
    /// The logins of those who belong to it or to a team inside it, in order.
    pub members: Vec<String>,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthCommit {
    /// Its id.
    pub oid: String,
    /// Its committer time.
    pub at: Timestamp,
    /// Who counts as its author.
    pub author: String,
    /// That account's id, if it has one.
    pub author_id: Option<u64>,
    /// Lines added; 0 for a merge.
    pub additions: u64,
    /// Lines removed; 0 for a merge.
    pub deletions: u64,
    /// Files changed, as GitHub shows them.
    pub changed_files: u64,
    /// How many parents it has.
    pub parents: usize,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthPull {
    /// Database id.
    pub id: u64,
    /// Number.
    pub number: u64,
    /// Who opened it.
    pub author: String,
    /// `OPEN`, `CLOSED` or `MERGED`.
    pub state: &'static str,
    /// Whether it is a draft.
    pub draft: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it last became ready for review, if it was a draft before.
    pub ready_at: Option<Timestamp>,
    /// When it was closed or merged, if it is.
    pub closed_at: Option<Timestamp>,
    /// When it was merged.
    pub merged_at: Option<Timestamp>,
    /// Who merged it.
    pub merged_by: Option<String>,
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
}

/// A review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthReview {
    /// Database id.
    pub id: u64,
    /// The number of its pull.
    pub number: u64,
    /// Who reviewed.
    pub author: String,
    /// What it says now, as GitHub writes it.
    pub state: &'static str,
    /// When it was submitted.
    pub at: Timestamp,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthComment {
    /// Database id; conversation and diff comments count apart.
    pub id: u64,
    /// `issue`, `pull` or `diff`.
    pub on: &'static str,
    /// The number of its issue or pull.
    pub number: u64,
    /// Who wrote it.
    pub author: String,
    /// When it was written.
    pub at: Timestamp,
}

/// An issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthIssue {
    /// Database id.
    pub id: u64,
    /// Number.
    pub number: u64,
    /// Who opened it.
    pub author: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was closed, if it is.
    pub closed_at: Option<Timestamp>,
}

/// A close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthClose {
    /// `issue` or `pull`.
    pub item: &'static str,
    /// The database id of the issue or pull.
    pub id: u64,
    /// Its number.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who closed it.
    pub actor: String,
    /// Whether this was a merge.
    pub merged: bool,
}

impl Truth {
    /// The truth of a world as it is.
    pub fn of(world: &World) -> Truth {
        let users = world.accounts().filter(|account| !account.is_org());
        let users = users.map(|account| TruthUser {
            login: account.rest_login(),
            id: account.id,
            name: account.name.clone(),
            emails: account.emails.clone(),
        });
        Truth {
            now: world.now(),
            users: users.collect(),
            repos: world.repos().map(|repo| repo_of(world, repo)).collect(),
            teams: world.orgs().flat_map(|org| teams_of(world, org)).collect(),
            copilot: copilot::copilot(world),
        }
    }

    /// The repository with this owner and name.
    pub fn repo(&self, org: &str, name: &str) -> Option<&TruthRepo> {
        self.repos
            .iter()
            .find(|repo| repo.org == org && repo.name == name)
    }

    /// The totals.
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }
}

fn teams_of<'a>(world: &'a World, org: &'a Account) -> impl Iterator<Item = TruthTeam> + 'a {
    world.teams_of(org.id).map(|team| {
        let members = world.members_of(team.id).into_iter();
        let mut members: Vec<String> = members.map(|id| person::actor(world, Some(id))).collect();
        members.sort();
        TruthTeam {
            org: org.login.clone(),
            slug: team.slug.clone(),
            parent: team
                .parent
                .and_then(|parent| world.team(parent))
                .map(|parent| parent.slug.clone()),
            members,
        }
    })
}

fn repo_of(world: &World, repo: &Repo) -> TruthRepo {
    let who = |id: Option<AccountId>| person::actor(world, id);
    let owner = world
        .account(repo.owner)
        .map_or_else(|| "ghost".to_owned(), |owner| owner.login.clone());
    let history = repo.default_history();
    let commits = history.commits().iter().map(|commit| {
        let (author, author_id) = person::author(world, commit);
        let counted = |lines| if commit.parents.len() > 1 { 0 } else { lines };
        TruthCommit {
            oid: commit.oid.to_string(),
            at: commit.committer.at,
            author,
            author_id,
            additions: counted(commit.additions),
            deletions: counted(commit.deletions),
            changed_files: commit.changed_files,
            parents: commit.parents.len(),
        }
    });
    let pulls = repo.pulls.values().map(|pull| TruthPull {
        id: pull.id,
        number: pull.number(),
        author: who(pull.issue.author),
        state: pull.state(),
        draft: pull.draft,
        created_at: pull.issue.created_at,
        updated_at: pull.issue.updated_at,
        ready_at: pull.ready_at(),
        closed_at: pull.issue.closed_at,
        merged_at: pull.merged.as_ref().map(|merge| merge.at),
        merged_by: pull.merged.as_ref().map(|merge| who(merge.by)),
        additions: pull.additions,
        deletions: pull.deletions,
    });
    let reviews = repo.reviews.values().map(|review| TruthReview {
        id: review.id,
        number: review.number,
        author: who(review.author),
        state: review.state.as_str(),
        at: review.submitted_at,
    });
    let conversation = |comment: &crate::world::Comment| TruthComment {
        id: comment.id,
        on: match comment.on {
            CommentOn::Issue => "issue",
            CommentOn::Pull => "pull",
        },
        number: comment.number,
        author: who(comment.author),
        at: comment.created_at,
    };
    let diff = |comment: &crate::world::DiffComment| TruthComment {
        id: comment.id,
        on: "diff",
        number: comment.number,
        author: who(comment.author),
        at: comment.created_at,
    };
    let seen = |comment: &TruthComment| repo.issues_enabled || comment.on != "issue";
    let issues = repo.issues.values().filter(|_| repo.issues_enabled);
    let mut closes = Vec::new();
    for (item, id, issue) in (issues.clone().map(|issue| ("issue", issue.id, issue))).chain(
        repo.pulls
            .values()
            .map(|pull| ("pull", pull.id, &pull.issue)),
    ) {
        let mut merged = false;
        for event in &issue.timeline {
            merged |= matches!(event.what, Happening::Merged { .. });
            if event.what == Happening::Closed {
                closes.push(TruthClose {
                    item,
                    id,
                    number: issue.number,
                    at: event.at,
                    actor: who(event.actor),
                    merged,
                });
            }
        }
    }
    TruthRepo {
        org: owner,
        id: repo.id,
        name: repo.name.clone(),
        default_branch: repo.default_branch.clone(),
        head: repo.head().map(|head| head.to_string()),
        archived: repo.archived,
        disabled: repo.disabled,
        issues_enabled: repo.issues_enabled,
        actions_enabled: repo.actions_enabled,
        commits: commits.collect(),
        pulls: pulls.collect(),
        reviews: reviews.collect(),
        comments: (repo.comments.values().map(conversation))
            .chain(repo.diff_comments.values().map(diff))
            .filter(seen)
            .collect(),
        deleted_comments: (repo.deleted_comments.iter().map(conversation))
            .chain(repo.deleted_diff_comments.iter().map(diff))
            .collect(),
        issues: issues
            .map(|issue| TruthIssue {
                id: issue.id,
                number: issue.number,
                author: who(issue.author),
                created_at: issue.created_at,
                closed_at: issue.closed_at,
            })
            .collect(),
        closes,
        runs: if repo.actions_enabled {
            actions::runs(world, repo)
        } else {
            Vec::new()
        },
        releases: repo
            .releases
            .values()
            .map(|release| TruthRelease {
                id: release.id,
                tag: release.tag.clone(),
                author: who(release.author),
                published_at: release.published_at,
            })
            .collect(),
    }
}
