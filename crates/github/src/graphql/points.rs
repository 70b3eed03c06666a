//! What a document takes from the hourly quota before it has been asked: GitHub's published formula, which counts
//! connections and knows nothing of the data.
//!
//! Reads the documents of this crate, which use no fragments with names and no strings. It is no parser for others.

/// The points that GitHub charges for `document`, where pages that it does not fix itself hold `first` items, 1 to 100.
///
/// A hundredth of the requests that filling every connection under each of its parents would need, rounded, and at least 1
/// ([GitHub's formula][formula]). A connection that is asked for its count alone is one request.
///
/// [formula]: https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api#predicting-the-point-value-of-a-query
pub fn points(document: &str, first: u32) -> u64 {
    let Some((_, selections)) = document.split_once('{') else {
        return 1;
    };
    let mut reader = Reader {
        rest: selections,
        first: u64::from(first),
    };
    ((reader.selections(1).requests + 50) / 100).max(1)
}

struct Reader<'a> {
    rest: &'a str,
    first: u64,
}

/// What stands between two braces.
#[derive(Default)]
struct Selected {
    requests: u64,
    /// It selects what only connections have.
    of_a_connection: bool,
}

impl<'a> Reader<'a> {
    /// Everything up to the closing brace, on an object that may exist `parents` times.
    fn selections(&mut self, parents: u64) -> Selected {
        let mut selected = Selected::default();
        loop {
            self.rest = self
                .rest
                .trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if self.rest.is_empty() || self.take('}') {
                return selected;
            }
            if let Some(condition) = self.rest.strip_prefix("...") {
                self.rest = condition.split_once('{').map_or("", |(_, inside)| inside);
                let inside = self.selections(parents);
                selected.requests += inside.requests;
                selected.of_a_connection |= inside.of_a_connection;
                continue;
            }
            let mut name = self.name();
            if self.take(':') {
                name = self.name();
            }
            if name.is_empty() {
                // No document of ours.
                return selected;
            }
            selected.of_a_connection |=
                matches!(name, "totalCount" | "nodes" | "edges" | "pageInfo");
            let size = self.arguments();
            if self.take('{') {
                let below = self.selections(parents * size.unwrap_or(1));
                selected.requests += match (below.of_a_connection, size) {
                    (true, None) => parents,
                    (true, Some(_)) => parents + below.requests,
                    (false, _) => below.requests,
                };
            }
        }
    }

    fn name(&mut self) -> &'a str {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let text = self.rest.trim_start();
        let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
        self.rest = rest;
        name
    }

    /// The page size among the arguments, if there is one.
    fn arguments(&mut self) -> Option<u64> {
        if !self.take('(') {
            return None;
        }
        let (arguments, rest) = self.rest.split_once(')').unwrap_or((self.rest, ""));
        self.rest = rest;
        let size = arguments.split(',').find_map(|argument| {
            let (name, value) = argument.split_once(':')?;
            matches!(name.trim(), "first" | "last").then(|| value.trim())
        })?;
        Some(size.parse().unwrap_or(self.first))
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.strip_prefix(wanted);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{COMMITS, HEAD, ISSUES, PROBE, PROBE_ONE, PULLS, RATE_LIMIT};
    use super::points;

    #[test]
    fn connections_count_under_each_of_their_parents() {
        for (document, expected) in [
            ("query A { viewer { login } rateLimit { cost } }", 1),
            // 1 + 100 + 100 * 50.
            (
                "query A { a(first: 100) { nodes { b(first: 50) { nodes { c(last: 10) { totalCount } } } } } }",
                51,
            ),
            // 1 + 100: what is asked for its count leads nowhere.
            (
                "query A($first: Int!) { a(first: $first) { nodes { b { totalCount nodes { c { totalCount } } } } } }",
                1,
            ),
            (
                "query A { x: a(first: 100) { edges { ... on B { y: b(first: 1) { pageInfo { endCursor } } } } } }",
                1,
            ),
        ] {
            assert_eq!(points(document, 100), expected, "{document}");
        }
    }

    #[test]
    fn the_documents_cost_what_the_probe_s_design_says_and_less_on_smaller_pages() {
        let documents = [PROBE, PROBE_ONE, COMMITS, PULLS, ISSUES, HEAD, RATE_LIMIT];
        let of = |first| documents.map(|document| points(document, first));
        assert_eq!(of(100), [2, 1, 1, 2, 1, 1, 1]);
        assert_eq!(of(10), [1; 7]);
    }
}
