use quota::Policy;
use quota::simulate::{self, World};

use super::*;

/// A run with seed 1.
fn drawn(scenario: &str, policy: Policy) -> String {
    let all = simulate::matrix();
    let scenario = all
        .iter()
        .find(|known| known.name == scenario)
        .expect("it is in the matrix");
    let (row, samples) = simulate::watch(&World::new(scenario, 1), policy);
    draw(scenario, &row, &samples)
}

#[test]
fn a_run_is_drawn_with_its_axes_its_legend_and_all_four_lines() {
    let svg = drawn("live-0.25", Policy::Sprint);
    for part in [
        "requests left",
        "requests a minute",
        "since the start",
        "job done",
        "prefers-color-scheme: dark",
    ] {
        assert!(svg.contains(part), "no {part}");
    }
    for line in ["line remaining", "line floor", "line live", "line bulk"] {
        let path = svg
            .lines()
            .find(|text| text.starts_with("<path") && text.contains(line))
            .expect("a path");
        assert!(path.len() > 100 && !path.contains("NaN"), "{line} is empty");
    }
    assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
}

#[test]
fn axes_end_at_round_numbers() {
    assert_eq!(
        [0, 4, 5, 60, 720, 5000, 12_500].map(round_up),
        [4, 4, 8, 80, 800, 8000, 20_000]
    );
}

#[test]
fn where_nothing_is_left_the_ground_says_so() {
    let is_named = |policy| drawn("live-1", policy).contains("nothing is left");
    assert!(is_named(Policy::Sprint));
    assert!(!is_named(Policy::Even));
}

#[test]
fn the_mark_of_an_early_end_and_the_legend_beside_it_do_not_overlap() {
    let beside = |text: &str, word: &str| -> f64 {
        let line = text
            .lines()
            .find(|line| line.ends_with(&format!("{word}</text>")))
            .expect("it is written");
        let x = line.split("x=\"").nth(1).expect("it has a place");
        let x = x.split('"').next().expect("it ends");
        x.parse().expect("a number")
    };
    let svg = drawn("live-1", Policy::Sprint);
    assert!(beside(&svg, "live") - beside(&svg, "job done") > 200.0);
}
