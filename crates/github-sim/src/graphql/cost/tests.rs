//! The formula on the examples of GitHub's documentation, and on what the documentation leaves open.

use apollo_compiler::Schema;
use apollo_compiler::executable::ExecutableDocument;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::serde_json_bytes;
use apollo_compiler::validation::Valid;

use super::{Cost, TooManyNodes, count};

/// The connections of the documentation's examples, and things by their ids.
const SCHEMA: &str = "
    type Query { viewer: User!, repository(name: String): Repository, nodes(ids: [ID!]!): [Item]! }
    type User { login: String, followers(first: Int, last: Int): FollowerConnection!, repositories(first: Int, last: Int): RepositoryConnection! }
    type FollowerConnection { totalCount: Int!, nodes: [User], edges: [FollowerEdge] }
    type FollowerEdge { node: User }
    type RepositoryConnection { totalCount: Int!, edges: [RepositoryEdge], nodes: [Repository] }
    type RepositoryEdge { node: Repository }
    type Repository { id: ID!, issues(first: Int, last: Int): IssueConnection!, pullRequests(first: Int, last: Int): PullRequestConnection!, items: [Item] }
    type IssueConnection { totalCount: Int!, edges: [IssueEdge], nodes: [Issue] }
    type IssueEdge { node: Issue }
    type Issue { id: ID!, labels(first: Int, last: Int): LabelConnection, comments(first: Int, last: Int): CommentConnection }
    type PullRequestConnection { totalCount: Int!, edges: [PullRequestEdge] }
    type PullRequestEdge { node: PullRequest }
    type PullRequest { id: ID!, comments(first: Int, last: Int): CommentConnection }
    type LabelConnection { totalCount: Int!, edges: [LabelEdge] }
    type LabelEdge { node: Label }
    type Label { id: ID! }
    type CommentConnection { totalCount: Int!, edges: [CommentEdge], nodes: [Comment] }
    type CommentEdge { node: Comment }
    type Comment { id: ID! }
    union Item = Issue | PullRequest
";

fn counted(query: &str, variables: &str) -> Result<Cost, TooManyNodes> {
    let schema: Valid<Schema> = Schema::parse_and_validate(SCHEMA, "schema").unwrap();
    let document = ExecutableDocument::parse_and_validate(&schema, query, "query").unwrap();
    let operation = document.operations.get(None).unwrap();
    let given = serde_json::from_str::<serde_json_bytes::Map<_, _>>(variables).unwrap();
    let variables = coerce_variable_values(&schema, operation, &given).unwrap();
    count(&document, operation, &variables)
}

#[track_caller]
fn check(query: &str, requests: u64, points: u64, nodes: u64) {
    let cost = counted(query, "{}").unwrap();
    assert_eq!(
        (cost.requests, cost.points(), cost.nodes),
        (requests, points, nodes)
    );
}

#[test]
fn the_documented_example_of_the_cost_is_51_points() {
    check(
        "{ viewer { login repositories(first: 100) { edges { node { id
            issues(first: 50) { totalCount edges { node { id
                labels(first: 60) { totalCount edges { node { id } } } } } } } } } } }",
        5_101,
        51,
        305_100,
    );
}

#[test]
fn the_documented_examples_of_the_node_limit_are_550_and_22060() {
    check(
        "{ viewer { repositories(first: 50) { edges { repository: node { id
            issues(first: 10) { totalCount edges { node { id } } } } } } } }",
        51,
        1,
        550,
    );
    check(
        "{ viewer {
            repositories(first: 50) { edges { repository: node {
                pullRequests(first: 20) { edges { pullRequest: node {
                    comments(last: 10) { edges { comment: node { id } } } } } }
                issues(first: 20) { totalCount edges { issue: node { id
                    comments(last: 10) { edges { comment: node { id } } } } } } } } }
            followers(first: 10) { edges { follower: node { login } } }
        } }",
        2_102,
        21,
        22_060,
    );
}

#[test]
fn every_query_costs_at_least_a_point() {
    check("{ viewer { login } }", 0, 1, 0);
    check(
        "{ viewer { repositories(first: 49) { nodes { issues(first: 1) { totalCount } } } } }",
        50,
        1,
        98,
    );
}

