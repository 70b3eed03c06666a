//! Pull requests with their reviews and closes, and issues with their closes: lists, the one touched last first.

use std::collections::HashMap;

use github::graphql::{
    Connection, ISSUE_TIMELINE, ISSUES, Issue, IssueTimeline, Issues, PULL_REVIEWS, PULL_TIMELINE,
    PULLS, Pull, PullReviews, PullTimeline, Pulls,
};
use jiff::Timestamp;
use ledger::coverage::GapReason;
use ledger::event::Stream;
use ledger::fingerprint::Fingerprint;
use ledger::port::activity::{LAG, Proof};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::super::facts;
use super::super::plan::Step;
use super::inside::Touched;
use super::{Listed, Trouble, Visit, before};

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

/// One way through a list.
struct Pass<I> {
    items: Vec<I>,
    pages: u64,
    unreadable: u64,
    /// When its first page was answered.
    date: Timestamp,
    proof: Proof,
}

/// A list of which more than a page moves while it is read is read again, so many times at most.
const MOST_PASSES: u32 = 6;

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
        let touched = list.items.iter().map(|pull| Touched {
            id: pull.id.clone(),
            at: pull.updated_at,
        });
        let touched = touched.collect();
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
            touched,
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
        let touched = list.items.iter().map(|issue| Touched {
            id: issue.id.clone(),
            at: issue.updated_at,
        });
        let touched = touched.collect();
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
            touched,
            unreadable: list.unreadable,
            proof: list.proof,
        })
    }

    /// Reads a list until one way through it has needed a single page, which shows one moment, or has brought nothing new.
    async fn items<A: DeserializeOwned, I>(
        &self,
        stream: Stream,
        document: &'static str,
        step: Step,
        open: impl Fn(A) -> Option<Page<I>>,
        touched: impl Fn(&I) -> (u64, Timestamp),
    ) -> Result<Items<I>, Trouble> {
        let mut until = self.read_until(stream, step);
        let mut read: HashMap<u64, I> = HashMap::new();
        let mut unreadable = 0;
        for _ in 0..MOST_PASSES {
            let pass = self
                .pass(stream, document, step, until, &open, &touched)
                .await?;
            unreadable += pass.unreadable;
            let mut news = false;
            for item in pass.items {
                let (number, at) = touched(&item);
                let known = read.insert(number, item);
                news |= known.is_none_or(|known| touched(&known).1 != at);
            }
            if pass.pages == 1 || !news {
                let mut items: Vec<I> = read.into_values().collect();
                items.sort_by_key(|item| touched(item).0);
                return Ok(Items {
                    items,
                    unreadable,
                    proof: pass.proof,
                });
            }
            // What was touched while later pages were read has moved to the front, where nobody looked any more.
            until = until.max(before(pass.date, LAG));
        }
        let error = format!("the list moved faster than it could be read, {MOST_PASSES} times");
        Err(Trouble::Missed(GapReason::Partial, error))
    }

    /// Reads a list once, from its front until an item that was touched before `until`.
    async fn pass<A: DeserializeOwned, I>(
        &self,
        stream: Stream,
        document: &'static str,
        step: Step,
        until: Timestamp,
        open: impl Fn(A) -> Option<Page<I>>,
        touched: impl Fn(&I) -> (u64, Timestamp),
    ) -> Result<Pass<I>, Trouble> {
        let mut pass: Option<Pass<I>> = None;
        let mut after: Option<String> = None;
        loop {
            let variables =
                json!({ "owner": self.scrape.org, "name": self.repo.name, "after": after });
            let answer = self.ask::<A>(document, &variables, stream.as_str()).await?;
            let date = self.date(answer.date);
            let page = open(answer.data).ok_or_else(|| self.not_there())?;
            self.same_repo(page.repository)?;
            let pass = pass.get_or_insert_with(|| {
                let newest = page.items.nodes.first().map(&touched);
                let fingerprint = Fingerprint::items(newest, page.items.total_count, date);
                let proof = self.proof(stream, date, fingerprint, Some(page.open), step);
                Pass {
                    items: Vec::new(),
                    pages: 0,
                    unreadable: 0,
                    date,
                    proof,
                }
            });
            pass.pages += 1;
            pass.unreadable += page.items.unreadable;
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
            pass.items.extend(page.items.nodes);
            if after.is_none() {
                break;
            }
        }
        Ok(pass.expect("there was a first page"))
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
