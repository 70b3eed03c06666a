//! Who is who: one account per author name, whatever its addresses; one per address for those without a name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::world::names::login_form;
use crate::world::{AccountId, AccountKind, Identity, World};

/// A name and an address, as git has them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pair {
    name: Vec<u8>,
    email: Vec<u8>,
    /// GitHub itself, as the committer of what people do in the browser. As an author it counts like anybody else.
    web_flow: bool,
}

/// Every pair of a name and an address, in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct People {
    pairs: Vec<Pair>,
    places: HashMap<Pair, usize>,
}

impl People {
    /// The place of an author.
    pub(super) fn author(&mut self, name: &[u8], email: &[u8]) -> usize {
        self.note(Pair {
            name: name.to_vec(),
            email: email.to_vec(),
            web_flow: false,
        })
    }

    /// The place of a committer.
    pub(super) fn committer(&mut self, name: &[u8], email: &[u8]) -> usize {
        let web_flow = name == b"GitHub" && email == b"noreply@github.com";
        self.note(Pair {
            name: name.to_vec(),
            email: email.to_vec(),
            web_flow,
        })
    }

    fn note(&mut self, pair: Pair) -> usize {
        if let Some(place) = self.places.get(&pair) {
            return *place;
        }
        self.pairs.push(pair.clone());
        self.places.insert(pair, self.pairs.len() - 1);
        self.pairs.len() - 1
    }

    /// Takes others in; their new places.
    pub(super) fn admit(&mut self, others: People) -> Vec<usize> {
        others
            .pairs
            .into_iter()
            .map(|pair| self.note(pair))
            .collect()
    }

    /// Makes an account for everybody and returns what the commits of each place carry.
    pub(super) fn settle(self, world: &mut World, org: AccountId) -> Vec<Arc<Identity>> {
        let web_flow = world.account_named("web-flow").map(|account| account.id);
        let mut persons: Vec<Person> = Vec::new();
        let mut by_key: HashMap<(bool, &[u8]), usize> = HashMap::new();
        let mut person_of = Vec::with_capacity(self.pairs.len());
        for Pair {
            name,
            email,
            web_flow,
        } in &self.pairs
        {
            if *web_flow {
                person_of.push(None);
                continue;
            }
            let key = (
                name.is_empty(),
                if name.is_empty() { email } else { name }.as_slice(),
            );
            let index = *by_key.entry(key).or_insert_with(|| {
                let name = String::from_utf8_lossy(name).into_owned();
                persons.push(Person {
                    name,
                    emails: Vec::new(),
                    account: 0,
                });
                persons.len() - 1
            });
            persons[index]
                .emails
                .push(String::from_utf8_lossy(email).into_owned());
            person_of.push(Some(index));
        }
        // Logins that are known come first, so that no guess takes them.
        for known in [true, false] {
            for person in persons
                .iter_mut()
                .filter(|person| person.known_login().is_some() == known)
            {
                person.account = person.settle(world, org);
            }
        }
        let identities =
            self.pairs
                .iter()
                .zip(&person_of)
                .map(|(Pair { name, email, .. }, person)| {
                    Arc::new(Identity {
                        name: String::from_utf8_lossy(name).into_owned(),
                        email: String::from_utf8_lossy(email).into_owned(),
                        user: person.map(|person| persons[person].account).or(web_flow),
                    })
                });
        identities.collect()
    }
}

struct Person {
    name: String,
    emails: Vec<String>,
    account: AccountId,
}

impl Person {
    /// The login that one of the addresses tells.
    fn known_login(&self) -> Option<&str> {
        self.emails.iter().find_map(|email| {
            let local = email.strip_suffix("@users.noreply.github.com")?;
            let login = local.split_once('+').map_or(local, |(_, login)| login);
            let bare = login.strip_suffix("[bot]").unwrap_or(login);
            let well_formed =
                |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
            (!bare.is_empty() && bare.chars().all(well_formed)).then_some(login)
        })
    }

    fn settle(&self, world: &mut World, org: AccountId) -> AccountId {
        let source = if self.name.is_empty() {
            self.emails.first().map_or("", String::as_str)
        } else {
            &self.name
        };
        let login = match self.known_login() {
            Some(login) => login.to_owned(),
            None if source.ends_with("[bot]") => source.to_owned(),
            None => login_form(source),
        };
        let (login, kind) = match login.strip_suffix("[bot]") {
            Some(bare) if self.known_login().is_some() => (bare.to_owned(), AccountKind::Bot),
            Some(bare) => (login_form(bare), AccountKind::Bot),
            None => (login, AccountKind::User),
        };
        let name = (!self.name.is_empty()).then(|| self.name.clone());
        let account = world.add_account(&login, kind, name, self.emails.clone());
        if kind == AccountKind::User {
            world.add_member(org, account);
        }
        account
    }
}
