//! Whole runs: that they are the same each time, and that they can be lost.

use proptest::prelude::*;

use super::*;

fn world(name: &str, seed: u64) -> World {
    let all = matrix();
    let scenario = all.iter().find(|scenario| scenario.name == name).unwrap();
    World::new(scenario, seed)
}

#[test]
fn the_same_seed_gives_the_same_row_in_any_order() {
    let names = ["idle", "live-0.5-midway", "processes-4"];
    let rows = |names: &[&str]| -> Vec<Row> {
        let all = names.iter().map(|name| play(&world(name, 7), Policy::Even));
        all.collect()
    };
    let forth = rows(&names);
    let mut back = rows(&[names[2], names[1], names[0]]);
    back.reverse();
    assert_eq!(forth, back);
}

#[test]
fn a_policy_without_a_floor_is_seen_to_block_live_work() {
    for policy in [Policy::Reactive, Policy::Sprint] {
        let row = play(&world("live-1", 1), policy);
        assert!(row.live_blocked > 100, "{policy}: {row:?}");
    }
}

#[test]
fn the_model_and_the_judges_use_nothing_of_what_they_judge() {
    let parts = [
        include_str!("github.rs"),
        include_str!("oracle.rs"),
        include_str!("judge.rs"),
        include_str!("arrivals.rs"),
    ];
    assert!(parts.iter().all(|part| !part.contains("crate::")));
}

#[test]
fn the_default_policy_meets_every_bar_in_short_scenarios() {
    let names = [
        "idle",
        "live-0.25",
        "live-0.5-midway",
        "used-4000",
        "items-8",
        "clock-ahead",
        "clock-behind",
        "chaos",
    ];
    let mut rows = Vec::new();
    for (name, seed) in names.iter().flat_map(|name| [(name, 1), (name, 2)]) {
        let world = world(name, seed);
        rows.extend([Policy::Adaptive, Policy::Even].map(|policy| play(&world, policy)));
    }
    let missed: Vec<Verdict> = verdicts(&rows)
        .into_iter()
        .filter(|verdict| !verdict.is_met)
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn bulk_work_of_several_processes_is_spread_over_all_repositories() {
    let row = play(&world("processes-4", 3), Policy::Sprint);
    assert!(row.fairness.is_some_and(|index| index > 0.99), "{row:?}");
}

#[test]
fn a_killed_process_loses_its_items_and_all_are_done_all_the_same() {
    let scenario = Scenario {
        kills: Some(60.0),
        processes: 3,
        items: 100,
        hours: 4,
        ..world("idle", 1).scenario().clone()
    };
    let row = play(&World::new(&scenario, 1), Policy::Sprint);
    assert!(!row.unfinished);
    let calls = 100 * 12;
    assert!(
        row.requests > calls,
        "{} requests for {calls} calls",
        row.requests
    );
}

/// A world that is over soon.
fn small() -> impl Strategy<Value = (Scenario, u64)> {
    let shape = (1_usize..4, 5_u32..60, 1_u32..20, 60_u64..1500);
    let traffic = (0.0..0.05, 0.0..0.4, 600_u32..3600);
    (shape, traffic, 0_u64..1000).prop_map(|(shape, (rate, unchanged, first_reset), seed)| {
        let (processes, items, calls, limit) = shape;
        let scenario = Scenario {
            name: "small",
            limit,
            live: Rate::Steady(rate + 0.0001),
            items,
            calls: (calls, calls + 4),
            unchanged,
            processes,
            first_reset,
            history: 2,
            hours: 5,
            ..matrix().remove(0)
        };
        (scenario, seed)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_policy_that_spares_live_work_is_faster_than_the_oracle((scenario, seed) in small()) {
        let world = World::new(&scenario, seed);
        for policy in [Policy::Adaptive, Policy::Even, Policy::Sprint] {
            let row = play(&world, policy);
            prop_assert!(
                row.live_blocked > 0 || row.makespan_s >= row.oracle_s,
                "{row:?}"
            );
        }
    }
}
