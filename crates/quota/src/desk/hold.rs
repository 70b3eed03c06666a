//! Decides whom a request holds up that waits for room under the secondary limits: whoever would take that room away from
//! it. What waits for anything else holds nobody up.

use crate::ask::Ask;
use crate::pace::{Wait, WaitReason};

/// The waits of those who were asked before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holds {
    /// For room of one interface, by [`interface`].
    interface: [Option<Wait>; 2],
    /// For room to create content through one interface.
    content: [Option<Wait>; 2],
    /// For an answer, whoever's: of an earlier lane, and of this one.
    answer: [Option<Wait>; 2],
}

impl Holds {
    /// A request waits. `for_content` says that a read would not have to: then reads do not hold it up.
    pub(super) fn add(&mut self, ask: &Ask, wait: Wait, for_content: bool) {
        if wait.reason != WaitReason::Secondary {
            return;
        }
        let holds = if for_content {
            &mut self.content
        } else {
            &mut self.interface
        };
        holds[interface(ask)].get_or_insert(wait);
        if wait.until.is_none() {
            self.answer[1].get_or_insert(wait);
        }
    }

    /// All of a lane have been asked. Within it, interfaces do not hold each other up.
    pub(super) fn end_lane(&mut self) {
        let [earlier, own] = self.answer;
        self.answer[0] = earlier.or(own);
    }

    /// The wait that a request would prolong if it went now. An item is not sent.
    pub(super) fn on(&self, ask: &Ask) -> Option<Wait> {
        if ask.is_item() {
            return None;
        }
        let content = self.content[interface(ask)].filter(|_| ask.is_content());
        self.answer[0]
            .or(self.interface[interface(ask)])
            .or(content)
    }
}

fn interface(ask: &Ask) -> usize {
    usize::from(ask.resource.is_graphql())
}
