//! Accounts: users, organisations, bots, placeholders, and the names that commits carry.
//!
//! A deleted account is null everywhere (the site then shows `ghost`). A bot is `name` where GraphQL knows it as a
//! `Bot`, and `name[bot]` where it stands in for a user: behind a commit, whose `user` can only be a `User`, and as
//! the viewer of an App's installation. Both forms were seen in public recordings.

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};

use super::repository::{Repositories, Repository};
use super::{Scene, value};
use crate::world::{Account, AccountId, AccountKind, Signature};

/// An account under the type that it has in one place.
#[derive(Clone, Copy)]
pub(super) struct Person<'a> {
    scene: Scene<'a>,
    account: &'a Account,
    /// Whether it is shown as a `User`, whatever it is.
    as_user: bool,
}

impl<'a> Person<'a> {
    /// Under its own type.
    pub(super) fn of(scene: Scene<'a>, account: &'a Account) -> Person<'a> {
        Person {
            scene,
            account,
            as_user: false,
        }
    }

    /// Where only a `User` can stand; an organisation cannot.
    pub(super) fn as_user(scene: Scene<'a>, account: &'a Account) -> Option<Person<'a>> {
        (account.kind != AccountKind::Organization).then_some(Person {
            scene,
            account,
            as_user: true,
        })
    }

    fn path(&self) -> String {
        match self.account.kind {
            AccountKind::Bot => format!("/apps/{}", self.account.login),
            AccountKind::User | AccountKind::Organization | AccountKind::Mannequin => {
                format!("/{}", self.account.login)
            }
        }
    }
}

/// An `Actor` field: null for an account that is gone.
pub(super) fn actor(scene: Scene<'_>, id: Option<AccountId>) -> ResolvedValue<'_> {
    let account = id.and_then(|id| scene.world.account(id));
    ResolvedValue::nullable_object(account.map(|account| Person::of(scene, account)))
}

impl ObjectValue for Person<'_> {
    fn type_name(&self) -> &str {
        if self.as_user {
            "User"
        } else {
            self.account.type_name()
        }
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let account = self.account;
        Ok(match info.field_name() {
            "login" if self.as_user => ResolvedValue::leaf(account.rest_login()),
            "login" => ResolvedValue::leaf(account.login.clone()),
            "databaseId" => value::database_id(account.id),
            "id" => ResolvedValue::leaf(account.node_id()),
            "name" => value::optional_text(account.name.as_deref()),
            "createdAt" | "updatedAt" => value::time(account.created_at),
            field @ ("url" | "resourcePath") => value::address(field, &self.path()),
            "repositories" => {
                let repositories = Repositories {
                    scene: self.scene,
                    owner: account.id,
                };
                ResolvedValue::object(repositories.page(info)?)
            }
            "repository" => {
                let found = Repository::find(self.scene, &account.login, info)?;
                ResolvedValue::object(found)
            }
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

/// A commit's author or committer: a name and an address, and the account behind the address, if there is one.
#[derive(Clone, Copy)]
pub(super) struct GitActor<'a> {
    pub(super) scene: Scene<'a>,
    pub(super) signature: &'a Signature,
}

impl ObjectValue for GitActor<'_> {
    fn type_name(&self) -> &str {
        "GitActor"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let who = &self.signature.who;
        Ok(match info.field_name() {
            "name" => value::optional_text(Some(&who.name)),
            "email" => value::optional_text(Some(&who.email)),
            "date" => value::time(self.signature.at),
            "user" => {
                let account = who.user.and_then(|id| self.scene.world.account(id));
                ResolvedValue::nullable_object(
                    account.and_then(|account| Person::as_user(self.scene, account)),
                )
            }
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}

/// `viewer` of a credential that no account stands behind: a token of somebody who has done nothing yet, or an App.
pub(super) struct Stranger<'a> {
    pub(super) login: &'a str,
}

impl ObjectValue for Stranger<'_> {
    fn type_name(&self) -> &str {
        "User"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        Ok(match info.field_name() {
            "login" => ResolvedValue::leaf(self.login),
            "databaseId" | "name" => ResolvedValue::null(),
            field @ ("url" | "resourcePath") => value::address(field, &format!("/{}", self.login)),
            _ => return Err(self.unknown_field_error(info)),
        })
    }
}
