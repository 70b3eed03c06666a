//! A line: those of a lane who need the same, and the plan for the first of them. Decides who needs the same.

use super::Ticket;
use crate::ask::Ask;
use crate::lane::Lane;
use crate::observation::Resource;
use crate::pace::Wait;

#[derive(Debug)]
pub(super) struct Line {
    pub(super) lane: Lane,
    pub(super) resource: Resource,
    pub(super) kind: Kind,
    pub(super) plan: Option<Plan>,
    /// When it last had its turn, by the number of those served before.
    pub(super) served: u64,
    /// Whether its head is yet to be asked in this dispatch.
    pub(super) is_open: bool,
}

/// Which budgets a request draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    is_free: bool,
    is_content: bool,
    is_item: bool,
    /// An item has paid already. What its item has not paid stands elsewhere: it may wait for long.
    pub(super) is_paid: bool,
}

/// What the head of a line waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) ticket: Ticket,
    pub(super) wait: Wait,
    pub(super) stall: Stall,
}

/// Whom a head that waits holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stall {
    /// Nobody: it is held up itself.
    Held,
    /// Those who need the room that it waits for.
    Own,
    /// The same, and that is room to create content.
    ForContent,
}

impl Line {
    pub(super) fn is_for(&self, ask: &Ask, is_paid: bool) -> bool {
        self.kind == Kind::of(ask, is_paid) && self.resource == ask.resource
    }
}

impl Kind {
    pub(super) fn of(ask: &Ask, is_paid: bool) -> Kind {
        Kind {
            is_free: ask.cost == 0,
            is_content: ask.is_content(),
            is_item: ask.is_item(),
            is_paid,
        }
    }
}
