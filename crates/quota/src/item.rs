//! Items: pieces of work of several requests that are paid for together, before the first of them goes.
//!
//! So an item that has begun is not left half done at the floor, and the reserve is kept to within one item.
//!
//! What an item of a kind will cost is learnt from those that have ended.

use crate::observation::Resource;

/// One item, for as long as it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub u64);

/// The items under way and what each may still spend.
#[derive(Clone, Debug, Default)]
pub(crate) struct Items {
    last: u64,
    open: Vec<Item>,
}

#[derive(Clone, Debug)]
struct Item {
    id: ItemId,
    resource: Resource,
    left: u64,
}

impl Items {
    pub(crate) fn begin(&mut self, resource: Resource, cost: u64) -> ItemId {
        self.last += 1;
        let id = ItemId(self.last);
        self.open.push(Item {
            id,
            resource,
            left: cost,
        });
        id
    }

    /// What an item may still spend of a bucket.
    pub(crate) fn left(&self, id: ItemId, resource: &Resource) -> u64 {
        self.open
            .iter()
            .find(|item| item.id == id && item.resource == *resource)
            .map_or(0, |item| item.left)
    }

    /// Takes up to `cost` from an item, and says how much it was.
    pub(crate) fn take(&mut self, id: ItemId, resource: &Resource, cost: u64) -> u64 {
        let item = self
            .open
            .iter_mut()
            .find(|item| item.id == id && item.resource == *resource);
        item.map_or(0, |item| {
            let taken = item.left.min(cost);
            item.left -= taken;
            taken
        })
    }

    /// Gives back what a request did not cost after all. Says whether the item is still there to have it.
    pub(crate) fn give(&mut self, id: ItemId, resource: &Resource, cost: u64) -> bool {
        let item = self
            .open
            .iter_mut()
            .find(|item| item.id == id && item.resource == *resource);
        item.map(|item| item.left = item.left.saturating_add(cost))
            .is_some()
    }

    /// Ends an item: its bucket, and what it did not spend.
    pub(crate) fn end(&mut self, id: ItemId) -> Option<(Resource, u64)> {
        let index = self.open.iter().position(|item| item.id == id)?;
        let item = self.open.swap_remove(index);
        Some((item.resource, item.left))
    }
}

/// What items of one kind cost, learnt from those that have ended.
#[derive(Clone, Copy, Debug)]
pub struct ItemCost {
    mean: f64,
    deviation: f64,
}

/// What one more item counts for among those before it.
const WEIGHT: f64 = 0.1;

impl ItemCost {
    /// A kind of which nothing is known but a guess, in requests or points.
    pub fn guess(cost: u64) -> ItemCost {
        ItemCost {
            mean: cost as f64,
            deviation: 0.0,
        }
    }

    /// What to reserve for the next one: seldom too little, since what is too much is given back at its end.
    pub fn expected(&self) -> u64 {
        ((self.mean + self.deviation).ceil() as u64).max(1)
    }

    /// One has ended and cost so much.
    pub fn learn(&mut self, cost: u64) {
        let error = cost as f64 - self.mean;
        self.mean += error * WEIGHT;
        self.deviation += (error.abs() - self.deviation) * WEIGHT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_spends_what_it_was_given_and_its_end_says_what_is_left() {
        let mut items = Items::default();
        let core = Resource::core();
        let one = items.begin(core.clone(), 12);
        let other = items.begin(core.clone(), 3);
        assert_eq!(items.take(one, &core, 5), 5);
        assert_eq!(items.take(other, &core, 5), 3);
        assert_eq!(items.take(one, &Resource::graphql(), 5), 0);
        assert!(items.give(one, &core, 1));
        assert_eq!(items.left(one, &core), 8);
        assert_eq!(items.end(one), Some((core.clone(), 8)));
        assert_eq!(items.end(one), None);
        assert!(!items.give(one, &core, 1));
        assert_eq!(items.left(other, &core), 0);
    }

    #[test]
    fn what_an_item_costs_is_learnt_from_those_before_it() {
        let mut cost = ItemCost::guess(40);
        assert_eq!(cost.expected(), 40);
        for _ in 0..100 {
            cost.learn(12);
        }
        assert_eq!(cost.expected(), 13);
        for n in 0..200 {
            cost.learn(if n % 2 == 0 { 8 } else { 16 });
        }
        assert!((15..=18).contains(&cost.expected()), "{cost:?}");
        assert_eq!(ItemCost::guess(0).expected(), 1);
    }
}
