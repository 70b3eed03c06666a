//! Real histories come out as git has them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use github_sim::World;
use github_sim::from_git::{self, Error};
use github_sim::truth::Truth;
use github_sim::world::{AccountKind, History, Oid};
use jiff::Timestamp;

use super::clone::TestClone;

fn now() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn read(clones: &[&TestClone]) -> World {
    let paths: Vec<PathBuf> = clones.iter().map(|clone| clone.path()).collect();
    from_git::read(&paths, "acme", 1, now(), &mut |_| {}).unwrap()
}

/// One commit as a plain `git log --numstat` prints it.
#[derive(Debug)]
struct Plain {
    oid: String,
    author: Vec<u8>,
    email: Vec<u8>,
    added: u64,
    removed: u64,
    files: u64,
}

/// Read on its own, from one process and in one piece.
fn plain_log(clone: &TestClone) -> Vec<Plain> {
    let output = clone.git(
        &["log", "--numstat", "--format=commit%x01%H%x01%aN%x01%aE"],
        b"",
    );
    let mut commits: Vec<Plain> = Vec::new();
    for line in output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == 1).collect();
        if let [b"commit", oid, author, email] = fields[..] {
            let oid = String::from_utf8(oid.to_vec()).unwrap();
            let (author, email) = (author.to_vec(), email.to_vec());
            commits.push(Plain {
                oid,
                author,
                email,
                added: 0,
                removed: 0,
                files: 0,
            });
            continue;
        }
        let mut counts = line.split(|byte| *byte == b'\t').map(|count| {
            let count = std::str::from_utf8(count).unwrap_or("x");
            if count == "-" {
                0
            } else {
                count.parse().unwrap()
            }
        });
        let commit = commits.last_mut().unwrap();
        commit.added += counts.next().unwrap();
        commit.removed += counts.next().unwrap();
        commit.files += 1;
    }
    commits
}

#[test]
fn every_commit_has_the_order_the_lines_and_the_author_that_git_gives_it() {
    let clone = TestClone::of(1, 1_500);
    let truth = Truth::of(&read(&[&clone]));
    let (plain, repo) = (plain_log(&clone), &truth.repos[0]);
    assert_eq!(repo.commits.len(), plain.len());
    assert!(plain.len() > 1_000, "{} commits", plain.len());
    let mut logins: BTreeMap<Vec<u8>, BTreeSet<&str>> = BTreeMap::new();
    let mut names: BTreeMap<&str, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for (commit, plain) in repo.commits.iter().zip(plain) {
        let ours = (
            &commit.oid,
            commit.additions,
            commit.deletions,
            commit.changed_files,
        );
        assert_eq!(ours, (&plain.oid, plain.added, plain.removed, plain.files));
        let key = if plain.author.is_empty() {
            plain.email
        } else {
            plain.author
        };
        logins
            .entry(key.clone())
            .or_default()
            .insert(&commit.author);
        names.entry(&commit.author).or_default().insert(key);
    }
    assert!(
        logins.values().all(|logins| logins.len() == 1),
        "one author, one login: {logins:#?}"
    );
    assert!(
        names.values().all(|names| names.len() == 1),
        "one login, one author: {names:#?}"
    );
    let login = |name: &[u8]| logins[name].iter().next().copied().unwrap();
    assert_eq!(login(b"Ada Byron"), "ada-b");
    assert_eq!(login(b"ada-b"), "ada-b-2");
    assert_eq!(login(b"dependabot[bot]"), "dependabot[bot]");
    assert!(login("יעל כהן".as_bytes()).starts_with("user"));
    assert!(
        !logins.contains_key(&b"Old Name"[..]),
        "the mailmap applies"
    );
}

#[test]
fn the_walk_through_the_graph_goes_the_way_of_git() {
    let clone = TestClone::of(2, 1_500);
    let world = read(&[&clone]);
    let repo = world.repos().next().unwrap();
    // From a commit below those whose times no git agrees with itself about.
    let below = String::from_utf8(clone.git(&["rev-parse", "HEAD~3"], b"")).unwrap();
    for head in [
        below.trim(),
        &repo.default_history().commits()[300].oid.to_string(),
    ] {
        let wanted = String::from_utf8(clone.git(&["rev-list", head], b"")).unwrap();
        let walked = History::walk(&repo.graph, head.parse::<Oid>().unwrap());
        let walked: Vec<String> = walked
            .commits()
            .iter()
            .map(|commit| commit.oid.to_string())
            .collect();
        assert_eq!(walked, Vec::from_iter(wanted.lines()));
    }
}

