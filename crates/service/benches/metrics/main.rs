//! How long `/metrics` takes to write and to serve, beside the `prometheus-client` crate with the same samples in the
//! same run.
//!
//! Ours reads the aggregate and writes both formats, once a refresh: everything, or what has changed since the last one,
//! here one commit more in each of ten repositories. The peer writes everything each time, from numbers that are in place
//! already, into memory that is there already; both formats are two passes of it, and one is what it does for each
//! scrape. Times are of the processor, so that who else uses the machine does not blur them. A refresh with packing leaves both formats as gzip, ready to be sent. The peak of memory is measured in a
//! process of its own, by the kernel.

mod peer;
#[path = "../shared/report.rs"]
mod report;
mod world;

use std::alloc::System;
use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use ledger::aggregate::Aggregate;
use ledger::port::Cursor;
use serde_json::{Value, json};
use service::config::Refresh;
use service::export::{Exposition, Format, Part, Settings, SharedView, Snapshots, Stamp, Writer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::time::Instant;

use self::peer::Peer;
use self::report::{Bar, judged, keep};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SIZES: [usize; 3] = [12_000, 60_000, 500_000];

/// So many repositories have changed since the last refresh.
const CHANGED: u64 = 10;

const FULL: Settings = Settings {
    max_series: u64::MAX,
    refresh: Refresh::Full,
    compat: false,
};

const INCREMENTAL: Settings = Settings {
    refresh: Refresh::Incremental,
    ..FULL
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, who, size] = arguments.as_slice()
        && flag == "--peak"
    {
        let size = size.parse().expect("a size");
        println!("{}", peak(who, size));
        return;
    }
    println!(
        "/metrics, in milliseconds of a processor (median, one thread), allocations and memory\n"
    );
    println!(
        "{:>9}  {:<48} {:>10} {:>12} {:>10} {:>10}",
        "samples", "", "ms", "allocations", "peak MiB", "body MiB"
    );
    let figures: Vec<Value> = SIZES.into_iter().map(compare).collect();
    println!();
    let at = |size: usize, what: &str| {
        let place = SIZES
            .iter()
            .position(|it| *it == size)
            .expect("it is measured");
        figures[place][what].as_f64().expect("a number")
    };
    let mut bars = vec![
        judged(
            "60,000 samples, both formats, everything",
            at(60_000, "ours_full_ms"),
            "ms",
            Bar::AtMost(20.0),
        ),
        judged(
            "60,000 samples, both formats packed, ten repositories changed",
            at(60_000, "ours_packed_ms"),
            "ms",
            Bar::AtMost(50.0),
        ),
    ];
    for size in SIZES {
        for (what, key) in [
            ("everything", "ratio_full"),
            ("what changed", "ratio_changed"),
            ("a scrape", "ratio_scrape"),
        ] {
            bars.push(judged(
                &format!("{size} samples, {what}: prometheus-client by ours"),
                at(size, key),
                "times",
                Bar::AtLeast(10.0),
            ));
        }
    }
    keep("metrics", &json!({ "sizes": figures, "bars": bars }));
}

/// Milliseconds and allocations of the median round.
struct Cost {
    ms: f64,
    /// None where they were not counted.
    allocations: Option<usize>,
}

/// Runs every writer in turn, so that all see the same machine, and gives the median of each.
fn in_turn<const N: usize>(rounds: usize, mut writers: [&mut dyn FnMut(); N]) -> [Cost; N] {
    let mut took: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    let mut allocations = [0; N];
    for _ in 0..rounds {
        for (place, write) in writers.iter_mut().enumerate() {
            let region = Region::new(ALLOCATOR);
            let begun = processor_ms();
            write();
            took[place].push(processor_ms() - begun);
            let change = region.change();
            allocations[place] = change.allocations + change.reallocations;
        }
    }
    let mut costs = took.into_iter().map(median).zip(allocations);
    std::array::from_fn(|_| {
        let (ms, allocations) = costs.next().expect("one a writer");
        Cost {
            ms,
            allocations: Some(allocations),
        }
    })
}

