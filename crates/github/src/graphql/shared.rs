//! The parts that several answers share.

use jiff::Timestamp;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Who did something, as GitHub's interface `Actor` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Actor {
    /// `User`, `Bot`, `Organization`, `Mannequin` or `EnterpriseUserAccount`.
    #[serde(rename = "__typename", default)]
    pub typename: String,
    /// The login; a bot's comes without its `[bot]`.
    pub login: String,
    /// The account's number, where the type has one.
    #[serde(rename = "databaseId", default)]
    pub database_id: Option<u64>,
}

/// Where a page ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    /// Whether there is more after this page.
    pub has_next_page: bool,
    /// What to pass as `after` for it.
    pub end_cursor: Option<String>,
    /// Whether there is more before this page, where that was asked for.
    #[serde(default)]
    pub has_previous_page: bool,
    /// What to pass as `before` for it.
    #[serde(default)]
    pub start_cursor: Option<String>,
}

/// One page of a list.
///
/// GitHub puts null where it could not produce an item, and an item may lack what its type promises. That costs the item,
/// not the page: it is left out of `nodes` and counted in `unreadable`, so that nobody takes the page for whole. A page of
/// which nothing can be read is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection<T> {
    /// The number of items in the whole list.
    pub total_count: u64,
    /// Where this page ends.
    pub page_info: PageInfo,
    /// The items of this page.
    pub nodes: Vec<T>,
    /// Items of this page that are missing from `nodes`.
    pub unreadable: u64,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Connection<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            total_count: u64,
            #[serde(default)]
            page_info: PageInfo,
            #[serde(default)]
            nodes: Option<Vec<Option<Box<RawValue>>>>,
        }
        let page = Page::deserialize(from)?;
        let (mut nodes, mut unreadable, mut fault) = (Vec::new(), 0, None);
        for node in page.nodes.unwrap_or_default() {
            match node.map(|node| serde_json::from_str(node.get())) {
                Some(Ok(node)) => nodes.push(node),
                Some(Err(error)) => {
                    unreadable += 1;
                    fault.get_or_insert(error);
                }
                None => unreadable += 1,
            }
        }
        match fault {
            Some(error) if nodes.is_empty() => Err(D::Error::custom(error)),
            _ => Ok(Connection {
                total_count: page.total_count,
                page_info: page.page_info,
                nodes,
                unreadable,
            }),
        }
    }
}

impl<T> Connection<T> {
    /// The cursor of the next page, if there is one.
    pub fn next(&self) -> Option<&str> {
        self.page_info
            .end_cursor
            .as_deref()
            .filter(|_| self.page_info.has_next_page)
    }

    /// The cursor of the page before, if there is one: of lists that are read from their end.
    pub fn previous(&self) -> Option<&str> {
        self.page_info
            .start_cursor
            .as_deref()
            .filter(|_| self.page_info.has_previous_page)
    }
}

/// A list of which only the length was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// The number of items in the list.
    pub total_count: u64,
}

/// A branch and the commit at its end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Branch {
    /// The name without `refs/heads/`.
    pub name: String,
    /// The head; absent only while GitHub is inconsistent.
    pub target: Option<Target>,
}

/// The object that a branch points to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Target {
    /// The commit's name.
    pub oid: String,
    /// The length of the history that ends here, where it was asked for.
    #[serde(default)]
    pub history: Option<Count>,
}

impl Branch {
    /// The commit at the branch's end.
    pub fn head(&self) -> Option<&str> {
        self.target.as_ref().map(|target| target.oid.as_str())
    }
}

/// An event in the life of a pull request or an issue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "__typename")]
pub enum TimelineItem {
    /// It was closed, by a merge too.
    #[serde(rename = "ClosedEvent", rename_all = "camelCase")]
    Closed {
        /// When.
        created_at: Timestamp,
        /// By whom.
        actor: Option<Actor>,
    },
    /// A draft was marked as ready for review.
    #[serde(rename = "ReadyForReviewEvent", rename_all = "camelCase")]
    ReadyForReview {
        /// When.
        created_at: Timestamp,
    },
    /// Anything else.
    #[serde(other)]
    Other,
}

/// `BigInt` travels as a string, `Int` as a number; both are ids.
pub(crate) fn id<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Number(id) => Ok(id),
        Either::Text(text) => text
            .parse()
            .map_err(|_not_a_number| D::Error::custom("an id is not a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Item {
        #[serde(deserialize_with = "id")]
        id: u64,
    }

    fn page(nodes: &str) -> Result<Connection<Item>, serde_json::Error> {
        serde_json::from_str(&format!(
            r#"{{"totalCount":9,"pageInfo":{{"hasNextPage":true,"endCursor":"c"}},"nodes":{nodes}}}"#
        ))
    }

    #[test]
    fn a_bad_item_costs_itself_and_is_counted() {
        let page = page(r#"[{"id":"9007199254740993"},null,{"id":null},{"id":2}]"#).unwrap();
        assert_eq!(
            page.nodes,
            [
                Item {
                    id: 9_007_199_254_740_993
                },
                Item { id: 2 }
            ]
        );
        assert_eq!((page.unreadable, page.next()), (2, Some("c")));
    }

    #[test]
    fn a_page_of_which_nothing_can_be_read_is_an_error() {
        assert!(page(r#"[{"id":"x"},null]"#).is_err());
        assert_eq!(page("[null]").unwrap().unreadable, 1);
        assert_eq!(page("null").unwrap().unreadable, 0);
    }

    #[test]
    fn a_timeline_tells_closes_from_the_rest() {
        let items: Vec<TimelineItem> = serde_json::from_str(
            r#"[{"__typename":"ClosedEvent","createdAt":"2025-06-01T00:00:00Z","actor":{"__typename":"Bot","login":"tide"}},
                {"__typename":"ReadyForReviewEvent","createdAt":"2025-06-01T00:00:00Z"},
                {"__typename":"NewEvent","createdAt":"2025-06-01T00:00:00Z"}]"#,
        )
        .unwrap();
        assert!(
            matches!(&items[0], TimelineItem::Closed { actor: Some(actor), .. } if actor.login == "tide")
        );
        assert!(matches!(items[1], TimelineItem::ReadyForReview { .. }));
        assert_eq!(items[2], TimelineItem::Other);
    }
}
