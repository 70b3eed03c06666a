//! Who did it: one name for one user, however GitHub writes it, and the author of a commit.
//!
//! Never derives a name from a private address: that would be personal data.

use crate::graphql;
use crate::rest;

/// A user as activity is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Person {
    /// The login in its normal form: a bot's ends in `[bot]`.
    pub login: String,
    /// The account's number, where GitHub told it.
    pub id: Option<u64>,
}

/// The account that GitHub itself commits with, for merges and edits in the browser.
const WEB_FLOW: &str = "web-flow";

impl Person {
    /// A user by login.
    pub fn new(login: impl Into<String>, id: Option<u64>) -> Person {
        Person {
            login: login.into(),
            id,
        }
    }

    /// An account that is gone: GitHub shows it as `ghost`.
    pub fn ghost() -> Person {
        Person::new("ghost", None)
    }

    /// The author of a commit that has a name but no account.
    pub fn unlinked() -> Person {
        Person::new("unlinked", None)
    }

    /// The author of a commit that names nobody.
    pub fn unattributed() -> Person {
        Person::new("unattributed", None)
    }

    /// Whether the account is a bot.
    pub fn is_bot(&self) -> bool {
        self.login.ends_with("[bot]")
    }

    /// From GraphQL, which writes a bot's login without `[bot]` and a missing account as null.
    pub fn from_graphql(actor: Option<&graphql::Actor>) -> Person {
        match actor {
            None => Person::ghost(),
            Some(actor) if actor.typename == "Bot" => {
                Person::new(bot(&actor.login), actor.database_id)
            }
            Some(actor) => Person::new(actor.login.clone(), actor.database_id),
        }
    }

    /// From REST, which writes a bot's login with `[bot]` (an App's bot at least) and a missing account as null.
    pub fn from_rest(user: Option<&rest::User>) -> Person {
        match user {
            None => Person::ghost(),
            Some(user) if user.kind == "Bot" => Person::new(bot(&user.login), Some(user.id)),
            Some(user) => Person::new(user.login.clone(), Some(user.id)),
        }
    }

    /// The author of a commit: the author's account, else the committer's (unless that is GitHub itself), else the login
    /// inside the author's noreply address, else `unlinked` where there is a name, else `unattributed`.
    pub fn author_of(commit: &graphql::Commit) -> Person {
        let (author, committer) = (commit.author.as_ref(), commit.committer.as_ref());
        account(author)
            .or_else(|| account(committer))
            .or_else(|| noreply(author))
            .unwrap_or_else(|| {
                if is_named(author) {
                    Person::unlinked()
                } else {
                    Person::unattributed()
                }
            })
    }
}

fn bot(login: &str) -> String {
    if login.ends_with("[bot]") {
        login.to_owned()
    } else {
        format!("{login}[bot]")
    }
}

fn account(actor: Option<&graphql::GitActor>) -> Option<Person> {
    let actor = actor?;
    let user = actor
        .user
        .as_ref()
        .filter(|user| !user.login.is_empty() && user.login != WEB_FLOW)?;
    // A bot's account is written `dependabot` here, and `dependabot[bot]` in its address.
    match noreply(Some(actor)) {
        Some(other) if other.is_bot() && other.login == bot(&user.login) => {
            Some(Person::new(other.login, user.database_id))
        }
        _ => Some(Person::new(user.login.clone(), user.database_id)),
    }
}

fn noreply(actor: Option<&graphql::GitActor>) -> Option<Person> {
    login_in_address(actor?.email.as_deref()?)
}

fn is_named(actor: Option<&graphql::GitActor>) -> bool {
    let has = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    actor.is_some_and(|actor| has(&actor.name) || has(&actor.email))
}

