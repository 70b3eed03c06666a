//! Writes families in Prometheus' text format 0.0.4 and in OpenMetrics 1.0, both at once. Decides syntax, and nothing
//! else.
//!
//! A sample is the same line in both formats, so it is written once and copied. Only heads of families, times of
//! creation, exemplars and the end differ.

use std::io::Write as _;

use jiff::Timestamp;
use ledger::aggregate::Histogram;

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

/// Labels as they stand between the braces, with values escaped: `org="acme",repo="web"`.
pub(super) fn labels(labels: &[(&str, &str)]) -> String {
    let mut written = String::new();
    for (name, value) in labels {
        push_label(&mut written, name, value);
    }
    written
}

/// Adds a label to others.
pub(super) fn push_label(written: &mut String, name: &str, value: &str) {
    if !written.is_empty() {
        written.push(',');
    }
    written.push_str(name);
    written.push_str("=\"");
    push_escaped(written, value);
    written.push('"');
}

/// Adds a value of a label, escaped.
pub(super) fn push_escaped(written: &mut String, value: &str) {
    if !value.contains(['\\', '"', '\n']) {
        written.push_str(value);
        return;
    }
    for character in value.chars() {
        match character {
            '\\' => written.push_str("\\\\"),
            '"' => written.push_str("\\\""),
            '\n' => written.push_str("\\n"),
            other => written.push(other),
        }
    }
}

/// Writes one exposition in both formats.
pub(super) struct Encoder {
    text: Vec<u8>,
    open_metrics: Vec<u8>,
    /// How much of the text stands in OpenMetrics already.
    copied: usize,
    samples: u64,
    /// The last time of creation, as written: all of a stream of a repository have the same.
    since: (Timestamp, Vec<u8>),
}

/// The beginnings of a family's lines, up to the labels.
pub(super) struct Start {
    name: &'static str,
    /// `name_total` or so, for a sample without labels.
    plain: String,
    /// The same with an opening brace.
    sample: String,
    /// `name_created{`.
    created: String,
}

impl Encoder {
    /// Room for that many bytes of text, and of OpenMetrics twice as many, to begin with.
    pub(super) fn new(expected: usize) -> Encoder {
        Encoder {
            text: Vec::with_capacity(expected),
            open_metrics: Vec::with_capacity(expected * 2),
            copied: 0,
            samples: 0,
            since: (Timestamp::UNIX_EPOCH, b"0.0\n".to_vec()),
        }
    }

    /// The head of a family. Its samples follow, then the next family.
    pub(super) fn family(&mut self, family: Family) -> Start {
        self.copy();
        let suffix = match family.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        let (text, open_metrics) = match family.kind {
            Kind::Counter => ("counter", "counter"),
            Kind::Gauge => ("gauge", "gauge"),
            Kind::Histogram => ("histogram", "histogram"),
            Kind::Info => ("gauge", "info"),
        };
        let name = family.name;
        let out = &mut self.text;
        write_all(out, &["# HELP ", name, suffix, " ", family.help, "\n"]);
        write_all(out, &["# TYPE ", name, suffix, " ", text, "\n"]);
        let out = &mut self.open_metrics;
        write_all(out, &["# HELP ", name, " ", family.help, "\n"]);
        write_all(out, &["# TYPE ", name, " ", open_metrics, "\n"]);
        if let Some(unit) = family.unit {
            write_all(out, &["# UNIT ", name, " ", unit, "\n"]);
        }
        self.copied = self.text.len();
        Start {
            name,
            plain: format!("{name}{suffix}"),
            sample: format!("{name}{suffix}{{"),
            created: format!("{name}_created{{"),
        }
    }

    /// A sample that is a whole number. `more` are labels of its own, each with a comma before it.
    pub(super) fn whole(&mut self, start: &Start, labels: &str, more: &str, value: u64) {
        self.samples += 1;
        let out = &mut self.text;
        // Braces, digits and the end of the line.
        let mut tail = [0_u8; 24];
        let tail = whole_tail(&mut tail, value);
        if labels.is_empty() {
            out.extend_from_slice(start.plain.as_bytes());
            out.extend_from_slice(&tail[1..]);
            return;
        }
        out.reserve(start.sample.len() + labels.len() + more.len() + tail.len());
        out.extend_from_slice(start.sample.as_bytes());
        out.extend_from_slice(labels.as_bytes());
        if !more.is_empty() {
            out.extend_from_slice(more.as_bytes());
        }
        out.extend_from_slice(tail);
    }

    /// A sample that is any number.
    pub(super) fn number(&mut self, start: &Start, labels: &str, value: f64) {
        self.start(start, labels);
        float(&mut self.text, value);
        self.text.push(b'\n');
    }

    /// A sample that is a moment, in seconds since 1970.
    pub(super) fn moment(&mut self, start: &Start, labels: &str, at: Timestamp) {
        self.start(start, labels);
        moment(&mut self.text, at);
        self.text.push(b'\n');
    }

    /// When a counter or histogram began to count; only OpenMetrics has a place for it.
    pub(super) fn created(
        &mut self,
        start: &Start,
        labels: &str,
        more: &str,
        since: Option<Timestamp>,
    ) {
        let Some(since) = since else { return };
        self.copy();
        // Tracking can begin before 1970; a time stamp cannot.
        let since = since.max(Timestamp::UNIX_EPOCH);
        if self.since.0 != since {
            let written = &mut self.since.1;
            written.clear();
            moment(written, since);
            written.push(b'\n');
            self.since.0 = since;
        }
        let out = &mut self.open_metrics;
        write_all(out, &[&start.created, labels, more, "} "]);
        out.extend_from_slice(&self.since.1);
    }

