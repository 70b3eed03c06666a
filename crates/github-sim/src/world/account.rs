//! Who acts: users, organisations, bots, and the placeholder people of imports.

use jiff::Timestamp;

use super::node;

/// An account's database id. Users, organisations and bots share one number space.
pub type AccountId = u64;

/// What kind of actor an account is; GraphQL's `__typename`, REST's `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person, or a machine account of GitHub's own such as `web-flow`.
    User,
    /// Owns repositories and has members.
    Organization,
    /// A GitHub App's actor: `dependabot` in GraphQL, `dependabot[bot]` in REST.
    Bot,
    /// A placeholder for an imported person.
    Mannequin,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Database id.
    pub id: AccountId,
    /// The bare login; a bot's without `[bot]`.
    pub login: String,
    /// What it is.
    pub kind: AccountKind,
    /// The display name, if it has one.
    pub name: Option<String>,
    /// The addresses that its commits carry; the first is the usual one.
    pub emails: Vec<String>,
    /// An organisation's members.
    pub members: Vec<AccountId>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Account {
    /// The node id.
    pub fn node_id(&self) -> String {
        let prefix = match self.kind {
            AccountKind::User => "U",
            AccountKind::Organization => "O",
            AccountKind::Bot => "BOT",
            AccountKind::Mannequin => "M",
        };
        node::of(prefix, self.id)
    }

    /// `__typename` in GraphQL, `type` in REST.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            AccountKind::User => "User",
            AccountKind::Organization => "Organization",
            AccountKind::Bot => "Bot",
            AccountKind::Mannequin => "Mannequin",
        }
    }

    /// The login as REST writes it: a bot's with `[bot]`.
    pub fn rest_login(&self) -> String {
        match self.kind {
            AccountKind::Bot => format!("{}[bot]", self.login),
            _ => self.login.clone(),
        }
    }

    /// Whether it is an organisation.
    pub fn is_org(&self) -> bool {
        self.kind == AccountKind::Organization
    }

    /// Whether this is the account behind edits in the browser, which commits but never authors.
    pub fn is_web_flow(&self) -> bool {
        self.login == "web-flow" && self.kind == AccountKind::User
    }
}
