//! GitHub's limits: the numbers, each with the rule of GitHub's it stands for, and the ledger that enforces them.
//!
//! Primary limits (`limit/primary.rs`) are documented and served with headers. Of the secondary limits
//! (`limit/secondary.rs`) the numbers are documented; what happens past them is observed or invented, and each place
//! says which. It refuses to know what a request is about: it is told a resource, a number of points and a cost.

mod block;
mod primary;
mod secondary;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use primary::{
    ANONYMOUS_PER_HOUR, INSTALLATION_CAP, INSTALLATION_FREE_UNITS, INSTALLATION_PER_UNIT,
    PrimaryRules, RateLimitView, SEARCH_PER_MINUTE, USER_PER_HOUR, installation_limit,
};
pub use secondary::{
    CONTENT_PER_HOUR, CONTENT_PER_MINUTE, CPU_SECONDS_PER_MINUTE, GRAPHQL_CPU_SECONDS_PER_MINUTE,
    GRAPHQL_POINTS_PER_MINUTE, IN_FLIGHT, REST_POINTS_PER_MINUTE, SecondaryCause, SecondaryRules,
    TOKEN_REQUESTS_PER_HOUR,
};

pub(crate) use block::{Block, Notice, RefusalForm};
pub(crate) use primary::Share;

use block::Told;
use primary::Windows;
use secondary::Spending;

/// One of GitHub's separate primary quotas of a credential, as `x-ratelimit-resource` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// REST, but for what has a quota of its own.
    Core,
    /// The REST search routes.
    Search,
    /// Points of the GraphQL endpoint.
    Graphql,
}

impl Resource {
    /// Every resource that the simulator keeps.
    pub const ALL: [Resource; 3] = [Resource::Core, Resource::Search, Resource::Graphql];

    /// GitHub's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Resource::Core => "core",
            Resource::Search => "search",
            Resource::Graphql => "graphql",
        }
    }
}

/// Who a limit is counted for: a user (all of a user's tokens share one), an App, an installation, or an address
/// without any.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Account(pub(crate) String);

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The status of a refusal; GitHub documents both for either kind of limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalStatus {
    /// 403, what GitHub mostly sends.
    #[default]
    Forbidden,
    /// 429.
    TooManyRequests,
}

impl RefusalStatus {
    /// The number.
    pub fn code(self) -> u16 {
        match self {
            RefusalStatus::Forbidden => 403,
            RefusalStatus::TooManyRequests => 429,
        }
    }
}

/// The limits of one simulated GitHub.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// The quota per window.
    pub primary: PrimaryRules,
    /// The rules on top of it.
    pub secondary: SecondaryRules,
}

/// What a request weighs in the secondary limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weight {
    pub(crate) resource: Resource,
    pub(crate) points: u64,
    pub(crate) creates_content: bool,
    pub(crate) mints_token: bool,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    Primary(RateLimitView),
    Secondary(Block),
}

/// The books: who spent what, who is blocked, who has been told so.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    inner: Arc<Mutex<Books>>,
}

#[derive(Debug)]
struct Books {
    rules: Limits,
    accounts: HashMap<Account, Page>,
    answered: u64,
}

#[derive(Debug, Default)]
struct Page {
    windows: Windows,
    spending: Spending,
    in_flight: usize,
    block: Option<Block>,
    /// What the account has been told of its secondary block and of each exhausted resource.
    told: Vec<Told>,
}

/// One request's place among those in flight; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Place {
    ledger: Ledger,
    account: Account,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(page) = self.ledger.books().accounts.get_mut(&self.account) {
            page.in_flight -= 1;
        }
    }
}

impl Ledger {
    pub(crate) fn new(rules: Limits) -> Ledger {
        Ledger {
            inner: Arc::new(Mutex::new(Books {
                rules,
                accounts: HashMap::new(),
                answered: 0,
            })),
        }
    }

    /// A request arrives. It takes a place even if it is about to be refused; also returned: how many there are now.
    pub(crate) fn arrive(&self, account: &Account) -> (Place, usize) {
        let mut books = self.books();
        let page = books.accounts.entry(account.clone()).or_default();
        page.in_flight += 1;
        (
            Place {
                ledger: self.clone(),
                account: account.clone(),
            },
            page.in_flight,
        )
    }

