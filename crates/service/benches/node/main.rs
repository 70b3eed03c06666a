//! What a node costs: GitHub's quota by the books of a simulated GitHub, time to start, idle memory, size on disk.

mod cycles;
mod process;
#[path = "../shared/report.rs"]
mod report;

use serde_json::json;

use self::report::{Bar, judged, keep};

/// What a scrape costs that reads page by page: a request for 100 repositories, and for each repository one for 100
/// commits, one for 100 of all its pull requests, one for each touched pull request, one for 100 comments and one more.
const REFERENCE_A_CYCLE: u64 = 2_345;
const CYCLES_AN_HOUR: u64 = 12;

fn main() {
    println!("500 repositories, 10 active, a cycle every 5 minutes, on the simulator\n");
    let hour = cycles::an_hour();
    let reference_hour = REFERENCE_A_CYCLE * CYCLES_AN_HOUR;
    println!("{:<34} {:>10} {:>10}", "", "requests", "points");
    println!(
        "{:<34} {:>10} {:>10}",
        "the first cycle", hour.first.requests, hour.first.points
    );
    for (what, spent) in [
        ("the dearest later cycle", hour.dearest()),
        ("an hour", hour.sum()),
    ] {
        println!("{what:<34} {:>10} {:>10}", spent.requests, spent.points);
    }
    println!(
        "{:<34} {REFERENCE_A_CYCLE:>10}",
        "the reference formula, a cycle"
    );
    println!(
        "{:<34} {reference_hour:>10}\n",
        "the reference formula, an hour"
    );
    let (dearest, sum) = (hour.dearest(), hour.sum());
    let ratio = reference_hour as f64 / sum.requests.max(1) as f64;
    let mut bars = vec![
        judged(
            "requests, the dearest cycle",
            dearest.requests as f64,
            "",
            Bar::AtMost(65.0),
        ),
        judged(
            "GraphQL points, the dearest cycle",
            dearest.points as f64,
            "",
            Bar::AtMost(60.0),
        ),
        judged(
            "requests, an hour",
            sum.requests as f64,
            "",
            Bar::AtMost(1_000.0),
        ),
        judged(
            "GraphQL points, an hour",
            sum.points as f64,
            "",
            Bar::AtMost(1_000.0),
        ),
        judged(
            "the reference's requests by ours, an hour",
            ratio,
            "times",
            Bar::AtLeast(28.0),
        ),
    ];
    println!("\nthe binary, against `tidegate sim` with 12 repositories\n");
    let process = process::measure();
    bars.push(judged(
        "start to /readyz 200, median",
        process.ready_ms,
        "ms",
        Bar::AtMost(300.0),
    ));
    bars.push(judged(
        "idle resident memory after cycles",
        process.idle_mib,
        "MiB",
        Bar::AtMost(40.0),
    ));
    bars.push(judged(
        "size of the binary",
        process.binary_mib,
        "MiB",
        Bar::AtMost(40.0),
    ));
    let cycles: Vec<_> = hour
        .later
        .iter()
        .map(|it| json!([it.requests, it.points]))
        .collect();
    keep(
        "node",
        &json!({
            "first_cycle": [hour.first.requests, hour.first.points],
            "cycles_requests_points": cycles,
            "reference_requests_a_cycle": REFERENCE_A_CYCLE,
            "reference_requests_an_hour": reference_hour,
            "ready_ms": process.ready_all,
            "bars": bars,
        }),
    );
}
