//! The next page of a list, as the `Link` header names it, and all of them. Refuses to leave GitHub's origin.

use http::HeaderMap;
use quota::Lane;

use crate::client::Client;
use crate::error::{Error, Kind};
use crate::origin::Destination;
use crate::request::{Request, Response};

/// The request for the page after this one, if there is one.
///
/// # Errors
/// `is_elsewhere`: the link leads to another origin. It is not followed, and since a list that ends early would be taken
/// for whole, it is not ignored either.
pub fn next(response: &Response) -> Result<Option<Request>, Error> {
    let Some(address) = response.link().and_then(|link| target(link, "next")) else {
        return Ok(None);
    };
    match response.api_url.destination(address) {
        Destination::Rest(path) => Ok(Some(response.request.moved_to(path))),
        Destination::Elsewhere => Err(Kind::Elsewhere {
            subject: response.request.subject(),
            to: address.split('?').next().unwrap_or_default().to_owned(),
            api_url: response.api_url.to_string(),
        }
        .into()),
    }
}

/// Reads a list from `first` on, page by page, until `take` says that what follows is known, or to its end.
///
/// What is deleted while the pages are read moves the first item of the next page to the page before, where nobody looks
/// any more. So all but the last are looked at once more where that is free as long as nothing changed: where the list is
/// conditional.
///
/// # Errors
/// As [`Client::send`], and what `take` says.
pub(crate) async fn read(
    client: &Client,
    lane: Lane,
    first: Request,
    mut take: impl FnMut(&Response) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut pages = Vec::new();
    let mut next_page = Some(first);
    while let Some(request) = next_page {
        let response = client.send(lane, request.clone()).await?;
        pages.push(request);
        let is_read = take(&response)?;
        next_page = next(&response)?.filter(|_| !is_read);
    }
    pages.pop();
    for request in pages.into_iter().filter(Request::is_conditional) {
        let response = client.send(lane, request).await?;
        take(&response)?;
    }
    Ok(())
}

/// The number of the last page, where the list says so.
pub fn last(headers: &HeaderMap) -> Option<u64> {
    let address = target(headers.get(http::header::LINK)?.to_str().ok()?, "last")?;
    let (_, query) = address.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("page=")?.parse().ok())
}

/// The address with the given relation in a `Link` header: `<address>; rel="next", <address>; rel="last"`. Addresses may
/// hold commas and semicolons, so that the angle brackets are what counts.
fn target<'a>(link: &'a str, relation: &str) -> Option<&'a str> {
    let mut rest = link;
    while let Some(start) = rest.find('<') {
        let (address, after) = rest[start + 1..].split_once('>')?;
        let parameters = &after[..after.find('<').unwrap_or(after.len())];
        let related = parameters
            .split([';', ','])
            .filter_map(|parameter| parameter.trim().split_once('='))
            .any(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value
                        .trim()
                        .trim_matches('"')
                        .split(' ')
                        .any(|one| one.eq_ignore_ascii_case(relation))
            });
        if related {
            return Some(address);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_link_says_its_target_is_a_part_of_it(link in r#"[<>;,= "a-z]{0,40}"#) {
            if let Some(address) = target(&link, "next") {
                let bracketed = format!("<{address}>");
                prop_assert!(link.contains(&bracketed));
            }
        }
    }

    #[test]
    fn a_link_is_found_by_its_relation() {
        let link = r#"<https://api.github.com/repositories/1/issues?page=1>; rel="prev", <https://api.github.com/repositories/1/issues?labels=a,b;c&page=3>; rel="next", <https://x/?per_page=100&page=7>; rel="last""#;
        assert_eq!(
            target(link, "next"),
            Some("https://api.github.com/repositories/1/issues?labels=a,b;c&page=3")
        );
        assert_eq!(target(link, "first"), None);
        assert_eq!(target("<a>; rel=next", "next"), Some("a"));
        assert_eq!(
            target(r#"<a>; title="x"; REL="last next""#, "next"),
            Some("a")
        );
        assert_eq!(target(r#"<a>; title="next""#, "next"), None);
        assert_eq!(target("<a", "next"), None);
        assert_eq!(target("", "next"), None);

        let mut headers = HeaderMap::new();
        headers.insert("link", link.parse().unwrap());
        assert_eq!(last(&headers), Some(7));
    }
}
