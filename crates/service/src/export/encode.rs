//! Writes families in Prometheus' text format 0.0.4 and in OpenMetrics 1.0, both at once. Decides syntax, and nothing
//! else.
//!
//! A sample is the same line in both formats, so it is written once, and a piece without anything else is one piece for
//! both. Only heads of families, times of creation, exemplars and the end differ.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use ledger::aggregate::Histogram;

use super::piece::Piece;
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

/// Labels as they stand in a line up to the value: `org="acme",repo="web"} `.
pub(super) fn labels(labels: &[(&str, &str)]) -> String {
    let mut written = String::new();
    for (place, (name, value)) in labels.iter().enumerate() {
        if place > 0 {
            written.push(',');
        }
        push_label(&mut written, name, value);
    }
    written.push_str(CLOSE);
    written
}

/// What stands between the labels and the value.
pub(super) const CLOSE: &str = "} ";

/// Adds a label, escaped.
pub(crate) fn push_label(written: &mut String, name: &str, value: &str) {
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

/// The beginnings of a family's lines, up to the labels.
pub(super) struct Start {
    /// `name_total ` or so, for a sample without labels.
    plain: String,
    /// The same with an opening brace.
    sample: String,
    /// `name_created{`.
    created: String,
    /// `name_bucket{`, `name_count{` and `name_sum{`.
    histogram: [String; 3],
}

impl Start {
    pub(super) fn of(family: Family) -> Start {
        let (name, suffix) = (family.name, suffix(family));
        Start {
            plain: format!("{name}{suffix} "),
            sample: format!("{name}{suffix}{{"),
            created: format!("{name}_created{{"),
            histogram: ["bucket", "count", "sum"].map(|what| format!("{name}_{what}{{")),
        }
    }
}

fn suffix(family: Family) -> &'static str {
    match family.kind {
        Kind::Counter => "_total",
        Kind::Info => "_info",
        Kind::Gauge | Kind::Histogram => "",
    }
}

/// Whole lines in both formats.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) text: Arc<Piece>,
    /// The same piece where the formats do not differ.
    pub(super) open_metrics: Arc<Piece>,
    /// Samples in the text.
    pub(super) samples: u64,
}

/// Writes pieces in both formats, one after another, into the same memory.
#[derive(Default)]
pub(super) struct Encoder {
    text: Vec<u8>,
    open_metrics: Vec<u8>,
    /// How much of the text stands in OpenMetrics already.
    copied: usize,
    /// Whether OpenMetrics has anything that the text has not.
    differs: bool,
    samples: u64,
    /// The last time of creation, as written: all of a stream of a repository have the same.
    since: Option<(Timestamp, Vec<u8>)>,
}

impl Encoder {
    /// The head of a family. Its samples follow.
    pub(super) fn family(&mut self, family: Family) -> Start {
        self.copy();
        let (text, open_metrics) = match family.kind {
            Kind::Counter => ("counter", "counter"),
            Kind::Gauge => ("gauge", "gauge"),
            Kind::Histogram => ("histogram", "histogram"),
            Kind::Info => ("gauge", "info"),
        };
        let (name, suffix) = (family.name, suffix(family));
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
        self.differs = true;
        Start::of(family)
    }

