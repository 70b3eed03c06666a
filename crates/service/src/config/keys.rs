//! The table of keys: the only list there is. A new key is one more row, and a field of the configuration that it fills.

use std::{ops::RangeInclusive, time::Duration};

pub use super::key::Key;
use super::{Config, Organisation, slot::Slot};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn spans(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_secs(from)..=Duration::from_secs(to)
}

/// Every key of the configuration, in the order in which people read about them.
pub static KEYS: &[Key<Config>] = &[
    Key {
        name: "github.api_url",
        default: Some("https://api.github.com"),
        flag: Some("--api-url"),
        about: "Root of GitHub's REST API. For Enterprise Server: `https://HOST/api/v3`. The GraphQL root follows from it. \
                Credentials are sent to this origin and to no other.",
        example: "\"https://github.example.com/api/v3\"",
        slot: |config| Slot::Text(&mut config.github.api_url, api_url),
    },
    Key {
        name: "github.organisations",
        default: None,
        flag: Some("--org"),
        about: "The organisations or users to measure: names, or tables with a credential of their own. Names given by the \
                variable or by flags choose from the list in the file and add to it.",
        example: "[\"acme\", \"acme-labs\"]",
        slot: |config| Slot::Organisations(&mut config.github.organisations),
    },
    Key {
        name: "github.token_file",
        default: None,
        flag: Some("--token-file"),
        about: "File with the token that reads every organisation without a credential of its own.",
        example: "\"secrets/github-token\"",
        slot: |config| Slot::Secret(&mut config.github.identity.token),
    },
    Key {
        name: "github.app_id",
        default: None,
        flag: None,
        about: "Id of the GitHub App that reads every organisation without a credential of its own, in place of a token.",
        example: "12345",
        slot: |config| Slot::MaybeNumber(&mut config.github.identity.app_id, 1..=i64::MAX as u64),
    },
    Key {
        name: "github.private_key_file",
        default: None,
        flag: None,
        about: "File with the private key (PEM) of the GitHub App in `github.app_id`.",
        example: "\"secrets/app.pem\"",
        slot: |config| Slot::Secret(&mut config.github.identity.private_key),
    },
    Key {
        name: "scrape.interval",
        default: Some("5m"),
        flag: Some("--interval"),
        about: "Time between the starts of two passes over one organisation. A pass that takes longer skips the next one.",
        example: "\"10m\"",
        slot: |config| Slot::Span(&mut config.scrape.interval, spans(5, 7 * DAY)),
    },
    Key {
        name: "scrape.history",
        default: Some("30d"),
        flag: None,
        about: "How far back a repository is read when it is seen for the first time. `all` reads its whole history.",
        example: "\"90d\"",
        slot: |config| Slot::SpanOrAll(&mut config.scrape.history, spans(HOUR, 3_650 * DAY)),
    },
    Key {
        name: "scrape.concurrency",
        default: Some("4"),
        flag: None,
        about: "How many repositories of one organisation are fetched at the same time.",
        example: "8",
        slot: |config| Slot::Number(&mut config.scrape.concurrency, 1..=50),
    },
    Key {
        name: "scrape.allow",
        default: None,
        flag: None,
        about: "If not empty, only repositories that match one of these are measured. A pattern is a glob (`*` and `?`) or a \
                regular expression between slashes; with a slash inside it is compared with `organisation/repository`, \
                otherwise with the repository's name. Case does not matter.",
        example: "[\"core-*\", \"acme-labs/*\"]",
        slot: |config| Slot::Patterns(&mut config.scrape.allow, any),
    },
    Key {
        name: "scrape.deny",
        default: None,
        flag: None,
        about: "Repositories that match one of these are not measured, whatever `scrape.allow` says.",
        example: "[\"*-archive\", \"/^test-[0-9]+$/\"]",
        slot: |config| Slot::Patterns(&mut config.scrape.deny, any),
    },
    Key {
        name: "quota.reserve",
        default: Some("1000"),
        flag: None,
        about: "What scheduled work leaves of each hourly quota (requests or points) for others who use the same credential. \
                It counts for at most 40 % of the quota.",
        example: "500",
        slot: |config| Slot::Number(&mut config.quota.reserve, 0..=1_000_000),
    },
    Key {
        name: "quota.policy",
        default: Some("adaptive"),
        flag: None,
        about: "How work that can wait is paced. `adaptive` learns what more urgent work needs until the reset, leaves that and spends \
                the rest at once; it holds `quota.reserve` beside it until that can just be spent before the reset. `even` always \
                leaves `quota.reserve` and spreads the rest over the window. docs/pacing.md explains both.",
        example: "\"even\"",
        slot: |config| Slot::Choice(&mut config.quota.policy),
    },
    Key {
        name: "export.refresh_interval",
        default: Some("15s"),
        flag: None,
        about: "Time between two snapshots of `/metrics`. Each is of the clock cut to a multiple of it, so that replicas with the \
                same value show the same moment.",
        example: "\"30s\"",
        slot: |config| Slot::Span(&mut config.export.refresh_interval, spans(1, HOUR)),
    },
    Key {
        name: "export.max_series",
        default: Some("500000"),
        flag: None,
        about: "The most series that `/metrics` shows. What is over is left out, smallest first, and counted.",
        example: "100000",
        slot: |config| Slot::Number(&mut config.export.max_series, 1_000..=100_000_000),
    },
    Key {
        name: "export.refresh",
        default: Some("incremental"),
        flag: None,
        about: "How the next snapshot comes about. `incremental` writes anew what has changed, `full` everything. Both say the \
                same; `full` is there to be compared with.",
        example: "\"full\"",
        slot: |config| Slot::Choice(&mut config.export.refresh),
    },
    Key {
        name: "export.compat",
        default: Some("false"),
        flag: None,
        about: "Whether `/metrics/node` also shows the operational names of the exporter whose dashboards know \
                `gh_exporter_...`. Linters find fault with some of them.",
        example: "true",
        slot: |config| Slot::Flag(&mut config.export.compat),
    },
    Key {
        name: "labels.users",
        default: Some("login"),
        flag: None,
        about: "What the label `user` says: the login, GitHub's numeric id, 16 hex digits of a keyed hash of the login, or \
                nothing.",
        example: "\"id\"",
        slot: |config| Slot::Choice(&mut config.labels.users),
    },
    Key {
        name: "labels.hmac_key_file",
        default: None,
        flag: None,
        about: "File with the key of `labels.users = \"hmac\"`, at least 16 characters. With another key every user has another \
                label.",
        example: "\"secrets/label-key\"",
        slot: |config| Slot::Secret(&mut config.labels.hmac_key),
    },
    Key {
        name: "labels.exclude_users",
        default: None,
        flag: None,
        about: "Users who appear in no metric: logins, in which `*` stands for any characters and `?` for one. `*[bot]` \
                leaves out every App. Case does not matter.",
        example: "[\"*[bot]\", \"ci-runner\"]",
        slot: |config| Slot::Patterns(&mut config.labels.exclude_users, user),
    },
    Key {
        name: "http.listen",
        default: Some("127.0.0.1:10270"),
        flag: Some("--listen"),
        about: "Address and port of `/metrics`, health and the landing page. Port 0 takes any free port. An address that other \
                machines reach needs `api.token_file`.",
        example: "\"[::1]:9000\"",
        slot: |config| Slot::Address(&mut config.http.listen),
    },
    Key {
        name: "http.allowed_hosts",
        default: None,
        flag: None,
        about: "Names that requests may carry in their Host header, beside localhost, 127.0.0.1, [::1] and the address that \
                the connection reached.",
        example: "[\"tidegate.example.com\"]",
        slot: |config| Slot::Names(&mut config.http.allowed_hosts, host),
    },
    Key {
        name: "api.token_file",
        default: None,
        flag: None,
        about: "File with the bearer token, at least 16 characters, that readers from other machines must send.",
        example: "\"secrets/api-token\"",
        slot: |config| Slot::Secret(&mut config.api.token),
    },
    Key {
        name: "state.path",
        default: Some("tidegate.db"),
        flag: Some("--state"),
        about: "The SQLite file that keeps everything. It is made when it is not there.",
        example: "\"/var/lib/tidegate/state.db\"",
        slot: |config| Slot::Path(&mut config.state.path, database),
    },
    Key {
        name: "state.url_file",
        default: None,
        flag: None,
        about: "File with the URL of a PostgreSQL database (14 or later) that keeps everything in place of the file of \
                `state.path`, so that several nodes can work on it. `--state postgres://...` gives the URL itself.",
        example: "\"secrets/state-url\"",
        slot: |config| Slot::Secret(&mut config.state.url),
    },
    Key {
        name: "activity.store",
        default: Some("state"),
        flag: None,
        about: "Where events and their coverage lie: where the state lies, or on the Redis (or Valkey) server of \
                `redis.url_file`.",
        example: "\"redis\"",
        slot: |config| Slot::Choice(&mut config.activity.store),
    },
    Key {
        name: "coordination.store",
        default: Some("auto"),
        flag: None,
        about: "Where the processes that share a credential tell each other what they spend and what GitHub has refused: the file of \
                `coordination.path`, the PostgreSQL database of the state, or the Redis server. `auto` is the file where the state is \
                a file, and the database where it is a database.",
        example: "\"redis\"",
        slot: |config| Slot::Choice(&mut config.coordination.store),
    },
    Key {
        name: "coordination.path",
        default: None,
        flag: None,
        about: "The SQLite file in which the processes of this machine that share a credential tell each other what they spend and \
                what GitHub has refused. It is made when it is not there. When it is not set it is the file of `state.path` with \
                `.coordination` behind its name. Processes with different states share a credential's quota by naming the same \
                file here.",
        example: "\"/var/lib/tidegate/coordination.db\"",
        slot: |config| Slot::Path(&mut config.coordination.path, database),
    },
    Key {
        name: "election.by",
        default: Some("auto"),
        flag: None,
        about: "Who says which of several nodes leads: the file of `coordination.path`, the PostgreSQL database of the \
                state, the Redis server, or a Lease of the Kubernetes cluster that the node runs in. `auto` asks where the \
                events lie; a node whose state is a file has nobody to dispute it and leads at once.",
        example: "\"kubernetes\"",
        slot: |config| Slot::Choice(&mut config.election.by),
    },
    Key {
        name: "election.lease",
        default: Some("tidegate"),
        flag: None,
        about: "Name of the Kubernetes Lease.",
        example: "\"tidegate-blue\"",
        slot: |config| Slot::Text(&mut config.election.lease, label),
    },
    Key {
        name: "backfill.broker",
        default: Some("state"),
        flag: None,
        about: "Where the tasks to fill gaps wait: where the state lies, or at the RabbitMQ server of `rabbitmq.url_file`.",
        example: "\"rabbitmq\"",
        slot: |config| Slot::Choice(&mut config.backfill.broker),
    },
    Key {
        name: "backfill.consumers",
        default: Some("2"),
        flag: None,
        about: "How many tasks this node works on at the same time. 0 leaves them to other nodes.",
        example: "6",
        slot: |config| Slot::Number(&mut config.backfill.consumers, 0..=64),
    },
    Key {
        name: "backfill.retry_delays",
        default: Some("1m,5m,30m,2h"),
        flag: None,
        about: "How long a gap that could not be filled waits after the first, the second and each further attempt. After \
                one more it is stuck, until `tidegate backfill retry`.",
        example: "[\"2m\", \"1h\"]",
        slot: |config| Slot::Spans(&mut config.backfill.retry_delays, spans(1, 7 * DAY)),
    },
    Key {
        name: "backfill.max_message_age",
        default: Some("24h"),
        flag: None,
        about: "A task that has waited for longer is dropped. Its gap remains, and is dispatched again.",
        example: "\"6h\"",
        slot: |config| {
            Slot::Span(
                &mut config.backfill.max_message_age,
                spans(MINUTE, 30 * DAY),
            )
        },
    },
    Key {
        name: "backfill.silence",
        default: Some("15m"),
        flag: None,
        about: "A gap whose task nobody has begun within this time is dispatched again.",
        example: "\"5m\"",
        slot: |config| Slot::Span(&mut config.backfill.silence, spans(5, DAY)),
    },
    Key {
        name: "health.unhealthy_failure_threshold",
        default: Some("6"),
        flag: None,
        about: "After so many cycles in a row that could not read an organisation at all, it is left alone for a while.",
        example: "3",
        slot: |config| Slot::Number(&mut config.health.unhealthy_failure_threshold, 1..=1_000),
    },
    Key {
        name: "health.unhealthy_cooldown",
        default: Some("2m"),
        flag: None,
        about: "How long it is left alone the first time. Each further time is twice as long, up to 15 minutes.",
        example: "\"1m\"",
        slot: |config| Slot::Span(&mut config.health.unhealthy_cooldown, spans(1, HOUR)),
    },
    Key {
        name: "health.recovery_probes",
        default: Some("3"),
        flag: None,
        about: "So many small probes in a row, 30 seconds apart, must be answered before it is read again.",
        example: "1",
        slot: |config| Slot::Number(&mut config.health.recovery_probes, 1..=100),
    },
    Key {
        name: "postgres.schema",
        default: Some("tidegate"),
        flag: None,
        about: "Schema of the PostgreSQL database that the tables lie in. It is made when it is not there.",
        example: "\"metrics\"",
        slot: |config| Slot::Text(&mut config.postgres.schema, label),
    },
    Key {
        name: "postgres.notify",
        default: Some("on"),
        flag: None,
        about: "Whether a connection of its own listens to notifications, so that tasks begin at once. Switch it off behind \
                a pooler that gives each transaction another connection; tasks are then looked for every few seconds.",
        example: "\"off\"",
        slot: |config| Slot::Choice(&mut config.postgres.notify),
    },
    Key {
        name: "redis.url_file",
        default: None,
        flag: None,
        about: "File with the URL of the Redis or Valkey server (6.2 or later): `redis://`, or `rediss://` for TLS, with \
                user and password if it needs them.",
        example: "\"secrets/redis-url\"",
        slot: |config| Slot::Secret(&mut config.redis.url),
    },
    Key {
        name: "redis.ca_bundle",
        default: None,
        flag: None,
        about: "File with the certificates (PEM) that the server's certificate is signed with, in place of those of the \
                system.",
        example: "\"/etc/ssl/redis-ca.pem\"",
        slot: |config| Slot::MaybePath(&mut config.redis.ca_file),
    },
    Key {
        name: "redis.prefix",
        default: Some("tidegate"),
        flag: None,
        about: "What the names of all keys begin with. Nodes with another prefix share nothing.",
        example: "\"tidegate-test\"",
        slot: |config| Slot::Text(&mut config.redis.prefix, label),
    },
    Key {
        name: "rabbitmq.url_file",
        default: None,
        flag: None,
        about: "File with the URL of the RabbitMQ server (3.10 or later): `amqp://`, or `amqps://` for TLS.",
        example: "\"secrets/rabbitmq-url\"",
        slot: |config| Slot::Secret(&mut config.rabbitmq.url),
    },
    Key {
        name: "rabbitmq.ca_bundle",
        default: None,
        flag: None,
        about: "File with the certificates (PEM) that the server's certificate is signed with, in place of those of the system.",
        example: "\"/etc/ssl/rabbitmq-ca.pem\"",
        slot: |config| Slot::MaybePath(&mut config.rabbitmq.ca_file),
    },
    Key {
        name: "rabbitmq.prefix",
        default: Some("gh.backfill"),
        flag: None,
        about: "What the names of the exchange and the queues begin with.",
        example: "\"gh.backfill.test\"",
        slot: |config| Slot::Text(&mut config.rabbitmq.prefix, label),
    },
    Key {
        name: "log.level",
        default: Some("info"),
        flag: None,
        about: "The least important line that is written to the log. `-v` means debug, `-vv` trace, `--quiet` error.",
        example: "\"warn\"",
        slot: |config| Slot::Choice(&mut config.log.level),
    },
    Key {
        name: "log.format",
        default: Some("auto"),
        flag: None,
        about: "How a line of the log is written. `auto` writes text on a terminal and JSON otherwise.",
        example: "\"json\"",
        slot: |config| Slot::Choice(&mut config.log.format),
    },
];

