//! The budget of series: the largest stay, the rest is counted.

use service::export::Settings;

use super::moment::{commit, folded, of, repository};
use super::strict::{Format, Read};
use super::{ROOMY, open_metrics, render_with};

/// Series of users and repositories, as a Prometheus that reads OpenMetrics stores them; who is shown; what was left out.
fn shown_with(max_series: u64) -> (u64, Vec<String>, u64, u64) {
    let people = (1..=9_usize).flat_map(|size| (0..size).map(move |_| size));
    let happened =
        people.map(|size| (size as u64 % 2 + 1, 1, format!("user-{size}"), commit(1, 1)));
    let repos = vec![repository(1, "acme", "a"), repository(2, "acme", "b")];
    let aggregate = folded(repos, happened);
    let settings = Settings {
        max_series,
        ..ROOMY
    };
    let exposition = render_with(&of(aggregate, Vec::new()), settings);
    let read = Read::strictly(&open_metrics(&exposition), Format::OpenMetrics);
    let activity = read.samples().filter(|it| it.name.starts_with("gh_"));
    let mut users: Vec<String> = read
        .samples()
        .filter(|it| it.name == "gh_commits_total")
        .map(|it| it.labels[2].1.clone())
        .collect();
    users.sort();
    let repos = read
        .samples()
        .filter(|it| it.name == "gh_pull_requests_open");
    let left_out = read.series("tidegate_series_left_out").unwrap() as u64;
    (
        activity.count() as u64,
        users,
        repos.count() as u64,
        left_out,
    )
}

#[test]
fn the_budget_keeps_the_largest_and_counts_the_rest() {
    let (all, users, _, left_out) = shown_with(500_000);
    assert_eq!((users.len(), left_out), (9, 0));
    for max_series in 0..=all + 1 {
        let (shown, users, repos, left_out) = shown_with(max_series);
        assert!(
            shown <= max_series,
            "{shown} series with room for {max_series}"
        );
        assert_eq!(shown + left_out, all, "with room for {max_series}");
        let largest: Vec<String> = (10 - users.len()..10)
            .map(|size| format!("user-{size}"))
            .collect();
        assert_eq!(users, largest, "with room for {max_series}");
        // Four items are open in each repository, and among equals users go first.
        let expected = match users.len() {
            6.. => 2,
            ..=5 => repos,
        };
        assert_eq!(repos, expected, "with room for {max_series}: {users:?}");
        assert!(
            repos == 2 || users.iter().all(|user| user.as_str() > "user-4"),
            "who has less to say than a repository goes first: {repos} with {users:?}"
        );
    }
    assert_eq!(shown_with(all).3, 0, "what just fits is shown");
    assert!(shown_with(all - 1).3 > 0);
}
