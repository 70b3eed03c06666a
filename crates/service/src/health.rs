//! How the node is: one shared handle that every task updates and that HTTP reads.
//!
//! Decides what a node's mode is, given how its parts are. Refuses to know how a part finds out: tasks say so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;

/// A part of the node that can be well or not.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Component {
    /// The store of everything: without it the node learns nothing.
    State,
    /// The snapshot of `/metrics`.
    Exporter,
    /// The loops that read the organisations.
    Scheduler,
    /// The file in which processes that share a credential meet: without it the node keeps to its part.
    Coordination,
    /// The office of the leader, where several nodes may hold it.
    Election,
    /// The queue of backfill tasks.
    Queue,
    /// GitHub, as one organisation sees it.
    GitHub(String),
}

impl Component {
    /// The name in `/healthz`.
    pub fn name(&self) -> &'static str {
        match self {
            Component::State => "state",
            Component::Exporter => "exporter",
            Component::Scheduler => "scheduler",
            Component::Coordination => "coordination",
            Component::Election => "election",
            Component::Queue => "queue",
            Component::GitHub(_) => "github",
        }
    }

    /// The organisation it is about, if it is about one.
    pub fn organisation(&self) -> Option<&str> {
        match self {
            Component::GitHub(organisation) => Some(organisation),
            _ => None,
        }
    }
}

/// How a part is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It has not done its work for the first time.
    Starting,
    /// It works.
    Healthy,
    /// It works, and something is missing.
    Degraded,
    /// It does not work.
    Failed,
}

/// How the node is as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every part works, or has not been asked to yet.
    Healthy,
    /// Something is missing or old; what is served is right as far as it goes.
    Degraded,
    /// The store or the exporter does not work, or no organisation can be read.
    Unhealthy,
}

/// What the node does among others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It has not been told yet.
    #[default]
    Starting,
    /// It schedules.
    Leader,
    /// It works for the leader.
    Follower,
}

/// The handle. Clones share one state.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    started: Timestamp,
    role: Role,
    epoch: Option<u64>,
    ready: bool,
    draining: bool,
    parts: BTreeMap<Component, Part>,
}

#[derive(Clone, Debug)]
struct Part {
    condition: Condition,
    since: Timestamp,
    note: Option<String>,
    last_error: Option<LastError>,
    data_at: Option<Timestamp>,
    cycle: Option<Cycle>,
}

/// The last thing that went wrong, kept after it is over.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// What, without any secret.
    pub message: String,
}

/// The last pass over an organisation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cycle {
    /// When it ended.
    pub finished: Timestamp,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// `success`, `partial`, `failure`: the word that `tidegate_scrape_runs_total` has.
    pub result: String,
    /// Repositories that are measured.
    pub repositories: u64,
}

impl Health {
    /// A node that has just started and knows its parts: each is starting.
    pub fn new(parts: impl IntoIterator<Item = Component>, now: Timestamp) -> Health {
        let parts = parts
            .into_iter()
            .map(|component| (component, Part::starting(now)))
            .collect();
        Health(Arc::new(Mutex::new(Inner {
            started: now,
            role: Role::default(),
            epoch: None,
            ready: false,
            draining: false,
            parts,
        })))
    }

    /// The part works.
    pub fn healthy(&self, component: &Component, now: Timestamp) {
        self.part(component, now, |part| {
            part.turn(Condition::Healthy, None, now);
        });
    }

    /// The part works, and something is missing.
    pub fn degraded(&self, component: &Component, message: impl Into<String>, now: Timestamp) {
        self.part(component, now, |part| {
            part.turn(Condition::Degraded, Some(message.into()), now);
        });
    }

    /// The part does not work.
    pub fn failed(&self, component: &Component, message: impl Into<String>, now: Timestamp) {
        self.part(component, now, |part| {
            part.turn(Condition::Failed, Some(message.into()), now);
        });
    }

    /// The newest instant up to which the part's data is known to be whole. It never goes back.
    pub fn data_at(&self, component: &Component, at: Timestamp, now: Timestamp) {
        self.part(component, now, |part| {
            part.data_at = part.data_at.max(Some(at));
        });
    }

    /// A pass over an organisation ended.
    pub fn cycle(&self, organisation: &str, cycle: Cycle) {
        let now = cycle.finished;
        self.part(&Component::GitHub(organisation.to_owned()), now, |part| {
            part.cycle = Some(cycle);
        });
    }

    /// What the node does among others, and in which term.
    pub fn role(&self, role: Role, epoch: Option<u64>) {
        let mut inner = self.inner();
        inner.role = role;
        inner.epoch = epoch;
    }

    /// There is something to serve: `/readyz` succeeds from now on.
    pub fn ready(&self) {
        self.inner().ready = true;
    }

