//! How `SQLite` finds the rows of the hot queries: always by a key, never by reading a table from end to end.

use super::*;

/// `SQLite`'s plan of a query, a line a step.
pub(super) fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    for parameter in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(parameter, 1).unwrap();
    }
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        lines.push(row.get::<_, String>(3).unwrap());
    }
    lines.join("\n")
}

#[tokio::test]
async fn hot_queries_search_by_key_and_sort_nothing() {
    let store = Sqlite::in_memory().unwrap();
    fill(&store).await;
    let plans = store.read(|connection| {
        let hot = [
            ("the term and the last place", term::STORE),
            ("a known event", events::KNOWN),
            ("an event to amend", events::BY_PLACE),
            ("an actor with an id", events::ACTOR),
            ("an actor without one", events::ACTOR_WITHOUT_ID),
            ("the commits of a repository", events::COMMITS),
            ("the events of a repository", events::OF_REPO),
            ("the feed of recordings", changes::RECORDED),
            ("the feed of amendments", changes::AMENDED),
            ("repositories that changed", repos::CHANGED),
            ("organisations that changed", repos::ORGS_CHANGED),
            ("the repositories of an organisation", repos::OF_ORG),
            ("the streams of a repository", coverage::STREAMS),
            ("a tracked stream", coverage::STREAM),
            ("the coverage of a stream", coverage::SPANS),
            ("a frontier that moves", coverage::MOVE_FRONTIER),
            ("where counters begin", coverage::COUNTED_FROM),
            ("whether a repository is tracked", repos::TRACKED),
            ("a repository", repos::ONE),
            ("the gaps of an organisation", backfill::GAPS),
            ("what waits for an attempt", backfill::WAITING),
            ("what does not reach back", backfill::REACH_BACK),
            ("who has claimed a stream", backfill::CLAIM),
            ("a note", state::NOTE),
            ("a kept answer", state::ANSWER),
            ("the oldest answer", state::OLDEST),
        ];
        Ok(hot.map(|(name, sql)| (name, plan(connection, sql))))
    });
    for (name, plan) in plans.await.unwrap() {
        // The oldest answer is the first entry of its index, which SQLite calls a scan.
        let scans = plan.contains("SCAN") && name != "the oldest answer";
        // A handful of organisations is sorted by name.
        let sorts = plan.contains("TEMP B-TREE") && name != "organisations that changed";
        assert!(!scans && !sorts, "{name}:\n{plan}");
    }
}

#[tokio::test]
async fn gaps_are_found_without_a_look_at_what_was_read() {
    let store = Sqlite::in_memory().unwrap();
    let plan = store
        .read(|connection| Ok(plan(connection, backfill::GAPS)))
        .await
        .unwrap();
    assert!(
        plan.contains("SEARCH g USING INDEX coverage_gaps"),
        "{plan}"
    );
}

#[tokio::test]
async fn the_feed_is_read_in_the_order_of_the_file() {
    let store = Sqlite::in_memory().unwrap();
    let plan = store
        .read(|connection| Ok(plan(connection, changes::RECORDED)))
        .await
        .unwrap();
    assert!(
        plan.starts_with("SEARCH e USING INTEGER PRIMARY KEY (rowid>?)"),
        "{plan}"
    );
}
