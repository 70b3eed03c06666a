//! Names: of people, repositories and changes. Any resemblance is due to short lists.

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

const GIVEN: &[&str] = &[
    "Ada", "Bruno", "Chiara", "Dilan", "Edda", "Femi", "Greta", "Hiro", "Ines", "Jonas", "Kaveh",
    "Lena", "Marek", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Sanna", "Tariq", "Ursula",
    "Viktor", "Wanda", "Xenia", "Yusuf", "Zoë", "Álvaro", "Björn", "Łucja", "Öykü",
];

const FAMILY: &[&str] = &[
    "Abara",
    "Brandt",
    "Costa",
    "Dvořák",
    "Eriksen",
    "Fontaine",
    "Gruber",
    "Hayashi",
    "Ivanova",
    "Jensen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Pellegrini",
    "Quiroga",
    "Rossi",
    "Schäfer",
    "Tanaka",
    "Ueda",
    "Vargas",
    "Weber",
    "Xu",
    "Yılmaz",
    "Zeman",
    "Årud",
];

const FIRST: &[&str] = &[
    "amber", "brass", "cedar", "delta", "ember", "flint", "grove", "harbor", "iron", "juniper",
    "kelp", "lumen", "mossy", "north", "onyx", "pebble", "quartz", "reef", "slate", "tidal",
    "umber", "velvet", "willow", "yarrow",
];

const SECOND: &[&str] = &[
    "api", "board", "cache", "docs", "engine", "forms", "gateway", "hooks", "index", "jobs", "kit",
    "ledger", "mail", "nodes", "ops", "proxy", "queue", "router", "store", "tools", "ui", "vault",
    "web", "worker",
];

const VERBS: &[&str] = &[
    "Add", "Fix", "Remove", "Rename", "Simplify", "Speed up", "Document", "Test", "Retry", "Guard",
];

const THINGS: &[&str] = &[
    "the login form",
    "a slow query",
    "the retry loop",
    "error messages",
    "the export",
    "time zones",
    "the cache key",
    "a flaky test",
    "the settings page",
    "the release script",
    "pagination",
    "the upload limit",
    "old migrations",
];

const REMARKS: &[&str] = &[
    "Looks good to me.",
    "Could this be smaller?",
    "Is there a test for that?",
    "Same here, on the latest release.",
    "I would rather keep the old name.",
    "Thanks!",
    "This breaks the build on my machine.",
    "Done.",
    "Why not the other way round?",
    "Can we ship this on Monday?",
];

/// A person's two names.
pub(super) struct Person {
    pub(super) login: String,
    pub(super) name: String,
}

/// The n-th person; logins and names are all different.
pub(super) fn person(n: usize) -> Person {
    let (given, family) = (
        GIVEN[n % GIVEN.len()],
        FAMILY[(n / GIVEN.len() + n * 7) % FAMILY.len()],
    );
    let round = n / (GIVEN.len() * FAMILY.len());
    let login = crate::world::names::login_form(&format!("{given} {family}"));
    match round {
        0 => Person {
            login,
            name: format!("{given} {family}"),
        },
        _ => Person {
            login: format!("{login}-{round}"),
            name: format!("{given} {family} {}", round + 1),
        },
    }
}

/// The n-th repository; names are all different.
pub(super) fn repo(n: usize) -> String {
    let (first, second) = (
        FIRST[n % FIRST.len()],
        SECOND[(n / FIRST.len() + n * 5) % SECOND.len()],
    );
    match n / (FIRST.len() * SECOND.len()) {
        0 => format!("{first}-{second}"),
        round => format!("{first}-{second}-{round}"),
    }
}

fn pick<'a>(from: &[&'a str], random: &mut ChaCha8Rng) -> &'a str {
    from.choose(random).copied().unwrap_or_default()
}

/// What a repository is for.
pub(super) fn purpose(random: &mut ChaCha8Rng) -> String {
    format!(
        "Where we {} {}",
        pick(VERBS, random).to_lowercase(),
        pick(THINGS, random)
    )
}

/// What a change says.
pub(super) fn title(random: &mut ChaCha8Rng) -> String {
    format!("{} {}", pick(VERBS, random), pick(THINGS, random))
}

/// What somebody says.
pub(super) fn remark(random: &mut ChaCha8Rng) -> &'static str {
    pick(REMARKS, random)
}
