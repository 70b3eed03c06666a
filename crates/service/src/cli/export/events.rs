//! Reads the events of a repository in slices of time, so that only one slice is in memory.

use anyhow::Context as _;
use jiff::SignedDuration;
use ledger::event::Event;
use ledger::exclude::Exclude;
use ledger::port::activity::{Activity, RepoView};
use ledger::user_label::UserLabels;
use ledger::window::Window;

/// The first slice. Each next one is shorter where there was much, and longer where there was little.
const SLICE: SignedDuration = SignedDuration::from_hours(7 * 24);
const SHORTEST: SignedDuration = SignedDuration::from_hours(1);
const LONGEST: SignedDuration = SignedDuration::from_hours(400 * 24);
/// A slice with more events than this was too long, one with a quarter of it too short.
const MUCH: usize = 20_000;

/// What is read, and how people appear in it.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) store: &'a dyn Activity,
    pub(super) labels: &'a UserLabels,
    pub(super) exclude: &'a Exclude,
    pub(super) window: Window,
}

impl Reader<'_> {
    /// Hands over each event of a repository with its user label, by time. Who is left out of the metrics is left out here.
    pub(super) async fn each(
        &self,
        repo: &RepoView,
        mut take: impl FnMut(&str, &Event) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut start = self.window.start();
        let mut slice = SLICE;
        while start < self.window.end() {
            let end = start.checked_add(slice).unwrap_or(self.window.end());
            let end = end.min(self.window.end());
            let window = Window::new(start, end).expect("a slice is longer than nothing");
            let events = self.store.events(&repo.org, repo.id, window);
            let events = events
                .await
                .with_context(|| format!("cannot read the events of {}/{}", repo.org, repo.name))?;
            for event in &events {
                if !self.exclude.matches(&event.actor.login) {
                    take(&self.labels.label(&event.actor), event)?;
                }
            }
            if events.len() > MUCH {
                slice = (slice / 2).max(SHORTEST);
            } else if events.len() < MUCH / 4 {
                slice = (slice * 2).min(LONGEST);
            }
            start = end;
        }
        Ok(())
    }
}
