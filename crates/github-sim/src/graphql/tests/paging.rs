//! Pages while the list under them moves.

use serde_json::{Value, json};

use super::Stage;
use crate::world::NewCommit;
use crate::world::oid::Oid;

const BY_UPDATE: &str = "query($first: Int, $after: String) {
    repository(owner: \"acme\", name: \"rocket\") {
        issues(first: $first, after: $after, orderBy: {field: UPDATED_AT, direction: DESC}) {
            totalCount
            pageInfo { hasNextPage hasPreviousPage endCursor }
            nodes { number }
        }
    }
}";

fn numbers(connection: &Value) -> Vec<u64> {
    let nodes = connection["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["number"].as_u64().unwrap())
        .collect()
}

/// Walks all pages; `between` happens after each of them.
fn walk(stage: &mut Stage, mut between: impl FnMut(&mut Stage)) -> Vec<Vec<u64>> {
    let mut pages = Vec::new();
    let mut after = Value::Null;
    loop {
        let data = stage.data(BY_UPDATE, json!({ "first": 3, "after": after }));
        let connection = &data["repository"]["issues"];
        pages.push(numbers(connection));
        let info = &connection["pageInfo"];
        assert_eq!(info["hasPreviousPage"], json!(pages.len() > 1));
        if info["hasNextPage"] == json!(false) {
            return pages;
        }
        after = info["endCursor"].clone();
        between(stage);
    }
}

#[test]
fn pages_of_a_quiet_list_hold_each_item_once() {
    let mut stage = Stage::new();
    stage.issues(8);
    let pages = walk(&mut stage, |_| {});
    assert_eq!(pages, [vec![8, 7, 6], vec![5, 4, 3], vec![2, 1]]);
}

#[test]
fn an_item_that_moves_to_the_front_hides_no_other_item() {
    let mut stage = Stage::new();
    stage.issues(8);
    // Issue 3 was going to be on the second page. A count of places would skip its neighbour or repeat one.
    let mut moved = false;
    let pages = walk(&mut stage, |stage| {
        if !moved {
            stage.world.comment(stage.repo, 3, stage.ann, "ping");
            stage.later(60);
        }
        moved = true;
    });
    assert_eq!(pages, [vec![8, 7, 6], vec![5, 4, 2], vec![1]]);
}

#[test]
fn the_item_under_the_cursor_may_move_or_vanish() {
    let mut stage = Stage::new();
    stage.issues(8);
    let mut steps = 0;
    let pages = walk(&mut stage, |stage| {
        match steps {
            0 => drop(stage.world.comment(stage.repo, 6, stage.ann, "ping")),
            _ => stage.world.delete_issue(stage.repo, 3),
        }
        stage.later(60);
        steps += 1;
    });
    assert_eq!(pages, [vec![8, 7, 6], vec![5, 4, 3], vec![2, 1]]);
}

#[test]
fn equal_times_are_ordered_by_number_and_never_split_wrongly() {
    let mut stage = Stage::new();
    for _ in 0..7 {
        stage.world.open_issue(stage.repo, stage.ann, "twin");
    }
    let pages = walk(&mut stage, |_| {});
    assert_eq!(pages, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
}

#[test]
fn the_total_counts_what_the_filter_lets_through_whatever_the_page() {
    let mut stage = Stage::new();
    stage.issues(8);
    for number in [2, 4] {
        stage.world.close(stage.repo, number, stage.ann);
    }
    let data = stage.data(
        "{ repository(owner: \"acme\", name: \"rocket\") {
            all: issues { totalCount }
            open: issues(first: 2, states: OPEN) { totalCount nodes { number } }
            closed: issues(first: 1, states: [CLOSED]) { totalCount nodes { number } }
        } }",
        json!({}),
    );
    let repository = &data["repository"];
    assert_eq!(repository["all"]["totalCount"], 8);
    assert_eq!(repository["open"]["totalCount"], 6);
    assert_eq!(numbers(&repository["open"]), [1, 3]);
    assert_eq!(repository["closed"]["totalCount"], 2);
    assert_eq!(numbers(&repository["closed"]), [2]);
}

