//! One arrival curve: the largest amounts within intervals of each length.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::chance::{as_many_as, by_chance, rounded_up, unusual};

/// The lengths that are kept, in seconds: from a quarter of a minute to two minutes, where the floor falls fastest, then up to an
/// hour, each at most half as long again as the one before.
const LENGTHS: [u16; 34] = [
    15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100, 105, 110, 115, 120,
    150, 180, 240, 300, 360, 480, 720, 960, 1440, 2160, 2880, 3600,
];
const COUNT: usize = LENGTHS.len();
/// Seconds that are held: the longest length and the second that it straddles.
const HELD: usize = 3601;
/// Hours after which a curve is believed, and how many of them some process has to have seen whole.
const ENOUGH: usize = 3;
const ENOUGH_WHOLE: usize = 2;
/// Hours after which a maximum is forgotten.
const KEPT: usize = 72;
const HOUR: i64 = 3600;
const MINUTE: i64 = 60;
/// The first so many lengths, up to two minutes, show what one burst is.
const BURSTS: usize = 22;
/// The median of the latest so many minutes is what is calm just now, and of no less than that many.
const RECENT: i64 = 10;
const LEAST_RECENT: i64 = 5;

/// The largest amounts of one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// Which one, counted from 1970.
    pub number: i64,
    /// The largest amount within each length that ended in it.
    pub most: Vec<u32>,
    /// The amount of its median minute, which bursts do not move; known once it is over, as is the next one.
    pub calm: u32,
    /// How many bursts there were in it.
    pub bursts: u32,
    /// Whether one process has seen all of it. What several have seen of an hour is not added up.
    #[serde(default)]
    pub is_whole: bool,
}

/// What was spent, when, and at most.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    /// Amounts by second, as a ring.
    seconds: Box<[u32; HELD]>,
    /// The present second, counted from 1970. `None` before anything was told.
    head: Option<i64>,
    /// The first second from which on this process has seen all.
    first: i64,
    /// How many of the hours before the present one were seen whole.
    whole: usize,
    /// The amounts of the latest interval of each length.
    sums: [u32; COUNT],
    /// The hours, oldest first, the present one last.
    hours: Vec<Hour>,
    /// Of the hours before the present one.
    past: [Past; COUNT],
    /// The amount per second of their median minutes, the greatest of them.
    calm: Option<f64>,
    /// The same of the latest minutes; nothing until there are enough.
    recent: Option<f64>,
    summary: Summary,
}

/// The amounts of one length in the hours before the present one.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    /// The largest.
    most: u32,
    /// The median of those that are a burst: the largest may have been two at once.
    burst: u32,
}

/// What is asked at each decision, made anew when a maximum changes.
#[derive(Clone, Copy, Debug)]
struct Summary {
    /// The largest amount of each length.
    most: [u32; COUNT],
    /// Amount per second over the greatest hour, or since the start where that was later.
    rate: f64,
    /// The same between bursts.
    calm: f64,
    bursts: Bursts,
}

/// What the bursts of some spending are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bursts {
    /// By how much one exceeds the calm within each of the shorter lengths, or a shorter one.
    sizes: [f64; BURSTS],
    /// As many as there may well be.
    an_hour: f64,
}

impl Default for Summary {
    fn default() -> Summary {
        Summary {
            most: [0; COUNT],
            rate: 0.0,
            calm: 0.0,
            bursts: Bursts {
                sizes: [0.0; BURSTS],
                an_hour: 0.0,
            },
        }
    }
}

impl Default for Curve {
    fn default() -> Curve {
        Curve {
            seconds: Box::new([0; HELD]),
            head: None,
            first: 0,
            whole: 0,
            sums: [0; COUNT],
            hours: Vec::new(),
            past: [Past::default(); COUNT],
            calm: None,
            recent: None,
            summary: Summary::default(),
        }
    }
}

