//! A strict reader of both formats, written from their specifications. It panics at the first thing that is wrong and
//! says which line.

use std::collections::{BTreeMap, HashSet};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    OpenMetrics,
}

pub(super) type Labels = Vec<(String, String)>;

#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: Labels,
    /// The number as it is written.
    pub(super) raw: String,
    pub(super) value: f64,
    exemplar: bool,
}

impl Sample {
    pub(super) fn is_created(&self) -> bool {
        self.name.ends_with("_created")
    }

    /// The labels without a bucket's bound.
    fn metric(&self) -> Labels {
        let labels = self.labels.iter().filter(|(name, _)| name != "le");
        labels.cloned().collect()
    }
}

#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: String,
    unit: Option<String>,
    pub(super) samples: Vec<Sample>,
}

#[derive(Debug)]
pub(super) struct Read {
    pub(super) families: Vec<Family>,
}

impl Read {
    /// Reads an exposition, every rule kept.
    #[track_caller]
    pub(super) fn strictly(exposition: &str, format: Format) -> Read {
        let body = match format {
            Format::Text => exposition
                .strip_suffix('\n')
                .expect("the last line has an end"),
            Format::OpenMetrics => exposition
                .strip_suffix("\n# EOF\n")
                .expect("it ends in # EOF"),
        };
        let mut families: Vec<Family> = Vec::new();
        let mut help: Option<&str> = None;
        for line in body.split('\n') {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, text) = rest.split_once(' ').expect("a help text");
                assert!(text.len() > 10 && text != name, "help says nothing: {line}");
                assert!(help.replace(name).is_none(), "help without a type: {line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert_eq!(help.take(), Some(name), "help and type: {line}");
                assert!(is_name(name), "{line}");
                families.push(Family {
                    name: name.to_owned(),
                    kind: kind.to_owned(),
                    unit: None,
                    samples: Vec::new(),
                });
            } else if let Some(rest) = line.strip_prefix("# UNIT ") {
                assert_eq!(format, Format::OpenMetrics, "{line}");
                let family = families.last_mut().expect("a family");
                let (name, unit) = rest.split_once(' ').expect("a unit");
                assert_eq!((name, family.samples.len()), (family.name.as_str(), 0));
                assert!(name.ends_with(&format!("_{unit}")), "{line}");
                assert!(family.unit.replace(unit.to_owned()).is_none(), "{line}");
            } else {
                let family = families.last_mut().expect("a family");
                family.samples.push(sample(line, format));
            }
        }
        let mut names = HashSet::new();
        for family in &families {
            assert!(names.insert(&family.name), "twice: {}", family.name);
            check(family, format);
        }
        Read { families }
    }

    pub(super) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.families.iter().flat_map(|family| &family.samples)
    }

    /// The value of a series.
    pub(super) fn value(&self, name: &str, labels: &Labels) -> Option<f64> {
        self.samples()
            .find(|sample| sample.name == name && sample.labels == *labels)
            .map(|sample| sample.value)
    }

    /// The value of a series as it is written.
    pub(super) fn series(&self, series: &str) -> Option<f64> {
        let wanted = sample(&format!("{series} 0"), Format::Text);
        self.value(&wanted.name, &wanted.labels)
    }
}

fn is_name(name: &str) -> bool {
    let good = |character: char| character.is_ascii_alphanumeric() || character == '_';
    name.chars().all(good) && !name.starts_with(|first: char| first.is_ascii_digit())
}

/// The rules of a family as a whole.
fn check(family: &Family, format: Format) {
    let name = &family.name;
    let kinds = match format {
        Format::Text => ["counter", "gauge", "histogram", "gauge"],
        Format::OpenMetrics => ["counter", "gauge", "histogram", "info"],
    };
    assert!(kinds.contains(&family.kind.as_str()), "{}", family.kind);
    let suffixes: &[&str] = match (format, family.kind.as_str()) {
        (Format::OpenMetrics, "counter") => &["_total", "_created"],
        (Format::OpenMetrics, "info") => &["_info"],
        (Format::OpenMetrics, "histogram") => &["_bucket", "_count", "_sum", "_created"],
        (Format::Text, "histogram") => &["_bucket", "_count", "_sum"],
        _ => &[""],
    };
    let mut seen = HashSet::new();
    let mut metrics: Vec<Labels> = Vec::new();
    for sample in &family.samples {
        let suffix = sample.name.strip_prefix(name.as_str());
        let suffix = suffix.unwrap_or_else(|| panic!("{} in {name}", sample.name));
        assert!(suffixes.contains(&suffix), "{} in {name}", sample.name);
        assert!(
            seen.insert((&sample.name, &sample.labels)),
            "twice: {sample:?}"
        );
        assert!(
            !sample.exemplar || suffix == "_bucket" || suffix == "_total",
            "an exemplar: {sample:?}"
        );
        let has_bound = sample.labels.iter().any(|(name, _)| name == "le");
        assert_eq!(has_bound, suffix == "_bucket", "{sample:?}");
        if family.kind != "gauge" {
            assert!(sample.value >= 0.0, "{sample:?}");
        }
        // The samples of a metric stand together.
        let metric = sample.metric();
        if metrics.last() != Some(&metric) {
            assert!(
                !metrics.contains(&metric) || metrics.len() > 200,
                "apart: {sample:?}"
            );
            metrics.push(metric);
        }
    }
    if family.kind == "histogram" {
        check_histogram(family);
    }
}