#[test]
fn halves_are_rounded_up() {
    check(
        "{ repository { issues(first: 100) { nodes { labels(first: 1) { totalCount } } } a: issues { totalCount } } }",
        102,
        1,
        200,
    );
    let query = |first: u32| {
        format!(
            "{{ viewer {{ repositories(first: {first}) {{ nodes {{ issues {{ totalCount }} }} }} }} }}"
        )
    };
    // 149 and 150 requests are out of one page's reach, so the page is nested in a list of two.
    let twice = |first: u32| {
        format!(
            "{{ a: {} b: {} }}",
            inner(&query(first)),
            inner(&query(first))
        )
    };
    assert_eq!(counted(&twice(73), "{}").unwrap().requests, 148);
    assert_eq!(counted(&twice(73), "{}").unwrap().points(), 1);
    assert_eq!(counted(&twice(74), "{}").unwrap().requests, 150);
    assert_eq!(counted(&twice(74), "{}").unwrap().points(), 2);
}

/// The only field inside the outermost braces.
fn inner(query: &str) -> &str {
    query.trim_start_matches('{').strip_suffix('}').unwrap()
}

#[test]
fn a_connection_asked_for_its_total_alone_is_one_request_and_leads_nowhere() {
    check(
        "{ viewer { repositories(first: 10) { nodes { issues { totalCount } } } } }",
        11,
        1,
        10,
    );
}

#[test]
fn what_execution_merges_counts_once_and_what_an_alias_parts_counts_twice() {
    let selections = "repositories(first: 10) { totalCount } ... on User { repositories(first: 10) { nodes { id } } }";
    check(&format!("{{ viewer {{ {selections} }} }}"), 1, 1, 10);
    check(
        "{ viewer { a: repositories(first: 10) { totalCount } b: repositories(first: 10) { totalCount } } }",
        2,
        1,
        20,
    );
    check(
        "{ viewer { ...F } } fragment F on User { repositories(first: 2) { nodes { ...G } } }
         fragment G on Repository { issues(first: 3) { totalCount } }",
        3,
        1,
        8,
    );
}

#[test]
fn each_member_of_a_union_counts() {
    check(
        "{ repository { items { ... on Issue { comments(first: 5) { totalCount } }
                                ... on PullRequest { comments(first: 7) { totalCount } } } } }",
        2,
        1,
        12,
    );
}

#[test]
fn sizes_come_from_variables_and_directives_leave_selections_out() {
    let query =
        "query($size: Int!, $deep: Boolean = false) { viewer { repositories(first: $size) { nodes {
        issues(first: 10) @include(if: $deep) { totalCount } } } } }";
    assert_eq!(counted(query, r#"{"size": 20}"#).unwrap().requests, 1);
    assert_eq!(
        counted(query, r#"{"size": 20, "deep": true}"#)
            .unwrap()
            .requests,
        21
    );
}

#[test]
fn the_connection_that_goes_beyond_the_node_limit_is_named() {
    let query = "query($size: Int!) { viewer { repositories(first: $size) { nodes { issues(first: 100) { nodes {
        comments(first: 100) { nodes { id } } } } } } } }";
    let refused = |size: u64| counted(query, &format!(r#"{{"size": {size}}}"#)).unwrap_err();
    assert_eq!(
        refused(51),
        TooManyNodes {
            connection: Some("comments".to_owned()),
            nodes: 510_000
        }
    );
    // 500,000 comments alone are just allowed; the issues and repositories come on top.
    assert_eq!(
        refused(50),
        TooManyNodes {
            connection: None,
            nodes: 505_050
        }
    );
    assert_eq!(counted(query, r#"{"size": 49}"#).unwrap().nodes, 494_949);
}

#[test]
fn what_is_asked_for_by_ids_counts_once_for_each() {
    let comments = "... on Issue { comments(last: 50) { totalCount } }";
    let given = format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {comments} }} }}");
    let cost = counted(&given, r#"{"ids": ["a", "b", "c"]}"#).unwrap();
    assert_eq!((cost.requests, cost.nodes), (3, 150));
    check(
        &format!("{{ nodes(ids: [\"a\", \"b\"]) {{ {comments} }} }}"),
        2,
        1,
        100,
    );
}
