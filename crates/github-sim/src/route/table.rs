//! Every route as GitHub's docs write it, and the permission that an App needs for it.
//!
//! The observer names requests by it, answered or refused; `x-accepted-github-permissions` comes from it.

use super::call::decoded;

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) endpoint: &'static str,
    pub(crate) permission: Option<&'static str>,
}

const UNKNOWN: Route = Route {
    endpoint: "unknown",
    permission: None,
};

const ORG_COPILOT: Option<&str> = Some("organization_copilot_metrics=read");
const ENTERPRISE_COPILOT: Option<&str> = Some("enterprise_copilot_metrics=read");

/// Owner and repository, or the repository's id, come before these.
const IN_REPO: &[(&[&str], &str, Option<&str>)] = &[
    (&[], "/repos/{owner}/{repo}", Some("metadata=read")),
    (
        &["actions", "runs"],
        "/repos/{owner}/{repo}/actions/runs",
        Some("actions=read"),
    ),
    (
        &["actions", "runs", "*"],
        "/repos/{owner}/{repo}/actions/runs/{run_id}",
        Some("actions=read"),
    ),
    (
        &["actions", "runs", "*", "jobs"],
        "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs",
        Some("actions=read"),
    ),
    (
        &["actions", "runs", "*", "attempts", "*"],
        "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}",
        Some("actions=read"),
    ),
    (
        &["actions", "runs", "*", "attempts", "*", "jobs"],
        "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs",
        Some("actions=read"),
    ),
    (
        &["branches", ".."],
        "/repos/{owner}/{repo}/branches/{branch}",
        Some("contents=read"),
    ),
    (
        &["commits"],
        "/repos/{owner}/{repo}/commits",
        Some("contents=read"),
    ),
    (
        &["commits", ".."],
        "/repos/{owner}/{repo}/commits/{ref}",
        Some("contents=read"),
    ),
    (
        &["compare", ".."],
        "/repos/{owner}/{repo}/compare/{basehead}",
        Some("contents=read"),
    ),
    (
        &["installation"],
        "/repos/{owner}/{repo}/installation",
        None,
    ),
    (
        &["issues"],
        "/repos/{owner}/{repo}/issues",
        Some("issues=read"),
    ),
    (
        &["issues", "comments"],
        "/repos/{owner}/{repo}/issues/comments",
        Some("issues=read; pull_requests=read"),
    ),
    (
        &["issues", "*"],
        "/repos/{owner}/{repo}/issues/{issue_number}",
        Some("issues=read; pull_requests=read"),
    ),
    (
        &["issues", "*", "comments"],
        "/repos/{owner}/{repo}/issues/{issue_number}/comments",
        Some("issues=read; pull_requests=read"),
    ),
    (
        &["pulls"],
        "/repos/{owner}/{repo}/pulls",
        Some("pull_requests=read"),
    ),
    (
        &["pulls", "comments"],
        "/repos/{owner}/{repo}/pulls/comments",
        Some("pull_requests=read"),
    ),
    (
        &["pulls", "*"],
        "/repos/{owner}/{repo}/pulls/{pull_number}",
        Some("pull_requests=read"),
    ),
    (
        &["pulls", "*", "comments"],
        "/repos/{owner}/{repo}/pulls/{pull_number}/comments",
        Some("pull_requests=read"),
    ),
    (
        &["pulls", "*", "reviews"],
        "/repos/{owner}/{repo}/pulls/{pull_number}/reviews",
        Some("pull_requests=read"),
    ),
    (
        &["releases"],
        "/repos/{owner}/{repo}/releases",
        Some("contents=read"),
    ),
];

