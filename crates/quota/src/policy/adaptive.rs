//! The policy `adaptive`: what the lanes before may still need is left, and everything else goes at once.
//!
//! The floor of a lane is what [`Demand`] says that the lanes before it may spend until the reset. It falls as the reset comes
//! nearer, so that next to nothing is unused at the end. Two cautions stand beside it:
//!
//! - Work of which nobody has heard yet may come at any time, so the configured reserve is held as well, until the last moment
//!   from which it can still be spent before the reset. That costs nothing but time: what is not spent early is spent late.
//! - In the first hours there is little to learn from. Bulk work is then spread over the window as [`even`](super::even) does,
//!   and once work of the lanes before has been seen, twice that, up to half the reserve, is held on top of the reserve and of what
//!   chance makes of it: its bursts may overlap before the first of them has been seen.

use std::time::Duration;

use jiff::Timestamp;

use crate::bucket::Level;
use crate::demand::{Demand, rounded_up};
use crate::lane::Lane;
use crate::reserve;
use crate::time::between;

/// The reserve is let go over at least this part of a window, before its reset: a minute and a half of an hour.
const RELEASE: f64 = 1.0 / 40.0;
/// What bulk work spends in a second at most: 80 % of 900 points in a minute.
const PER_SECOND: f64 = 12.0;
/// Some of that is lost to waiting for answers.
const MARGIN: f64 = 0.9;

/// What has to remain once a request of `lane` is paid, `horizon` before the reset of a window that is so long.
pub(crate) fn floor(
    lane: Lane,
    configured: u64,
    limit: u64,
    demand: &Demand,
    horizon: Duration,
    length: Duration,
) -> u64 {
    let learnt = demand.before(lane, horizon);
    let seen = demand.seen_before(lane);
    let held = if demand.is_learnt() || seen == 0 {
        let reserve = reserve::kept_by(lane, configured, limit);
        held(reserve, release(reserve, length), horizon)
    } else {
        let more = (configured / 2).min(seen.saturating_mul(2));
        let reserve = reserve::kept_by(lane, configured.saturating_add(more), limit);
        let steady = demand.steady_before(lane, horizon);
        // Late, but not so late that nothing of it can be spent in a short window.
        let over = release(reserve, Duration::ZERO).min(60.0);
        let over = over.max(at_least(length));
        steady.saturating_add(held(reserve, over, horizon))
    };
    learnt.max(held).min(limit)
}

/// The part of a reserve that is still held `horizon` before the reset, where it is let go over so many seconds.
fn held(reserve: u64, release: f64, horizon: Duration) -> u64 {
    let part = horizon.as_secs_f64() / release;
    rounded_up(reserve as f64 * part.min(1.0))
}

/// How long before the reset the reserve begins to be let go, in seconds.
fn release(reserve: u64, length: Duration) -> f64 {
    (reserve as f64 / (PER_SECOND * MARGIN)).max(at_least(length))
}

fn at_least(length: Duration) -> f64 {
    (length.as_secs_f64() * RELEASE).max(1.0)
}

/// Whether the reserve is being let go: what is left is then not spread, but spent while it can be.
pub(crate) fn is_releasing(
    configured: u64,
    limit: u64,
    horizon: Duration,
    length: Duration,
) -> bool {
    horizon.as_secs_f64() < release(reserve::of_limit(configured, limit), length)
}

/// The moment from which `wanted` is not more than what is above the floor, if nothing else changes; at the latest the
/// moment when the bucket is full again. The floor only falls while time passes. `before` is what it was last.
pub(crate) fn when_above(
    level: &Level,
    wanted: u64,
    before: Option<Timestamp>,
    now: Timestamp,
    floor: impl Fn(Duration) -> u64,
) -> Option<Timestamp> {
    let full_at = level.full_at?;
    let whole = between(now, full_at).as_secs();
    let is_enough =
        |horizon: u64| level.free() >= floor(Duration::from_secs(horizon)).saturating_add(wanted);
    // Enough at `near` seconds before the end, too little at `far`.
    let (mut near, mut far) = (0, whole);
    // Seldom has it moved by more than a little since it was last looked for.
    let before = before.map(|before| between(before, full_at).as_secs());
    let mut step = 1;
    match before.filter(|before| *before < whole) {
        Some(before) if is_enough(before) => {
            near = before;
            while near + step < far {
                if is_enough(near + step) {
                    near += step;
                    step *= 2;
                } else {
                    far = near + step;
                }
            }
        }
        Some(0) => return Some(full_at),
        _ if !is_enough(0) => return Some(full_at),
        Some(before) => {
            far = before;
            while near + step < far {
                if is_enough(far - step) {
                    near = far - step;
                } else {
                    far -= step;
                    step *= 2;
                }
            }
        }
        None => {}
    }
    while far - near > 1 {
        let middle = near + (far - near) / 2;
        if is_enough(middle) {
            near = middle;
        } else {
            far = middle;
        }
    }
    let wait = Duration::from_secs(near);
    Some(full_at.checked_sub(wait).unwrap_or(full_at).max(now))
}
