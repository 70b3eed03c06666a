//! Draws one run as SVG: what is left of the quota and what bulk work has to leave above, who spends it below. By hand, with
//! no library; readable on light and dark ground.

use std::fmt::Write as _;

use quota::simulate::{Row, Sample, Scenario};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 24.0;
/// The two panels, from top to bottom.
const QUOTA: (f64, f64) = (86.0, 296.0);
const SPEND: (f64, f64) = (342.0, 462.0);
/// Spending is summed up over a minute, or over as many as make this number of points.
const MINUTE: i64 = 60;
const POINTS: i64 = 600;

const STYLE: &str = "\
  svg { font: 13px system-ui, 'DejaVu Sans', sans-serif; color-scheme: light dark; }
  .ground { fill: #ffffff; }
  text { fill: #24292f; }
  .quiet { fill: #57606a; }
  .title { font-size: 16px; font-weight: 600; }
  .grid { stroke: #d8dee4; stroke-width: 1; }
  .axis { stroke: #8c959f; stroke-width: 1; }
  .mark { stroke: #57606a; stroke-width: 1; stroke-dasharray: 3 3; }
  .remaining { stroke: #0969da; } .floor { stroke: #cf222e; }
  .live { stroke: #bf8700; } .bulk { stroke: #1a7f37; }
  .empty { fill: #cf222e; fill-opacity: 0.12; }
  .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
  .floor.line { stroke-dasharray: 6 3; }
  .area.bulk { fill: #1a7f37; fill-opacity: 0.18; stroke: none; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; }
    text { fill: #e6edf3; }
    .quiet { fill: #9198a1; }
    .grid { stroke: #262c36; } .axis { stroke: #656c76; } .mark { stroke: #9198a1; }
    .remaining { stroke: #58a6ff; } .floor { stroke: #ff7b72; }
    .live { stroke: #e3b341; } .bulk { stroke: #3fb950; }
    .area.bulk { fill: #3fb950; } .empty { fill: #ff7b72; fill-opacity: 0.2; }
  }";

/// The picture of a run.
pub(super) fn draw(scenario: &Scenario, row: &Row, samples: &[Sample]) -> String {
    let picture = Picture::of(scenario, row, samples);
    picture.svg()
}

struct Picture<'a> {
    scenario: &'a Scenario,
    row: &'a Row,
    samples: &'a [Sample],
    /// Requests a minute, by the middle of the time over which they are summed up: live, bulk.
    spent: Vec<(f64, [f64; 2])>,
    /// Seconds that the picture shows.
    span: f64,
}

impl<'a> Picture<'a> {
    fn of(scenario: &'a Scenario, row: &'a Row, samples: &'a [Sample]) -> Picture<'a> {
        let last = samples
            .last()
            .map_or(0, |sample| sample.at / 1000)
            .max(MINUTE);
        let bin = MINUTE * (last / (MINUTE * POINTS) + 1);
        let mut spent = Vec::new();
        let mut before = (0, 0);
        for end in (bin..=last).step_by(bin as usize) {
            let until = samples.partition_point(|sample| sample.at / 1000 <= end);
            let latest = until.checked_sub(1).map(|latest| samples[latest]);
            let now = latest.map_or((0, 0), |latest| (latest.live, latest.bulk));
            let minutes = (bin / MINUTE) as f64;
            let a_minute = [now.0 - before.0, now.1 - before.1].map(|sum| sum as f64 / minutes);
            spent.push((end as f64 - bin as f64 / 2.0, a_minute));
            before = now;
        }
        Picture {
            scenario,
            row,
            samples,
            spent,
            span: last as f64,
        }
    }

    fn svg(&self) -> String {
        let busiest = self
            .spent
            .iter()
            .flat_map(|(_, spent)| *spent)
            .fold(1.0, f64::max);
        let most = (self.scenario.limit, round_up(busiest.ceil() as u64));
        let mut svg = String::new();
        self.head(&mut svg);
        self.empty(&mut svg);
        self.grid(&mut svg, QUOTA, most.0, "requests left");
        self.grid(&mut svg, SPEND, most.1, "requests a minute");
        self.hours(&mut svg);
        self.done(&mut svg);
        let of = |which: usize| -> Vec<(f64, f64)> {
            let spent = self.spent.iter();
            spent.map(|(at, spent)| (*at, spent[which])).collect()
        };
        let (live, bulk) = (of(0), of(1));
        self.area(&mut svg, "area bulk", SPEND, most.1, &bulk);
        self.line(&mut svg, "line bulk", SPEND, most.1, &bulk);
        self.line(&mut svg, "line live", SPEND, most.1, &live);
        let level = |of: fn(&Sample) -> u64| {
            // One point for each of the picture's is enough.
            let every = self.samples.len() / WIDTH as usize + 1;
            let points = self.samples.iter().step_by(every).map(move |sample| {
                let seconds = sample.at as f64 / 1000.0;
                (seconds, of(sample) as f64)
            });
            points.collect::<Vec<_>>()
        };
        self.line(
            &mut svg,
            "line floor",
            QUOTA,
            most.0,
            &level(|sample| sample.floor),
        );
        self.line(
            &mut svg,
            "line remaining",
            QUOTA,
            most.0,
            &level(|sample| sample.remaining),
        );
        svg.push_str("</svg>\n");
        svg
    }

    fn head(&self, svg: &mut String) {
        let Row {
            scenario,
            policy,
            seed,
            ..
        } = self.row;
        let about = self.scenario.about;
        let ended = if self.row.unfinished {
            "the job did not end".to_owned()
        } else {
            format!(
                "the job took {}, {:.2} times the oracle's",
                duration(self.row.makespan_s),
                self.row.makespan_ratio
            )
        };
        let blocked = match self.row.live_blocked {
            0 => "no live request was blocked".to_owned(),
            1 => "1 live request was blocked".to_owned(),
            many => format!("{} live requests were blocked", number(many as f64)),
        };
        put(
            svg,
            format_args!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
                 aria-labelledby=\"title about\">\n<title id=\"title\">{scenario}, policy {policy}, seed {seed}</title>\n\
                 <desc id=\"about\">{about}: {ended}; {blocked}.</desc>\n<style>\n{STYLE}\n</style>\n\
                 <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
                 <text class=\"title\" x=\"{LEFT}\" y=\"26\">{scenario}: {about}; policy {policy}, seed {seed}</text>\n\
                 <text class=\"quiet\" x=\"{LEFT}\" y=\"46\">{ended}; {blocked}</text>"
            ),
        );
        legend(
            svg,
            LEFT,
            QUOTA.0 - 16.0,
            &[
                ("remaining", "left of the window"),
                ("floor", "what bulk work leaves"),
            ],
        );
        // Where the end of the job is marked there is no room beside it.
        let is_early = !self.row.unfinished && self.x(self.row.makespan_s) < WIDTH / 2.0;
        let x = if is_early { WIDTH * 0.8 } else { LEFT };
        let entries = [("live", "live"), ("bulk", "bulk")];
        legend(svg, x, SPEND.0 - 16.0, &entries);
    }

    /// The ground where nothing is left of a window; named once.
    fn empty(&self, svg: &mut String) {
        let is_empty = |sample: &Sample| sample.remaining == 0;
        let mut spans = Vec::new();
        let chunks = self
            .samples
            .chunk_by(|one, next| is_empty(one) == is_empty(next));
        for chunk in chunks {
            if let [first, .., last] = chunk
                && is_empty(first)
            {
                spans.push([first, last].map(|sample| self.x(sample.at as f64 / 1000.0)));
            }
        }
        let (top, height) = (QUOTA.0, QUOTA.1 - QUOTA.0);
        for [from, to] in &spans {
            let width = to - from;
            put(
                svg,
                format_args!(
                    "<rect class=\"empty\" x=\"{from:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{height}\"/>"
                ),
            );
        }
        if let Some([from, to]) = spans.iter().find(|[from, to]| to - from > 110.0) {
            let (x, y) = ((from + to) / 2.0, QUOTA.1 - 12.0);
            put(
                svg,
                format_args!(
                    "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">nothing is left</text>"
                ),
            );
        }
    }

    /// Lines across a panel, and what they stand for.
    fn grid(&self, svg: &mut String, panel: (f64, f64), most: u64, label: &str) {
        for part in 0..=4 {
            let value = most as f64 * f64::from(part) / 4.0;
            let y = height(panel, most, value);
            let class = if part == 0 { "axis" } else { "grid" };
            put(
                svg,
                format_args!(
                    "<line class=\"{class}\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>\n\
                     <text class=\"quiet\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    WIDTH - RIGHT,
                    LEFT - 8.0,
                    y + 4.5,
                    number(value),
                ),
            );
        }
        let middle = (panel.0 + panel.1) / 2.0;
        put(
            svg,
            format_args!(
                "<text class=\"quiet\" transform=\"translate(16 {middle:.1}) rotate(-90)\" text-anchor=\"middle\">{label}</text>"
            ),
        );
    }

    /// The axis of time, below both panels.
    fn hours(&self, svg: &mut String) {
        let step = [300.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0]
            .into_iter()
            .find(|step| self.span / step <= 12.0)
            .unwrap_or(43_200.0);
        let mut at = 0.0;
        while at <= self.span + 1.0 {
            let x = self.x(at);
            for (top, bottom) in [QUOTA, SPEND] {
                put(
                    svg,
                    format_args!(
                        "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>"
                    ),
                );
            }
            let y = SPEND.1 + 18.0;
            put(
                svg,
                format_args!(
                    "<text class=\"quiet\" x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
                    clock(at)
                ),
            );
            at += step;
        }
        let (x, y) = ((LEFT + WIDTH - RIGHT) / 2.0, SPEND.1 + 38.0);
        put(
            svg,
            format_args!(
                "<text class=\"quiet\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">since the start, hours and minutes</text>"
            ),
        );
    }

    /// Where the job was done.
    fn done(&self, svg: &mut String) {
        if self.row.unfinished {
            return;
        }
        let x = self.x(self.row.makespan_s);
        let is_right = x > WIDTH * 0.8;
        let (anchor, shift) = if is_right {
            ("end", -6.0)
        } else {
            ("start", 6.0)
        };
        put(
            svg,
            format_args!(
                "<line class=\"mark\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{}\"/>\n\
                 <text class=\"quiet\" x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">job done</text>",
                QUOTA.0,
                SPEND.1,
                x + shift,
                QUOTA.1 + 18.0,
            ),
        );
    }

    fn line(
        &self,
        svg: &mut String,
        class: &str,
        panel: (f64, f64),
        most: u64,
        points: &[(f64, f64)],
    ) {
        let mut path = String::new();
        for (place, (at, value)) in points.iter().enumerate() {
            let step = if place == 0 { 'M' } else { 'L' };
            put_in(
                &mut path,
                format_args!(
                    "{step}{:.1} {:.1}",
                    self.x(*at),
                    height(panel, most, *value)
                ),
            );
        }
        put(svg, format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }

    fn area(
        &self,
        svg: &mut String,
        class: &str,
        panel: (f64, f64),
        most: u64,
        points: &[(f64, f64)],
    ) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return;
        };
        let mut path = format!("M{:.1} {:.1}", self.x(first.0), panel.1);
        for (at, value) in points {
            put_in(
                &mut path,
                format_args!("L{:.1} {:.1}", self.x(*at), height(panel, most, *value)),
            );
        }
        put_in(
            &mut path,
            format_args!("L{:.1} {:.1}Z", self.x(last.0), panel.1),
        );
        put(svg, format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (seconds / self.span).min(1.0)
    }
}

fn legend(svg: &mut String, x: f64, y: f64, entries: &[(&str, &str)]) {
    let mut x = x;
    for (class, words) in entries {
        put(
            svg,
            format_args!(
                "<line class=\"line {class}\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>\n\
                 <text x=\"{:.1}\" y=\"{y}\">{words}</text>",
                y - 4.5,
                x + 26.0,
                y - 4.5,
                x + 33.0,
            ),
        );
        x += 33.0 + 7.4 * words.len() as f64 + 24.0;
    }
}

fn height((top, bottom): (f64, f64), most: u64, value: f64) -> f64 {
    bottom - (bottom - top) * (value / most as f64).min(1.0)
}

/// The next number that divides well into four.
fn round_up(value: u64) -> u64 {
    let mut step = 4;
    loop {
        for factor in [1, 2, 5] {
            if value <= step * factor {
                return step * factor;
            }
        }
        step *= 10;
    }
}

fn number(value: f64) -> String {
    let digits = format!("{value:.0}");
    match digits.len() {
        4.. => format!(
            "{},{}",
            &digits[..digits.len() - 3],
            &digits[digits.len() - 3..]
        ),
        _ => digits,
    }
}

fn clock(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Adds a line.
fn put(svg: &mut String, line: std::fmt::Arguments<'_>) {
    put_in(svg, line);
    svg.push('\n');
}

fn put_in(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part)
        .expect("a string takes what is written to it");
}

#[cfg(test)]
mod tests;