/// Every key of one organisation's table.
pub static ORGANISATION_KEYS: &[Key<Organisation>] = &[
    Key {
        name: "name",
        default: None,
        flag: None,
        about: "The login of the organisation or user.",
        example: "\"acme\"",
        slot: |organisation| Slot::Text(&mut organisation.name, login),
    },
    Key {
        name: "token_file",
        default: None,
        flag: None,
        about: "File with the token that reads this organisation.",
        example: "\"secrets/acme-token\"",
        slot: |organisation| Slot::Secret(&mut organisation.identity.token),
    },
    Key {
        name: "app_id",
        default: None,
        flag: None,
        about: "Id of the GitHub App that reads this organisation.",
        example: "12345",
        slot: |organisation| {
            Slot::MaybeNumber(&mut organisation.identity.app_id, 1..=i64::MAX as u64)
        },
    },
    Key {
        name: "private_key_file",
        default: None,
        flag: None,
        about: "File with the private key (PEM) of that App.",
        example: "\"secrets/acme.pem\"",
        slot: |organisation| Slot::Secret(&mut organisation.identity.private_key),
    },
    Key {
        name: "installation_id",
        default: None,
        flag: None,
        about: "The App's installation in this organisation. It is looked up by the organisation's name when it is not given.",
        example: "678",
        slot: |organisation| {
            Slot::MaybeNumber(
                &mut organisation.identity.installation_id,
                1..=i64::MAX as u64,
            )
        },
    },
];

