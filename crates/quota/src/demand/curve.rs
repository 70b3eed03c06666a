//! One arrival curve: the largest amounts within intervals of each length.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Seconds of a bin.
const BIN: i64 = 5;
/// The lengths that are kept, in bins: from 15 seconds to an hour, each at most half as long again as the one before.
const LENGTHS: [u16; 17] = [
    3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 96, 144, 192, 288, 432, 576, 720,
];
const COUNT: usize = LENGTHS.len();
/// Bins that are held: the longest length and the bin that it straddles.
const HELD: usize = 721;
/// Hours after which a maximum is forgotten.
const KEPT: usize = 72;
/// Bins of an hour.
const HOUR: i64 = 720;
/// The first so many lengths, up to two minutes, show what one burst is.
const BURSTS: usize = 7;
/// Bins of a minute.
const MINUTE: i64 = 12;
/// What is more than this many times what chance makes is a burst.
const OUTLIER: f64 = 1.5;
/// More bursts than this are not reckoned with: by then the curve has seen them.
const MOST_BURSTS: f64 = 20.0;
/// How unlikely it has to be that more bursts come than are reckoned with.
const UNLIKELY: f64 = 2e-5;
/// Standard deviations of chance that are left room for.
const SIGMA: f64 = 5.0;
/// Seconds of the first hour before which a rate says nothing.
const LEAST_SECONDS: i64 = 60;

/// The largest amounts of one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// Which one, counted from 1970.
    pub number: i64,
    /// The largest amount within each length that ended in it.
    pub most: Vec<u32>,
    /// The amount of its median minute, which bursts do not move; known once it is over.
    pub calm: u32,
}

/// What was spent, when, and at most.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// Amounts by bin, as a ring.
    bins: Box<[u32; HELD]>,
    /// The bin of the present, counted from 1970. `None` before anything was told.
    head: Option<i64>,
    /// The first bin that this process saw.
    first: i64,
    /// Whether hours of an earlier run are among those known.
    is_taught: bool,
    /// The amounts of the latest interval of each length.
    sums: [u32; COUNT],
    /// The hours, oldest first, the present one last.
    hours: Vec<Hour>,
    /// Of the hours before the present one.
    past: [Past; COUNT],
    summary: Summary,
}

/// The largest amounts of one length in the hours before the present one. What falls on the turn of an hour shows in both,
/// so that the second largest is of no neighbouring hour.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    first: u32,
    first_hour: i64,
    second: u32,
    /// The largest of all but the latest.
    older: u32,
}

/// What is asked at each decision, made anew when a maximum changes.
#[derive(Clone, Copy, Debug, Default)]
struct Summary {
    /// The largest amount of each length.
    most: [u32; COUNT],
    /// Amount per second over the greatest hour, or since the start where that was later.
    rate: f64,
    /// The same between bursts.
    calm: f64,
    /// By how much a burst exceeds that within each of the shorter lengths, or a shorter one.
    burst: [f64; BURSTS],
    /// Bursts in an hour, as many as there may well be.
    bursts: f64,
}

impl Default for Curve {
    fn default() -> Curve {
        Curve {
            bins: Box::new([0; HELD]),
            head: None,
            first: 0,
            is_taught: false,
            sums: [0; COUNT],
            hours: Vec::new(),
            past: [Past::default(); COUNT],
            summary: Summary::default(),
        }
    }
}

