//! The truth about Copilot: what every report of every day has to add up to.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use crate::world::World;
use crate::world::copilot::{Reported, Use};

/// The reports of one organisation or enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthCopilot {
    /// `organization` or `enterprise`.
    pub scope: &'static str,
    /// Its name in addresses.
    pub name: String,
    /// Every day whose report can be had, oldest first.
    pub days: Vec<TruthCopilotDay>,
}

/// One day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TruthCopilotDay {
    /// The day.
    pub day: Date,
    /// Everybody together.
    pub all: TruthUsage,
    /// Those who did anything, by login.
    pub users: BTreeMap<String, TruthUsage>,
}

/// What was done, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TruthUsage {
    /// Altogether.
    pub total: TruthCounts,
    /// By editor.
    pub by_ide: BTreeMap<&'static str, TruthCounts>,
    /// By what of Copilot was used.
    pub by_feature: BTreeMap<&'static str, TruthCounts>,
    /// By language, where there was one; questions are not counted by language.
    pub by_language: BTreeMap<&'static str, TruthCounts>,
    /// By model, where one was chosen.
    pub by_model: BTreeMap<&'static str, TruthCounts>,
}

/// The eleven counts. Those of pull requests are known of everybody together alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "their names are the names of their metrics")]
pub struct TruthCounts {
    pub user_initiated_interactions: u64,
    pub code_generations: u64,
    pub code_acceptances: u64,
    pub loc_suggested_to_add: u64,
    pub loc_suggested_to_delete: u64,
    pub loc_added: u64,
    pub loc_deleted: u64,
    pub pull_requests_created: u64,
    pub pull_requests_reviewed: u64,
    pub pull_requests_created_by_copilot: u64,
    pub pull_requests_reviewed_by_copilot: u64,
}

impl TruthCounts {
    fn add(&mut self, of: &Use, with_questions: bool) {
        let activity = &of.activity;
        self.user_initiated_interactions += activity.interactions * u64::from(with_questions);
        self.code_generations += activity.generations;
        self.code_acceptances += activity.acceptances;
        self.loc_suggested_to_add += activity.suggested_to_add;
        self.loc_suggested_to_delete += activity.suggested_to_delete;
        self.loc_added += activity.added;
        self.loc_deleted += activity.deleted;
    }
}

impl TruthUsage {
    fn add(&mut self, of: &Use) {
        self.total.add(of, true);
        self.by_ide.entry(of.ide).or_default().add(of, true);
        self.by_feature.entry(of.feature).or_default().add(of, true);
        if let Some(language) = of.language {
            self.by_language.entry(language).or_default().add(of, false);
        }
        if let Some(model) = of.model {
            self.by_model.entry(model).or_default().add(of, true);
        }
    }
}

pub(super) fn copilot(world: &World) -> Vec<TruthCopilot> {
    let reported = world.reported();
    let of = |one: &Reported| TruthCopilot {
        scope: if one.is_enterprise {
            "enterprise"
        } else {
            "organization"
        },
        name: one.name.clone(),
        days: days(world, one).map(|day| on(world, one, day)).collect(),
    };
    reported.iter().map(of).collect()
}

fn days<'a>(world: &'a World, one: &'a Reported) -> impl Iterator<Item = Date> + 'a {
    let next = |day: &Date| day.tomorrow().ok();
    std::iter::successors(Some(one.since), next)
        .take_while(|day| one.latest(world.now()).is_some_and(|latest| *day <= latest))
        .filter(|day| one.has(*day, world.now()))
}

fn on(world: &World, one: &Reported, day: Date) -> TruthCopilotDay {
    let (mut all, mut users) = (TruthUsage::default(), BTreeMap::new());
    for user in &one.seats {
        let uses = world.copilot_use(*user, day);
        let Some(account) = world.account(*user).filter(|_| !uses.is_empty()) else {
            continue;
        };
        let own: &mut TruthUsage = users.entry(account.login.clone()).or_default();
        for used in &uses {
            own.add(used);
            all.add(used);
        }
    }
    let pulls = world.copilot_pulls(one.id, day);
    all.total.pull_requests_created = pulls.created;
    all.total.pull_requests_reviewed = pulls.reviewed;
    all.total.pull_requests_created_by_copilot = pulls.created_by_copilot;
    all.total.pull_requests_reviewed_by_copilot = pulls.reviewed_by_copilot;
    TruthCopilotDay { day, all, users }
}