/// The full name of a key of an organisation's table, as `config show` and complaints have it.
pub(crate) fn of_organisation(organisation: &str, key: &str) -> String {
    format!(
        "github.organisations.{}.{key}",
        organisation.to_ascii_lowercase()
    )
}

/// A login of GitHub's: letters, digits and hyphens; managed accounts add an underscore.
///
/// # Errors
///
/// Says what a login looks like.
pub fn login(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.len() <= 100 && text.chars().all(legal) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not a login: write the name alone, such as acme"
    ))
}

/// Patterns for repositories have no form of their own beyond what the pattern itself refuses.
fn any(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn user(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_*?[]".contains(c);
    if !text.is_empty() && text.chars().all(legal) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} matches no login: write one, with * and ? where others may stand"
    ))
}

fn api_url(text: &str) -> Result<String, String> {
    match github::ApiUrl::parse(text) {
        Ok(_) => Ok(text.trim().trim_end_matches('/').to_owned()),
        Err(error) => {
            let hint = "write the root of the REST API, such as https://api.github.com or https://HOST/api/v3";
            Err(format!("{error}: {hint}"))
        }
    }
}

fn host(text: &str) -> Result<String, String> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let legal = match bracketed {
        Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
        }
    };
    if legal {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!(
        "{text:?} is not a host name: write it without scheme, port and path, such as tidegate.example.com"
    ))
}

/// A name that servers take for a schema, a key, a queue or a Lease.
fn label(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !text.is_empty() && text.len() <= 63 && text.chars().all(legal) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not a name: write letters, digits, dots, hyphens and underscores, at most 63"
    ))
}

fn database(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("an empty path names no file".to_owned());
    }
    if text.contains("://") {
        return Err("the address of a server: give the path of an SQLite file here, and a PostgreSQL URL in state.url_file".to_owned());
    }
    Ok(text.to_owned())
}
