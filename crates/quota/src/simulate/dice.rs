//! Decides every random number of a run. Each stream has a seed of its own, made of the run's seed, the scenario's name and the
//! stream's, so that all policies meet the same arrivals, and what one stream draws moves no other.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::Millis;

/// A stream of random numbers, drawn one after the other.
#[derive(Clone, Debug)]
pub(super) struct Stream(ChaCha8Rng);

impl Stream {
    pub(super) fn new(seed: u64, scenario: &str, stream: &str) -> Stream {
        let bytes = seed.to_le_bytes();
        let text = bytes
            .iter()
            .chain(scenario.as_bytes())
            .chain(&[0])
            .chain(stream.as_bytes());
        // FNV-1a, which is the same on every machine.
        let hash = text.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Stream(ChaCha8Rng::seed_from_u64(hash))
    }

    /// From 0, up to but not including 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0.random::<f64>()
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    pub(super) fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.unit()
    }

    /// A whole number, both ends included.
    pub(super) fn whole(&mut self, least: u32, most: u32) -> u32 {
        self.0.random_range(least..=most)
    }

    /// The time until the next of events that come at random, `mean` apart.
    pub(super) fn apart(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Goes to a place of its own for each key, wherever it was.
    pub(super) fn at(&mut self, key: u64) {
        self.0.set_stream(key);
        self.0.set_word_pos(0);
    }
}

/// What the way to GitHub and back is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// How widely the logarithm of the time of an answer varies; its mean is 70 ms whatever this is.
    pub spread: f64,
    /// The share of answers that never arrive.
    pub lost: f64,
    /// Whether the answer of a secondary limit says that nothing remains, as GitHub's sometimes does.
    pub is_misleading: bool,
}

/// Answers in about 70 ms, hardly ever out of order, none lost.
pub(super) const CALM: Network = Network {
    spread: 0.4,
    lost: 0.0,
    is_misleading: false,
};

/// Answers that overtake each other, one in fifty lost.
pub(super) const CHAOS: Network = Network {
    spread: 1.2,
    lost: 0.02,
    is_misleading: true,
};

/// The mean time of an answer.
const MEAN: f64 = 70.0;
/// No answer is faster, so that this bounds from below how long calls take that follow each other.
pub(super) const FASTEST: Millis = 15;
const SLOWEST: Millis = 8_000;

/// What happens to one request on its way. The same request of the same run meets the same, whenever it is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fortune {
    /// From sending to the answer.
    pub(super) takes: Millis,
    /// From sending to GitHub's work on it.
    pub(super) arrives: Millis,
    pub(super) is_lost: bool,
    /// By how many seconds the stated reset is off.
    pub(super) jitter: i64,
}

/// The fortunes of all requests.
#[derive(Clone, Debug)]
pub(super) struct Fortunes {
    stream: Stream,
    network: Network,
}

impl Fortunes {
    pub(super) fn new(stream: Stream, network: Network) -> Fortunes {
        Fortunes { stream, network }
    }

    pub(super) fn of(&mut self, key: u64) -> Fortune {
        self.stream.at(key);
        let spread = self.network.spread;
        let takes = MEAN * (self.stream.normal() * spread - spread * spread / 2.0).exp();
        let takes = (takes as Millis).clamp(FASTEST, SLOWEST);
        Fortune {
            takes,
            arrives: takes * 2 / 5,
            is_lost: self.stream.chance(self.network.lost),
            jitter: i64::from(self.stream.whole(0, 2)) - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_other_seeds_scenarios_or_names_are_other_streams() {
        let first = |seed, scenario, name| Stream::new(seed, scenario, name).unit();
        let all = [
            first(1, "idle", "live"),
            first(2, "idle", "live"),
            first(1, "daily", "live"),
            first(1, "idle", "kills"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one));
        }
        assert_eq!(all[0], first(1, "idle", "live"));
    }

    #[test]
    fn a_requests_fortune_does_not_depend_on_what_was_drawn_before() {
        let fortunes = || Fortunes::new(Stream::new(1, "idle", "network"), CHAOS);
        let (mut one, mut other) = (fortunes(), fortunes());
        let seen = [5, 9, 5].map(|key| one.of(key));
        assert_eq!(seen[0], seen[2]);
        assert_eq!(seen[1], other.of(9));
        assert_eq!(seen[0], other.of(5));
    }

    #[test]
    fn answers_take_seventy_milliseconds_on_average_and_some_are_lost_where_it_says_so() {
        for network in [CALM, CHAOS] {
            let mut fortunes = Fortunes::new(Stream::new(1, "idle", "network"), network);
            let all: Vec<Fortune> = (0..20_000).map(|key| fortunes.of(key)).collect();
            let mean = all.iter().map(|one| one.takes).sum::<Millis>() as f64 / 20_000.0;
            assert!((60.0..80.0).contains(&mean), "{mean} ms");
            let lost = all.iter().filter(|one| one.is_lost).count() as f64 / 20_000.0;
            assert!((lost - network.lost).abs() < 0.005, "{lost} lost");
            assert!(all.iter().all(|one| (-1..=1).contains(&one.jitter)));
        }
    }
}