impl Curve {
    /// `amount` was spent evenly from `from` to `now`.
    pub(crate) fn add(&mut self, amount: u64, from: Timestamp, now: Timestamp) {
        self.pass(now);
        let Some(head) = self.head else { return };
        let amount = u32::try_from(amount).unwrap_or(u32::MAX);
        let is_behind = bin(now) < head;
        let from = if is_behind { head } else { bin(from) };
        let oldest = from.clamp(head - (HELD as i64 - 1), head);
        let bins = u32::try_from(head - oldest + 1).unwrap_or(1);
        // What does not divide goes to the latest bins.
        let (each, rest) = (amount / bins, amount % bins);
        for index in oldest..=head {
            let back = head - index;
            let part = each + u32::from(back < i64::from(rest));
            if part == 0 {
                continue;
            }
            let slot = &mut self.bins[place(index)];
            *slot = slot.saturating_add(part);
            for (sum, length) in self.sums.iter_mut().zip(LENGTHS) {
                if back <= i64::from(length) {
                    *sum = sum.saturating_add(part);
                }
            }
        }
        self.note();
    }

    /// Time has passed.
    pub(crate) fn pass(&mut self, now: Timestamp) {
        let target = bin(now);
        let Some(head) = self.head else {
            self.head = Some(target);
            self.first = target;
            self.begin_hour(target / HOUR);
            return;
        };
        // A clock that went back is waited for; until then everything falls into the latest bin.
        if target <= head {
            return;
        }
        if target - head >= HELD as i64 {
            self.bins.fill(0);
            self.sums = [0; COUNT];
            // The hours in between were quiet: time has passed, and nothing was told.
            let (before, after) = (head / HOUR, target / HOUR);
            for number in (before + 1).max(after - KEPT as i64)..=after {
                self.begin_hour(number);
            }
        } else {
            for next in head + 1..=target {
                if next % HOUR == 0 {
                    let calm = self.median_minute(next);
                    if let Some(hour) = self.hours.last_mut() {
                        hour.calm = calm;
                    }
                    self.begin_hour(next / HOUR);
                }
                for (sum, length) in self.sums.iter_mut().zip(LENGTHS) {
                    *sum -= self.bins[place(next - i64::from(length) - 1)].min(*sum);
                }
                self.bins[place(next)] = 0;
            }
        }
        self.head = Some(target);
        if self.is_first_hour() {
            self.sum_up();
        }
        self.note();
    }

    /// What may be spent within `horizon`.
    pub(crate) fn bound(&self, horizon: Duration) -> u64 {
        let bins = i64::try_from(horizon.as_secs())
            .unwrap_or(i64::MAX)
            .saturating_add(BIN - 1)
            / BIN;
        let seconds = horizon.as_secs_f64();
        let chance = by_chance(self.summary.rate, seconds);
        let bursts = self.by_bursts(bins, seconds);
        self.most_within(bins).max(chance.max(bursts).ceil() as u64)
    }

    /// Hours that this process, or one before it, has seen to their end.
    pub(crate) fn hours_closed(&self) -> usize {
        self.hours.len().saturating_sub(1)
    }

    pub(crate) fn hours(&self) -> Vec<Hour> {
        self.hours.clone()
    }

    /// Takes in hours that others have seen.
    pub(crate) fn merge(&mut self, hours: &[Hour], now: Timestamp) {
        self.pass(now);
        let present = self.head.map_or(0, |head| head / HOUR);
        let theirs: Vec<Hour> = hours
            .iter()
            .filter(|hour| hour.number <= present && hour.most.len() == COUNT)
            .cloned()
            .collect();
        self.is_taught |= theirs.iter().any(|hour| hour.number < present);
        merge(&mut self.hours, &theirs);
        self.forget();
    }

    /// The greatest amount that was seen within so many bins.
    fn most_within(&self, bins: i64) -> u64 {
        if bins <= 0 {
            return 0;
        }
        let most = &self.summary.most;
        let longer = at_least(bins);
        let whole = u64::from(most[longer]);
        let Some(shorter) = longer.checked_sub(1) else {
            return whole;
        };
        // What fits into an interval fits into two parts of it.
        let part = at_least(bins - i64::from(LENGTHS[shorter]));
        whole.min(u64::from(most[shorter]) + u64::from(most[part]))
    }

