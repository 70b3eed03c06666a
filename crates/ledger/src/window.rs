//! A half-open interval of time, `[start, end)`, never empty. Decides what touches and what overlaps; refuses to know
//! what the time was spent on.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A half-open, non-empty interval of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Ends", into = "Ends")]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// `[start, end)`, or nothing if that holds no instant.
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Window> {
        (start < end).then_some(Window { start, end })
    }

    /// The first instant inside.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The first instant after it.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// How long it is.
    pub fn length(&self) -> SignedDuration {
        self.end.duration_since(self.start)
    }

    /// Whether the instant lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether every instant of the other lies inside.
    pub fn encloses(&self, other: Window) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The instants that both have, if any.
    pub fn intersection(&self, other: Window) -> Option<Window> {
        Window::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// The part at or after an instant, if any.
    pub fn since(&self, start: Timestamp) -> Option<Window> {
        Window::new(self.start.max(start), self.end)
    }

    /// The part before an instant, if any.
    pub fn until(&self, end: Timestamp) -> Option<Window> {
        Window::new(self.start, self.end.min(end))
    }

    /// The parts before and after the other: what is left of this one when the other is taken away.
    pub fn minus(&self, other: Window) -> impl Iterator<Item = Window> {
        [self.until(other.start), self.since(other.end)]
            .into_iter()
            .flatten()
    }
}

#[derive(Serialize, Deserialize)]
struct Ends {
    start: Timestamp,
    end: Timestamp,
}

impl From<Window> for Ends {
    fn from(window: Window) -> Ends {
        Ends {
            start: window.start,
            end: window.end,
        }
    }
}

impl TryFrom<Ends> for Window {
    type Error = &'static str;

    fn try_from(ends: Ends) -> Result<Window, &'static str> {
        Window::new(ends.start, ends.end).ok_or("a window must end after it starts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn window(start: i64, end: i64) -> Window {
        Window::new(at(start), at(end)).unwrap()
    }

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        assert!(window(1, 3).contains(at(1)));
        assert!(window(1, 3).contains(at(2)));
        assert!(!window(1, 3).contains(at(3)));
        assert_eq!(Window::new(at(3), at(3)), None);
        assert_eq!(Window::new(at(3), at(1)), None);
    }

    #[test]
    fn windows_that_only_touch_share_no_instant() {
        assert_eq!(window(1, 3).intersection(window(3, 5)), None);
        assert_eq!(window(1, 4).intersection(window(3, 5)), Some(window(3, 4)));
    }

    #[test]
    fn taking_a_window_away_leaves_what_lies_before_and_after_it() {
        let left = |of: Window, other| of.minus(other).collect::<Vec<_>>();
        assert_eq!(
            left(window(0, 10), window(3, 5)),
            [window(0, 3), window(5, 10)]
        );
        assert_eq!(left(window(0, 10), window(0, 5)), [window(5, 10)]);
        assert_eq!(left(window(0, 10), window(-5, 15)), []);
        assert_eq!(left(window(0, 10), window(20, 25)), [window(0, 10)]);
        assert_eq!(left(window(20, 25), window(0, 10)), [window(20, 25)]);
    }
}
