//! `tidegate simulate`: runs pacing policies on a virtual clock against a model of GitHub's limits, and says whether the default
//! one keeps its promises. Decides only what is run and how it is shown; `quota::simulate` plays and judges.

mod timeline;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quota::Policy;
use quota::simulate::{self, JUDGED, Line, Row, Scenario, Verdict, World};

use super::table::{Align, aligned};
use super::{Invocation, Outcome};
use crate::Trouble;
use crate::config::nearest;

/// Seeds where none are asked for.
const SEEDS: u64 = 5;

/// Run pacing policies on a virtual clock against a model of GitHub's limits
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every scenario runs with every policy and seed. The same seed gives the same numbers each time. Rows are \
                  judged against a run of the same live requests without bulk work, and against an oracle that knows the \
                  future. Ends with 1 if `adaptive` misses a bar.\n\nColumns, over all seeds:\n  \
                  blocked      live requests refused or delayed over 1 s because of bulk work\n  \
                  p99 s        what 99 of 100 live requests waited at most\n  \
                  makespan s   until the last item was done; > where it was not\n  \
                  x oracle     the mean of makespan by oracle, then the worst\n  \
                  ratio        whether that counts, or why it does not\n  \
                  unused       the most that was left at a reset while bulk work waited\n  \
                  above floor  by how much that exceeds what had to be left\n  \
                  below floor  bulk calls that left less, by more than an item per process\n  \
                  into block   requests sent although their sender knew of the block\n  \
                  fairness     Jain's index of bulk calls by repository; - where there are too few\n\nThe bars on the mean and the worst \
                  take in what `counts`. The one on what is unused leaves out `torture` (the scenario everything). Where the ratio does not \
                  count, `adaptive` has to be no slower than an `even` that blocks nothing.\n\nExamples:\n  tidegate simulate                      \
                  the whole matrix, seeds 1 to 5\n  tidegate simulate --seeds 20 --json    rows for scripts\n  \
                  tidegate simulate --scenario live-1 --policy adaptive,even --seed 7,8\n  tidegate simulate --scenario bursts --policy adaptive --seed 1 --timeline bursts.svg\n  tidegate simulate --list"
)]
pub(crate) struct Arguments {
    /// Seeds 1 to N [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000), conflicts_with = "seed")]
    seeds: Option<u64>,
    /// These seeds
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    seed: Vec<u64>,
    /// These scenarios
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    scenario: Vec<String>,
    /// These policies: adaptive, even, reactive, sprint
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    policy: Vec<String>,
    /// Draw one run (one scenario, policy and seed) into an SVG file
    #[arg(long, value_name = "FILE.svg")]
    timeline: Option<PathBuf>,
    /// Say which scenarios there are
    #[arg(long)]
    list: bool,
}