    /// What may come if as many bursts come as may well be: two at least, since they overlap for the first time on some day.
    fn by_bursts(&self, bins: i64, seconds: f64) -> f64 {
        let summary = &self.summary;
        let longest = at_least(bins + 1).clamp(1, BURSTS) - 1;
        let burst = summary.burst[longest];
        if burst <= 0.0 {
            return 0.0;
        }
        // Within less than the shortest length there is no more than its part of a burst.
        let shortest = (i64::from(LENGTHS[0]) * BIN) as f64;
        let part = ((seconds + BIN as f64) / (shortest + BIN as f64)).min(1.0);
        let expected = summary.bursts * seconds / (HOUR * BIN) as f64;
        by_chance(summary.calm, seconds) + burst * part * as_many_as(expected).max(2.0)
    }

    /// Looks at the maxima anew.
    fn sum_up(&mut self) {
        let present = self.hours.last();
        let mut summary = Summary::default();
        for (index, most) in summary.most.iter_mut().enumerate() {
            *most = present
                .map_or(0, |hour| hour.most[index])
                .max(self.past[index].first);
        }
        summary.rate = self.rate(summary.most[COUNT - 1]);
        let closed = &self.hours[..self.hours_closed()];
        let calm = closed.iter().map(|hour| hour.calm).max();
        summary.calm = match calm {
            Some(calm) => f64::from(calm) / (MINUTE * BIN) as f64,
            None => summary.rate,
        };
        // A burst is what exceeds chance by far. The second largest is taken for what one is like: the largest may have
        // been two at once.
        let mut longest = 0.0_f64;
        for (index, burst) in summary.burst.iter_mut().enumerate() {
            let seconds = (i64::from(LENGTHS[index]) * BIN + BIN) as f64;
            let usual = by_chance(summary.calm, seconds) * OUTLIER;
            let mean = summary.calm * seconds;
            let [first, second] = self.largest(index).map(f64::from);
            let size = if second > usual { second } else { first };
            if size > usual {
                longest = longest.max(size - mean);
            }
            *burst = longest;
        }
        if longest > 0.0 {
            summary.bursts = self.bursts_in_an_hour(summary.calm, longest, summary.most[COUNT - 1]);
        }
        self.summary = summary;
    }

    /// From how many of the hours had any. Where all had, from how many the fullest could hold.
    fn bursts_in_an_hour(&self, calm: f64, burst: f64, most: u32) -> f64 {
        let last = BURSTS - 1;
        let seconds = (i64::from(LENGTHS[last]) * BIN + BIN) as f64;
        let usual = by_chance(calm, seconds) * OUTLIER;
        let hours = self.hours.len() as f64;
        let with = self
            .hours
            .iter()
            .filter(|hour| f64::from(hour.most[last]) > usual)
            .count() as f64;
        let with = with + with.sqrt();
        let most = (f64::from(most) - calm * (HOUR * BIN) as f64) / burst;
        if with < hours {
            -(1.0 - with / hours).ln()
        } else {
            most.max(1.0)
        }
    }

    /// The median of the sixty minutes before a bin.
    fn median_minute(&self, end: i64) -> u32 {
        let mut minutes = [0_u32; (HOUR / MINUTE) as usize];
        for (minute, sum) in (0..).zip(&mut minutes) {
            let begins = end - HOUR + minute * MINUTE;
            *sum = (begins..begins + MINUTE)
                .map(|bin| self.bins[place(bin)])
                .fold(0, u32::saturating_add);
        }
        minutes.sort_unstable();
        minutes[minutes.len() / 2]
    }

    fn rate(&self, hour: u32) -> f64 {
        let hour = f64::from(hour);
        if !self.is_first_hour() {
            return hour / (HOUR * BIN) as f64;
        }
        // Few seconds say little: the rate may be that of a lucky stretch.
        (hour + 2.0 * hour.sqrt()) / self.seen().max(LEAST_SECONDS) as f64
    }