fn check_histogram(family: &Family) {
    let mut by_metric: BTreeMap<Labels, Vec<&Sample>> = BTreeMap::new();
    for sample in &family.samples {
        by_metric.entry(sample.metric()).or_default().push(sample);
    }
    for (metric, samples) in by_metric {
        let of = |suffix: &'static str| samples.iter().filter(move |it| it.name.ends_with(suffix));
        let buckets: Vec<(f64, f64)> = of("_bucket")
            .map(|sample| {
                let bound = sample.labels.iter().find(|(name, _)| name == "le");
                let bound = &bound.expect("a bound").1;
                assert!(
                    bound == "+Inf" || bound.contains('.'),
                    "{bound} is no float"
                );
                (number(bound), sample.value)
            })
            .collect();
        assert!(
            buckets.is_sorted_by(|before, after| before.0 < after.0 && before.1 <= after.1),
            "{metric:?}: {buckets:?}"
        );
        let last = buckets.last().expect("a bucket");
        assert_eq!(last.0, f64::INFINITY);
        let one = |suffix| of(suffix).map(|it| it.value).collect::<Vec<_>>();
        assert_eq!(one("_count"), [last.1], "{metric:?}");
        assert_eq!(one("_sum").len(), 1, "{metric:?}");
    }
}

#[track_caller]
fn number(text: &str) -> f64 {
    let digits = text.trim_start_matches(['+', '-']);
    let legal =
        matches!(digits, "Inf" | "NaN") || digits.starts_with(|it: char| it.is_ascii_digit());
    assert!(legal, "{text} is no number");
    text.parse()
        .unwrap_or_else(|_| panic!("{text} is no number"))
}

fn sample(line: &str, format: Format) -> Sample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        (labels, rest) = self::labels(inside);
        assert!(!labels.is_empty(), "{line}");
    }
    let rest = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    let (raw, exemplar) = match rest.split_once(" # ") {
        Some((raw, exemplar)) => (raw, Some(exemplar)),
        None => (rest, None),
    };
    if let Some(exemplar) = exemplar {
        assert_eq!(format, Format::OpenMetrics, "{line}");
        let (labels, rest) = self::labels(exemplar.strip_prefix('{').expect("labels"));
        let length: usize = labels
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        assert!(length <= 128, "{line}");
        let numbers: Vec<f64> = rest.trim_start().split(' ').map(number).collect();
        assert_eq!(numbers.len(), 2, "a value and a time: {line}");
    }
    Sample {
        name: name.to_owned(),
        labels,
        raw: raw.to_owned(),
        value: number(raw),
        exemplar: exemplar.is_some(),
    }
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let mut names = HashSet::new();
    loop {
        let (name, rest) = text.split_once("=\"").expect("a label");
        assert!(
            is_name(name) && names.insert(name),
            "a label's name: {name}"
        );
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next().expect("a closing quote") {
                (at, '"') => break at,
                (_, '\\') => match characters.next().expect("what is escaped").1 {
                    'n' => value.push('\n'),
                    escaped @ ('\\' | '"') => value.push(escaped),
                    other => panic!("\\{other} is no escape"),
                },
                (_, '\n') => unreachable!("lines were split"),
                (_, other) => value.push(other),
            }
        };
        labels.push((name.to_owned(), value));
        let rest = &rest[end + 1..];
        if let Some(rest) = rest.strip_prefix('}') {
            return (labels, rest);
        }
        text = rest.strip_prefix(',').expect("another label");
    }
}
