//! What several processes that spend from one credential tell each other, and what each makes of it.
//!
//! Headers tell every process what all have spent. What they cannot tell is who spent it, what others have in flight or
//! have promised to items under way, and how fast they go together. A [`Share`] says that of one process; it travels as plain
//! data, and each process hears the shares of all others about once a second. Every time in it is GitHub's, so that no clock
//! is compared with another.
//!
//! It refuses to know how shares travel, and when a process is to be taken for dead: who hears decides that.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::secondary::{CONTENT_LATER, GRAPHQL_POINTS_LATER, Others, REST_POINTS_LATER};
use crate::skew::Skew;
use crate::time::after;

/// Processes that come close to the floor take turns of this length, of which only the second half is used: in the first
/// half, what the one before has done becomes known. Shares are told and heard once a second.
const TURN: i64 = 4;
/// How old what is known of others may be, in the worst case: told after a second, heard after another.
const STALENESS: Duration = Duration::from_secs(2);

/// What one process tells the others of one credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Each bucket that it spends from.
    pub resources: Vec<ResourceShare>,
    /// What GitHub's clock shows, as far as it has seen it.
    #[serde(default)]
    pub github: Option<Timestamp>,
    /// The end of the block that it has met.
    pub closed_until: Option<Timestamp>,
    /// Secondary points of REST that it has sent in the last minute.
    pub rest_points: u64,
    /// Secondary points of GraphQL that it has sent in the last minute.
    pub graphql_points: u64,
    /// Requests that create content that it has sent in the last minute, and in the last hour.
    #[serde(default)]
    pub content: [u64; 2],
    /// Its requests that are not answered.
    pub in_flight: u64,
    /// Whether work without a bound of its own went lately or waits, so that it needs a part of the rate.
    pub is_busy: bool,
}

/// What one process tells of one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceShare {
    /// Its name.
    pub resource: String,
    /// The limit that it has seen.
    pub limit: Option<u64>,
    /// The most that it has seen used of the window.
    pub used: Option<u64>,
    /// The end of that window.
    pub reset: Option<Timestamp>,
    /// What its own requests have cost in that window.
    pub settled: u64,
    /// What its requests in flight may cost.
    pub in_flight: u64,
    /// What its items under way may still cost.
    pub held: u64,
    /// What its own live, interactive and scheduled work has spent since its start, lane by lane.
    pub demanded: [u64; 3],
}

/// What became of listening to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// Every other process that is alive.
    Others {
        /// The name of this process among theirs.
        me: String,
        /// What they told.
        heard: Vec<Heard>,
    },
    /// Nobody can be heard. Each process keeps to the part that it last had a right to, until this ends.
    Silence,
}

/// What one other process told last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its name, different after each start.
    pub member: String,
    /// What it told.
    pub share: Share,
}

/// The other processes, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fleet {
    /// How many others there are.
    others: u64,
    /// How many of them need a part of the rate.
    busy: u64,
    /// How many of them have a name before ours.
    rank: u64,
    is_silent: bool,
    /// Whether anybody would have been heard, had there been somebody.
    has_listened: bool,
    /// Points that they have sent in the last minute.
    rest_points: u64,
    graphql_points: u64,
    /// Requests that create content that they have sent in the last minute, and in the last hour.
    content: [u64; 2],
    in_flight: u64,
    /// What each told last of its own demand.
    told: Vec<Told>,
}

/// What this process has spent that others cannot know yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own {
    /// Let through since they were told.
    pub(crate) untold: u64,
    /// In flight, or promised to items.
    pub(crate) outstanding: u64,
    /// Of that, what will tell of the bucket before this has to.
    pub(crate) under_way: u64,
    /// How long ago the bucket was seen last.
    pub(crate) seen_ago: Duration,
}

#[derive(Clone, Debug)]
struct Told {
    member: String,
    last: ResourceShare,
}

impl Fleet {
    /// Takes in who is there.
    pub(crate) fn hear(&mut self, me: &str, heard: &[Heard]) {
        let sum = |part: fn(&Share) -> u64| {
            heard
                .iter()
                .fold(0_u64, |sum, other| sum.saturating_add(part(&other.share)))
        };
        self.others = heard.len() as u64;
        self.busy = sum(|share| u64::from(share.is_busy));
        self.rank = heard
            .iter()
            .filter(|other| other.member.as_str() < me)
            .count() as u64;
        self.rest_points = sum(|share| share.rest_points);
        self.graphql_points = sum(|share| share.graphql_points);
        self.content = [sum(|share| share.content[0]), sum(|share| share.content[1])];
        self.in_flight = sum(|share| share.in_flight);
        self.is_silent = false;
        self.has_listened = true;
    }

