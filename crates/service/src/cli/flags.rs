//! The flags that every command has. Those that set a key carry the name that the table of keys gives them.

use std::path::PathBuf;

use crate::config::{Flag, Log, LogFormat, LogLevel, keys};

/// The flags that every command has.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Options of every command")]
#[expect(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    reason = "the comments are help texts for a terminal"
)]
pub struct GlobalFlags {
    /// Configuration file (TOML); also the variable TIDEGATE_CONFIG
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Organisation or user to measure; repeat it for several
    #[arg(long, global = true, value_name = "ORG")]
    pub org: Vec<String>,
    /// Root of GitHub's REST API [default: https://api.github.com]
    #[arg(long, global = true, value_name = "URL")]
    pub api_url: Option<String>,
    /// File that holds the GitHub token; without it, the variable GITHUB_TOKEN
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<String>,
    /// The SQLite file that keeps everything [default: tidegate.db]
    #[arg(long, global = true, value_name = "FILE")]
    pub state: Option<String>,
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:10270]
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// Time between two passes over an organisation, such as 5m [default: 5m]
    #[arg(long, global = true, value_name = "DURATION")]
    pub interval: Option<String>,
    /// Answer in JSON, for scripts
    #[arg(long, global = true)]
    pub json: bool,
    /// Log only what failed
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log more (-vv: everything) and print the causes of an error
    #[arg(long = "verbose", short = 'v', global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl GlobalFlags {
    /// The log of a command that reads no configuration.
    pub(crate) fn log(&self) -> Log {
        let level = match (self.quiet, self.verbose) {
            (true, _) => LogLevel::Error,
            (false, 0) => LogLevel::Info,
            (false, 1) => LogLevel::Debug,
            (false, _) => LogLevel::Trace,
        };
        Log {
            level,
            format: LogFormat::Auto,
        }
    }

    /// The flags that set keys of the configuration.
    pub(crate) fn settings(&self) -> Vec<Flag> {
        let one =
            |flag: &str, value: Option<&String>| named(flag, value.into_iter().cloned().collect());
        let mut settings = vec![
            named("--org", self.org.clone()),
            one("--api-url", self.api_url.as_ref()),
            one("--token-file", self.token_file.as_ref()),
            one("--state", self.state.as_ref()),
            one("--listen", self.listen.as_ref()),
            one("--interval", self.interval.as_ref()),
        ];
        let level = self.log().level.as_str().to_owned();
        let flag = match (self.quiet, self.verbose) {
            (true, _) => Some("--quiet"),
            (false, 0) => None,
            (false, 1) => Some("-v"),
            (false, _) => Some("-vv"),
        };
        settings.extend(flag.map(|flag| Flag {
            key: "log.level",
            flag: flag.to_owned(),
            values: vec![level],
        }));
        settings.retain(|flag| !flag.values.is_empty());
        settings
    }
}

fn named(flag: &str, values: Vec<String>) -> Flag {
    let key = keys::KEYS
        .iter()
        .find(|key| key.flag == Some(flag))
        .expect("a flag that sets a key is in the table of keys");
    Flag {
        key: key.name,
        flag: flag.to_owned(),
        values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_of_the_table_of_keys_exists_and_its_help_names_the_default_of_the_table() {
        let command = crate::cli::command();
        for key in keys::KEYS {
            let Some(flag) = key.flag else { continue };
            let mut all = command.get_arguments();
            let argument = all.find(|argument| {
                argument
                    .get_long()
                    .is_some_and(|long| format!("--{long}") == flag)
            });
            let help = argument
                .and_then(clap::Arg::get_help)
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(!help.is_empty(), "{flag} is a flag");
            let named = key.default.map(|default| format!("[default: {default}]"));
            assert!(
                named.is_none_or(|named| help.contains(&named)),
                "{flag}: {help}"
            );
        }
    }

    #[test]
    fn settings_name_the_flag_that_was_typed() {
        let flags = GlobalFlags {
            org: vec!["a".to_owned(), "b".to_owned()],
            verbose: 2,
            ..GlobalFlags::default()
        };
        let settings: Vec<(String, Vec<String>)> = flags
            .settings()
            .into_iter()
            .map(|flag| (format!("{} by {}", flag.key, flag.flag), flag.values))
            .collect();
        let text = |words: &[&str]| {
            words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let orgs = (
            "github.organisations by --org".to_owned(),
            text(&["a", "b"]),
        );
        assert_eq!(
            settings,
            [orgs, ("log.level by -vv".to_owned(), text(&["trace"]))]
        );
    }
}