#[test]
fn last_counts_from_the_other_end_and_keeps_the_order() {
    let mut stage = Stage::new();
    stage.issues(8);
    let query = "query($before: String) { repository(owner: \"acme\", name: \"rocket\") {
        issues(last: 3, before: $before) {
            pageInfo { hasNextPage hasPreviousPage startCursor } nodes { number } edges { cursor node { number } }
        }
    } }";
    let data = stage.data(query, json!({}));
    let connection = &data["repository"]["issues"];
    assert_eq!(numbers(connection), [6, 7, 8]);
    assert_eq!(connection["pageInfo"]["hasPreviousPage"], true);
    assert_eq!(connection["pageInfo"]["hasNextPage"], false);
    assert_eq!(
        connection["edges"][0]["cursor"],
        connection["pageInfo"]["startCursor"]
    );
    assert_eq!(connection["edges"][0]["node"]["number"], 6);

    let data = stage.data(
        query,
        json!({ "before": connection["pageInfo"]["startCursor"] }),
    );
    let connection = &data["repository"]["issues"];
    assert_eq!(numbers(connection), [3, 4, 5]);
    assert_eq!(connection["pageInfo"]["hasNextPage"], true);
}

const HISTORY: &str = "query($head: GitObjectID!, $first: Int, $after: String) {
    repository(owner: \"acme\", name: \"rocket\") { object(oid: $head) { ... on Commit {
        history(first: $first, after: $after) {
            totalCount pageInfo { hasNextPage endCursor } nodes { oid }
        }
    } } }
}";

#[test]
fn a_history_named_by_its_head_stays_the_same_while_the_branch_moves() {
    let mut stage = Stage::new();
    let ann = stage.world.identity(stage.ann);
    let commits = |count: usize| vec![NewCommit::by(ann.clone()); count];
    let first = stage.world.push(stage.repo, "main", commits(25));
    let head = *first.last().unwrap();

    let mut oids = Vec::new();
    let mut after = Value::Null;
    loop {
        let data = stage.data(
            HISTORY,
            json!({ "head": head.to_string(), "first": 10, "after": after }),
        );
        let history = &data["repository"]["object"]["history"];
        assert_eq!(history["totalCount"], 25);
        oids.extend(
            history["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|node| node["oid"].clone()),
        );
        if history["pageInfo"]["hasNextPage"] == json!(false) {
            break;
        }
        after = history["pageInfo"]["endCursor"].clone();
        stage.later(5);
        stage.world.push(stage.repo, "main", commits(3));
        stage.world.rewrite(stage.repo, "main", 2);
    }
    let expected: Vec<Value> = first
        .iter()
        .rev()
        .map(|oid: &Oid| json!(oid.to_string()))
        .collect();
    assert_eq!(oids, expected);
}

#[test]
fn a_page_deep_in_a_long_history_costs_a_page() {
    let mut stage = Stage::new();
    let ann = stage.world.identity(stage.ann);
    let oids = stage
        .world
        .push(stage.repo, "main", vec![NewCommit::by(ann); 100_000]);
    let head = oids.last().unwrap();
    let page = |place: usize| {
        let after = format!("{head} {place}");
        stage.data(
            HISTORY,
            json!({ "head": head.to_string(), "first": 100, "after": after }),
        )
    };
    // The first walk is kept. Had each page to walk again, these 2,000 would take minutes, and the test would be
    // noticed; no clock is read.
    for place in (0..2_000).map(|step| step * 49) {
        let data = page(place);
        let nodes = data["repository"]["object"]["history"]["nodes"]
            .as_array()
            .unwrap();
        assert_eq!(nodes.len(), 100);
        assert_eq!(
            nodes[0]["oid"],
            json!(oids[oids.len() - 2 - place].to_string())
        );
    }
}