fn compare(size: usize) -> Value {
    let (mut aggregate, view) = world::of(size);
    let peer = Peer::like(&aggregate);
    let mut full = Writer::new(FULL);
    let first = full.write(&aggregate, &view);
    let both = [Format::Text, Format::OpenMetrics];
    let (samples, ours_bytes) = (
        first.samples,
        both.map(|format| first.len(format)).iter().sum::<usize>(),
    );
    let snapshots = Snapshots::new(view.as_of);
    let scrape = scrape("identity");
    publish(&snapshots, &first);
    let (mut text, mut open_metrics) = (String::new(), String::new());
    let rounds = (3_000_000 / size).clamp(9, 51);
    let [ours_full, peer_both] = in_turn(
        rounds,
        [
            &mut || drop(black_box(full.write(&aggregate, &view))),
            &mut || {
                peer.text(&mut text);
                peer.open_metrics(&mut open_metrics);
            },
        ],
    );
    let peer_bytes = text.len() + open_metrics.len();
    let [ours_changed, ours_packed] = changed(&mut aggregate, &view, rounds);
    let [serve, peer_serve] = in_turn(
        rounds,
        [
            &mut || drop(black_box(snapshots.answer(Part::All, &scrape))),
            &mut || peer.open_metrics(&mut open_metrics),
        ],
    );
    let overlapped = overlapped(&snapshots, &scrape, &|| {
        publish(&snapshots, &Writer::new(FULL).write(&aggregate, &view));
    });
    let (ours_peak, peer_peak) = (peak_of("ours", size), peak_of("peer", size));
    let mib = |bytes: f64| format!("{:.1}", bytes / f64::from(1 << 20));
    let none = String::new;
    for (what, cost, peak, body) in [
        (
            "ours: both formats, everything",
            &ours_full,
            mib(ours_peak as f64),
            mib(ours_bytes as f64),
        ),
        (
            "ours: both formats, what changed",
            &ours_changed,
            none(),
            none(),
        ),
        ("ours: the same, packed", &ours_packed, none(), none()),
        (
            "prometheus-client: both formats",
            &peer_both,
            mib(peer_peak as f64),
            mib(peer_bytes as f64),
        ),
        ("ours: a scrape (OpenMetrics)", &serve, none(), none()),
        (
            "ours: the same while refreshes go on, 99 of 100",
            &overlapped,
            none(),
            none(),
        ),
        (
            "prometheus-client: a scrape (OpenMetrics)",
            &peer_serve,
            none(),
            none(),
        ),
    ] {
        let Cost { ms, allocations } = cost;
        let allocations = allocations.map_or_else(none, |count| count.to_string());
        println!("{samples:>9}  {what:<48} {ms:>10.4} {allocations:>12} {peak:>10} {body:>10}");
    }
    println!();
    json!({
        "samples": samples, "rounds": rounds, "changed_repositories": CHANGED,
        "ours_full_ms": ours_full.ms, "ours_changed_ms": ours_changed.ms, "ours_packed_ms": ours_packed.ms,
        "peer_both_ms": peer_both.ms,
        "ratio_full": peer_both.ms / ours_full.ms, "ratio_changed": peer_both.ms / ours_changed.ms,
        "ours_scrape_ms": serve.ms, "ours_scrape_overlapped_p99_ms": overlapped.ms, "peer_scrape_ms": peer_serve.ms, "ratio_scrape": peer_serve.ms / serve.ms,
        "ours_allocations": ours_full.allocations, "ours_changed_allocations": ours_changed.allocations, "peer_allocations": peer_both.allocations,
        "ours_peak_bytes": ours_peak, "peer_peak_bytes": peer_peak,
        "ours_body_bytes": ours_bytes, "peer_body_bytes": peer_bytes,
    })
}