    /// What those who are gone told last, with their names, and forgets them.
    pub(crate) fn departed(&mut self, heard: &[Heard]) -> Vec<(String, ResourceShare)> {
        let is_there = |told: &Told| heard.iter().any(|other| other.member == told.member);
        let gone = self.told.iter().filter(|told| !is_there(told));
        let gone = gone
            .map(|told| (told.member.clone(), told.last.clone()))
            .collect();
        self.told.retain(is_there);
        gone
    }

    /// The others cannot be heard.
    pub(crate) fn fall_silent(&mut self) {
        self.is_silent = true;
    }

    /// Whether the others could not be heard when this was tried last.
    pub(crate) fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Whether this process is one of those that tell each other what they spend, or was.
    pub(crate) fn is_joined(&self) -> bool {
        self.has_listened
    }

    pub(crate) fn is_alone(&self) -> bool {
        self.others == 0
    }

    /// What the secondary ledger has to know of them. Who cannot be heard is taken to use the whole of its part.
    pub(crate) fn others(&self) -> Others {
        if self.is_silent {
            let divided_by = self.others + 1;
            let part = |points: u64| points * self.others / divided_by;
            return Others {
                rest_points: part(REST_POINTS_LATER),
                graphql_points: part(GRAPHQL_POINTS_LATER),
                content: CONTENT_LATER.map(part),
                in_flight: self.in_flight,
                divided_by,
            };
        }
        Others {
            rest_points: self.rest_points,
            graphql_points: self.graphql_points,
            content: self.content,
            in_flight: self.in_flight,
            divided_by: 1 + self.busy,
        }
    }

    /// How old what is known of a bucket may be that was seen so long ago.
    pub(crate) fn staleness(&self, seen_ago: Duration) -> Duration {
        if self.is_alone() {
            Duration::ZERO
        } else if self.is_silent {
            STALENESS.max(seen_ago)
        } else {
            STALENESS
        }
    }

    /// What a process has spent in each class since it told last. What it did before it was first heard is in the past.
    pub(crate) fn news(&mut self, member: &str, resource: &ResourceShare) -> [u64; 3] {
        let known = self
            .told
            .iter_mut()
            .find(|told| told.member == member && told.last.resource == resource.resource);
        match known {
            Some(told) => {
                let before = std::mem::replace(&mut told.last, resource.clone());
                let mut news = resource.demanded;
                for (news, before) in news.iter_mut().zip(before.demanded) {
                    *news = news.saturating_sub(before);
                }
                news
            }
            None => {
                self.told.push(Told {
                    member: member.to_owned(),
                    last: resource.clone(),
                });
                [0; 3]
            }
        }
    }

    /// Whether work that wants `wanted` of the `headroom` above its floor has to leave it to another process for now, and
    /// until when. Where there is enough for every process to take as much, nobody has to; below that they take turns by
    /// GitHub's clock. Those who cannot hear each other keep to their part of what is there.
    pub(crate) fn turn(
        &self,
        headroom: u64,
        wanted: u64,
        own: Own,
        now: Timestamp,
        skew: &Skew,
    ) -> Option<Timestamp> {
        let size = self.others + 1;
        // In silence nobody will ever be told; headers tell of all that is answered.
        let unknown = if self.is_silent {
            own.outstanding
        } else {
            own.untold
        };
        let by_all = wanted
            .saturating_mul(size)
            .saturating_add(unknown.saturating_mul(self.others));
        // Others may have spent since, unseen: one request looks before the next item begins.
        let is_unseen = self.is_silent && own.seen_ago > STALENESS && own.under_way > 0;
        if self.is_alone() || (by_all <= headroom && !is_unseen) {
            return None;
        }
        if self.is_silent {
            return Some(after(now, Duration::from_secs(1)));
        }
        let round = TURN * i64::try_from(size).unwrap_or(i64::MAX / TURN);
        let rank = i64::try_from(self.rank).unwrap_or(0);
        let begins = rank * TURN + TURN / 2;
        let millis = skew.github(now).as_millisecond().rem_euclid(round * 1000);
        let (begins, ends) = (begins * 1000, (rank + 1) * TURN * 1000);
        if (begins..ends).contains(&millis) {
            return None;
        }
        let wait = (begins - millis).rem_euclid(round * 1000);
        Some(after(
            now,
            Duration::from_millis(u64::try_from(wait).unwrap_or(0)),
        ))
    }
}

#[cfg(test)]
mod tests;
