//! `/metrics`: what it says, that strict readers of both formats accept it, and that a reader gets it whole.

mod budget;
mod moment;
mod node;
mod outside;
mod serving;
mod strict;
mod values;

use service::export::{Exposition, Settings, render};

use self::moment::{degraded, empty, full};
use self::strict::{Format, Read};

const ROOMY: Settings = Settings {
    max_series: 500_000,
};

/// The three states that a node shows itself in, by name.
fn states() -> [(&'static str, Exposition); 3] {
    let shown = |(aggregate, view)| render(&aggregate, &view, &ROOMY);
    [
        ("empty", shown(empty())),
        ("full", shown(full())),
        ("degraded", shown(degraded())),
    ]
}

fn text(exposition: &Exposition) -> &str {
    std::str::from_utf8(&exposition.text).unwrap()
}

fn open_metrics(exposition: &Exposition) -> &str {
    std::str::from_utf8(&exposition.open_metrics).unwrap()
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
    let (aggregate, view) = full();
    insta::assert_snapshot!(steady(text(&render(&aggregate, &view, &ROOMY))));
}

#[test]
fn a_small_organisation_is_shown_in_openmetrics_like_this() {
    let (aggregate, view) = full();
    insta::assert_snapshot!(steady(open_metrics(&render(&aggregate, &view, &ROOMY))));
}

#[test]
fn both_formats_show_the_same_samples() {
    for (state, exposition) in states() {
        let text = Read::strictly(text(&exposition), Format::Text);
        let open_metrics = Read::strictly(open_metrics(&exposition), Format::OpenMetrics);
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
    let (aggregate, view) = empty();
    let exposition = render(&aggregate, &view, &ROOMY);
    let read = Read::strictly(text(&exposition), Format::Text);
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
fn no_counter_falls_and_nothing_vanishes_when_the_node_degrades() {
    let [_, (_, full), (_, degraded)] = states();
    let full = Read::strictly(text(&full), Format::Text);
    let degraded = Read::strictly(text(&degraded), Format::Text);
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
    let read = Read::strictly(text(&degraded), Format::Text);
    let value = |series: &str| read.series(series);
    assert_eq!(value("tidegate_up{org=\"acme\"}"), Some(0.0));
    assert_eq!(value("tidegate_leader"), Some(1.0));
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
