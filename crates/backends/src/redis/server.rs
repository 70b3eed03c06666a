//! What a server says of itself, and whether it can be used.

/// Why a server cannot be used. Each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it has version {0}, and 6.2 or later is needed")]
    Old(String),
    #[error(
        "it may evict what it holds (maxmemory-policy is {0}): set maxmemory-policy to noeviction, since it is a store and no cache"
    )]
    Evicts(String),
    #[error("it is a replica: name the master, or sentinels that know it")]
    Replica,
    #[error("it is still loading what it holds")]
    Loading,
    #[error("a later version of tidegate has written it (format {0}): use that version")]
    Newer(String),
    #[error("it does not say what it is: allow the user the command INFO")]
    Silent,
}

/// The least version, as major and minor.
const LEAST: (u32, u32) = (6, 2);

/// A server that can be used, by its answer to `INFO`: the name of its present run.
pub(super) fn examine(info: &str) -> Result<String, Refusal> {
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    };
    let version = field("redis_version").ok_or(Refusal::Silent)?;
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= LEAST => {}
        _ => return Err(Refusal::Old(version.to_owned())),
    }
    if field("loading").is_some_and(|loading| loading != "0") {
        return Err(Refusal::Loading);
    }
    if field("role").ok_or(Refusal::Silent)? != "master" {
        return Err(Refusal::Replica);
    }
    match field("maxmemory_policy").ok_or(Refusal::Silent)? {
        "noeviction" => {}
        policy => return Err(Refusal::Evicts(policy.to_owned())),
    }
    let run = field("run_id").filter(|run| !run.is_empty() && !run.contains(' '));
    run.map(str::to_owned).ok_or(Refusal::Silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(changed: &str, to: &str) -> String {
        let lines = [
            ("redis_version", "6.2.14"),
            ("run_id", "c0ffee"),
            ("loading", "0"),
            ("maxmemory_policy", "noeviction"),
            ("role", "master"),
        ];
        let line = |(name, value)| {
            let value = if name == changed { to } else { value };
            format!("{name}:{value}\r\n")
        };
        format!("# Server\r\n{}", lines.map(line).concat())
    }

    #[test]
    fn a_master_of_a_good_version_that_evicts_nothing_can_be_used() {
        assert_eq!(examine(&info("", "")), Ok("c0ffee".to_owned()));
        assert_eq!(
            examine(&info("redis_version", "7.2.4")),
            Ok("c0ffee".to_owned())
        );
        assert_eq!(
            examine(&info("redis_version", "10.0.0")),
            Ok("c0ffee".to_owned())
        );
    }

    #[test]
    fn any_other_server_is_refused_with_what_to_do() {
        let told = |changed, to| examine(&info(changed, to)).unwrap_err().to_string();
        assert!(told("redis_version", "6.0.16").contains("6.2 or later"));
        assert!(told("redis_version", "unknown").contains("6.2 or later"));
        assert!(
            told("maxmemory_policy", "allkeys-lru").contains("set maxmemory-policy to noeviction")
        );
        assert!(told("role", "slave").contains("name the master"));
        assert!(told("loading", "1").contains("loading"));
        assert!(told("run_id", "").contains("INFO"));
        assert_eq!(examine(""), Err(Refusal::Silent));
    }
}
