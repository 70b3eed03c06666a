//! `/metrics`: what it says, that strict readers of both formats accept it, and that a reader gets it whole.

mod budget;
mod moment;
mod node;
mod outside;
mod pieces;
mod serving;
mod strict;
mod values;

use service::config::Refresh;
use service::export::{Exposition, Settings, Writer, render_node};

use self::moment::{Moment, degraded, empty, full};
use self::strict::{Format, Read};

const ROOMY: Settings = Settings {
    max_series: 500_000,
    refresh: Refresh::Incremental,
    compat: false,
};

/// The activity, and what the node knows of itself.
fn parts(moment: &Moment, settings: Settings) -> [Exposition; 2] {
    [
        Writer::new(settings).write(&moment.aggregate, &moment.shared),
        render_node(&moment.shared, &moment.node, &settings),
    ]
}

fn render_with(moment: &Moment, settings: Settings) -> Exposition {
    let [activity, node] = parts(moment, settings);
    activity.and(&node)
}

fn render(moment: &Moment) -> Exposition {
    render_with(moment, ROOMY)
}

/// The three states that a node shows itself in, by name.
fn states() -> [(&'static str, Exposition); 3] {
    [
        ("empty", render(&empty())),
        ("full", render(&full())),
        ("degraded", render(&degraded())),
    ]
}

fn text(exposition: &Exposition) -> String {
    String::from_utf8(exposition.body(service::export::Format::Text)).unwrap()
}

fn open_metrics(exposition: &Exposition) -> String {
    String::from_utf8(exposition.body(service::export::Format::OpenMetrics)).unwrap()
}

/// Without what differs from run to run: the process's own numbers.
fn steady(exposition: &str) -> String {
    let steady = exposition
        .lines()
        .filter(|line| !line.contains("process_cpu") && !line.contains("process_resident"))
        .filter(|line| !line.contains("process_open"));
    steady.map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_small_organisation_is_shown_in_text_like_this() {
    insta::assert_snapshot!(steady(&text(&render(&full()))));
}

#[test]
fn a_small_organisation_is_shown_in_openmetrics_like_this() {
    insta::assert_snapshot!(steady(&open_metrics(&render(&full()))));
}

#[test]
fn both_formats_show_the_same_samples() {
    for (state, exposition) in states() {
        let text = Read::strictly(&text(&exposition), Format::Text);
        let open_metrics = Read::strictly(&open_metrics(&exposition), Format::OpenMetrics);
        let shown = |read: &Read| -> Vec<_> {
            let samples = read.samples().filter(|sample| !sample.is_created());
            samples
                .map(|sample| {
                    (
                        sample.name.clone(),
                        sample.labels.clone(),
                        sample.raw.clone(),
                    )
                })
                .collect()
        };
        assert_eq!(shown(&text), shown(&open_metrics), "{state}");
        assert_eq!(text.samples().count() as u64, exposition.samples, "{state}");
    }
}

#[test]
fn every_family_is_declared_with_its_type_from_the_first_exposition_on() {
    let exposition = render(&empty());
    let read = Read::strictly(&text(&exposition), Format::Text);
    let mut declared: Vec<String> = read
        .families
        .iter()
        .map(|family| format!("{} {}", family.kind, family.name))
        .collect();
    declared.sort();
    insta::assert_snapshot!(declared.join("\n"));
    for family in &read.families {
        assert_eq!(
            family.name.ends_with("_total"),
            family.kind == "counter",
            "{}: counters, and they alone, end in _total",
            family.name
        );
    }
}

#[test]
fn the_page_of_the_documentation_names_every_family_and_no_other() {
    let page = include_str!("../../../../docs/metrics.md");
    let settings = Settings {
        compat: true,
        ..ROOMY
    };
    let exposition = render_with(&full(), settings);
    let read = Read::strictly(&text(&exposition), Format::Text);
    let declared: Vec<&str> = read.families.iter().map(|it| it.name.as_str()).collect();
    for name in &declared {
        assert!(page.contains(&format!("`{name}`")), "{name} is missing");
    }
    let words = page.split('`').skip(1).step_by(2);
    for word in words {
        let is_family = ["gh_", "tidegate_", "process_"]
            .iter()
            .any(|start| word.starts_with(start));
        if is_family && !word.contains(['(', ' ']) {
            assert!(declared.contains(&word), "{word} is no family");
        }
    }
}

#[test]
fn no_counter_falls_and_nothing_vanishes_when_the_node_degrades() {
    let [_, (_, full), (_, degraded)] = states();
    let full = Read::strictly(&text(&full), Format::Text);
    let degraded = Read::strictly(&text(&degraded), Format::Text);
    for family in full.families.iter().filter(|it| it.kind == "counter") {
        for sample in family
            .samples
            .iter()
            .filter(|it| !it.name.starts_with("process_"))
        {
            let now = degraded.value(&sample.name, &sample.labels);
            assert!(now.is_some_and(|now| now >= sample.value), "{sample:?}");
        }
    }
}

#[test]
fn a_degraded_node_says_so_and_goes_on_showing_what_it_knows() {
    let [_, _, (_, degraded)] = states();
    let read = Read::strictly(&text(&degraded), Format::Text);
    let value = |series: &str| read.series(series);
    assert_eq!(value("tidegate_up{org=\"acme\"}"), Some(0.0));
    assert_eq!(value("tidegate_leader"), Some(0.0));
    assert_eq!(
        value("tidegate_gaps_stuck{org=\"acme\",stream=\"pulls\"}"),
        Some(1.0)
    );
    assert_eq!(
        value("tidegate_dependency_up{dependency=\"state\"}"),
        Some(0.0)
    );
    assert_eq!(
        value("tidegate_dependency_up{dependency=\"github\"}"),
        Some(0.0)
    );
    assert_eq!(
        value("tidegate_data_age_seconds{org=\"acme\",stream=\"commits\"}"),
        Some(7_320.5)
    );
    assert_eq!(
        value("tidegate_gaps{org=\"acme\",stream=\"commits\",reason=\"scrape_error\"}"),
        Some(2.0)
    );
    assert_eq!(
        value("gh_commits_total{org=\"acme\",repo=\"web\",user=\"ada\"}"),
        Some(2.0)
    );
}

#[test]
fn the_names_of_another_exporter_are_there_where_they_are_asked_for_and_counters_are_counters() {
    let settings = Settings {
        compat: true,
        ..ROOMY
    };
    for moment in [empty(), full(), degraded()] {
        let exposition = render_with(&moment, settings);
        let plain = render(&moment);
        let [asked_for, not] = [&exposition, &plain].map(|it| text(it).contains("gh_exporter_"));
        assert!(asked_for && !not);
        Read::strictly(&open_metrics(&exposition), Format::OpenMetrics);
    }
    let exposition = text(&render_with(&full(), settings));
    let read = Read::strictly(&exposition, Format::Text);
    let value = |series: &str| read.series(series);
    for (series, expected) in [
        (
            "gh_exporter_scrape_runs_total{org=\"acme\",result=\"success\"}",
            2.0,
        ),
        ("gh_exporter_dependency_health{dependency=\"github\"}", 1.0),
        (
            "gh_exporter_leader_cycle_last_run_unixtime",
            1_767_225_600.0,
        ),
        (
            "gh_exporter_backfill_jobs_enqueued_total{org=\"acme\",reason=\"outage\"}",
            1.0,
        ),
        ("gh_exporter_backfill_jobs_deduped_total{org=\"acme\"}", 3.0),
        (
            "gh_exporter_backfill_jobs_processed_total{org=\"acme\",result=\"failed\"}",
            2.0,
        ),
        (
            "gh_exporter_github_rate_limit_remaining{org=\"acme\",installation_id=\"token\"}",
            4_988.0,
        ),
        (
            "gh_exporter_queue_oldest_message_age_seconds{queue=\"jobs\"}",
            61.5,
        ),
        (
            "gh_exporter_store_write_total{source=\"leader_scrape\",result=\"success\"}",
            7.0,
        ),
        (
            "gh_exporter_store_write_total{source=\"worker_backfill\",result=\"failure\"}",
            1.0,
        ),
    ] {
        assert_eq!(value(series), Some(expected), "{series}");
    }
    for family in read
        .families
        .iter()
        .filter(|it| it.name.starts_with("gh_exporter_"))
    {
        let counts = family.name.ends_with("_total");
        assert_eq!(counts, family.kind == "counter", "{}", family.name);
    }
}