impl Curve {
    /// `amount` was spent evenly from `from` to `now`. Says, as those below do, whether maxima have changed.
    pub(crate) fn add(&mut self, amount: u64, from: Timestamp, now: Timestamp) -> bool {
        let has_passed = self.pass(now);
        let Some(head) = self.head else {
            return has_passed;
        };
        let amount = u32::try_from(amount).unwrap_or(u32::MAX);
        let is_behind = now.as_second() < head;
        let from = if is_behind { head } else { from.as_second() };
        let oldest = from.clamp(head - (HELD as i64 - 1), head);
        let count = u32::try_from(head - oldest + 1).unwrap_or(1);
        // What does not divide is spread as evenly as it goes.
        let (each, rest) = (amount / count, amount % count);
        if each > 0 {
            for second in oldest..=head {
                self.put(each, second, head);
            }
        }
        for part in 0..i64::from(rest) {
            self.put(1, oldest + part * i64::from(count) / i64::from(rest), head);
        }
        self.note() || has_passed
    }

    fn put(&mut self, amount: u32, second: i64, head: i64) {
        let slot = &mut self.seconds[place(second)];
        *slot = slot.saturating_add(amount);
        // The lengths are in order, and every one holds the latest seconds.
        let back = head - second;
        let shorter = match back <= i64::from(LENGTHS[0]) {
            true => 0,
            false => LENGTHS.partition_point(|length| i64::from(*length) < back),
        };
        for sum in &mut self.sums[shorter..] {
            *sum = sum.saturating_add(amount);
        }
    }

    /// Time has passed.
    pub(crate) fn pass(&mut self, now: Timestamp) -> bool {
        let target = now.as_second();
        let Some(head) = self.head else {
            self.head = Some(target);
            self.first = target;
            self.begin_hour(target / HOUR);
            return true;
        };
        // A clock that went back is waited for; until then everything falls into the latest second.
        if target <= head {
            return false;
        }
        if target - head >= HELD as i64 {
            self.seconds.fill(0);
            self.sums = [0; COUNT];
            // Nothing was told of the hours in between, and nothing is known of them.
            self.first = target;
            let (before, after) = (head / HOUR, target / HOUR);
            for number in (before + 1).max(after - KEPT as i64)..=after {
                self.begin_hour(number);
            }
        } else {
            for next in head + 1..=target {
                if next % HOUR == 0 {
                    let (calm, bursts) = self.look_back(next);
                    if let Some(hour) = self.hours.last_mut() {
                        (hour.calm, hour.bursts) = (calm, bursts);
                        hour.is_whole |= self.first <= next - HOUR;
                    }
                    self.begin_hour(next / HOUR);
                }
                for (sum, length) in self.sums.iter_mut().zip(LENGTHS) {
                    *sum -= self.seconds[place(next - i64::from(length) - 1)].min(*sum);
                }
                self.seconds[place(next)] = 0;
            }
        }
        self.head = Some(target);
        let is_next_minute = target / MINUTE > head / MINUTE;
        if is_next_minute {
            self.recent = self.recent_minutes(target);
            self.sum_up();
        }
        self.note() || is_next_minute
    }

    /// What may be spent within `horizon`.
    pub(crate) fn bound(&self, horizon: Duration) -> u64 {
        let seconds = horizon.as_secs_f64();
        let length = horizon.as_secs() as i64 + i64::from(horizon.subsec_nanos() > 0);
        let chance = by_chance(self.summary.rate, seconds);
        let bursts = self.by_bursts(length, seconds);
        self.most_within(length).max(rounded_up(chance.max(bursts)))
    }

    /// What chance makes of the rate within `horizon`.
    pub(crate) fn steady(&self, horizon: Duration) -> u64 {
        rounded_up(by_chance(self.summary.rate, horizon.as_secs_f64()))
    }

    /// What was spent in the greatest hour.
    pub(crate) fn greatest_hour(&self) -> u64 {
        u64::from(self.summary.most[COUNT - 1])
    }

    /// Whether more has come in the last seconds than chance makes of a calm time.
    pub(crate) fn is_in_burst(&self, now: Timestamp) -> bool {
        let latest = f64::from(self.sums[0]);
        let length = i64::from(LENGTHS[0]);
        let is_recent = self
            .head
            .is_some_and(|head| now.as_second() - head < length);
        // What is usual has to be known.
        let is_known = self.calm.or(self.recent).is_some();
        is_recent && is_known && latest > unusual(self.summary.calm, length as f64)
    }

    /// Whether enough is known to do without the caution of a cold start.
    pub(crate) fn is_learnt(&self) -> bool {
        self.hours_closed() >= ENOUGH && self.whole >= ENOUGH_WHOLE
    }

