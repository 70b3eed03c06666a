//! Accounts come, are renamed, and go.

use std::sync::Arc;

use super::next;
use crate::world::commit::Identity;
use crate::world::{Account, AccountId, AccountKind, World};

impl World {
    /// A new person with one address.
    pub fn add_user(&mut self, login: &str) -> AccountId {
        self.add_account(
            login,
            AccountKind::User,
            None,
            vec![format!("{login}@example.org")],
        )
    }

    /// A new organisation without members.
    pub fn add_org(&mut self, login: &str) -> AccountId {
        self.add_account(login, AccountKind::Organization, None, Vec::new())
    }

    /// A new bot; its login is given without `[bot]`. Its commits carry its noreply address.
    pub fn add_bot(&mut self, login: &str) -> AccountId {
        let id = self.ids.account + 1;
        let email = format!("{id}+{login}[bot]@users.noreply.github.com");
        self.add_account(
            login,
            AccountKind::Bot,
            Some(format!("{login}[bot]")),
            vec![email],
        )
    }

    /// A new account of any kind. A login that is taken gets the first free suffix.
    pub fn add_account(
        &mut self,
        login: &str,
        kind: AccountKind,
        name: Option<String>,
        emails: Vec<String>,
    ) -> AccountId {
        let id = next(&mut self.ids.account);
        let login = self.free_login(login);
        let created_at = self.stamp();
        self.by_login.insert(login.to_lowercase(), id);
        if kind == AccountKind::Bot {
            self.by_login
                .insert(format!("{}[bot]", login.to_lowercase()), id);
        }
        let account = Account {
            id,
            login,
            kind,
            name,
            emails,
            members: Vec::new(),
            created_at,
        };
        self.identities.insert(id, identities(&account));
        self.accounts.insert(id, Arc::new(account));
        id
    }

    fn free_login(&self, login: &str) -> String {
        let taken = |login: &str| {
            let login = login.to_lowercase();
            self.by_login.contains_key(&login)
                || self.by_login.contains_key(&format!("{login}[bot]"))
        };
        if !taken(login) {
            return login.to_owned();
        }
        (2..)
            .map(|n| format!("{login}-{n}"))
            .find(|login| !taken(login))
            .expect("some number is free")
    }

    /// Makes an account a member of an organisation.
    pub fn add_member(&mut self, org: AccountId, member: AccountId) {
        let org = Arc::make_mut(
            self.accounts
                .get_mut(&org)
                .expect("no organisation with this id"),
        );
        if !org.members.contains(&member) {
            org.members.push(member);
        }
    }

    /// Adds an address to an account; commits that carry it from now on are linked.
    pub fn add_email(&mut self, account: AccountId, email: &str) {
        let changed = Arc::make_mut(
            self.accounts
                .get_mut(&account)
                .expect("no account with this id"),
        );
        changed.emails.push(email.to_owned());
        let identities = identities(changed);
        self.identities.insert(account, identities);
    }

    /// Gives an account another login; everything that it did shows the new one.
    pub fn rename_account(&mut self, account: AccountId, login: &str) {
        let login = self.free_login(login);
        let changed = Arc::make_mut(
            self.accounts
                .get_mut(&account)
                .expect("no account with this id"),
        );
        changed.login = login;
        let (lower, bot) = (
            changed.login.to_lowercase(),
            changed.kind == AccountKind::Bot,
        );
        self.by_login.retain(|_, id| *id != account);
        if bot {
            self.by_login.insert(format!("{lower}[bot]"), account);
        }
        self.by_login.insert(lower, account);
    }

    /// Deletes a person: what it wrote stays, by nobody, and its commits lose their link.
    pub fn delete_account(&mut self, account: AccountId) {
        self.accounts.remove(&account);
        self.identities.remove(&account);
        self.by_login.retain(|_, id| *id != account);
        for org in self
            .accounts
            .values_mut()
            .filter(|org| org.members.contains(&account))
        {
            Arc::make_mut(org).members.retain(|id| *id != account);
        }
        for team in self.teams.values_mut() {
            team.members.remove(&account);
        }
        for copilot in self.copilot.values_mut() {
            copilot.seats.remove(&account);
        }
        for repo in self.repos.values_mut() {
            Arc::make_mut(repo).forget(account);
        }
    }

    /// What a commit made by this account carries: its name, its usual address, its link.
    ///
    /// # Panics
    ///
    /// If there is no such account, or it has no address.
    pub fn identity(&self, account: AccountId) -> Arc<Identity> {
        self.identity_with(account, 0)
    }

    /// The same with the account's n-th address, counted from 0 and around.
    ///
    /// # Panics
    ///
    /// If there is no such account, or it has no address.
    pub fn identity_with(&self, account: AccountId, n: usize) -> Arc<Identity> {
        let identities = self
            .identities
            .get(&account)
            .expect("no account with this id");
        Arc::clone(&identities[n % identities.len()])
    }
}

fn identities(account: &Account) -> Vec<Arc<Identity>> {
    let name = account
        .name
        .clone()
        .unwrap_or_else(|| account.login.clone());
    let identity = |email: &String| {
        Arc::new(Identity {
            name: name.clone(),
            email: email.clone(),
            user: Some(account.id),
        })
    };
    account.emails.iter().map(identity).collect()
}
