//! GraphQL data of which a part is missing, as GitHub sends it when a query needs too much.

use serde_json::{Value, json};

const MESSAGE: &str = "Resource limits for this query exceeded.";

/// The same answer with the second half of its first list null and an error for each item that is gone. An answer
/// without such a list loses all of its data.
pub(super) fn partial(body: Vec<u8>) -> Vec<u8> {
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    let mut errors = Vec::new();
    let list = answer
        .get_mut("data")
        .and_then(|data| first_list(data, &mut Vec::new()));
    if let Some((path, nodes)) = list {
        let half = nodes.len() / 2;
        for (at, node) in nodes.iter_mut().enumerate().skip(half) {
            *node = Value::Null;
            let mut path = path.clone();
            path.push(json!(at));
            errors.push(
                json!({"type": "RESOURCE_LIMITS_EXCEEDED", "path": path, "message": MESSAGE}),
            );
        }
    }
    if errors.is_empty() {
        answer["data"] = Value::Null;
        errors.push(json!({"type": "RESOURCE_LIMITS_EXCEEDED", "message": MESSAGE}));
    }
    answer["errors"] = Value::Array(errors);
    answer.to_string().into_bytes()
}

/// The first list of at least two items, and where it is.
fn first_list<'a>(
    value: &'a mut Value,
    path: &mut Vec<Value>,
) -> Option<(Vec<Value>, &'a mut Vec<Value>)> {
    if let Value::Array(nodes) = value {
        return (nodes.len() > 1).then(|| (path.clone(), nodes));
    }
    let Value::Object(fields) = value else {
        return None;
    };
    for (name, field) in fields {
        path.push(json!(name));
        if let Some(found) = first_list(field, path) {
            return Some(found);
        }
        path.pop();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(answer: Value) -> Value {
        serde_json::from_slice(&partial(answer.to_string().into_bytes())).unwrap()
    }

    #[test]
    fn half_of_the_first_list_is_gone_and_named() {
        let answer =
            after(json!({"data": {"r": {"a": {"nodes": [1]}, "b": {"nodes": [1, 2, 3]}}}}));
        assert_eq!(
            answer["data"]["r"],
            json!({"a": {"nodes": [1]}, "b": {"nodes": [1, null, null]}})
        );
        assert_eq!(answer["errors"][0]["path"], json!(["r", "b", "nodes", 1]));
        assert_eq!(answer["errors"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn without_a_list_everything_is_gone() {
        let answer = after(json!({"data": {"viewer": {"login": "a"}}}));
        assert_eq!(answer["data"], Value::Null);
        assert_eq!(answer["errors"][0]["type"], "RESOURCE_LIMITS_EXCEEDED");
    }
}