    /// Hours that this process, or one before it, has seen to their end.
    fn hours_closed(&self) -> usize {
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
            .filter(|hour| (present - KEPT as i64..=present).contains(&hour.number))
            .filter(|hour| hour.most.len() == COUNT)
            .cloned()
            .collect();
        merge(&mut self.hours, &theirs);
        self.forget();
    }

    /// The greatest amount that was seen within so many seconds.
    fn most_within(&self, length: i64) -> u64 {
        if length <= 0 {
            return 0;
        }
        let most = &self.summary.most;
        let longer = at_least(length);
        let whole = u64::from(most[longer]);
        let Some(shorter) = longer.checked_sub(1) else {
            return whole;
        };
        // What fits into an interval fits into two parts of it.
        let part = at_least(length - i64::from(LENGTHS[shorter]));
        whole.min(u64::from(most[shorter]) + u64::from(most[part]))
    }

    /// What may come if as many bursts come as may well be: two at least, since they overlap for the first time on some day.
    fn by_bursts(&self, length: i64, seconds: f64) -> f64 {
        let summary = &self.summary;
        let burst = summary.bursts.sizes[at_least(length).min(BURSTS - 1)];
        if burst <= 0.0 {
            return 0.0;
        }
        // Within less than the shortest length there is no more than its part of a burst.
        let part = ((seconds + 1.0) / f64::from(LENGTHS[0])).min(1.0);
        // In the first hours it is not known how often they come.
        let likely = if self.is_learnt() {
            as_many_as(summary.bursts.an_hour * seconds / HOUR as f64)
        } else {
            0.0
        };
        by_chance(summary.calm, seconds) + burst * part * likely.max(2.0)
    }

    /// Looks at the maxima anew.
    fn sum_up(&mut self) {
        let present = self.hours.last();
        let mut summary = Summary::default();
        for (index, most) in summary.most.iter_mut().enumerate() {
            *most = present
                .map_or(0, |hour| hour.most[index])
                .max(self.past[index].most);
        }
        let calm = [self.calm, self.recent];
        summary.calm = calm.into_iter().flatten().fold(0.0, f64::max);
        summary.rate = self.rate(summary.most[COUNT - 1], summary.calm);
        let mut longest = 0.0_f64;
        for (index, burst) in summary.bursts.sizes.iter_mut().enumerate() {
            let seconds = f64::from(LENGTHS[index]) + 1.0;
            let known = self.past[index].burst;
            let present = present.map_or(0, |hour| hour.most[index]);
            let size = if known > 0 { known } else { present };
            if f64::from(size) > unusual(summary.calm, seconds) {
                longest = longest.max(f64::from(size) - summary.calm * seconds);
            }
            *burst = longest;
        }
        summary.bursts.an_hour = self.bursts_in_an_hour();
        self.summary = summary;
    }

    /// What the bursts are like, for a curve of which this one is a part.
    pub(crate) fn bursts(&self) -> Bursts {
        self.summary.bursts
    }

    /// Takes in what the bursts of a part are like: steady spending on top of them hides them, and they come all the same.
    pub(crate) fn include(&mut self, part: &Bursts) {
        let bursts = &mut self.summary.bursts;
        for (ours, theirs) in bursts.sizes.iter_mut().zip(&part.sizes) {
            *ours = ours.max(*theirs);
        }
        bursts.an_hour = bursts.an_hour.max(part.an_hour);
    }

    /// How many bursts there are in an hour: as many as were seen, and a standard deviation more, since they were few.
    fn bursts_in_an_hour(&self) -> f64 {
        let closed = &self.hours[..self.hours_closed()];
        let seen: f64 = closed.iter().map(|hour| f64::from(hour.bursts)).sum();
        (seen + seen.sqrt() + 0.5) / closed.len().max(1) as f64
    }

    /// Of the hour before `end`: the median of its minutes, and how many bursts there were, minutes in a row being one.
    fn look_back(&self, end: i64) -> (u32, u32) {
        let mut minutes = [0_u32; (HOUR / MINUTE) as usize];
        for (minute, sum) in (0..).zip(&mut minutes) {
            *sum = self.minute(end - HOUR + minute * MINUTE);
        }
        let mut sorted = minutes;
        sorted.sort_unstable();
        let calm = sorted[sorted.len() / 2];
        let usual = unusual(f64::from(calm) / MINUTE as f64, MINUTE as f64);
        let is_burst = minutes.map(|minute| f64::from(minute) > usual);
        let begins = |index: usize| is_burst[index] && (index == 0 || !is_burst[index - 1]);
        let bursts = (0..minutes.len()).filter(|index| begins(*index)).count();
        (calm, u32::try_from(bursts).unwrap_or(u32::MAX))
    }

