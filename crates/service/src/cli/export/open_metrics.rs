//! Counters over time, as OpenMetrics with time stamps: what Prometheus would have if it had looked at each step.
//!
//! A counter begins at 0 one step before its first event and has a value at every step from there on, because Prometheus
//! forgets a value after five minutes. What is written belongs together by family, then by series, then by time, as the
//! format demands; each family is put aside in a file without a name until all repositories were read.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, BufReader, BufWriter, Seek as _, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use jiff::Timestamp;
use ledger::event::{Event, Fact};
use ledger::port::activity::RepoView;
use ledger::window::Window;

use super::events::Reader;
use super::target::{Target, unwritten};
use crate::export::push_label;
use crate::export::table::{Family, user};

/// The families, in the order in which they are written.
const FAMILIES: [Family; 10] = [
    user::COMMITS,
    user::LINES_ADDED,
    user::LINES_REMOVED,
    user::PULLS_OPENED,
    user::PULLS_MERGED,
    user::PULLS_CLOSED,
    user::REVIEWS,
    user::COMMENTS,
    user::ISSUES_OPENED,
    user::ISSUES_CLOSED,
];

/// What an event adds to: the place of a family, the value of its own label, how much.
type Adds = (usize, Option<(&'static str, &'static str)>, u64);

fn adds(fact: &Fact) -> Vec<Adds> {
    match fact {
        Fact::Commit {
            additions,
            deletions,
            ..
        } => vec![(0, None, 1), (1, None, *additions), (2, None, *deletions)],
        Fact::PullOpened { .. } => vec![(3, None, 1)],
        Fact::PullMerged { .. } => vec![(4, None, 1)],
        Fact::PullClosed { .. } => vec![(5, None, 1)],
        Fact::Review { state, .. } => vec![(6, Some(("state", state.as_str())), 1)],
        Fact::Comment { on } => vec![(7, Some(("kind", on.as_str())), 1)],
        Fact::IssueOpened { .. } => vec![(8, None, 1)],
        Fact::IssueClosed { .. } => vec![(9, None, 1)],
    }
}

/// The moments at which counters have values.
#[derive(Clone, Copy)]
struct Steps {
    first: i64,
    step: i64,
    end: i64,
}

impl Steps {
    fn of(window: Window, step: Duration) -> Steps {
        let step = i64::try_from(step.as_secs()).unwrap_or(i64::MAX).max(1);
        let start = window.start().as_second();
        Steps {
            first: start - start.rem_euclid(step),
            step,
            end: window.end().as_second(),
        }
    }

    /// The first step at which an event of then is counted.
    fn after(self, at: Timestamp) -> u32 {
        // A part of a second is a second here.
        let second = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
        let steps = (second - self.first + self.step - 1).div_euclid(self.step);
        u32::try_from(steps.max(1)).unwrap_or(u32::MAX)
    }

    fn last(self) -> u32 {
        let steps = (self.end - self.first + self.step - 1).div_euclid(self.step);
        u32::try_from(steps.max(1)).unwrap_or(u32::MAX)
    }

    /// The last step is the end itself: nothing is known of what comes after it.
    fn at(self, step: u32) -> i64 {
        (self.first + i64::from(step) * self.step).min(self.end)
    }
}

/// The series of one repository: at which step they became how much.
type Series = BTreeMap<(usize, String, Option<(&'static str, &'static str)>), Vec<(u32, u64)>>;

/// Values that are kept of a repository at a time: some tens of megabytes.
const KEPT: usize = 2_000_000;

/// Writes the counters of these repositories, and tells how many events there were.
pub(super) async fn write(
    reader: &Reader<'_>,
    repos: &[RepoView],
    step: Duration,
    folder: &Path,
    mut target: Target,
    bar: &ProgressBar,
) -> anyhow::Result<(Target, u64)> {
    let steps = Steps::of(reader.window, step);
    let mut aside = Vec::new();
    for _ in FAMILIES {
        let file = tempfile::tempfile_in(folder).map_err(unwritten)?;
        aside.push(BufWriter::new(file));
    }
    let mut events = 0;
    for repo in repos {
        events += of_repo(reader, repo, steps, &mut aside).await?;
        bar.inc(1);
    }
    for (family, aside) in FAMILIES.iter().zip(aside) {
        join(&mut target, *family, aside).map_err(unwritten)?;
    }
    target.write_all(b"# EOF\n").map_err(unwritten)?;
    Ok((target, events))
}

fn join(target: &mut Target, family: Family, aside: BufWriter<File>) -> io::Result<()> {
    let mut aside = aside.into_inner().map_err(io::IntoInnerError::into_error)?;
    if aside.stream_position()? == 0 {
        return Ok(());
    }
    aside.rewind()?;
    let Family { name, help, .. } = family;
    write!(target, "# HELP {name} {help}\n# TYPE {name} counter\n")?;
    io::copy(&mut BufReader::new(aside), target)?;
    Ok(())
}