    /// A histogram: its buckets with their exemplars, its count and its sum.
    pub(super) fn histogram(
        &mut self,
        start: &Start,
        labels: &str,
        histogram: &Histogram,
        since: Option<Timestamp>,
    ) {
        for (bound, count, exemplar) in histogram.buckets() {
            let out = &mut self.text;
            write_all(out, &[start.name, "_bucket{", labels, ",le=\""]);
            match bound {
                Some(bound) => {
                    // OpenMetrics wants bounds as floats.
                    digits(out, bound);
                    write_all(out, &[".0\"} "]);
                }
                None => write_all(out, &["+Inf\"} "]),
            }
            digits(out, count);
            if let Some(exemplar) = exemplar {
                self.copy();
                let out = &mut self.open_metrics;
                write_all(out, &[" # {pull_request=\""]);
                digits(out, exemplar.number);
                write_all(out, &["\"} "]);
                digits(out, exemplar.value);
                out.push(b' ');
                moment(out, exemplar.at);
            }
            self.text.push(b'\n');
            self.samples += 1;
        }
        let out = &mut self.text;
        for (suffix, value) in [("_count{", histogram.count()), ("_sum{", histogram.sum())] {
            write_all(out, &[start.name, suffix, labels, "} "]);
            digits(out, value);
            out.push(b'\n');
        }
        self.samples += 2;
        self.created(start, labels, "", since);
    }

    /// How many samples the text has.
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// The text and the OpenMetrics.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<u8>) {
        self.copy();
        self.open_metrics.extend_from_slice(b"# EOF\n");
        (self.text, self.open_metrics)
    }

    fn copy(&mut self) {
        self.open_metrics
            .extend_from_slice(&self.text[self.copied..]);
        self.copied = self.text.len();
    }

    fn start(&mut self, start: &Start, labels: &str) {
        self.samples += 1;
        let out = &mut self.text;
        if labels.is_empty() {
            write_all(out, &[&start.plain, " "]);
        } else {
            write_all(out, &[&start.sample, labels, "} "]);
        }
    }
}

/// `} `, the number and the end of the line.
fn whole_tail(tail: &mut [u8; 24], mut value: u64) -> &[u8] {
    let mut at = tail.len() - 1;
    tail[at] = b'\n';
    loop {
        at -= 1;
        tail[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    at -= 2;
    tail[at] = b'}';
    tail[at + 1] = b' ';
    &tail[at..]
}

fn write_all<const N: usize>(out: &mut Vec<u8>, parts: &[&str; N]) {
    out.reserve(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

fn digits(out: &mut Vec<u8>, mut value: u64) {
    if value < 10 {
        out.push(b'0' + value as u8);
        return;
    }
    // u64::MAX has 20 digits.
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    while value > 0 {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

/// As OpenMetrics wants it: always with a point, `+Inf`, `-Inf` and `NaN` for what is no number.
fn float(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if value.fract() == 0.0 && (0.0..1e15).contains(&value) && value.is_sign_positive() {
        digits(out, value as u64);
        out.extend_from_slice(b".0");
    } else {
        // The debug form has a point or an exponent, and is the shortest that reads back as the same number.
        write!(out, "{value:?}").expect("a vector takes everything");
    }
}

/// Seconds since 1970 with milliseconds: exact enough for any time stamp.
fn moment(out: &mut Vec<u8>, at: Timestamp) {
    let milliseconds = at.as_millisecond();
    if milliseconds < 0 {
        out.push(b'-');
    }
    let milliseconds = milliseconds.unsigned_abs();
    digits(out, milliseconds / 1000);
    out.push(b'.');
    let rest = milliseconds % 1000;
    if rest.is_multiple_of(100) {
        digits(out, rest / 100);
    } else {
        for place in [100, 10, 1] {
            out.push(b'0' + (rest / place % 10) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn moments_are_seconds_with_a_point() {
        for (milliseconds, expected) in [
            (0, "0.0"),
            (1, "0.001"),
            (-1, "-0.001"),
            (-1_500, "-1.5"),
            (1_767_225_600_000, "1767225600.0"),
            (1_767_225_600_120, "1767225600.120"),
            (1_767_225_600_900, "1767225600.9"),
        ] {
            let at = Timestamp::from_millisecond(milliseconds).unwrap();
            assert_eq!(written(|out| moment(out, at)), expected);
        }
    }

    #[test]
    fn floats_always_have_a_point_or_an_exponent_or_a_name() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.0, "-2.0"),
            (1e300, "1e300"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(written(|out| float(out, value)), expected);
        }
    }

    #[test]
    fn whole_numbers_are_written_whole() {
        for value in [0, 9, 10, 99, 100, u64::MAX] {
            assert_eq!(written(|out| digits(out, value)), value.to_string());
            let mut tail = [0; 24];
            assert_eq!(
                whole_tail(&mut tail, value),
                format!("}} {value}\n").as_bytes()
            );
        }
    }

    #[test]
    fn values_of_labels_are_escaped() {
        assert_eq!(
            labels(&[("org", "a\\b\"c\nd"), ("repo", "ärger")]),
            "org=\"a\\\\b\\\"c\\nd\",repo=\"ärger\""
        );
    }
}
