//! Who counts as the one who did it. Written independently of everything under test.

use crate::world::{AccountId, Commit, World};

/// A login as every reader has to write it, `ghost` for whoever is gone.
pub(super) fn actor(world: &World, id: Option<AccountId>) -> String {
    id.and_then(|id| world.account(id))
        .map_or_else(|| "ghost".to_owned(), crate::world::Account::rest_login)
}

/// Who counts as a commit's author, and the account's id if there is one.
pub(super) fn author(world: &World, commit: &Commit) -> (String, Option<u64>) {
    for signature in [&commit.author, &commit.committer] {
        let account = signature.who.user.and_then(|id| world.account(id));
        if let Some(account) = account.filter(|account| !account.is_web_flow()) {
            return (account.rest_login(), Some(account.id));
        }
    }
    let who = &commit.author.who;
    if let Some(login) = noreply_login(&who.email) {
        return (login.to_owned(), None);
    }
    let nobody = who.name.is_empty() && who.email.is_empty();
    (
        if nobody { "unattributed" } else { "unlinked" }.to_owned(),
        None,
    )
}

/// The login inside `login@users.noreply.github.com` or `id+login@users.noreply.github.com`.
fn noreply_login(email: &str) -> Option<&str> {
    let local = email.strip_suffix("@users.noreply.github.com")?;
    let login = local.split_once('+').map_or(local, |(_, login)| login);
    (!login.is_empty() && login != "web-flow").then_some(login)
}

#[cfg(test)]
mod tests {
    use super::noreply_login;

    #[test]
    fn a_noreply_address_names_its_login_and_no_other_address_does() {
        assert_eq!(noreply_login("ada@users.noreply.github.com"), Some("ada"));
        assert_eq!(
            noreply_login("17+ada@users.noreply.github.com"),
            Some("ada")
        );
        assert_eq!(
            noreply_login("49+dependabot[bot]@users.noreply.github.com"),
            Some("dependabot[bot]")
        );
        for other in [
            "noreply@github.com",
            "ada@example.org",
            "@users.noreply.github.com",
            "",
        ] {
            assert_eq!(noreply_login(other), None, "{other}");
        }
    }
}