/// A refresh after ten repositories have changed: written, and written, packed and made the current one.
fn changed(aggregate: &mut Aggregate, view: &SharedView, rounds: usize) -> [Cost; 2] {
    let mut writer = Writer::new(INCREMENTAL);
    let snapshots = Snapshots::new(view.as_of);
    publish(&snapshots, &writer.write(aggregate, view));
    let accepts = ["text/plain", "application/openmetrics-text"];
    for accept in accepts {
        let mut headers = scrape("gzip, identity;q=0");
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        drop(black_box(snapshots.answer(Part::All, &headers)));
    }
    let mut costs = [Vec::new(), Vec::new()];
    let mut allocations = [0; 2];
    for _ in 0..rounds {
        world::stir(aggregate, CHANGED);
        let region = Region::new(ALLOCATOR);
        let begun = processor_ms();
        let exposition = writer.write(aggregate, view);
        costs[0].push(processor_ms() - begun);
        let change = region.change();
        allocations[0] = change.allocations + change.reallocations;
        publish(&snapshots, &exposition);
        costs[1].push(processor_ms() - begun);
        let change = region.change();
        allocations[1] = change.allocations + change.reallocations;
    }
    let mut costs = costs.into_iter().map(median).zip(allocations);
    std::array::from_fn(|_| {
        let (ms, allocations) = costs.next().expect("one for each");
        Cost {
            ms,
            allocations: Some(allocations),
        }
    })
}

/// What a reader of OpenMetrics sends.
fn scrape(encoding: &'static str) -> HeaderMap {
    let accept = HeaderValue::from_static("application/openmetrics-text; version=1.0.0");
    let encoding = HeaderValue::from_static(encoding);
    HeaderMap::from_iter([(ACCEPT, accept), (ACCEPT_ENCODING, encoding)])
}

fn publish(snapshots: &Snapshots, exposition: &Exposition) {
    let stamp = Stamp {
        incarnation: String::new(),
        cursor: Cursor::default(),
        as_of: Timestamp::UNIX_EPOCH,
    };
    snapshots.publish(Some(stamp), exposition, &Exposition::default());
}

/// A thousand scrapes while another thread does nothing but refresh: the one that 99 of 100 are no slower than.
fn overlapped(snapshots: &Snapshots, scrape: &HeaderMap, refresh: &(dyn Fn() + Sync)) -> Cost {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                refresh();
            }
        });
        let mut took: Vec<f64> = (0..1_000)
            .map(|_| {
                std::thread::sleep(Duration::from_micros(200));
                let begun = Instant::now();
                drop(black_box(snapshots.answer(Part::All, scrape)));
                begun.elapsed().as_secs_f64() * 1_000.0
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        took.sort_by(f64::total_cmp);
        Cost {
            ms: took[took.len() * 99 / 100],
            allocations: None,
        }
    })
}

/// What this thread has taken of a processor so far, in milliseconds.
fn processor_ms() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    spent.tv_sec as f64 * 1e3 + spent.tv_nsec as f64 / 1e6
}

fn median(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}

/// By how many bytes the resident memory of a fresh process grows while it writes for the first time.
fn peak_of(who: &str, size: usize) -> u64 {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program)
        .args(["--peak", who, &size.to_string()])
        .output()
        .expect("this program can be run again");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("it prints a number")
}

fn peak(who: &str, size: usize) -> u64 {
    let (aggregate, view) = world::of(size);
    let write: Box<dyn Fn() -> usize> = if who == "peer" {
        let peer = Peer::like(&aggregate);
        Box::new(move || {
            let (mut text, mut open_metrics) = (String::new(), String::new());
            peer.text(&mut text);
            peer.open_metrics(&mut open_metrics);
            black_box(text).len() + black_box(open_metrics).len()
        })
    } else {
        Box::new(move || {
            let written = black_box(Writer::new(FULL).write(&aggregate, &view));
            written.len(Format::Text)
        })
    };
    // The kernel forgets the peak so far.
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux has it");
    let before = resident("VmRSS:");
    black_box(write());
    resident("VmHWM:").saturating_sub(before)
}

fn resident(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        * 1024
}