    /// The node is leaving: `/readyz` fails from now on, whatever else happens.
    pub fn drain(&self) {
        self.inner().draining = true;
    }

    /// Whether the node can serve and take in.
    pub fn is_ready(&self) -> bool {
        let inner = self.inner();
        inner.ready && !inner.draining
    }

    /// How a part is; none for a part that the node does not have.
    pub fn condition(&self, component: &Component) -> Option<Condition> {
        self.inner().parts.get(component).map(|part| part.condition)
    }

    /// Everything at once, as of now.
    pub fn report(&self, now: Timestamp) -> Report {
        let inner = self.inner();
        let components: Vec<ComponentReport> = inner
            .parts
            .iter()
            .map(|(component, part)| ComponentReport::of(component, part, now))
            .collect();
        Report {
            mode: mode(&inner.parts),
            ready: inner.ready && !inner.draining,
            role: inner.role,
            epoch: inner.epoch,
            version: env!("CARGO_PKG_VERSION"),
            started: inner.started,
            // One organisation of which nothing is known leaves nothing to say of all.
            data_age_seconds: components
                .iter()
                .filter(|component| component.organisation.is_some())
                .map(|component| component.data_age_seconds)
                .collect::<Option<Vec<_>>>()
                .and_then(|ages| ages.into_iter().max()),
            components,
        }
    }

    fn part(&self, component: &Component, now: Timestamp, change: impl FnOnce(&mut Part)) {
        let mut inner = self.inner();
        change(
            inner
                .parts
                .entry(component.clone())
                .or_insert_with(|| Part::starting(now)),
        );
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is one assignment after another: a panic in between leaves nothing torn.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    fn starting(now: Timestamp) -> Part {
        let condition = Condition::Starting;
        Part {
            condition,
            since: now,
            note: None,
            last_error: None,
            data_at: None,
            cycle: None,
        }
    }

    fn turn(&mut self, condition: Condition, message: Option<String>, now: Timestamp) {
        if self.condition != condition {
            self.condition = condition;
            self.since = now;
        }
        if let Some(message) = &message {
            self.last_error = Some(LastError {
                at: now,
                message: message.clone(),
            });
        }
        self.note = message;
    }
}

fn mode(parts: &BTreeMap<Component, Part>) -> Mode {
    let is = |condition: Condition| move |part: &&Part| part.condition == condition;
    let core = parts
        .iter()
        .filter(|(component, _)| matches!(component, Component::State | Component::Exporter));
    let organisations: Vec<&Part> = parts
        .iter()
        .filter(|(component, _)| component.organisation().is_some())
        .map(|(_, part)| part)
        .collect();
    let all_lost = !organisations.is_empty()
        && organisations
            .iter()
            .all(|part| part.condition == Condition::Failed);
    if all_lost
        || core
            .map(|(_, part)| part)
            .any(|part| part.condition == Condition::Failed)
    {
        Mode::Unhealthy
    } else if parts
        .values()
        .any(|part| is(Condition::Degraded)(&part) || is(Condition::Failed)(&part))
    {
        Mode::Degraded
    } else {
        Mode::Healthy
    }
}

/// What `/healthz` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// How the node is as a whole.
    pub mode: Mode,
    /// Whether it can serve and take in.
    pub ready: bool,
    /// What it does among others.
    pub role: Role,
    /// The leader's term.
    pub epoch: Option<u64>,
    /// The version of the program.
    pub version: &'static str,
    /// When it started.
    pub started: Timestamp,
    /// The age of the oldest data, in seconds.
    pub data_age_seconds: Option<i64>,
    /// Its parts.
    pub components: Vec<ComponentReport>,
}

/// What `/healthz` says of one part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComponentReport {
    /// `state`, `exporter`, `scheduler`, `coordination`, `election`, `queue`, `github`.
    pub name: &'static str,
    /// The organisation it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// How it is.
    pub condition: Condition,
    /// Since when it has been like that.
    pub since: Timestamp,
    /// Why it is not healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The last thing that went wrong.
    pub last_error: Option<LastError>,
    /// The instant up to which its data is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_at: Option<Timestamp>,
    /// How long ago that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_age_seconds: Option<i64>,
    /// The last pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_cycle: Option<Cycle>,
}

impl ComponentReport {
    fn of(component: &Component, part: &Part, now: Timestamp) -> ComponentReport {
        ComponentReport {
            name: component.name(),
            organisation: component.organisation().map(str::to_owned),
            condition: part.condition,
            since: part.since,
            note: part.note.clone(),
            last_error: part.last_error.clone(),
            data_at: part.data_at,
            data_age_seconds: part
                .data_at
                .map(|at| now.duration_since(at).as_secs().max(0)),
            last_cycle: part.cycle.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
