//! JSON Schema of the file, made from the table of keys, for editors.

use serde_json::{Map, Value, json};

use super::{Config, key::Key, keys};

/// The schema of the whole file.
pub fn json_schema() -> Value {
    let mut schema = table(keys::KEYS, &[]);
    let about = schema
        .as_object_mut()
        .expect("a table's schema is an object");
    about.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    about.insert("title".to_owned(), json!("Tidegate configuration"));
    schema
}

/// The schema of a table with these keys. A dot in a name opens a table inside.
pub(crate) fn table<T: Blank>(keys: &[Key<T>], required: &[&str]) -> Value {
    let mut whole = T::blank();
    let mut properties = Map::new();
    for key in keys {
        let mut schema = (key.slot)(&mut whole).schema();
        let facts = schema
            .as_object_mut()
            .expect("a value's schema is an object");
        facts.insert("description".to_owned(), json!(key.about));
        if let Some(default) = key.default {
            let number = default
                .parse::<u64>()
                .ok()
                .filter(|_| facts.get("type") == Some(&json!("integer")));
            facts.insert(
                "default".to_owned(),
                number.map_or_else(|| json!(default), |number| json!(number)),
            );
        }
        match key.name.split_once('.') {
            None => {
                properties.insert(key.name.to_owned(), schema);
            }
            Some((section, name)) => {
                let inside = properties.entry(section).or_insert_with(
                    || json!({ "type": "object", "additionalProperties": false, "properties": {} }),
                );
                inside["properties"][name] = schema;
            }
        }
    }
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

/// Something whose places can be asked for their type while nothing is in them.
pub(crate) trait Blank {
    fn blank() -> Self;
}

impl Blank for Config {
    fn blank() -> Config {
        Config::blank()
    }
}

impl Blank for super::Organisation {
    fn blank() -> super::Organisation {
        super::Organisation::default()
    }
}
