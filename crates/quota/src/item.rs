//! What an item is called: a piece of work whose requests are paid for together, before the first of them goes.

/// One item, for as long as it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub u64);
