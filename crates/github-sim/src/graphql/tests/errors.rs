//! What GitHub says when a query is wrong, in its own shapes.

use serde_json::json;

use super::Stage;

#[test]
fn a_repository_that_nobody_has_is_null_beside_an_error_with_a_type() {
    let stage = Stage::new();
    let body = stage.ask(
        "query($name: String!) {\n  repository(owner: \"acme\", name: $name) { id }\n  rateLimit { cost }\n}",
        json!({ "name": "no-such" }),
    );
    assert_eq!(
        body,
        json!({
            "data": { "repository": null, "rateLimit": { "cost": 1 } },
            "errors": [{
                "type": "NOT_FOUND",
                "path": ["repository"],
                "locations": [{ "line": 2, "column": 3 }],
                "message": "Could not resolve to a Repository with the name 'acme/no-such'.",
            }],
        })
    );
}

#[test]
fn things_that_do_not_exist_are_named_as_github_names_them() {
    let stage = Stage::new();
    let check = |query: &str, message: &str| {
        let error = stage.error(query, json!({}));
        assert_eq!(error["type"], "NOT_FOUND", "{query}");
        assert_eq!(error["message"], message, "{query}");
    };
    let repository =
        |inner: &str| format!("{{ repository(owner: \"acme\", name: \"rocket\") {{ {inner} }} }}");
    check(
        &repository("pullRequest(number: 999) { id }"),
        "Could not resolve to a PullRequest with the number of 999.",
    );
    check(
        &repository("issue(number: 3) { id }"),
        "Could not resolve to an Issue with the number of 3.",
    );
    check(
        "{ organization(login: \"nobody\") { id } }",
        "Could not resolve to an Organization with the login of 'nobody'.",
    );
    check(
        "{ user(login: \"acme\") { id } }",
        "Could not resolve to a User with the login of 'acme'.",
    );
    let owner = stage.data("{ repositoryOwner(login: \"nobody\") { id } }", json!({}));
    assert_eq!(owner, json!({ "repositoryOwner": null }));
}

#[test]
fn an_error_in_a_place_that_cannot_be_null_takes_the_nearest_that_can() {
    let stage = Stage::new();
    let body = stage.ask(
        "{ repository(owner: \"acme\", name: \"rocket\") { issues { nodes { id } } } }",
        json!({}),
    );
    assert_eq!(body["data"], json!({ "repository": null }));
    assert_eq!(body["errors"][0]["path"], json!(["repository", "issues"]));
}

#[test]
fn pages_without_bounds_or_with_wrong_ones_are_refused() {
    let stage = Stage::new();
    let check = |arguments: &str, kind: &str, message: &str| {
        let query = format!(
            "{{ repository(owner: \"acme\", name: \"rocket\") {{ issues{arguments} {{ nodes {{ id }} }} }} }}"
        );
        let error = stage.error(&query, json!({}));
        assert_eq!(
            (&error["type"], &error["message"]),
            (&json!(kind), &json!(message)),
            "{arguments}"
        );
    };
    check(
        "",
        "MISSING_PAGINATION_BOUNDARIES",
        "You must provide a `first` or `last` value to properly paginate the `issues` connection.",
    );
    check(
        "(first: 101)",
        "EXCESSIVE_PAGINATION",
        "Requesting 101 records on the `issues` connection exceeds the `first` limit of 100 records.",
    );
    check(
        "(last: 1000)",
        "EXCESSIVE_PAGINATION",
        "Requesting 1000 records on the `issues` connection exceeds the `last` limit of 100 records.",
    );
    check(
        "(first: 1, after: \"here\")",
        "INVALID_CURSOR_ARGUMENTS",
        "`here` does not appear to be a valid cursor.",
    );
    check(
        "(first: -1)",
        "INVALID_PAGINATION_BOUNDARIES",
        "`first` on the `issues` connection cannot be less than zero.",
    );
    check(
        "(first: 1, last: 1)",
        "INVALID_PAGINATION_BOUNDARIES",
        "Passing both `first` and `last` to paginate the `issues` connection is not supported.",
    );
}