    /// The greatest hour says it. Before there is one, the calm minutes do, with two standard deviations on top, since they are
    /// few.
    fn rate(&self, hour: u32, calm: f64) -> f64 {
        if !self.is_first_hour() {
            return f64::from(hour) / HOUR as f64;
        }
        let seen = self.seen().max(LEAST_RECENT * MINUTE) as f64;
        calm + 2.0 * (calm / seen).sqrt()
    }

    /// The amount per second of the median of the latest whole minutes.
    fn recent_minutes(&self, now: i64) -> Option<f64> {
        let end = now.div_euclid(MINUTE);
        let first = self.first.div_euclid(MINUTE) + 1;
        let mut minutes: Vec<u32> = (first.max(end - RECENT)..end)
            .map(|minute| self.minute(minute * MINUTE))
            .collect();
        if (minutes.len() as i64) < LEAST_RECENT {
            return None;
        }
        minutes.sort_unstable();
        Some(f64::from(minutes[minutes.len() / 2]) / MINUTE as f64)
    }

    fn minute(&self, begins: i64) -> u32 {
        (begins..begins + MINUTE)
            .map(|second| self.seconds[place(second)])
            .fold(0, u32::saturating_add)
    }

    /// Whether no hour was ever seen whole.
    fn is_first_hour(&self) -> bool {
        self.whole == 0 && self.seen() < HOUR
    }

    /// Seconds that this process has seen.
    fn seen(&self) -> i64 {
        self.head.map_or(0, |head| head - self.first + 1)
    }

    /// The present interval of each length counts for the present hour.
    fn note(&mut self) -> bool {
        let Some(hour) = self.hours.last_mut() else {
            return false;
        };
        let mut is_more = false;
        for (most, sum) in hour.most.iter_mut().zip(&self.sums) {
            is_more |= *sum > *most;
            *most = (*most).max(*sum);
        }
        if is_more {
            self.sum_up();
        }
        is_more
    }

    fn begin_hour(&mut self, number: i64) {
        self.hours.push(Hour {
            number,
            most: vec![0; COUNT],
            calm: 0,
            bursts: 0,
            is_whole: false,
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
        self.whole = past.iter().filter(|hour| hour.is_whole).count();
        let calm = past.iter().map(|hour| hour.calm).max();
        self.calm = calm.map(|calm| f64::from(calm) / MINUTE as f64);
        for (index, summed) in self.past.iter_mut().enumerate() {
            let usual = unusual(self.calm.unwrap_or(0.0), f64::from(LENGTHS[index]) + 1.0);
            let most = past.iter().map(|hour| hour.most[index]);
            let mut bursts: Vec<u32> = most
                .clone()
                .filter(|most| f64::from(*most) > usual)
                .collect();
            bursts.sort_unstable();
            *summed = Past {
                most: most.max().unwrap_or(0),
                burst: bursts.get(bursts.len() / 2).copied().unwrap_or(0),
            };
        }
        self.sum_up();
    }
}

/// The first of the lengths that is not shorter, by seconds: every floor asks for several.
static AT_LEAST: [u8; HELD] = {
    let mut found = [0; HELD];
    let (mut seconds, mut length) = (0, 0);
    while seconds < HELD {
        if seconds > LENGTHS[length] as usize && length < COUNT - 1 {
            length += 1;
        }
        found[seconds] = length as u8;
        seconds += 1;
    }
    found
};

/// The first of the lengths that is not shorter.
fn at_least(seconds: i64) -> usize {
    AT_LEAST[usize::try_from(seconds).map_or(0, |seconds| seconds.min(HELD - 1))] as usize
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
                ours[index].bursts = ours[index].bursts.max(hour.bursts);
                ours[index].is_whole |= hour.is_whole;
            }
            Err(index) => ours.insert(index, hour.clone()),
        }
    }
}

fn place(second: i64) -> usize {
    second.rem_euclid(HELD as i64) as usize
}