    /// Whether all that is known was seen within less than an hour.
    fn is_first_hour(&self) -> bool {
        !self.is_taught && self.seen() < HOUR * BIN
    }

    /// Seconds that this process has seen.
    fn seen(&self) -> i64 {
        self.head.map_or(0, |head| head - self.first + 1) * BIN
    }

    /// The largest and the second largest, of hours that are no neighbours.
    fn largest(&self, index: usize) -> [u32; 2] {
        let past = self.past[index];
        let Some(present) = self.hours.last() else {
            return [0; 2];
        };
        let most = present.most[index];
        if most > past.first {
            [most, past.older]
        } else if present.number - past.first_hour > 1 {
            [past.first, past.second.max(most)]
        } else {
            [past.first, past.second]
        }
    }

    /// The present interval of each length counts for the present hour.
    fn note(&mut self) {
        let Some(hour) = self.hours.last_mut() else {
            return;
        };
        let mut is_more = false;
        for (most, sum) in hour.most.iter_mut().zip(self.sums) {
            is_more |= sum > *most;
            *most = (*most).max(sum);
        }
        if is_more {
            self.sum_up();
        }
    }

    fn begin_hour(&mut self, number: i64) {
        self.hours.push(Hour {
            number,
            most: vec![0; COUNT],
            calm: 0,
        });
        self.forget();
    }

    /// Drops what is too old, and sums up the hours before the present one.
    fn forget(&mut self) {
        let present = self.hours.last().map_or(0, |hour| hour.number);
        self.hours
            .retain(|hour| hour.number + KEPT as i64 >= present);
        let before = self.hours.len().saturating_sub(1);
        let past = &self.hours[..before];
        for (index, summed) in self.past.iter_mut().enumerate() {
            *summed = Past::default();
            for hour in past {
                if hour.most[index] > summed.first {
                    summed.first = hour.most[index];
                    summed.first_hour = hour.number;
                }
            }
            for hour in past {
                if (hour.number - summed.first_hour).abs() > 1 {
                    summed.second = summed.second.max(hour.most[index]);
                }
                if present - hour.number > 1 {
                    summed.older = summed.older.max(hour.most[index]);
                }
            }
        }
        self.sum_up();
    }
}

/// The first of the lengths that is not shorter than so many bins.
fn at_least(bins: i64) -> usize {
    LENGTHS
        .partition_point(|length| i64::from(*length) < bins)
        .min(COUNT - 1)
}

/// Takes the greater of each number, hour by hour.
pub(super) fn merge(ours: &mut Vec<Hour>, theirs: &[Hour]) {
    for hour in theirs {
        match ours.binary_search_by_key(&hour.number, |known| known.number) {
            Ok(index) => {
                for (most, other) in ours[index].most.iter_mut().zip(&hour.most) {
                    *most = (*most).max(*other);
                }
                ours[index].calm = ours[index].calm.max(hour.calm);
            }
            Err(index) => ours.insert(index, hour.clone()),
        }
    }
}

/// How many may come within `seconds` at a rate, by chance: the mean, five standard deviations, and what the skew of small
/// numbers adds (Bernstein's bound for a Poisson count).
fn by_chance(rate: f64, seconds: f64) -> f64 {
    if rate <= 0.0 {
        return 0.0;
    }
    let mean = rate * seconds;
    mean + SIGMA * mean.sqrt() + SIGMA * SIGMA / 3.0
}

/// How many may come where so many are expected, so that more are unlikely.
fn as_many_as(expected: f64) -> f64 {
    let mut term = (-expected).exp();
    let (mut count, mut rest) = (0.0, 1.0 - term);
    while rest > UNLIKELY && count < MOST_BURSTS {
        count += 1.0;
        term *= expected / count;
        rest -= term;
    }
    count
}

fn bin(at: Timestamp) -> i64 {
    at.as_second().div_euclid(BIN)
}

fn place(bin: i64) -> usize {
    bin.rem_euclid(HELD as i64) as usize
}