const ELSEWHERE: &[(&[&str], &str, Option<&str>)] = &[
    (&["app"], "/app", None),
    (&["app", "installations"], "/app/installations", None),
    (
        &["app", "installations", "*"],
        "/app/installations/{installation_id}",
        None,
    ),
    (
        &["app", "installations", "*", "access_tokens"],
        "/app/installations/{installation_id}/access_tokens",
        None,
    ),
    (
        &["installation", "repositories"],
        "/installation/repositories",
        Some("metadata=read"),
    ),
    (&["meta"], "/meta", None),
    (&["organizations", "*"], "/orgs/{org}", None),
    (
        &["organizations", "*", "repos"],
        "/orgs/{org}/repos",
        Some("metadata=read"),
    ),
    (&["orgs", "*"], "/orgs/{org}", None),
    (
        &["orgs", "*", "installation"],
        "/orgs/{org}/installation",
        None,
    ),
    (
        &["orgs", "*", "repos"],
        "/orgs/{org}/repos",
        Some("metadata=read"),
    ),
    (
        &["organizations", "*", "teams"],
        "/orgs/{org}/teams",
        Some("members=read"),
    ),
    (
        &["organizations", "*", "team", "*", "members"],
        "/orgs/{org}/teams/{team_slug}/members",
        Some("members=read"),
    ),
    (
        &["orgs", "*", "teams"],
        "/orgs/{org}/teams",
        Some("members=read"),
    ),
    (
        &["orgs", "*", "teams", "*", "members"],
        "/orgs/{org}/teams/{team_slug}/members",
        Some("members=read"),
    ),
    (
        &[
            "orgs",
            "*",
            "copilot",
            "metrics",
            "reports",
            "organization-28-day",
            "latest",
        ],
        "/orgs/{org}/copilot/metrics/reports/organization-28-day/latest",
        ORG_COPILOT,
    ),
    (
        &[
            "orgs",
            "*",
            "copilot",
            "metrics",
            "reports",
            "users-28-day",
            "latest",
        ],
        "/orgs/{org}/copilot/metrics/reports/users-28-day/latest",
        ORG_COPILOT,
    ),
    (
        &[
            "orgs",
            "*",
            "copilot",
            "metrics",
            "reports",
            "organization-1-day",
        ],
        "/orgs/{org}/copilot/metrics/reports/organization-1-day",
        ORG_COPILOT,
    ),
    (
        &["orgs", "*", "copilot", "metrics", "reports", "users-1-day"],
        "/orgs/{org}/copilot/metrics/reports/users-1-day",
        ORG_COPILOT,
    ),
    (
        &[
            "enterprises",
            "*",
            "copilot",
            "metrics",
            "reports",
            "enterprise-28-day",
            "latest",
        ],
        "/enterprises/{enterprise}/copilot/metrics/reports/enterprise-28-day/latest",
        ENTERPRISE_COPILOT,
    ),
    (
        &[
            "enterprises",
            "*",
            "copilot",
            "metrics",
            "reports",
            "users-28-day",
            "latest",
        ],
        "/enterprises/{enterprise}/copilot/metrics/reports/users-28-day/latest",
        ENTERPRISE_COPILOT,
    ),
    (
        &[
            "enterprises",
            "*",
            "copilot",
            "metrics",
            "reports",
            "enterprise-1-day",
        ],
        "/enterprises/{enterprise}/copilot/metrics/reports/enterprise-1-day",
        ENTERPRISE_COPILOT,
    ),
    (
        &[
            "enterprises",
            "*",
            "copilot",
            "metrics",
            "reports",
            "users-1-day",
        ],
        "/enterprises/{enterprise}/copilot/metrics/reports/users-1-day",
        ENTERPRISE_COPILOT,
    ),
    (&["rate_limit"], "/rate_limit", None),
    (&["user"], "/user", None),
    (&["user", "repos"], "/user/repos", Some("metadata=read")),
    (&["user", "*"], "/users/{username}", None),
    (
        &["user", "*", "repos"],
        "/users/{username}/repos",
        Some("metadata=read"),
    ),
    (&["users", "*"], "/users/{username}", None),
    (
        &["users", "*", "installation"],
        "/users/{username}/installation",
        None,
    ),
    (
        &["users", "*", "repos"],
        "/users/{username}/repos",
        Some("metadata=read"),
    ),
];

/// The segments of a path, decoded.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.trim_matches('/').split('/').map(decoded).collect()
}

/// The route of a path.
pub(crate) fn route(path: &str) -> Route {
    let segments = segments(path);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (table, rest) = match segments.as_slice() {
        ["repos", _, _, rest @ ..] | ["repositories", _, rest @ ..] => (IN_REPO, rest),
        all => (ELSEWHERE, all),
    };
    let found = table.iter().find(|(pattern, ..)| fits(pattern, rest));
    found.map_or(UNKNOWN, |(_, endpoint, permission)| Route {
        endpoint,
        permission: *permission,
    })
}

/// `*` stands for one segment, `..` for all the rest and at least one.
fn fits(pattern: &[&str], segments: &[&str]) -> bool {
    match (pattern, segments) {
        ([".."], rest) => !rest.is_empty(),
        (["*", pattern @ ..], [_, rest @ ..]) => fits(pattern, rest),
        ([word, pattern @ ..], [segment, rest @ ..]) => word == segment && fits(pattern, rest),
        ([], []) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_name_that_the_docs_give_it() {
        for (path, endpoint) in [
            ("/repos/a/b", "/repos/{owner}/{repo}"),
            (
                "/repositories/7/pulls/3/reviews",
                "/repos/{owner}/{repo}/pulls/{pull_number}/reviews",
            ),
            (
                "/repos/a/b/issues/comments",
                "/repos/{owner}/{repo}/issues/comments",
            ),
            (
                "/repos/a/b/issues/7",
                "/repos/{owner}/{repo}/issues/{issue_number}",
            ),
            (
                "/repos/a/b/commits/feature/x",
                "/repos/{owner}/{repo}/commits/{ref}",
            ),
            ("/user/12/repos", "/users/{username}/repos"),
            ("/repos/a", "unknown"),
            ("/nothing", "unknown"),
        ] {
            assert_eq!(route(path).endpoint, endpoint, "{path}");
        }
    }
}
