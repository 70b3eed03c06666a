//! Sorted sets of windows. Decides how windows join and what is left of one; refuses to know what they mean.

use crate::window::Window;

/// Puts a window into a sorted set whose members lie apart, joining all that it overlaps or touches.
pub(super) fn insert(set: &mut Vec<Window>, window: Window) {
    let from = set.partition_point(|member| member.end() < window.start());
    let to = set.partition_point(|member| member.start() <= window.end());
    let start = set
        .get(from)
        .map_or(window.start(), |first| first.start().min(window.start()));
    let end = match to.checked_sub(1).and_then(|last| set.get(last)) {
        Some(last) if to > from => last.end().max(window.end()),
        _ => window.end(),
    };
    let start = if to > from { start } else { window.start() };
    set.splice(from..to, Window::new(start, end));
}

/// What is left of a window when others are taken away: sorted.
pub(super) fn without(window: Window, mut others: Vec<Window>) -> Vec<Window> {
    others.sort_unstable();
    let mut left = Vec::new();
    let mut from = window.start();
    for other in others {
        left.extend(Window::new(from, other.start().min(window.end())));
        from = from.max(other.end());
    }
    left.extend(Window::new(from, window.end()));
    left
}
