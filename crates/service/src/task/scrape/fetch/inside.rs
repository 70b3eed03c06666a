//! Comments from inside their issues and pull requests, by GraphQL: what the two REST lists say too, from the other bucket.
//!
//! Decides which of the two is asked. Both give the same facts under the same ids: a comment that is new has touched its
//! item, and all items that were touched since comments were last read stand in the list that was just read. Whoever is
//! asked for a repository is asked for all of its comments in that cycle.

use std::collections::VecDeque;

use github::graphql::{self, Commented, ISSUE_COMMENTS, PULL_COMMENTS, PathStep};
use jiff::Timestamp;
use ledger::coverage::GapReason;
use ledger::event::{CommentOn, Stream};
use quota::Resource;
use quota::slack::{Way, roomiest};
use serde_json::json;

use super::super::facts;
use super::super::plan::Step;
use super::comments::Comments;
use super::{Listed, Trouble, Visit};

/// Issues asked for at once: GitHub takes a hundred ids.
const ISSUES_AT_ONCE: usize = 100;
/// Pull requests asked for at once: each brings its threads along.
const PULLS_AT_ONCE: usize = 25;
/// Requests that GitHub counts for one pull request: its conversation, its threads, and the comments of thirty of them.
const REQUESTS_OF_A_PULL: u64 = 32;

/// An item of a list, as far as its comments are concerned.
#[derive(Debug, Clone)]
pub(super) struct Touched {
    /// What GraphQL knows it by.
    pub(super) id: String,
    pub(super) at: Timestamp,
}

/// What is still to be asked for.
struct Turn {
    ids: Vec<String>,
    /// The conversation before this, of one item.
    before: Option<String>,
    /// The threads after this, of one pull request.
    after: Option<String>,
    wants_conversation: bool,
    wants_threads: bool,
}

/// A list of which the comments are to be read.
type List = (Stream, Step, Result<Listed, Trouble>);

impl Visit<'_> {
    /// Whether comments are better read from inside their items: only where GraphQL's bucket has more room for what that
    /// costs than REST's for its lists.
    pub(super) fn comments_are_better_inside(&self, lists: &[List]) -> bool {
        let (mut points, mut requests) = (0, 0);
        let mut most = 0;
        for (stream, step, list) in lists {
            let Ok(listed) = list else { continue };
            if self.comments_until(*stream, *step) < self.read_until(*stream, *step) {
                return false;
            }
            let items = self.news(*stream, *step, listed).len();
            if *stream == Stream::Pulls {
                points += cost(items, PULLS_AT_ONCE, REQUESTS_OF_A_PULL);
                // The list of comments on diffs, at least a page of it.
                requests += pages(items);
            } else {
                points += cost(items, ISSUES_AT_ONCE, 1);
            }
            most = most.max(items);
        }
        requests += pages(most);
        if most == 0 {
            return false;
        }
        let way = |resource, cost| Way {
            slack: self.scrape.client.slack(self.lane, &resource),
            cost,
        };
        let ways = [
            way(Resource::core(), requests),
            // Half of the lists are free, more or less, since they have not changed and are answered by a 304.
            way(Resource::graphql(), 2 * points),
        ];
        roomiest(&ways) == 1
    }

    /// Gives each of the lists the comments of its items. `false` where that cannot be whole in this way.
    pub(super) async fn add_comments_from_inside(&self, lists: &mut [List]) -> bool {
        for (stream, step, list) in lists {
            let Ok(listed) = list else { continue };
            let ids = self.news(*stream, *step, listed);
            let until = self.comments_until(*stream, *step);
            match self.inside(*stream, ids, until).await {
                Ok(Some(comments)) => {
                    listed.unreadable += comments.unreadable;
                    listed.events.extend(comments.events);
                }
                Ok(None) => return false,
                Err(trouble) => *list = Err(trouble),
            }
        }
        true
    }

    /// The ids of the items that may have comments which have not been read.
    fn news(&self, stream: Stream, step: Step, listed: &Listed) -> Vec<String> {
        let until = self.comments_until(stream, step);
        let touched = listed.touched.iter().filter(|item| item.at >= until);
        touched.map(|item| item.id.clone()).collect()
    }

    /// The comments of some items that were written since `until`, and some more. Nothing where a thread is longer than
    /// can be read in this way.
    async fn inside(
        &self,
        stream: Stream,
        ids: Vec<String>,
        until: Timestamp,
    ) -> Result<Option<Comments>, Trouble> {
        let (document, at_once) = match stream {
            Stream::Pulls => (PULL_COMMENTS, PULLS_AT_ONCE),
            Stream::Issues | Stream::Commits => (ISSUE_COMMENTS, ISSUES_AT_ONCE),
        };
        let first = |ids: &[String]| Turn {
            ids: ids.to_vec(),
            before: None,
            after: None,
            wants_conversation: true,
            wants_threads: true,
        };
        let mut turns: VecDeque<Turn> = ids.chunks(at_once).map(first).collect();
        let mut found = Comments::default();
        while let Some(turn) = turns.pop_front() {
            for item in self.ask_inside(document, &turn).await? {
                let Some(further) = found.take_item(stream, item, &turn, until) else {
                    return Ok(None);
                };
                turns.extend(further);
            }
        }
        Ok(Some(found))
    }

    /// The items of one turn that are still there.
    async fn ask_inside(
        &self,
        document: &'static str,
        turn: &Turn,
    ) -> Result<Vec<Commented>, Trouble> {
        let scrape = self.scrape;
        let variables = json!({
            "owner": scrape.org, "name": self.repo.name,
            "ids": turn.ids, "before": turn.before, "after": turn.after,
        });
        let key = format!("{} comments", self.repo.id.0);
        let answer = scrape
            .client
            .graphql_page_partial::<graphql::Comments>(
                self.lane,
                document,
                &variables,
                &scrape.pages,
                &key,
            )
            .await
            .map_err(|error| self.trouble(&error))?;
        self.tally.graphql(answer.cost);
        // What has gone since its list was read has taken its comments along.
        let is_gone = |error: &graphql::GraphQlError| {
            matches!(error.path.as_slice(), [PathStep::Field(list), PathStep::Index(_)] if list == "nodes")
                && error.code() == Some("NOT_FOUND")
        };
        if let Some(error) = answer.errors.iter().find(|error| !is_gone(error)) {
            return Err(Trouble::Missed(GapReason::Partial, error.to_string()));
        }
        let repository = answer.data.repository.ok_or_else(|| self.not_there())?;
        self.same_repo(repository.database_id)?;
        Ok(answer.data.nodes.into_iter().flatten().collect())
    }
}