/// The login inside `LOGIN@users.noreply.github.com` or `ID+LOGIN@users.noreply.github.com` (an Enterprise Server has its
/// own host behind `users.noreply.`); nothing for any other address.
pub fn login_in_address(address: &str) -> Option<Person> {
    let (local, host) = address.trim().rsplit_once('@')?;
    if !host.to_ascii_lowercase().starts_with("users.noreply.") {
        return None;
    }
    let (id, login) = match local.split_once('+') {
        Some((id, login)) => (Some(id.parse::<u64>().ok()?), login),
        None => (None, local),
    };
    let name = login.strip_suffix("[bot]").unwrap_or(login);
    let is_login = !name.is_empty()
        && name.len() <= 100
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (is_login && login != WEB_FLOW).then(|| Person::new(login, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use graphql::{Commit, Count, GitActor, GitUser};

    fn actor(name: &str, email: &str, login: Option<&str>) -> Option<GitActor> {
        let user = login.map(|login| GitUser {
            login: login.to_owned(),
            database_id: Some(7),
        });
        Some(GitActor {
            name: Some(name.to_owned()),
            email: Some(email.to_owned()),
            user,
        })
    }

    fn author(author: Option<GitActor>, committer: Option<GitActor>) -> String {
        let commit = Commit {
            oid: "a".repeat(40),
            committed_date: jiff::Timestamp::UNIX_EPOCH,
            additions: 0,
            deletions: 0,
            changed_files_if_available: None,
            parents: Count { total_count: 1 },
            author,
            committer,
        };
        Person::author_of(&commit).login
    }

    #[test]
    fn the_author_of_a_commit_is_found_in_the_documented_order() {
        let ann = || actor("Ann", "ann@example.org", Some("ann"));
        let web_flow = || actor("GitHub", "noreply@github.com", Some("web-flow"));
        let nobody = || actor("Ann", "ann@example.org", None);
        assert_eq!(
            author(ann(), actor("Bob", "bob@example.org", Some("bob"))),
            "ann"
        );
        assert_eq!(
            author(nobody(), actor("Bob", "bob@example.org", Some("bob"))),
            "bob"
        );
        assert_eq!(author(nobody(), web_flow()), "unlinked");
        assert_eq!(
            author(
                actor("Ann", "12+ann-2@users.noreply.github.com", None),
                web_flow()
            ),
            "ann-2"
        );
        assert_eq!(author(actor("", "", None), web_flow()), "unattributed");
        assert_eq!(author(None, None), "unattributed");
        assert_eq!(author(web_flow(), None), "unlinked");
    }

    #[test]
    fn a_bot_has_one_name_everywhere() {
        let address = "49699333+dependabot[bot]@users.noreply.github.com";
        assert_eq!(
            author(actor("dependabot[bot]", address, Some("dependabot")), None),
            "dependabot[bot]"
        );
        assert_eq!(
            author(
                actor("dependabot[bot]", address, Some("dependabot[bot]")),
                None
            ),
            "dependabot[bot]"
        );
        assert_eq!(
            author(actor("dependabot[bot]", address, None), None),
            "dependabot[bot]"
        );
        let graphql = |typename: &str, login: &str| {
            Person::from_graphql(Some(&graphql::Actor {
                typename: typename.to_owned(),
                login: login.to_owned(),
                database_id: None,
            }))
            .login
        };
        assert_eq!(graphql("Bot", "dependabot"), "dependabot[bot]");
        assert_eq!(graphql("Bot", "dependabot[bot]"), "dependabot[bot]");
        assert_eq!(graphql("User", "dependabot"), "dependabot");
        assert_eq!(Person::from_graphql(None), Person::ghost());
        let rest = rest::User {
            login: "dependabot[bot]".to_owned(),
            id: 9,
            kind: "Bot".to_owned(),
        };
        assert_eq!(
            Person::from_rest(Some(&rest)),
            Person::new("dependabot[bot]", Some(9))
        );
    }

    #[test]
    fn a_login_is_read_from_noreply_addresses_alone() {
        let login =
            |address: &str| login_in_address(address).map(|person| (person.login, person.id));
        assert_eq!(
            login("12+ann@users.noreply.github.com"),
            Some(("ann".to_owned(), Some(12)))
        );
        assert_eq!(
            login("ann@users.noreply.github.com"),
            Some(("ann".to_owned(), None))
        );
        assert_eq!(
            login("12+ann@users.noreply.ghe.acme.org"),
            Some(("ann".to_owned(), Some(12)))
        );
        assert_eq!(
            login("12+ann_corp@Users.NoReply.GitHub.com"),
            Some(("ann_corp".to_owned(), Some(12)))
        );
        for other in [
            "ann@example.org",
            "noreply@github.com",
            "x+ann@users.noreply.github.com",
            "12+@users.noreply.github.com",
            "12+a.b@users.noreply.github.com",
            "web-flow@users.noreply.github.com",
            "users.noreply.github.com",
            "",
        ] {
            assert_eq!(login(other), None, "{other}");
        }
    }
}
