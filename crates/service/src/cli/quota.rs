//! `tidegate quota`: what is left of each credential's quota, who spends it and who waits. Only looks.
//!
//! The processes that share a credential tell what they see on a board; what is read there is put together. Where nobody
//! tells anything, GitHub is asked, which costs nothing.

mod direct;
mod pulse;
mod screen;
mod show;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use backends::sqlite::{Coordination as Board, Problem};
use ledger::port::coordination::{Coordination as _, Held};
use serde::Serialize;
use tokio::time::Instant;

use self::direct::{Direct, Said};
use self::pulse::{Life, Pulses};
use self::screen::Screen;
use super::style::{self, Style};
use super::{Invocation, Outcome};
use crate::config::{Config, LogLevel, Purpose};
use crate::quota_view::{QuotaView, together};
use crate::{Blame, Trouble, signal, telemetry, wire};

/// Show what is left of each quota, who spends it, who waits and why
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It asks the nodes that run, by the file in which they share their quota (coordination.path). Where none runs, it asks GitHub, \
                  which costs nothing.\n\nExamples:\n  tidegate quota --watch\n  GITHUB_TOKEN=... tidegate quota"
)]
pub(crate) struct Arguments {
    /// Show it again every second until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Show one credential only, by its name
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,
}

/// What is shown where no terminal says how wide it is.
const WIDE: usize = 120;

/// Two looks at the board are so far apart.
const LOOK: Duration = Duration::from_millis(200);

/// Two pictures are so far apart.
const PICTURE: Duration = Duration::from_secs(1);

/// GitHub is asked no more often than this.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// What the command answers.
#[derive(Clone, Debug, Serialize)]
struct Answer {
    source: Source,
    /// What a person should know beside the numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    credentials: Vec<QuotaView>,
    processes: Vec<Process>,
    #[serde(skip)]
    whole: bool,
}

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    Processes,
    GitHub,
}

/// One process that shares a credential.
#[derive(Clone, Debug, Serialize)]
struct Process {
    name: String,
    life: Life,
    /// For how long its beat has stood still.
    still_seconds: u64,
    credentials: Vec<String>,
}

pub(crate) async fn run(arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    let mut config = invocation.configuration(Purpose::Read)?.config;
    if invocation.flags.verbose == 0 {
        // The table says what the log would.
        config.log.level = LogLevel::Error;
    }
    telemetry::install(&config.log, invocation.environment.has("NO_COLOR"))?;
    let watcher = Watcher::new(config, arguments.credential);
    if arguments.watch {
        watch(watcher, &invocation).await
    } else {
        once(watcher, &invocation).await
    }
}