impl Comments {
    /// Takes in what one turn brought of an item, and says what is still to be asked for. Nothing where that cannot be said.
    fn take_item(
        &mut self,
        stream: Stream,
        item: Commented,
        turn: &Turn,
        until: Timestamp,
    ) -> Option<Option<Turn>> {
        let on = match stream {
            Stream::Pulls => CommentOn::Pull,
            Stream::Issues | Stream::Commits => CommentOn::Issue,
        };
        let (mut before, mut after) = (None, None);
        if turn.wants_conversation {
            let page = &item.comments;
            let oldest = page.nodes.first().map(|comment| comment.created_at);
            let is_read_before = oldest.is_some_and(|oldest| oldest < until);
            before = page
                .previous()
                .filter(|_| !is_read_before)
                .map(str::to_owned);
            self.unreadable += page.unreadable;
            self.events
                .extend(page.nodes.iter().map(|one| facts::inside(on, one)));
        }
        if let Some(threads) = item.review_threads.filter(|_| turn.wants_threads) {
            after = threads.next().map(str::to_owned);
            self.unreadable += threads.unreadable;
            for thread in threads.nodes {
                if thread.comments.next().is_some() {
                    return None;
                }
                self.unreadable += thread.comments.unreadable;
                let comments = thread.comments.nodes.iter();
                let comments = comments.filter(|comment| !comment.is_pending());
                self.events
                    .extend(comments.map(|one| facts::inside(CommentOn::Diff, one)));
            }
        }
        if before.is_none() && after.is_none() {
            return Some(None);
        }
        Some(Some(Turn {
            ids: vec![item.id],
            wants_conversation: before.is_some(),
            wants_threads: after.is_some(),
            before,
            after,
        }))
    }
}

/// Points for so many items, asked for by `at_once` at a time.
fn cost(items: usize, at_once: usize, requests_of_each: u64) -> u64 {
    let of = |items: usize| ((items as u64 * requests_of_each + 50) / 100).max(1);
    let whole = (items / at_once) as u64 * of(at_once);
    let rest = items % at_once;
    whole + if rest == 0 { 0 } else { of(rest) }
}

/// Pages of a list that holds at least something of each of so many items.
fn pages(items: usize) -> u64 {
    items.div_ceil(100).max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_reckoned_by_the_request() {
        let issues = |items| cost(items, ISSUES_AT_ONCE, 1);
        assert_eq!([1, 100, 101, 250].map(issues), [1, 1, 2, 3]);
        let pulls = |items| cost(items, PULLS_AT_ONCE, REQUESTS_OF_A_PULL);
        assert_eq!([0, 1, 4, 10, 25, 26, 50].map(pulls), [0, 1, 1, 3, 8, 9, 16]);
        assert_eq!([0, 1, 100, 101].map(pages), [1, 1, 1, 2]);
    }
}