    /// Whether the account had been told, before `arrived`, not to send this now. `draws_on` is the quota that it
    /// spends, if any.
    pub(crate) fn is_told(
        &self,
        account: &Account,
        draws_on: Option<Resource>,
        arrived: Timestamp,
        grace: Duration,
    ) -> bool {
        let books = self.books();
        let told = books.accounts.get(account).map(|page| page.told.as_slice());
        told.unwrap_or_default()
            .iter()
            .any(|told| told.forbids(draws_on, arrived, grace))
    }

    /// The secondary rules. What passes is counted; what is refused is not, and closes the account for a while.
    pub(crate) fn admit_secondary(
        &self,
        account: &Account,
        weight: Weight,
        in_flight: usize,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut books = self.books();
        let Books {
            rules, accounts, ..
        } = &mut *books;
        let rules = &rules.secondary;
        if !rules.enforced {
            return Ok(());
        }
        let page = accounts.entry(account.clone()).or_default();
        if let Some(block) = &page.block {
            if block.until > now {
                return Err(Refusal::Secondary(block.clone()));
            }
            page.block = None;
        }
        match page.spending.admit(rules, weight, in_flight, now) {
            Ok(()) => Ok(()),
            Err(cause) => {
                let block = Block::by_rule(cause, rules, now);
                page.block = Some(block.clone());
                Err(Refusal::Secondary(block))
            }
        }
    }

    /// Closes an account as a secondary limit would, whatever it has spent.
    pub(crate) fn block(
        &self,
        account: &Account,
        length: Duration,
        form: RefusalForm,
        now: Timestamp,
    ) -> Refusal {
        let block = Block {
            cause: SecondaryCause::Scripted,
            until: now + length,
            form,
        };
        self.books()
            .accounts
            .entry(account.clone())
            .or_default()
            .block = Some(block.clone());
        Refusal::Secondary(block)
    }

    /// The primary limit: nothing may be spent once all is.
    pub(crate) fn admit_primary(
        &self,
        account: &Account,
        resource: Resource,
        limit: u64,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let view = self.view(account, resource, limit, now);
        if view.enforced && view.remaining == 0 {
            Err(Refusal::Primary(view))
        } else {
            Ok(())
        }
    }

    /// Books what an answer cost.
    pub(crate) fn charge(&self, account: &Account, resource: Resource, cost: u64, now: Timestamp) {
        let mut books = self.books();
        let Books {
            rules, accounts, ..
        } = &mut *books;
        accounts.entry(account.clone()).or_default().windows.charge(
            &rules.primary,
            resource,
            cost,
            now,
        );
    }

    /// Books the processor time that an answer took.
    pub(crate) fn charge_cpu(
        &self,
        account: &Account,
        resource: Resource,
        seconds: f64,
        now: Timestamp,
    ) {
        let mut books = self.books();
        if books.rules.secondary.enforced {
            books
                .accounts
                .entry(account.clone())
                .or_default()
                .spending
                .take_cpu(resource, seconds, now);
        }
    }

    /// The quota as GitHub would show it now.
    pub(crate) fn view(
        &self,
        account: &Account,
        resource: Resource,
        limit: u64,
        now: Timestamp,
    ) -> RateLimitView {
        let books = self.books();
        let untouched = Windows::default();
        let windows = books
            .accounts
            .get(account)
            .map_or(&untouched, |page| &page.windows);
        windows.view(&books.rules.primary, resource, limit, now)
    }

    /// How far this answer's reset time strays from the true one.
    pub(crate) fn jitter(&self, range: u64) -> SignedDuration {
        let mut books = self.books();
        books.answered += 1;
        let odd = books.answered.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        SignedDuration::from_secs(i64::try_from(odd % (range + 1)).unwrap_or(0))
    }

    /// Remembers that the account now knows of a refusal. Of one block the first telling counts: hearing of it again
    /// does not make an earlier request innocent.
    pub(crate) fn tell(&self, account: &Account, notice: Notice, now: Timestamp) {
        let mut books = self.books();
        let page = books.accounts.entry(account.clone()).or_default();
        page.told.retain(|told| told.notice.until > now);
        let is_known = page
            .told
            .iter()
            .any(|told| told.notice.resource == notice.resource && told.notice.ends == notice.ends);
        if !is_known {
            page.told.push(Told { notice, at: now });
        }
    }

    pub(crate) fn rules(&self) -> Limits {
        self.books().rules.clone()
    }

    pub(crate) fn set_rules(&self, rules: Limits) {
        self.books().rules = rules;
    }

    /// Forgets all spending and every block; requests in flight keep their places.
    pub(crate) fn reset(&self) {
        for page in self.books().accounts.values_mut() {
            *page = Page {
                in_flight: page.in_flight,
                ..Page::default()
            };
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