async fn once(mut watcher: Watcher, invocation: &Invocation) -> anyhow::Result<Outcome> {
    // One look cannot tell who is alive.
    while !watcher.look().await? {
        tokio::time::sleep(LOOK).await;
    }
    let answer = watcher.answer().await?.of(watcher.only.as_deref())?;
    if invocation.flags.json {
        invocation
            .output
            .line(serde_json::to_string_pretty(&answer)?)?;
    } else {
        let terminal = invocation.output.is_terminal();
        let width = style::size().filter(|_| terminal);
        let style = Style::of(invocation, width.map_or(WIDE, |(columns, _)| columns));
        for line in show::lines(&answer, style, usize::MAX) {
            invocation.output.line(line)?;
        }
    }
    Ok(if answer.whole {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

async fn watch(mut watcher: Watcher, invocation: &Invocation) -> anyhow::Result<Outcome> {
    let leave = signal::leave_on_signal().context("cannot listen to signals")?;
    let output = &invocation.output;
    let draws = output.is_terminal() && !invocation.flags.json;
    let mut screen: Option<Screen> = None;
    let mut last = Vec::new();
    let mut ticks = tokio::time::interval(PICTURE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let answer = tokio::select! {
            () = leave.cancelled() => break,
            answer = watcher.next(&mut ticks) => answer,
        };
        let answer = match answer {
            Ok(answer) => answer,
            // What was asked for wrongly will not come right, and what is not there yet may come.
            Err(trouble) if last.is_empty() && trouble.blame() == Blame::Usage => {
                return Err(trouble.into());
            }
            Err(trouble) => Answer::nothing(format!("{trouble}.")),
        };
        if invocation.flags.json {
            output.line(serde_json::to_string(&answer)?)?;
            continue;
        }
        let (columns, rows) = style::size()
            .filter(|_| draws)
            .unwrap_or((WIDE, usize::MAX));
        // The last line of a screen stays empty.
        last = show::lines(&answer, Style::of(invocation, columns), rows - 1);
        if draws {
            if screen.is_none() {
                screen = Some(Screen::enter(output)?);
            }
            if let Some(screen) = &screen {
                screen.draw(&last, rows)?;
            }
        } else {
            last.push(String::new());
            output.text(&format!("{}\n", last.join("\n")))?;
        }
    }
    if screen.take().is_some() {
        // What was seen last stays.
        output.text(&format!("{}\n", last.join("\n")))?;
    }
    Ok(Outcome::Done)
}

/// Looks at the board, and asks GitHub where nobody is there.
struct Watcher {
    config: Config,
    only: Option<String>,
    path: PathBuf,
    board: Option<Board>,
    began: Instant,
    pulses: Pulses,
    held: Vec<Held>,
    direct: Option<Direct>,
    /// What GitHub said, and when.
    said: Option<(Instant, Answer)>,
}

impl Watcher {
    fn new(config: Config, only: Option<String>) -> Watcher {
        Watcher {
            path: config.coordination.path.clone(),
            config,
            only,
            board: None,
            began: Instant::now(),
            pulses: Pulses::default(),
            held: Vec::new(),
            direct: None,
            said: None,
        }
    }

    /// One look at the board. Says whether it is clear who is alive.
    async fn look(&mut self) -> Result<bool, Trouble> {
        if self.board.is_none() {
            self.board = match Board::read_only(&self.path) {
                Ok(board) => Some(board),
                Err(error) if matches!(error.problem(), Problem::Missing) => None,
                Err(error) => return Err(wire::unusable_file(error)),
            };
        }
        self.held = match &self.board {
            None => Vec::new(),
            Some(board) => match board.held().await {
                Ok(held) => held,
                Err(error) => {
                    // Taken away or replaced; the next look begins with what is there then.
                    tracing::debug!(%error, "the board could not be read");
                    self.board = None;
                    Vec::new()
                }
            },
        };
        let now = self.began.elapsed();
        let beats = self
            .held
            .iter()
            .map(|held| (held.member.as_str(), held.beat));
        self.pulses.take(beats, now);
        Ok(self.pulses.are_clear(now))
    }

    /// The next answer of a watch.
    async fn next(&mut self, ticks: &mut tokio::time::Interval) -> Result<Answer, Trouble> {
        ticks.tick().await;
        self.look().await?;
        let answer = self.answer().await?;
        Ok(answer.of_what_there_is(self.only.as_deref()))
    }

    /// What is known now: from the processes as long as one may be alive, else from GitHub.
    async fn answer(&mut self) -> Result<Answer, Trouble> {
        let now = self.began.elapsed();
        let processes = self.processes(now);
        if processes.iter().all(|process| process.life == Life::Silent) {
            return self.by_github(processes).await;
        }
        let mut notes = Vec::new();
        let mut views = Vec::new();
        for held in &self.held {
            if self.pulses.of(&held.member, now).0 == Life::Silent {
                continue;
            }
            match serde_json::from_str::<QuotaView>(&held.view) {
                Ok(view) => views.push(view),
                Err(error) => {
                    tracing::debug!(%error, member = held.member, "a view that this version cannot read");
                    notes.push(format!(
                        "{} is of another version and is left out",
                        held.member
                    ));
                }
            }
        }
        notes.dedup();
        Ok(Answer {
            source: Source::Processes,
            notes,
            credentials: together(views),
            processes,
            whole: true,
        })
    }

    fn processes(&self, now: Duration) -> Vec<Process> {
        let mut processes: Vec<Process> = Vec::new();
        for held in &self.held {
            match processes.last_mut() {
                Some(last) if last.name == held.member => {
                    last.credentials.push(held.credential.clone());
                }
                _ => {
                    let (life, still) = self.pulses.of(&held.member, now);
                    processes.push(Process {
                        name: held.member.clone(),
                        life,
                        still_seconds: still.as_secs(),
                        credentials: vec![held.credential.clone()],
                    });
                }
            }
        }
        processes
    }

    async fn by_github(&mut self, processes: Vec<Process>) -> Result<Answer, Trouble> {
        if let Some((asked, answer)) = &self.said
            && asked.elapsed() < ASK_AGAIN
        {
            return Ok(Answer {
                processes,
                ..answer.clone()
            });
        }
        if self.direct.is_none() {
            self.direct = Direct::of(&self.config)?;
        }
        let place = self.path.display();
        let Some(direct) = &self.direct else {
            let what = format!(
                "no node runs that shares its quota in {place}, and there is no credential to ask GitHub with"
            );
            return Err(Trouble::new(what).remedy("start a node, or set GITHUB_TOKEN"));
        };
        let nobody = match processes.len() {
            0 => format!("No node runs that shares its quota in {place}."),
            _ => format!("Every node that shared its quota in {place} is silent."),
        };
        let mut answer = Answer {
            source: Source::GitHub,
            notes: vec![format!("{nobody} GitHub itself says:")],
            credentials: Vec::new(),
            processes,
            whole: true,
        };
        let said = direct.ask().await;
        let alone = said.len() == 1;
        for said in said {
            match said {
                Said::Limits(view) => answer.credentials.push(view),
                Said::NoLimits(view) => {
                    let name = &view.credential;
                    answer.notes.push(format!(
                        "{name}: this GitHub has no limits (it answers /rate_limit with 404)."
                    ));
                    answer.credentials.push(view);
                }
                Said::Failed(_, trouble) if alone && self.said.is_none() => return Err(trouble),
                Said::Failed(name, trouble) => {
                    answer.whole = false;
                    answer.notes.push(format!("{name}: {trouble}."));
                }
            }
        }
        self.said = Some((Instant::now(), answer.clone()));
        Ok(answer)
    }
}

impl Answer {
    /// There is nothing to show, and this is why.
    fn nothing(note: String) -> Answer {
        Answer {
            source: Source::GitHub,
            notes: vec![note],
            credentials: Vec::new(),
            processes: Vec::new(),
            whole: false,
        }
    }

    /// Of one credential alone, where one was named.
    fn of(mut self, only: Option<&str>) -> Result<Answer, Trouble> {
        let Some(only) = only else { return Ok(self) };
        let known: Vec<String> = self
            .credentials
            .iter()
            .map(|view| view.credential.clone())
            .collect();
        self.credentials.retain(|view| view.credential == only);
        if !self.credentials.is_empty() {
            return Ok(self);
        }
        let trouble = Trouble::usage(format!("there is no credential `{only}`"));
        Err(match known.as_slice() {
            [] => trouble,
            known => trouble.remedy(format!("name one of {}", known.join(", "))),
        })
    }

    /// The same while it may still come.
    fn of_what_there_is(self, only: Option<&str>) -> Answer {
        let processes = self.processes.clone();
        self.of(only).unwrap_or_else(|trouble| Answer {
            processes,
            ..Answer::nothing(format!("{trouble}."))
        })
    }
}
