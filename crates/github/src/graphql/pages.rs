//! How much to ask for at once: page sizes that shrink when GitHub cannot answer, and grow back slowly.
//!
//! The good size is remembered per key (a repository, mostly), since what makes a page too heavy is what is in it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The largest page that GitHub allows.
const LARGEST: u32 = 100;
/// Good pages in a row before a larger one is tried; doubled each time the larger one fails.
const PATIENCE: u32 = 10;
const MOST_PATIENCE: u32 = 640;
/// Keys remembered; beyond it everything starts at the largest size again.
const MOST_KEYS: usize = 20_000;

/// Remembered page sizes.
#[derive(Debug, Default)]
pub struct Pages {
    sizes: Mutex<HashMap<String, Size>>,
}

#[derive(Debug, Clone, Copy)]
struct Size {
    now: u32,
    good: u32,
    patience: u32,
}

impl Pages {
    /// Nothing remembered: every key starts at 100.
    pub fn new() -> Pages {
        Pages::default()
    }

    /// The size to ask for, 1 to 100.
    pub fn size(&self, key: &str) -> u32 {
        self.lock().get(key).map_or(LARGEST, |size| size.now)
    }

    /// A page of `size` was too much. Gives the next size to try: half of it, or nothing where one item is too much. Then
    /// size is hardly the reason (GitHub may be in trouble as a whole), and the key starts anew.
    pub fn too_large(&self, key: &str, size: u32) -> Option<u32> {
        let smaller = size / 2;
        let mut sizes = self.lock();
        if smaller == 0 {
            sizes.remove(key);
            return None;
        }
        if sizes.len() >= MOST_KEYS && !sizes.contains_key(key) {
            sizes.clear();
        }
        let known = sizes.entry(key.to_owned()).or_insert(Size {
            now: LARGEST,
            good: 0,
            patience: PATIENCE / 2,
        });
        known.patience = (known.patience * 2).clamp(PATIENCE, MOST_PATIENCE);
        known.now = known.now.min(smaller);
        known.good = 0;
        Some(known.now)
    }

    /// A page of `size` came whole.
    pub fn went_well(&self, key: &str, size: u32) {
        let mut sizes = self.lock();
        let Some(known) = sizes.get_mut(key).filter(|known| known.now == size) else {
            return;
        };
        known.good += 1;
        if known.good >= known.patience {
            known.good = 0;
            known.now = (known.now * 2).min(LARGEST);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Size>> {
        // The map is whole at every moment, so that a panic elsewhere leaves nothing half-done in it.
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shrinks_by_half_down_to_one_and_the_size_is_remembered_per_key() {
        let pages = Pages::new();
        let mut size = pages.size("acme/tide");
        let mut tried = vec![size];
        while let Some(smaller) = pages.too_large("acme/tide", size) {
            tried.push(smaller);
            size = smaller;
        }
        assert_eq!(tried, [100, 50, 25, 12, 6, 3, 1]);
        assert_eq!(
            pages.size("acme/tide"),
            100,
            "one item failed as well, so that size is not the reason"
        );
        assert_eq!(pages.too_large("acme/tide", 100), Some(50));
        assert_eq!(
            (pages.size("acme/tide"), pages.size("acme/other")),
            (50, 100)
        );
    }

    #[test]
    fn a_size_grows_back_after_a_row_of_good_pages_and_more_warily_each_time() {
        let pages = Pages::new();
        let good_pages_until_growth = |from: u32| {
            (1..1000).find(|_| {
                pages.went_well("r", from);
                pages.size("r") > from
            })
        };
        assert_eq!(pages.too_large("r", 100), Some(50));
        assert_eq!(good_pages_until_growth(50), Some(10));
        assert_eq!(pages.too_large("r", 100), Some(50));
        assert_eq!(good_pages_until_growth(50), Some(20));
    }

    #[test]
    fn two_failures_of_the_same_page_in_flight_shrink_it_once() {
        let pages = Pages::new();
        assert_eq!(pages.too_large("r", 100), Some(50));
        assert_eq!(pages.too_large("r", 100), Some(50));
    }
}
