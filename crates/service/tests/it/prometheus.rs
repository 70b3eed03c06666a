//! A real Prometheus reads a demo: it never finds fault with what it is given, and PromQL over the counters gives the
//! truth. `scripts/soak-prometheus.sh` does the same for as long as one likes, while the organisation lives.

use std::collections::BTreeMap;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Place, Running, ask, get_json, until};

/// A real Prometheus that reads one address every second.
struct Prometheus {
    process: Running,
    address: String,
}

impl Prometheus {
    fn reading(place: &Place, target: &str) -> Prometheus {
        let config = place.write(
            "prometheus.yml",
            format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
                 scrape_configs: [{{job_name: tidegate, static_configs: [{{targets: ['{target}']}}]}}]\n"
            ),
        );
        let mut command = Command::new("prometheus");
        command.args([
            "--config.file",
            &config,
            "--storage.tsdb.path",
            &place.argument("data"),
        ]);
        command.args(["--web.listen-address", "127.0.0.1:0"]);
        let found = Command::new("prometheus").arg("--version").output();
        assert!(
            found.is_ok(),
            "there is no prometheus: install the package of this name (scripts/test.sh does)"
        );
        let process = Running::start(command);
        let address = until("it listens", 30, || {
            let log = process.err();
            let line = log
                .lines()
                .find(|line| line.contains("msg=\"Listening on\""))?;
            let address = line.split("address=").nth(1)?.split(' ').next()?;
            Some(address.to_owned())
        });
        until("it is ready", 30, || {
            let answer = ask(&address, "GET /-/ready")?;
            (answer.status == 200).then_some(())
        });
        Prometheus { process, address }
    }

    /// What a query gives now, by one label.
    fn query(&self, query: &str, label: &str) -> BTreeMap<String, f64> {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = get_json(&self.address, &format!("/api/v1/query?query={query}"));
        assert_eq!(answer["status"], "success", "{answer:#}");
        let rows = answer["data"]["result"]
            .as_array()
            .expect("a vector")
            .iter();
        let row = |row: &Value| {
            let value = row["value"][1].as_str()?.parse().ok()?;
            Some((
                row["metric"][label].as_str().unwrap_or_default().to_owned(),
                value,
            ))
        };
        rows.map(|value| row(value).expect("a sample")).collect()
    }

    fn number(&self, query: &str) -> Option<f64> {
        self.query(query, "").remove("")
    }
}

/// Counts the truth's facts of a kind by who did them.
fn by_user(
    truth: &Value,
    list: &str,
    who: &str,
    counts: impl Fn(&Value) -> f64,
) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for repo in truth["repos"].as_array().expect("a list") {
        for fact in repo[list].as_array().expect("a list") {
            let user = fact[who].as_str().expect("a login").to_owned();
            *sums.entry(user).or_default() += counts(fact);
        }
    }
    sums.retain(|_, sum| *sum > 0.0);
    sums
}

#[test]
fn prometheus_reads_a_demo_without_a_fault_and_its_sums_are_the_truth() {
    let place = Place::new();
    let mut demo = place.start(&["demo", "--listen", "127.0.0.1:0", "--speed", "0"], &[]);
    let addresses = demo.listening_on(2);
    let prometheus = Prometheus::reading(&place, &addresses[0]);

    until("it has read twenty times", 60, || {
        let reads = prometheus.number("sum(count_over_time(up[5m]))")?;
        (reads >= 20.0).then_some(())
    });
    assert_eq!(prometheus.number("min(min_over_time(up[5m]))"), Some(1.0));
    let targets = get_json(&prometheus.address, "/api/v1/targets");
    assert_eq!(
        targets["data"]["activeTargets"][0]["lastError"], "",
        "{targets:#}"
    );
    let log = prometheus.process.err();
    let faults: Vec<&str> = log
        .lines()
        .filter(|line| {
            line.contains("level=warn")
                || line.contains("level=error")
                || line.contains("level=WARN")
                || line.contains("level=ERROR")
        })
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");

    let truth = get_json(&addresses[1], "/_sim/truth");
    let one = |_: &Value| 1.0;
    let number = |fact: &Value, field: &str| fact[field].as_f64().unwrap_or_default();
    let is = |fact: &Value, field: &str, value: &str| f64::from(u8::from(fact[field] == value));
    let check = |query: &str, expected: BTreeMap<String, f64>| {
        assert!(
            !expected.is_empty(),
            "{query}: there is something to compare"
        );
        let found = prometheus.query(&format!("sum by (user) ({query}) > 0"), "user");
        assert_eq!(found, expected, "{query}");
    };
    check(
        "gh_commits_total",
        by_user(&truth, "commits", "author", one),
    );
    check(
        "gh_lines_added_total",
        by_user(&truth, "commits", "author", |commit| {
            number(commit, "additions")
        }),
    );
    check(
        "gh_lines_removed_total",
        by_user(&truth, "commits", "author", |commit| {
            number(commit, "deletions")
        }),
    );
    check(
        "gh_pull_requests_opened_total",
        by_user(&truth, "pulls", "author", one),
    );
    check(
        "gh_pull_requests_merged_total",
        by_user(&truth, "pulls", "author", |pull| {
            is(pull, "state", "MERGED")
        }),
    );
    check(
        "gh_reviews_submitted_total",
        by_user(&truth, "reviews", "author", one),
    );
    check(
        "gh_reviews_submitted_total{state=\"approved\"}",
        by_user(&truth, "reviews", "author", |review| {
            is(review, "state", "APPROVED")
        }),
    );
    check(
        "gh_comments_total",
        by_user(&truth, "comments", "author", one),
    );
    for kind in ["issue", "pull", "diff"] {
        check(
            &format!("gh_comments_total{{kind=\"{kind}\"}}"),
            by_user(&truth, "comments", "author", |comment| {
                is(comment, "on", kind)
            }),
        );
    }
    check(
        "gh_issues_opened_total",
        by_user(&truth, "issues", "author", one),
    );
    check(
        "gh_issues_closed_total",
        by_user(&truth, "closes", "actor", |close| {
            is(close, "item", "issue")
        }),
    );
    // Nothing is taken for a restart of a counter.
    assert_eq!(
        prometheus.number("sum(resets(gh_commits_total[5m]))"),
        Some(0.0)
    );

    prometheus.process.signal(Signal::TERM);
    demo.signal(Signal::INT);
    assert_eq!(demo.wait().code, Some(0));
}
