//! GitHub's `OpenAPI` description as JSON Schemas: `OpenAPI` 3.0 says `nullable` where JSON Schema has a type.

use std::collections::BTreeMap;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::{Map, Value, json};

use crate::published;

pub(crate) struct Description {
    document: Value,
}

impl Description {
    pub(crate) fn published() -> Description {
        let text = published::read("api.github.com.json");
        let document = serde_json::from_str(&text).expect("GitHub's description is JSON");
        Description { document }
    }

    /// Where a body does not fit what the description says for a route and a status, and how. Fields that the description
    /// does not know count: they would be misspelt ones as often as new ones.
    pub(crate) fn differences(
        &self,
        method: &str,
        route: &str,
        status: u16,
        body: &Value,
    ) -> Vec<(String, String)> {
        let Some(schema) = self.schema(method, route, status) else {
            return vec![(String::new(), "not in the description".to_owned())];
        };
        let mut found = Vec::new();
        for error in self.validator(schema).iter_errors(body) {
            innermost(&error, &mut found);
        }
        self.unknown(&[schema], body, "", &mut found);
        found
    }

    fn schema(&self, method: &str, route: &str, status: u16) -> Option<&Value> {
        let responses = &self.document["paths"].get(route)?.get(method)?["responses"];
        let response = self.followed(responses.get(status.to_string())?);
        response["content"].get("application/json")?.get("schema")
    }

    /// One schema with the components that it needs. The whole description would compile for seconds.
    fn validator(&self, schema: &Value) -> Validator {
        let mut components = BTreeMap::new();
        self.gather(schema, &mut components);
        let components: Map<String, Value> = components.into_iter().collect();
        let schema =
            json!({ "allOf": [as_json_schema(schema)], "components": { "schemas": components } });
        jsonschema::options()
            .with_draft(Draft::Draft4)
            .should_validate_formats(true)
            .build(&schema)
            .expect("GitHub's schemas compile")
    }

    /// Fields of a body that none of the schemas for its place names.
    fn unknown(
        &self,
        schemas: &[&Value],
        body: &Value,
        place: &str,
        found: &mut Vec<(String, String)>,
    ) {
        let schemas = self.alternatives(schemas);
        let below = |keyword: &str| -> Vec<&Value> {
            schemas
                .iter()
                .filter_map(|schema| schema.get(keyword))
                .collect()
        };
        match body {
            Value::Array(items) => {
                let place = format!("{place}/*");
                items
                    .iter()
                    .for_each(|item| self.unknown(&below("items"), item, &place, found));
            }
            Value::Object(fields) => {
                let properties = below("properties");
                if properties.is_empty() || !below("additionalProperties").is_empty() {
                    return;
                }
                for (name, value) in fields {
                    let place = format!("{place}/{name}");
                    let of: Vec<&Value> = properties
                        .iter()
                        .filter_map(|properties| properties.get(name))
                        .collect();
                    match of.is_empty() {
                        true => {
                            found.push((place, "the description knows no such field".to_owned()));
                        }
                        false => self.unknown(&of, value, &place, found),
                    }
                }
            }
            _ => {}
        }
    }

    /// The schemas themselves and all that they are put together from.
    fn alternatives<'a>(&'a self, schemas: &[&'a Value]) -> Vec<&'a Value> {
        let mut all = Vec::new();
        for schema in schemas {
            let schema = self.followed(schema);
            all.push(schema);
            for keyword in ["allOf", "anyOf", "oneOf"] {
                let parts: Vec<&Value> = schema
                    .get(keyword)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .collect();
                all.extend(self.alternatives(&parts));
            }
        }
        all
    }

    fn followed<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self
                .document
                .pointer(reference.trim_start_matches('#'))
                .expect("references lead somewhere"),
            None => value,
        }
    }

    /// Everything that a schema refers to, and what that refers to.
    fn gather(&self, schema: &Value, components: &mut BTreeMap<String, Value>) {
        match schema {
            Value::Object(object) => {
                if let Some(name) = reference(object)
                    && !components.contains_key(name)
                {
                    let component = &self.document["components"]["schemas"][name];
                    components.insert(name.to_owned(), as_json_schema(component));
                    self.gather(component, components);
                }
                object
                    .values()
                    .for_each(|value| self.gather(value, components));
            }
            Value::Array(values) => values
                .iter()
                .for_each(|value| self.gather(value, components)),
            _ => {}
        }
    }
}

fn reference(object: &Map<String, Value>) -> Option<&str> {
    object
        .get("$ref")?
        .as_str()?
        .strip_prefix("#/components/schemas/")
}

/// The same schema with `nullable` spelt as JSON Schema spells it.
fn as_json_schema(schema: &Value) -> Value {
    match schema {
        Value::Object(object) => {
            let mut plain: Map<String, Value> = object
                .iter()
                .map(|(keyword, value)| {
                    let value = match (keyword.as_str(), value) {
                        // Names chosen by GitHub, not keywords: a property may be called `default` or `nullable`.
                        ("properties", Value::Object(properties)) => properties
                            .iter()
                            .map(|(name, schema)| (name.clone(), as_json_schema(schema)))
                            .collect(),
                        // Data, not schemas.
                        ("example" | "examples" | "default" | "enum", data) => data.clone(),
                        (_, schema) => as_json_schema(schema),
                    };
                    (keyword.clone(), value)
                })
                .collect();
            if plain.get("nullable") == Some(&Value::Bool(true)) {
                plain.remove("nullable");
                return json!({ "anyOf": [{ "type": "null" }, plain] });
            }
            Value::Object(plain)
        }
        Value::Array(values) => values.iter().map(as_json_schema).collect(),
        value => value.clone(),
    }
}

/// What is wrong where. Of alternatives that all fail, the one that fails in the fewest places is the one that was meant.
fn innermost(error: &ValidationError<'_>, found: &mut Vec<(String, String)>) {
    let alternatives = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context
        }
        _ => {
            let place = anywhere(&error.instance_path().to_string());
            return found.push((place, error.masked().to_string()));
        }
    };
    let leaves = |errors: &Vec<ValidationError<'static>>| {
        let mut leaves = Vec::new();
        errors
            .iter()
            .for_each(|error| innermost(error, &mut leaves));
        leaves
    };
    let is_null = |leaves: &Vec<(String, String)>| {
        leaves.iter().any(|(_, error)| error.ends_with("\"null\""))
    };
    let meant = alternatives
        .iter()
        .map(leaves)
        .min_by_key(|leaves| (is_null(leaves), leaves.len()));
    found.extend(meant.unwrap_or_default());
}

/// A path in a body with its indices left out.
fn anywhere(path: &str) -> String {
    let index =
        |segment: &&str| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| if index(&segment) { "*" } else { segment })
        .collect();
    segments.join("/")
}
