//! Writes families in Prometheus' text format 0.0.4 and in OpenMetrics 1.0. Decides syntax, and nothing else.

use std::io::Write as _;

use jiff::Timestamp;

use super::table::{Family, Kind};

/// How an exposition is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A set of labels, written once and used by every family that has it: `org="acme",repo="web"`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Labels(String);

impl Labels {
    pub(super) fn of(labels: &[(&str, &str)]) -> Labels {
        let mut written = Labels::default();
        for (name, value) in labels {
            written.push(name, value);
        }
        written
    }

    pub(super) fn push(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        for character in value.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
        self.0.push('"');
    }
}

/// Writes one exposition.
pub(super) struct Encoder {
    out: Vec<u8>,
    format: Format,
    samples: u64,
}

impl Encoder {
    pub(super) fn new(format: Format, capacity: usize) -> Encoder {
        Encoder {
            out: Vec::with_capacity(capacity),
            format,
            samples: 0,
        }
    }

    pub(super) fn is_open_metrics(&self) -> bool {
        self.format == Format::OpenMetrics
    }

    /// The head of a family. Its samples follow, then the next family.
    pub(super) fn family(&mut self, family: Family) {
        let suffix = match (self.format, family.kind) {
            (Format::OpenMetrics, _) | (_, Kind::Gauge | Kind::Histogram) => "",
            (Format::Text, Kind::Counter) => "_total",
            (Format::Text, Kind::Info) => "_info",
        };
        let kind = match (self.format, family.kind) {
            (_, Kind::Counter) => "counter",
            (_, Kind::Gauge) | (Format::Text, Kind::Info) => "gauge",
            (_, Kind::Histogram) => "histogram",
            (Format::OpenMetrics, Kind::Info) => "info",
        };
        self.write(&["# HELP ", family.name, suffix, " ", family.help, "\n"]);
        self.write(&["# TYPE ", family.name, suffix, " ", kind, "\n"]);
        if let (Format::OpenMetrics, Some(unit)) = (self.format, family.unit) {
            self.write(&["# UNIT ", family.name, " ", unit, "\n"]);
        }
    }

    /// A sample that is a whole number.
    pub(super) fn whole(&mut self, family: Family, labels: &str, value: u64) {
        self.start(family.name, total(family), labels);
        self.digits(value);
        self.out.push(b'\n');
    }

    /// A sample that is any number.
    pub(super) fn number(&mut self, family: Family, labels: &str, value: f64) {
        self.start(family.name, total(family), labels);
        self.float(value);
        self.out.push(b'\n');
    }

    /// When a counter or histogram began to count; only OpenMetrics has a place for it.
    pub(super) fn created(&mut self, family: Family, labels: &str, since: Option<Timestamp>) {
        if let (Format::OpenMetrics, Some(since)) = (self.format, since) {
            self.start(family.name, "_created", labels);
            // Tracking can begin before 1970; a time stamp cannot.
            self.float(seconds(since).max(0.0));
            self.out.push(b'\n');
        }
    }

    /// A histogram: its buckets with their exemplars, its count and its sum.
    pub(super) fn histogram(
        &mut self,
        family: Family,
        labels: &str,
        histogram: &ledger::aggregate::Histogram,
        since: Option<Timestamp>,
    ) {
        for (bound, count, exemplar) in histogram.buckets() {
            self.write(&[family.name, "_bucket{", labels, ",le=\""]);
            match bound {
                Some(bound) => self.float(bound as f64),
                None => self.write(&["+Inf"]),
            }
            self.write(&["\"} "]);
            self.digits(count);
            self.samples += 1;
            if let (Format::OpenMetrics, Some(exemplar)) = (self.format, exemplar) {
                self.write(&[" # {pull_request=\""]);
                self.digits(exemplar.number);
                self.write(&["\"} "]);
                self.digits(exemplar.value);
                self.out.push(b' ');
                self.float(seconds(exemplar.at));
            }
            self.out.push(b'\n');
        }
        self.start(family.name, "_count", labels);
        self.digits(histogram.count());
        self.out.push(b'\n');
        self.start(family.name, "_sum", labels);
        self.digits(histogram.sum());
        self.out.push(b'\n');
        self.created(family, labels, since);
    }

    /// How many samples were written.
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// The exposition.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.is_open_metrics() {
            self.write(&["# EOF\n"]);
        }
        self.out
    }

    fn start(&mut self, name: &str, suffix: &str, labels: &str) {
        self.samples += 1;
        if labels.is_empty() {
            self.write(&[name, suffix, " "]);
        } else {
            self.write(&[name, suffix, "{", labels, "} "]);
        }
    }

    fn write(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
    }

    fn digits(&mut self, mut value: u64) {
        // u64::MAX has 20 digits.
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    /// As OpenMetrics wants it: always with a point, `+Inf`, `-Inf` and `NaN` for what is no number.
    fn float(&mut self, value: f64) {
        if value.is_nan() {
            self.write(&["NaN"]);
        } else if value.is_infinite() {
            self.write(&[if value > 0.0 { "+Inf" } else { "-Inf" }]);
        } else if value.fract() == 0.0 && (0.0..1e15).contains(&value) {
            self.digits(value as u64);
            self.write(&[".0"]);
        } else {
            write!(self.out, "{value}").expect("a vector takes everything");
        }
    }
}

impl std::ops::Deref for Labels {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

fn total(family: Family) -> &'static str {
    match family.kind {
        Kind::Counter => "_total",
        Kind::Info => "_info",
        Kind::Gauge | Kind::Histogram => "",
    }
}

/// Seconds since 1970, with milliseconds: exact enough for any time stamp.
pub(super) fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
