//! A histogram that never falls. Decides its buckets and its exemplars; refuses to know what is measured.

use jiff::Timestamp;

/// Upper bounds, in seconds, of the time histograms: 5 and 15 minutes, 1, 4 and 8 hours, 1, 3, 7, 14 and 30 days.
pub const TIME_BOUNDS: &[u64] = &[
    300, 900, 3_600, 14_400, 28_800, 86_400, 259_200, 604_800, 1_209_600, 2_592_000,
];

/// Upper bounds, in lines, of the size histogram.
pub const SIZE_BOUNDS: &[u64] = &[10, 30, 100, 300, 1_000, 3_000, 10_000];

/// One observation that stands for its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exemplar {
    /// When it was observed.
    pub at: Timestamp,
    /// The pull request's number.
    pub number: u64,
    /// What was observed.
    pub value: u64,
}

/// A histogram whose count, sum and cumulative buckets never fall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One per bound, and the last for everything above. Not cumulative.
    counts: Box<[u64]>,
    exemplars: Box<[Option<Exemplar>]>,
    sum: u64,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [u64]) -> Histogram {
        let buckets = bounds.len() + 1;
        Histogram {
            bounds,
            counts: vec![0; buckets].into(),
            exemplars: vec![None; buckets].into(),
            sum: 0,
        }
    }

    /// How much was observed.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all that was observed. Where an observation turned out smaller later, the sum keeps the first one:
    /// a sum that falls would read as a restart, and everything in it would be counted again.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// For each bucket: its upper bound (none for the last), how much was observed up to it, and an exemplar of what
    /// lies in it and not in the one before.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64, Option<Exemplar>)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let cumulative = self.counts.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        });
        bounds
            .zip(cumulative)
            .zip(&self.exemplars)
            .map(|((bound, count), exemplar)| (bound, count, *exemplar))
    }

    pub(super) fn observe(&mut self, seen: Exemplar) {
        self.sum = self.sum.saturating_add(seen.value);
        self.put(seen);
    }

    /// An observation turned out smaller. It moves to a lower bucket, by which no cumulative bucket falls.
    pub(super) fn lower(&mut self, before: u64, seen: Exemplar) {
        let bucket = self.bucket(before);
        self.counts[bucket] -= 1;
        if self.exemplars[bucket].is_some_and(|exemplar| exemplar.number == seen.number) {
            self.exemplars[bucket] = None;
        }
        self.put(seen);
    }

    fn put(&mut self, seen: Exemplar) {
        let bucket = self.bucket(seen.value);
        self.counts[bucket] += 1;
        // The newest stands for the bucket, whatever the order in which they come.
        self.exemplars[bucket] = self.exemplars[bucket].max(Some(seen));
    }

    fn bucket(&self, value: u64) -> usize {
        self.bounds.partition_point(|bound| *bound < value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(number: u64, value: u64) -> Exemplar {
        Exemplar {
            at: Timestamp::UNIX_EPOCH,
            number,
            value,
        }
    }

    fn cumulative(histogram: &Histogram) -> Vec<u64> {
        histogram.buckets().map(|(_, count, _)| count).collect()
    }

    #[test]
    fn a_value_on_a_bound_lies_in_its_bucket() {
        let mut histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21] {
            histogram.observe(seen(1, value));
        }
        assert_eq!(cumulative(&histogram), [2, 4, 5]);
        assert_eq!((histogram.count(), histogram.sum()), (5, 62));
    }

    #[test]
    fn an_observation_that_turns_out_smaller_lets_nothing_fall() {
        let mut histogram = Histogram::new(&[10, 20]);
        histogram.observe(seen(1, 21));
        histogram.observe(seen(2, 5));
        histogram.lower(21, seen(1, 9));
        assert_eq!(cumulative(&histogram), [2, 2, 2]);
        assert_eq!((histogram.count(), histogram.sum()), (2, 26));
        let exemplars: Vec<_> = histogram
            .buckets()
            .map(|(_, _, exemplar)| exemplar)
            .collect();
        assert_eq!(exemplars, [Some(seen(2, 5)), None, None]);
    }
}