pub(crate) async fn run(arguments: Arguments, invocation: Invocation) -> anyhow::Result<Outcome> {
    if arguments.list {
        return list(&invocation);
    }
    let scenarios = chosen(
        "scenario",
        &arguments.scenario,
        simulate::matrix(),
        |scenario| scenario.name,
        || "`tidegate simulate --list` names them".to_owned(),
    )?;
    let policies = chosen(
        "policy",
        &arguments.policy,
        Policy::ALL.to_vec(),
        |policy| policy.as_str(),
        || {
            let names = Policy::ALL.map(Policy::as_str);
            format!("name one of {}", names.join(", "))
        },
    )?;
    let seeds: Vec<u64> = if arguments.seed.is_empty() {
        (1..=arguments.seeds.unwrap_or(SEEDS)).collect()
    } else {
        arguments.seed
    };
    if let Some(file) = &arguments.timeline {
        return draw(file, &scenarios, &policies, &seeds, &invocation);
    }
    let bar = bar(&invocation, scenarios.len() * seeds.len());
    let rows = tokio::task::spawn_blocking(move || {
        let rows = play_all(&scenarios, &seeds, &policies, &bar);
        bar.finish_and_clear();
        rows
    });
    let rows = rows.await.context("a simulation panicked")?;
    let verdicts = simulate::verdicts(&rows);
    show(&rows, &verdicts, &invocation)?;
    Ok(if verdicts.iter().all(|verdict| verdict.is_met) {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

/// Plays every scenario with every seed, on as many threads as there are cores. Rows come in the order of their scenarios,
/// seeds and policies, whichever thread was first.
fn play_all(
    scenarios: &[Scenario],
    seeds: &[u64],
    policies: &[Policy],
    bar: &ProgressBar,
) -> Vec<Row> {
    let jobs: Vec<(&Scenario, u64)> = scenarios
        .iter()
        .flat_map(|scenario| seeds.iter().map(move |seed| (scenario, *seed)))
        .collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Vec<Row>>>> = Mutex::new(vec![None; jobs.len()]);
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..cores.min(jobs.len()) {
            scope.spawn(|| {
                while let Some((place, (scenario, seed))) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(place).map(|job| (place, *job))
                } {
                    // All policies share what was drawn.
                    let world = World::new(scenario, seed);
                    let rows = policies
                        .iter()
                        .map(|policy| simulate::play(&world, *policy));
                    let rows = rows.collect();
                    done.lock().unwrap_or_else(PoisonError::into_inner)[place] = Some(rows);
                    bar.inc(1);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_iter().flatten().flatten().collect()
}

/// Draws one run, and shows its row as well.
fn draw(
    file: &Path,
    scenarios: &[Scenario],
    policies: &[Policy],
    seeds: &[u64],
    invocation: &Invocation,
) -> anyhow::Result<Outcome> {
    let ([scenario], [policy], [seed]) = (scenarios, policies, seeds) else {
        return Err(Trouble::usage("a timeline shows one run")
            .remedy("name one --scenario, one --policy and one --seed")
            .into());
    };
    let (row, samples) = simulate::watch(&World::new(scenario, *seed), *policy);
    std::fs::write(file, timeline::draw(scenario, &row, &samples))
        .with_context(|| format!("cannot write {}", file.display()))?;
    show(&[row], &[], invocation)?;
    Ok(Outcome::Done)
}

fn show(rows: &[Row], verdicts: &[Verdict], invocation: &Invocation) -> anyhow::Result<()> {
    let output = &invocation.output;
    if invocation.flags.json {
        let lines: Vec<String> = rows
            .iter()
            .map(serde_json::to_string)
            .collect::<Result<_, _>>()
            .context("cannot write a row as JSON")?;
        output.text(&format!("[\n{}\n]\n", lines.join(",\n")))?;
        return Ok(());
    }
    output.text(&table(&simulate::summarize(rows)))?;
    if verdicts.is_empty() {
        return Ok(());
    }
    output.line(format_args!("\nThe bars, for `{JUDGED}`:"))?;
    for verdict in verdicts {
        let word = if verdict.is_met { "met   " } else { "missed" };
        output.line(format_args!(
            "  {word}  {}: {}",
            verdict.bar, verdict.detail
        ))?;
    }
    Ok(())
}

/// A line per scenario and policy. A ratio that does not count says why.
fn table(lines: &[Line]) -> String {
    let columns = [
        ("scenario", Align::Left),
        ("policy", Align::Left),
        ("blocked", Align::Right),
        ("p99 s", Align::Right),
        ("makespan s", Align::Right),
        ("x oracle", Align::Right),
        ("worst", Align::Right),
        ("ratio", Align::Left),
        ("unused", Align::Right),
        ("above floor", Align::Right),
        ("below floor", Align::Right),
        ("into block", Align::Right),
        ("fairness", Align::Right),
    ];
    let mut rows = vec![columns.map(|(name, _)| name.to_owned()).to_vec()];
    for line in lines {
        let makespan = format!("{:.0}", line.makespan_s);
        rows.push(vec![
            line.scenario.to_owned(),
            line.policy.to_owned(),
            line.live_blocked.to_string(),
            format!("{:.2}", line.live_wait_p99_s),
            match line.unfinished {
                0 => makespan,
                _ => format!(">{makespan}"),
            },
            format!("{:.2}", line.mean_ratio),
            format!("{:.2}", line.worst_ratio),
            line.counts.to_owned(),
            line.unused_at_reset.to_string(),
            line.unused_above_floor.to_string(),
            line.reserve_violations.to_string(),
            line.sent_into_block.to_string(),
            line.fairness
                .map_or_else(|| "-".to_owned(), |index| format!("{index:.3}")),
        ]);
    }
    aligned(&rows, &columns.map(|(_, side)| side))
}

fn list(invocation: &Invocation) -> anyhow::Result<Outcome> {
    let rows: Vec<Vec<String>> = simulate::matrix()
        .iter()
        .map(|scenario| vec![scenario.name.to_owned(), scenario.about.to_owned()])
        .collect();
    invocation.output.text(&aligned(&rows, &[]))?;
    Ok(Outcome::Done)
}

/// Those of `all` that were asked for by name, in their own order; all where none was. `names` says where no name is near
/// which there are.
fn chosen<T>(
    kind: &str,
    asked: &[String],
    all: Vec<T>,
    name: impl Fn(&T) -> &'static str,
    names: impl Fn() -> String,
) -> Result<Vec<T>, Trouble> {
    let is_unknown = |asked: &&String| all.iter().all(|one| name(one) != *asked);
    if let Some(unknown) = asked.iter().find(is_unknown) {
        let remedy = match nearest(unknown, all.iter().map(&name)) {
            Some(near) => format!("the nearest is `{near}`"),
            None => names(),
        };
        return Err(Trouble::usage(format!("there is no {kind} `{unknown}`")).remedy(remedy));
    }
    let is_asked = |one: &T| asked.is_empty() || asked.iter().any(|asked| asked == name(one));
    Ok(all.into_iter().filter(is_asked).collect())
}

/// On a terminal alone.
fn bar(invocation: &Invocation, jobs: usize) -> ProgressBar {
    if invocation.flags.quiet || invocation.flags.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("simulating {wide_bar} {pos} of {len}, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(jobs as u64), ProgressDrawTarget::stderr());
    bar.with_style(style.expect("the template is well formed"))
}
