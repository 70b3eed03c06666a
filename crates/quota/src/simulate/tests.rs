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

#[test]
#[ignore]
fn debug_blocked() {
    let world = world(option_env!("DBG_S").unwrap_or("overload"), 1);
    let record = Engine::run(&world, Policy::Adaptive, Bulk::Job, Pictures::Taken);
    let until = record.end;
    let alone = Engine::run(&world, Policy::Adaptive, Bulk::Without { until }, Pictures::None);
    let first = world.live.partition_point(|at| *at < 0);
    let arr = &world.live[first..];
    let mut by: std::collections::BTreeMap<i64, [u64; 6]> = Default::default();
    for i in 0..record.live.len() {
        let e = by.entry(arr[i].div_euclid(300_000) * 300).or_default();
        let (m, b) = (record.live[i], alone.live[i]);
        e[0] += 1;
        e[1] += u64::from(m.was_refused);
        e[2] += u64::from(m.waited > 1000);
        e[3] += u64::from(b.was_refused);
        e[4] += u64::from(b.waited > 1000);
        e[5] = e[5].max(m.waited as u64 / 1000);
    }
    for (k, v) in by { eprintln!("{k}: n {} main refused {} waited {} base refused {} waited {} max {}", v[0], v[1], v[2], v[3], v[4], v[5]); }
    for w in &record.windows { eprintln!("{w:?}"); }
    for w in &alone.windows { eprintln!("alone {w:?}"); }
    for s in record.samples.iter().step_by(60) { eprintln!("{s:?}"); }
}
