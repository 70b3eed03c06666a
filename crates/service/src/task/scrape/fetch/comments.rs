//! Comments, from two lists per repository: conversations of issues and pull requests together, and diffs.
//!
//! Both are asked for by addresses that never change and newest first, so that a list without news costs nothing.

use github::rest::comments::IssueComment;
use github::rest::review_comments::ReviewComment;
use github::rest::{comments, review_comments};
use github::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use ledger::event::{Event, Stream};
use serde::de::DeserializeOwned;

use super::super::facts;
use super::super::plan::Step;
use super::{Trouble, Visit, before};

/// How far a list is read beyond what was read before. Less than for items: their time is what the last reading saw, this
/// one is a frontier, which allows for lag already. A page is taken whole anyhow, and another one is a request.
const OVERLAP: SignedDuration = SignedDuration::from_mins(3);

/// What one list of comments gave.
#[derive(Debug, Default)]
pub(super) struct Comments {
    pub(super) events: Vec<Event>,
    pub(super) unreadable: u64,
}

impl Visit<'_> {
    /// Comments that were touched before this have been read.
    pub(super) fn comments_until(&self, stream: Stream, step: Step) -> Timestamp {
        let start = self.start_of(stream);
        self.deeper(stream, before(self.frontier(stream), OVERLAP), step)
            .max(start)
    }

    /// Comments in conversations, of issues and pull requests alike.
    pub(super) async fn conversations(&self, until: Timestamp) -> Result<Comments, Trouble> {
        let read = |comment: &IssueComment| (facts::conversation(comment), comment.updated_at);
        self.list(
            comments::of_repo(&self.scrape.org, &self.repo.name),
            until,
            read,
        )
        .await
    }

    /// Comments on diffs.
    pub(super) async fn diffs(&self, until: Timestamp) -> Result<Comments, Trouble> {
        let read = |comment: &ReviewComment| (facts::on_diff(comment), comment.updated_at);
        self.list(
            review_comments::of_repo(&self.scrape.org, &self.repo.name),
            until,
            read,
        )
        .await
    }

    async fn list<T: DeserializeOwned>(
        &self,
        first: Request,
        until: Timestamp,
        read: impl Fn(&T) -> (Event, Timestamp),
    ) -> Result<Comments, Trouble> {
        let mut found = Comments::default();
        let mut pages = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next {
            let response = self.send(request.clone()).await?;
            pages.push(request);
            let last = found
                .take(&response, &read)
                .map_err(|error| self.trouble(&error))?;
            let read_before = last.is_some_and(|touched| touched < until);
            let further = github::page::next(&response).map_err(|error| self.trouble(&error))?;
            next = further.filter(|_| !read_before);
        }
        // A comment that is deleted while the pages are read moves the first one of the next page to the page before,
        // where nobody looks any more. So all but the last are looked at once more; what did not change is free.
        pages.pop();
        for request in pages {
            let response = self.send(request).await?;
            found
                .take(&response, &read)
                .map_err(|error| self.trouble(&error))?;
        }
        Ok(found)
    }
}

impl Comments {
    /// Takes in a page, and says when its last comment was touched.
    fn take<T: DeserializeOwned>(
        &mut self,
        response: &Response,
        read: impl Fn(&T) -> (Event, Timestamp),
    ) -> Result<Option<Timestamp>, github::Error> {
        let mut last = None;
        for item in response.json::<Vec<serde_json::Value>>()? {
            // One bad comment costs itself, not the list.
            match serde_json::from_value::<T>(item) {
                Ok(comment) => {
                    let (event, touched) = read(&comment);
                    last = Some(touched);
                    self.events.push(event);
                }
                Err(_) => self.unreadable += 1,
            }
        }
        Ok(last)
    }
}
