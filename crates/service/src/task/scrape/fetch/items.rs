//! Pull requests with their reviews and closes, and issues with their closes: lists, the one touched last first.

use github::graphql::{
    Connection, ISSUE_TIMELINE, ISSUES, Issue, IssueTimeline, Issues, PULL_REVIEWS, PULL_TIMELINE,
    PULLS, Pull, PullReviews, PullTimeline, Pulls,
};
use jiff::Timestamp;
use ledger::event::Stream;
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::Proof;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::super::facts;
use super::super::plan::Step;
use super::{Listed, Trouble, Visit};

/// What one page of a list of items says of its repository.
struct Page<I> {
    repository: u64,
    open: u64,
    items: Connection<I>,
}

/// A list of items that was read as far as needed.
struct Items<I> {
    items: Vec<I>,
    unreadable: u64,
    proof: Proof,
}

impl Visit<'_> {
    /// Pull requests, until one that was touched before the last whole reading.
    pub(super) async fn pulls(&self, step: Step) -> Result<Listed, Trouble> {
        let open = |answer: Pulls| {
            let found = answer.repository?;
            Some(Page {
                repository: found.database_id,
                open: found.open.total_count,
                items: found.pull_requests,
            })
        };
        let touched = |pull: &Pull| (pull.number, pull.updated_at);
        let mut list = self
            .items(Stream::Pulls, PULLS, step, open, touched)
            .await?;
        let mut events = Vec::new();
        for pull in &list.items {
            let reviews = |answer: PullReviews| {
                let found = answer.repository?;
                Some((found.database_id, found.pull_request?.reviews))
            };
            let reviews = self
                .rest(
                    &pull.reviews,
                    PULL_REVIEWS,
                    pull.number,
                    reviews,
                    &mut list.unreadable,
                )
                .await?;
            let items = |answer: PullTimeline| {
                let found = answer.repository?;
                Some((found.database_id, found.pull_request?.timeline_items))
            };
            let timeline = self
                .rest(
                    &pull.timeline_items,
                    PULL_TIMELINE,
                    pull.number,
                    items,
                    &mut list.unreadable,
                )
                .await?;
            events.extend(facts::pull(
                pull,
                &reviews,
                &timeline,
                self.start_of(Stream::Pulls),
            ));
        }
        Ok(Listed {
            events,
            unreadable: list.unreadable,
            proof: list.proof,
        })
    }

    /// Issues, until one that was touched before the last whole reading.
    pub(super) async fn issues(&self, step: Step) -> Result<Listed, Trouble> {
        let open = |answer: Issues| {
            let found = answer.repository?;
            Some(Page {
                repository: found.database_id,
                open: found.open.total_count,
                items: found.issues,
            })
        };
        let touched = |issue: &Issue| (issue.number, issue.updated_at);
        let mut list = self
            .items(Stream::Issues, ISSUES, step, open, touched)
            .await?;
        let mut events = Vec::new();
        for issue in &list.items {
            let items = |answer: IssueTimeline| {
                let found = answer.repository?;
                Some((found.database_id, found.issue?.timeline_items))
            };
            let timeline = self
                .rest(
                    &issue.timeline_items,
                    ISSUE_TIMELINE,
                    issue.number,
                    items,
                    &mut list.unreadable,
                )
                .await?;
            events.extend(facts::issue(issue, &timeline));
        }
        Ok(Listed {
            events,
            unreadable: list.unreadable,
            proof: list.proof,
        })
    }

    async fn items<A: DeserializeOwned, I>(
        &self,
        stream: Stream,
        document: &'static str,
        step: Step,
        open: impl Fn(A) -> Option<Page<I>>,
        touched: impl Fn(&I) -> (u64, Timestamp),
    ) -> Result<Items<I>, Trouble> {
        let until = self.read_until(stream, step);
        let mut list: Option<Items<I>> = None;
        let mut after: Option<String> = None;
        loop {
            let variables =
                json!({ "owner": self.scrape.org, "name": self.repo.name, "after": after });
            let answer = self.ask::<A>(document, &variables, stream.as_str()).await?;
            let date = self.date(answer.date);
            let page = open(answer.data).ok_or_else(|| self.not_there())?;
            self.same_repo(page.repository)?;
            let list = list.get_or_insert_with(|| {
                let newest = page.items.nodes.first().map(&touched);
                let fingerprint = Fingerprint::items(newest, page.items.total_count, date);
                let proof = self.proof(stream, date, fingerprint, Some(page.open), step);
                Items {
                    items: Vec::new(),
                    unreadable: 0,
                    proof,
                }
            });
            list.unreadable += page.items.unreadable;
            let read_before = page
                .items
                .nodes
                .last()
                .is_some_and(|item| touched(item).1 < until);
            after = page
                .items
                .next()
                .filter(|_| !read_before)
                .map(str::to_owned);
            list.items.extend(page.items.nodes);
            if after.is_none() {
                break;
            }
        }
        Ok(list.expect("there was a first page"))
    }

    /// All of a list inside an item: the part that came with the item, and what lies after it.
    async fn rest<A: DeserializeOwned, T: Clone>(
        &self,
        first: &Connection<T>,
        document: &'static str,
        number: u64,
        open: impl Fn(A) -> Option<(u64, Connection<T>)>,
        unreadable: &mut u64,
    ) -> Result<Vec<T>, Trouble> {
        let mut whole = first.nodes.clone();
        *unreadable += first.unreadable;
        let mut after = first.next().map(str::to_owned);
        while let Some(cursor) = after {
            let variables = json!({
                "owner": self.scrape.org, "name": self.repo.name, "number": number, "after": cursor,
            });
            let answer = self.ask::<A>(document, &variables, "nested").await?;
            let (repository, page) = open(answer.data).ok_or_else(|| self.not_there())?;
            self.same_repo(repository)?;
            *unreadable += page.unreadable;
            after = page.next().map(str::to_owned);
            whole.extend(page.nodes);
        }
        Ok(whole)
    }
}