/// A repository with more values than are kept is read several times, each time for other series.
async fn of_repo(
    reader: &Reader<'_>,
    repo: &RepoView,
    steps: Steps,
    aside: &mut [BufWriter<File>],
) -> anyhow::Result<u64> {
    let mut passes = 1;
    let (mut events, mut pass) = (0, 0);
    while pass < passes {
        match read(reader, repo, steps, pass, passes).await? {
            Some((series, seen)) => {
                events = seen;
                for ((family, user, own), values) in &series {
                    let name = FAMILIES[*family].name;
                    let labels = labels(repo, user, *own);
                    points(&mut aside[*family], name, &labels, values, steps).map_err(unwritten)?;
                }
                pass += 1;
            }
            // What the passes so far have written is a part of what more of them write.
            None => {
                passes *= 2;
                pass *= 2;
            }
        }
    }
    Ok(events)
}

/// The series that are this pass' turn, and how many events there are in all; nothing if that is too much.
async fn read(
    reader: &Reader<'_>,
    repo: &RepoView,
    steps: Steps,
    pass: u64,
    passes: u64,
) -> anyhow::Result<Option<(Series, u64)>> {
    let mut series = Series::new();
    let (mut events, mut kept) = (0, 0);
    reader
        .each(repo, |user, event: &Event| {
            events += 1;
            let step = steps.after(event.at);
            for (family, own, more) in adds(&event.fact) {
                let is_mine = turn(family, user, own, passes) == pass;
                if !is_mine || more == 0 || kept > KEPT {
                    continue;
                }
                let values = series.entry((family, user.to_owned(), own)).or_default();
                match values.last_mut() {
                    Some((last, value)) if *last == step => *value += more,
                    last => {
                        let before = last.map_or(0, |(_, value)| *value);
                        values.push((step, before + more));
                        kept += 1;
                    }
                }
            }
            Ok(())
        })
        .await?;
    // A single series may be as long as it is: there is one value a step at most.
    let is_too_much = kept > KEPT && series.len() > 1;
    Ok((!is_too_much).then_some((series, events)))
}

/// Whose turn a series is. With twice as many passes, what was the turn of one is that of it and of the one after it.
fn turn(family: usize, user: &str, own: Option<(&str, &str)>, passes: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (family, user, own).hash(&mut hasher);
    ((u128::from(hasher.finish()) * u128::from(passes)) >> 64) as u64
}

fn labels(repo: &RepoView, user: &str, own: Option<(&str, &str)>) -> String {
    let mut labels = String::new();
    push_label(&mut labels, "org", &repo.org);
    for (name, value) in [("repo", repo.name.as_str()), ("user", user)]
        .into_iter()
        .chain(own)
    {
        labels.push(',');
        push_label(&mut labels, name, value);
    }
    labels
}

/// One value at each step from before the first event to the end.
fn points(
    out: &mut impl Write,
    name: &str,
    labels: &str,
    values: &[(u32, u64)],
    steps: Steps,
) -> io::Result<()> {
    let Some((first, _)) = values.first() else {
        return Ok(());
    };
    let mut values = values.iter().peekable();
    let mut value = 0;
    for step in first - 1..=steps.last() {
        while let Some((_, next)) = values.next_if(|(at, _)| *at <= step) {
            value = *next;
        }
        writeln!(out, "{name}_total{{{labels}}} {value} {}", steps.at(step))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(start: i64, end: i64) -> Steps {
        let at = |second| Timestamp::from_second(second).unwrap();
        Steps::of(
            Window::new(at(start), at(end)).unwrap(),
            Duration::from_secs(60),
        )
    }

    #[test]
    fn a_counter_begins_at_nothing_and_has_a_value_at_every_step_to_the_end() {
        let mut out = Vec::new();
        let steps = steps(600, 890);
        let counted: Vec<u32> = [600, 601, 660, 661, 889]
            .map(|second| steps.after(Timestamp::from_second(second).unwrap()))
            .into();
        assert_eq!(counted, [1, 1, 1, 2, 5]);
        points(&mut out, "c", "a=\"b\"", &[(2, 1), (4, 3)], steps).unwrap();
        let expected = "c_total{a=\"b\"} 0 660\nc_total{a=\"b\"} 1 720\nc_total{a=\"b\"} 1 780\n\
                        c_total{a=\"b\"} 3 840\nc_total{a=\"b\"} 3 890\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn twice_as_many_passes_share_what_one_had_to_do() {
        for user in 0..500 {
            let user = user.to_string();
            for passes in [1, 2, 4, 64] {
                let one = turn(3, &user, None, passes);
                let two = turn(3, &user, None, passes * 2);
                assert!(one < passes && two / 2 == one, "{one} of {passes}, {two}");
            }
        }
    }
}