#[test]
fn an_unknown_field_is_named_with_its_type_and_nothing_runs() {
    let stage = Stage::new();
    let body = stage.ask("{ viewer { login shoeSize } }", json!({}));
    assert_eq!(
        body,
        json!({
            "errors": [{
                "extensions": { "code": "undefinedField", "typeName": "User", "fieldName": "shoeSize" },
                "locations": [{ "line": 1, "column": 18 }],
                "message": "Field 'shoeSize' doesn't exist on type 'User'",
            }],
        })
    );
}

#[test]
fn other_wrong_documents_and_variables_end_in_errors_without_data() {
    let stage = Stage::new();
    let check = |query: &str, variables: serde_json::Value| {
        let body = stage.ask(query, variables);
        assert_eq!(body.get("data"), None, "{query}");
        let errors = body["errors"].as_array().unwrap();
        assert!(errors.iter().all(|error| {
            error["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        }));
    };
    check("{ viewer { login }", json!({}));
    check("mutation { addStar { id } }", json!({}));
    check(
        "query($name: String!) { repository(owner: \"acme\", name: $name) { id } }",
        json!({}),
    );
    check(
        "query($n: Int) { repository(owner: \"acme\", name: $n) { id } }",
        json!({ "n": 1 }),
    );
    check(
        "query A { viewer { login } } query B { viewer { login } }",
        json!({}),
    );
    check(
        "{ repository(owner: \"acme\", name: \"rocket\") { issues(first: 1, states: OPENED) { totalCount } } }",
        json!({}),
    );
}

#[test]
fn a_query_nested_beyond_reason_is_refused() {
    let stage = Stage::new();
    let nested = |depth: usize| {
        let open = "repository(name: \"rocket\") { owner { ".repeat(depth);
        format!(
            "{{ organization(login: \"acme\") {{ {open} login {} }} }}",
            "} }".repeat(depth)
        )
    };
    let deep = stage.ask(&nested(20), json!({}));
    assert_eq!(deep.get("errors"), None);
    let deeper = stage.ask(&nested(200), json!({}));
    assert_eq!(deeper.get("data"), None);
    assert!(deeper["errors"][0]["message"].is_string());
}

#[test]
fn a_body_that_is_no_request_is_a_400_and_costs_nothing() {
    let stage = Stage::new();
    let check = |body: &[u8], message: &str| {
        let answer = stage.send(body);
        assert_eq!((answer.status, answer.cost), (400, 0));
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["message"], message);
    };
    check(b"", "Problems parsing JSON");
    check(b"{\"query\": \"{ viewer", "Problems parsing JSON");
    check(
        b"{}",
        "A query attribute must be specified and must be a string.",
    );
    check(
        b"{\"query\": 5}",
        "A query attribute must be specified and must be a string.",
    );
}

#[test]
fn a_query_for_too_many_nodes_is_refused_before_it_runs() {
    let stage = Stage::new();
    let query = "query($size: Int!) { organization(login: \"acme\") { repositories(first: $size) { nodes {
        issues(first: 100) { nodes { comments(first: 100) { nodes { id } } labels(first: 100) { nodes { id } } } }
    } } } }";
    let error = stage.error(query, json!({ "size": 100 }));
    assert_eq!(error["type"], "MAX_NODE_LIMIT_EXCEEDED");
    assert_eq!(
        error["message"],
        "By the time this query traverses to the comments connection, it is requesting up to 1,000,000 possible \
         nodes which exceeds the maximum limit of 500,000."
    );
    let error = stage.error(query, json!({ "size": 30 }));
    assert_eq!(
        error["message"],
        "This query requests up to 603,030 possible nodes which exceeds the maximum limit of 500,000."
    );
    assert_eq!(stage.ask(query, json!({ "size": 20 })).get("errors"), None);
}
