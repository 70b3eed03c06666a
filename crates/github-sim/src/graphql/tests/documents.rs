//! The documents that a scraper of activity sends, written here a second time on purpose: that they are answered,
//! and what each costs by page size. The sizes that a client can afford are read off the last test.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Stage;
use crate::world::NewCommit;
use crate::world::NewPull;
use crate::world::ReviewState;

const PROBE: &str = "query($owner: String!, $first: Int!, $after: String) {
  repositoryOwner(login: $owner) {
    __typename login
    repositories(first: $first, after: $after, ownerAffiliations: [OWNER], orderBy: {field: NAME, direction: ASC}) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        databaseId id name isArchived isDisabled isFork isEmpty hasIssuesEnabled createdAt pushedAt updatedAt
        defaultBranchRef { name target { oid } }
        pullRequests(first: 1, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount nodes { number updatedAt } }
        issues(first: 1, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount nodes { number updatedAt } }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt nodeCount }
}";

const COMMITS: &str =
    "query($owner: String!, $name: String!, $head: GitObjectID!, $first: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    databaseId
    object(oid: $head) {
      ... on Commit {
        oid
        history(first: $first, after: $after) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes {
            oid committedDate additions deletions changedFilesIfAvailable
            parents(first: 1) { totalCount }
            author { name email user { login databaseId } }
            committer { email user { login databaseId } }
          }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt nodeCount }
}";

const PULLS: &str = "query($owner: String!, $name: String!, $first: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    databaseId
    open: pullRequests(states: OPEN) { totalCount }
    pullRequests(first: $first, after: $after, orderBy: {field: UPDATED_AT, direction: DESC}) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        fullDatabaseId number createdAt updatedAt closedAt mergedAt isDraft additions deletions
        author { ...Person }
        mergedBy { ...Person }
        reviews(first: 50) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes { fullDatabaseId state submittedAt updatedAt author { ...Person } }
        }
        timelineItems(first: 50, itemTypes: [CLOSED_EVENT, READY_FOR_REVIEW_EVENT]) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes {
            __typename
            ... on ClosedEvent { createdAt actor { ...Person } }
            ... on ReadyForReviewEvent { createdAt }
          }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt nodeCount }
}
fragment Person on Actor { __typename login ... on User { databaseId } ... on Bot { databaseId } }";

const ISSUES: &str = "query($owner: String!, $name: String!, $first: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    databaseId
    open: issues(states: OPEN) { totalCount }
    issues(first: $first, after: $after, orderBy: {field: UPDATED_AT, direction: DESC}) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        fullDatabaseId number createdAt updatedAt closedAt
        author { ...Person }
        timelineItems(first: 50, itemTypes: [CLOSED_EVENT]) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes { __typename ... on ClosedEvent { createdAt actor { ...Person } } }
        }
      }
    }
  }
  rateLimit { cost limit remaining used resetAt nodeCount }
}
fragment Person on Actor { __typename login ... on User { databaseId } ... on Bot { databaseId } }";

/// A pull with a review, merged, and a closed issue.
fn lively() -> Stage {
    let mut stage = Stage::new();
    let (repo, ann) = (stage.repo, stage.ann);
    let identity = stage.world.identity(ann);
    stage
        .world
        .push(repo, "main", vec![NewCommit::by(identity.clone())]);
    stage.later(60);
    stage
        .world
        .push(repo, "topic", vec![NewCommit::by(identity).lines(10, 4, 2)]);
    let pull = stage.world.open_pull(repo, NewPull::by(ann, "topic"));
    stage.later(60);
    stage
        .world
        .review(repo, pull, ann, ReviewState::Commented, "hm");
    stage.later(60);
    let issue = stage.world.open_issue(repo, ann, "broken");
    stage.later(60);
    stage.world.close(repo, issue, ann);
    stage
}

#[test]
fn the_probe_shows_what_moves_when_a_repository_changes() {
    let stage = lively();
    let data = stage.data(PROBE, json!({ "owner": "acme", "first": 100 }));
    let repositories = &data["repositoryOwner"]["repositories"];
    assert_eq!(repositories["totalCount"], 1);
    let node = &repositories["nodes"][0];
    assert_eq!(node["databaseId"], json!(stage.repo));
    assert_eq!(node["defaultBranchRef"]["name"], "main");
    assert_eq!(
        node["pullRequests"],
        json!({ "totalCount": 1, "nodes": [{ "number": 1, "updatedAt": "2026-03-01T12:02:00Z" }] })
    );
    assert_eq!(
        node["issues"],
        json!({ "totalCount": 1, "nodes": [{ "number": 2, "updatedAt": "2026-03-01T12:04:00Z" }] })
    );
}

#[test]
fn the_scrapes_documents_are_answered_without_errors() {
    let stage = lively();
    let head = stage
        .world
        .repo(stage.repo)
        .unwrap()
        .head()
        .unwrap()
        .to_string();
    let repository = json!({ "owner": "acme", "name": "rocket", "first": 50, "head": head });
    let commits = stage.data(COMMITS, repository.clone());
    let history = &commits["repository"]["object"]["history"];
    assert_eq!(history["totalCount"], 1);
    assert_eq!(history["nodes"][0]["parents"]["totalCount"], 0);
    assert_eq!(history["nodes"][0]["committer"]["user"]["login"], "ann");

    let pulls = stage.data(PULLS, repository.clone());
    let pull = &pulls["repository"]["pullRequests"]["nodes"][0];
    assert_eq!(
        (&pull["additions"], &pull["deletions"]),
        (&json!(10), &json!(4))
    );
    assert_eq!(pull["reviews"]["nodes"][0]["state"], "COMMENTED");
    assert_eq!(pulls["repository"]["open"]["totalCount"], 1);

    let issues = stage.data(ISSUES, repository);
    let closed = &issues["repository"]["issues"]["nodes"][0]["timelineItems"]["nodes"][0];
    assert_eq!(closed["createdAt"], "2026-03-01T12:04:00Z");
    assert_eq!(closed["actor"]["login"], "ann");
    assert_eq!(issues["repository"]["open"]["totalCount"], 0);
}

#[test]
fn costs_of_the_scrapes_documents_by_page_size() {
    let stage = lively();
    let head = stage
        .world
        .repo(stage.repo)
        .unwrap()
        .head()
        .unwrap()
        .to_string();
    let mut table = String::from("document  first  points  nodes\n");
    for (name, document) in [
        ("PROBE", PROBE),
        ("COMMITS", COMMITS),
        ("PULLS", PULLS),
        ("ISSUES", ISSUES),
    ] {
        for first in [1, 25, 50, 100] {
            let variables =
                json!({ "owner": "acme", "name": "rocket", "head": head, "first": first });
            let data: Value = stage.data(document, variables);
            let limit = &data["rateLimit"];
            let (points, nodes) = (limit["cost"].to_string(), limit["nodeCount"].to_string());
            writeln!(table, "{name:8}  {first:5}  {points:>6}  {nodes:>5}").unwrap();
        }
    }
    insta::assert_snapshot!(table, @r"
    document  first  points  nodes
    PROBE         1       1      3
    PROBE        25       1     75
    PROBE        50       1    150
    PROBE       100       2    300
    COMMITS       1       1      2
    COMMITS      25       1     50
    COMMITS      50       1    100
    COMMITS     100       1    200
    PULLS         1       1    101
    PULLS        25       1   2525
    PULLS        50       1   5050
    PULLS       100       2  10100
    ISSUES        1       1     51
    ISSUES       25       1   1275
    ISSUES       50       1   2550
    ISSUES      100       1   5100
    ");
}
