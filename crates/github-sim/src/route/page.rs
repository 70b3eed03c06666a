//! Pages of a list, and the `Link` header that leads from one to the next.

use http::header::LINK;
use serde_json::Value;

use super::call::Call;
use super::reply::Reply;

/// Documented: 30 items a page unless asked otherwise ...
const DEFAULT: usize = 30;

/// ... and at most 100; more is taken as 100.
const MOST: usize = 100;

/// One page of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    number: usize,
    size: usize,
}

impl Page {
    /// The page that was asked for. Observed: nonsense is taken as nothing said, not refused.
    pub(crate) fn of(call: &Call) -> Page {
        let number = |name| {
            call.query
                .get(name)
                .and_then(|value| value.parse::<usize>().ok())
                .filter(|number| *number > 0)
        };
        Page {
            number: number("page").unwrap_or(1),
            size: number("per_page").unwrap_or(DEFAULT).min(MOST),
        }
    }

    /// The items of this page; none beyond the end.
    pub(crate) fn cut<T>(self, items: &[T]) -> &[T] {
        let start = (self.number - 1).saturating_mul(self.size).min(items.len());
        &items[start..items.len().min(start + self.size)]
    }

    /// A list's answer: this page of it with its links. GitHub's links name a list by its ids, not by its names:
    /// `address` is the list's address in that form.
    pub(crate) fn answer<T>(
        self,
        call: &Call,
        address: &str,
        items: &[T],
        show: impl FnMut(&T) -> Value,
    ) -> Reply {
        let body = Value::Array(self.cut(items).iter().map(show).collect());
        self.link(call, address, items.len(), Reply::ok(body))
    }

    /// Puts the links on an answer.
    pub(crate) fn link(self, call: &Call, address: &str, total: usize, reply: Reply) -> Reply {
        let last = total.div_ceil(self.size).max(1);
        let query = call.query.without_page();
        let link = |page: usize, rel: &str| {
            let query = if query.is_empty() {
                String::new()
            } else {
                format!("{query}&")
            };
            format!("<{}{address}?{query}page={page}>; rel=\"{rel}\"", call.base)
        };
        let mut links = Vec::new();
        if self.number > 1 {
            links.push(link(self.number.min(last + 1) - 1, "prev"));
        }
        if self.number < last {
            links.push(link(self.number + 1, "next"));
            links.push(link(last, "last"));
        }
        if self.number > 1 {
            links.push(link(1, "first"));
        }
        if links.is_empty() {
            reply
        } else {
            reply.header(LINK, links.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use serde_json::json;

    use super::*;

    fn links(query: &str, total: usize) -> (usize, String) {
        let uri = format!("http://gh.test/repos/a/b/pulls?{query}");
        let call = Call::read(Request::builder().uri(uri).body(Bytes::new()).unwrap());
        let items: Vec<usize> = (0..total).collect();
        let reply =
            Page::of(&call).answer(&call, "/repositories/1/pulls", &items, |item| json!(item));
        let link = reply
            .headers
            .first()
            .map(|(_, value)| value.replace("http://gh.test/repositories/1/pulls?", ""));
        let items: Vec<usize> = serde_json::from_slice(&reply.compact()).unwrap();
        (items.len(), link.unwrap_or_default())
    }

    #[test]
    fn a_list_of_one_page_has_no_links() {
        assert_eq!(links("", 30), (30, String::new()));
        assert_eq!(links("", 0), (0, String::new()));
    }

    #[test]
    fn links_lead_forward_and_back_and_keep_the_query() {
        assert_eq!(
            links("state=all", 31).1,
            r#"<state=all&page=2>; rel="next", <state=all&page=2>; rel="last""#
        );
        assert_eq!(
            links("page=2&per_page=10", 35),
            (
                10,
                [
                    r#"<per_page=10&page=1>; rel="prev""#,
                    r#"<per_page=10&page=3>; rel="next""#,
                    r#"<per_page=10&page=4>; rel="last""#,
                    r#"<per_page=10&page=1>; rel="first""#
                ]
                .join(", ")
            )
        );
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(links("per_page=1000", 250).0, 100);
        assert_eq!(links("per_page=0", 250).0, 30);
        assert_eq!(links("per_page=x&page=-1", 250).0, 30);
        let (beyond, link) = links("page=99", 35);
        assert_eq!(beyond, 0);
        assert_eq!(link, r#"<page=2>; rel="prev", <page=1>; rel="first""#);
        assert_eq!(links("page=18446744073709551615&per_page=100", 35).0, 0);
    }
}
