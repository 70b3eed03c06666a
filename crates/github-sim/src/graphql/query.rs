//! The root of every query, what has a node id, and the rate limit that a query can ask for.

use std::cell::RefCell;

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use serde_json::Value;

use super::cost::Cost;
use super::issue::Issue;
use super::people::{Person, Stranger};
use super::problem::{self, Kind};
use super::pull::Pull;
use super::repository::{Repository, text, texts};
use super::{RateLimitView, Scene, value};
use crate::auth::Viewer;
use crate::world::{Account, AccountKind, node};

/// How many nodes can be asked for at once. Observed in the text of the refusal.
const MOST_NODES: usize = 100;

/// Whom an App's installation acts as.
const APP_LOGIN: &str = "tidegate-sim[bot]";

/// The root.
pub(super) struct Query<'a> {
    pub(super) scene: Scene<'a>,
    pub(super) limits: &'a RateLimitView,
    pub(super) cost: Cost,
    /// Errors about nodes that are not there. They cost their places in the list and nothing else, which the executor has
    /// no way to say.
    pub(super) missing: RefCell<Vec<Value>>,
}

impl Query<'_> {
    /// The issue or pull request with a node id. Nothing else is asked for in this way.
    fn node(&self, id: &str) -> Option<ResolvedValue<'_>> {
        let (prefix, repo, id) = node::unpacked(id)?;
        let repo = self.scene.world.repo(repo)?;
        let scene = self.scene;
        let repository = Repository { scene, repo };
        match prefix {
            _ if !scene.sees(repo) => None,
            "I" if repo.issues_enabled => {
                let issue = repo.issues.values().find(|issue| issue.id == id)?;
                Some(ResolvedValue::object(Issue { repository, issue }))
            }
            "PR" => {
                let pull = repo.pulls.values().find(|pull| pull.id == id)?;
                Some(ResolvedValue::object(Pull { repository, pull }))
            }
            _ => None,
        }
    }

    fn account(&self, info: &ResolveInfo<'_>) -> Option<&Account> {
        self.scene.world.account_named(text(info, "login")?)
    }

    fn account_of_kind(
        &self,
        info: &ResolveInfo<'_>,
        kind: AccountKind,
    ) -> Result<ResolvedValue<'_>, FieldError> {
        let account = self
            .account(info)
            .filter(|account| account.kind == kind)
            .ok_or_else(|| {
                let a_kind = match kind {
                    AccountKind::Organization => "an Organization",
                    _ => "a User",
                };
                let login = text(info, "login").unwrap_or_default();
                problem::not_found(format_args!("{a_kind} with the login of '{login}'"))
            })?;
        Ok(ResolvedValue::object(Person::of(self.scene, account)))
    }
}

impl ObjectValue for Query<'_> {
    fn type_name(&self) -> &str {
        "Query"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        Ok(match info.field_name() {
            "repository" => {
                let owner = text(info, "owner").unwrap_or_default();
                ResolvedValue::object(Repository::find(self.scene, owner, info)?)
            }
            "nodes" => {
                let ids = texts(info, "ids").unwrap_or_default();
                if ids.len() > MOST_NODES {
                    let message = format!(
                        "You may not provide more than {MOST_NODES} node ids; you provided {}.",
                        ids.len()
                    );
                    return Err(problem::of(Kind::TooManyRecords, message));
                }
                let key = info.field_selections()[0].response_key().as_str();
                let found = ids.into_iter().enumerate().map(move |(index, id)| {
                    self.node(id).unwrap_or_else(|| {
                        let missing = problem::of_node(key, index, id);
                        self.missing.borrow_mut().push(missing);
                        ResolvedValue::null()
                    })
                });
                ResolvedValue::list(found)
            }
            // Null without an error where nobody has the login, unlike `organization` and `user`.
            "repositoryOwner" => {
                let owner = self.account(info).filter(|account| {
                    matches!(account.kind, AccountKind::Organization | AccountKind::User)
                });
                ResolvedValue::nullable_object(owner.map(|owner| Person::of(self.scene, owner)))
            }
            "organization" => self.account_of_kind(info, AccountKind::Organization)?,
            "user" => self.account_of_kind(info, AccountKind::User)?,
            "viewer" => {
                let login = match self.scene.viewer {
                    Viewer::User { login } => login.as_str(),
                    Viewer::Installation { .. } | Viewer::App | Viewer::Anonymous => APP_LOGIN,
                };
                let account = self.scene.world.account_named(login);
                match account.and_then(|account| Person::as_user(self.scene, account)) {
                    Some(person) => ResolvedValue::object(person),
                    None => ResolvedValue::object(Stranger { login }),
                }
            }
            "rateLimit" if self.limits.limit == 0 => ResolvedValue::null(),
            "rateLimit" => ResolvedValue::object(RateLimit {
                limits: self.limits,
                cost: self.cost,
            }),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

/// `rateLimit`: the bucket with this query charged already.
struct RateLimit<'a> {
    limits: &'a RateLimitView,
    cost: Cost,
}

impl ObjectValue for RateLimit<'_> {
    fn type_name(&self) -> &str {
        "RateLimit"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let used = self.limits.used.saturating_add(self.cost.points());
        Ok(match info.field_name() {
            "cost" => value::count(self.cost.points()),
            "nodeCount" => value::count(self.cost.nodes),
            "limit" => value::count(self.limits.limit),
            "used" => value::count(used),
            "remaining" => value::count(self.limits.limit.saturating_sub(used)),
            "resetAt" => value::time(self.limits.reset),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}
