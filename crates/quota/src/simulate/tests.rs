//! Whole runs: that they are the same each time, and that they can be lost.

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