#[test]
fn merges_become_pulls_with_the_commits_that_they_brought() {
    let clone = TestClone::of(3, 400);
    let world = read(&[&clone]);
    let repo = world.repos().next().unwrap();
    assert!(repo.pulls.len() > 20 && repo.reviews.len() > 5 && repo.comments.len() > 5);
    for pull in repo
        .pulls
        .values()
        .filter(|pull| pull.issue.title.starts_with("Merge pull request"))
    {
        let merge = repo.commit(&pull.merged.as_ref().unwrap().commit).unwrap();
        // Two whole lists: with times as odd as these, git itself leaves too much in `theirs ^ours`.
        let reachable = |from: Oid| -> BTreeSet<String> {
            let oids = clone.git(&["rev-list", &from.to_string()], b"");
            String::from_utf8(oids)
                .unwrap()
                .lines()
                .map(str::to_owned)
                .collect()
        };
        let wanted = &reachable(merge.parents[1]) - &reachable(merge.parents[0]);
        assert_eq!(
            pull.commits
                .iter()
                .map(Oid::to_string)
                .collect::<BTreeSet<_>>(),
            wanted
        );
        assert!(pull.issue.created_at <= pull.merged.as_ref().unwrap().at);
        assert!(pull.issue.updated_at <= now());
    }
}

#[test]
fn reading_the_same_clone_twice_gives_the_same_world() {
    let clone = TestClone::of(4, 1_100);
    assert_eq!(Truth::of(&read(&[&clone])), Truth::of(&read(&[&clone])));
}

#[test]
fn several_clones_share_their_people_and_not_their_names() {
    let (one, other) = (TestClone::of(5, 60), TestClone::of(6, 60));
    let world = read(&[&one, &other]);
    let names: Vec<String> = world.repos().map(|repo| world.full_name(repo)).collect();
    assert_eq!(names, ["acme/some-thing", "acme/some-thing-2"]);
    let adas = world
        .accounts()
        .filter(|account| account.name.as_deref() == Some("Ada Byron"));
    assert_eq!(adas.count(), 1);
    let bot = world.account_named("dependabot[bot]").unwrap();
    assert_eq!(
        (bot.kind, bot.login.as_str()),
        (AccountKind::Bot, "dependabot")
    );
}

#[test]
fn an_empty_clone_is_an_empty_repository() {
    let world = read(&[&TestClone::empty()]);
    let repo = world.repos().next().unwrap();
    assert!(repo.is_empty());
    assert_eq!(repo.default_branch, "trunk");
}

#[test]
fn a_path_that_is_no_repository_is_named_with_what_git_says() {
    let directory = tempfile::TempDir::new().unwrap();
    for (path, said) in [
        (directory.path().to_owned(), "not a git repository"),
        ("/nowhere/at/all".into(), "no such"),
    ] {
        let error =
            from_git::read(std::slice::from_ref(&path), "acme", 1, now(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, Error::NotARepository { .. }), "{error:?}");
        let message = error.to_string();
        assert!(
            message.contains(said) && message.contains(&path.display().to_string()),
            "{message}"
        );
    }
}

#[test]
fn a_history_with_a_hole_is_an_error_and_not_a_shorter_history() {
    let clone = TestClone::of(7, 50);
    let hole = String::from_utf8(clone.git(&["rev-parse", "HEAD~1"], b"")).unwrap();
    let hole = hole.trim();
    std::fs::remove_file(
        clone
            .path()
            .join("objects")
            .join(&hole[..2])
            .join(&hole[2..]),
    )
    .unwrap();
    let error = from_git::read(&[clone.path()], "acme", 1, now(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error:?}");
}

#[test]
fn progress_counts_every_commit() {
    let clone = TestClone::of(8, 1_200);
    let mut seen = Vec::new();
    let mut note = |progress: from_git::Progress<'_>| seen.push((progress.commits, progress.of));
    from_git::read(&[clone.path()], "acme", 1, now(), &mut note).unwrap();
    assert!(seen.is_sorted() && seen.len() > 2);
    let last = seen.last().unwrap();
    assert_eq!(last.0, last.1);
}