    /// A sample that is a whole number. `more` are labels of its own, each with a comma before it.
    pub(super) fn whole(&mut self, start: &Start, labels: &str, more: &str, value: u64) {
        self.samples += 1;
        let out = &mut self.text;
        let mut tail = [0_u8; 24];
        let tail = whole_tail(&mut tail, value);
        if labels.is_empty() {
            out.extend_from_slice(start.plain.as_bytes());
        } else {
            out.reserve(start.sample.len() + labels.len() + more.len() + tail.len());
            out.extend_from_slice(start.sample.as_bytes());
            if more.is_empty() {
                out.extend_from_slice(labels.as_bytes());
            } else {
                write_all(out, &[open(labels), more, CLOSE]);
            }
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
        self.differs = true;
        // Tracking can begin before 1970; a time stamp cannot.
        let since = since.max(Timestamp::UNIX_EPOCH);
        if self.since.as_ref().is_none_or(|(last, _)| *last != since) {
            let mut written = Vec::with_capacity(20);
            moment(&mut written, since);
            written.push(b'\n');
            self.since = Some((since, written));
        }
        let out = &mut self.open_metrics;
        if more.is_empty() {
            write_all(out, &[&start.created, labels]);
        } else {
            write_all(out, &[&start.created, open(labels), more, CLOSE]);
        }
        if let Some((_, written)) = &self.since {
            out.extend_from_slice(written);
        }
    }

    /// A histogram: its buckets with their exemplars, its count and its sum.
    pub(super) fn histogram(
        &mut self,
        start: &Start,
        labels: &str,
        histogram: &Histogram,
        since: Option<Timestamp>,
    ) {
        let [bucket, count, sum] = &start.histogram;
        for (bound, count, exemplar) in histogram.buckets() {
            let out = &mut self.text;
            write_all(out, &[bucket, open(labels), ",le=\""]);
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
                self.differs = true;
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
        for (start, value) in [(count, histogram.count()), (sum, histogram.sum())] {
            write_all(out, &[start, labels]);
            digits(out, value);
            out.push(b'\n');
        }
        self.samples += 2;
        self.created(start, labels, "", since);
    }

    /// Room for so many bytes in each format, before anything is written.
    pub(super) fn expect(&mut self, text: usize, open_metrics: usize) {
        for (buffer, bytes) in [
            (&mut self.text, text),
            (&mut self.open_metrics, open_metrics),
        ] {
            let fits = bytes..=bytes + bytes / 8 + 64;
            if !fits.contains(&buffer.capacity()) {
                *buffer = Vec::with_capacity(bytes);
            }
        }
    }

    /// What was written since the last time. Where it is what it was before, that is given again.
    pub(super) fn take(&mut self, before: Option<&Pair>) -> Pair {
        if self.differs {
            self.copy();
        }
        let samples = self.samples;
        let unchanged = before.filter(|before| {
            *self.text == *before.text.plain()
                && (!self.differs || *self.open_metrics == *before.open_metrics.plain())
                && self.differs != Arc::ptr_eq(&before.text, &before.open_metrics)
        });
        let pair = unchanged.cloned().unwrap_or_else(|| {
            let text = Piece::new(given(&mut self.text));
            let open_metrics = if self.differs {
                Piece::new(given(&mut self.open_metrics))
            } else {
                Arc::clone(&text)
            };
            Pair {
                text,
                open_metrics,
                samples,
            }
        });
        self.text.clear();
        self.open_metrics.clear();
        (self.copied, self.differs, self.samples) = (0, false, 0);
        pair
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
            out.extend_from_slice(start.plain.as_bytes());
        } else {
            write_all(out, &[&start.sample, labels]);
        }
    }
}

/// The bytes, in memory of their own: as they are where little room is left over, so that they are not copied, and a copy else.
fn given(written: &mut Vec<u8>) -> Bytes {
    if written.len() >= written.capacity() - written.capacity() / 8 {
        std::mem::take(written).into()
    } else {
        Bytes::copy_from_slice(written)
    }
}

/// Labels to which others are added.
fn open(labels: &str) -> &str {
    labels.strip_suffix(CLOSE).unwrap_or(labels)
}

/// The number and the end of the line.
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
                format!("{value}\n").as_bytes()
            );
        }
    }

    #[test]
    fn values_of_labels_are_escaped() {
        assert_eq!(
            labels(&[("org", "a\\b\"c\nd"), ("repo", "ärger")]),
            "org=\"a\\\\b\\\"c\\nd\",repo=\"ärger\"} "
        );
    }
}
