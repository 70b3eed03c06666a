//! GitHub's own published descriptions, as `scripts/fetch-schemas.sh` brings them.

use std::path::Path;

use apollo_compiler::Schema;

/// Reads one of the descriptions. A test that needs one is never skipped: without the file it fails and says what to do.
pub(crate) fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/schemas")
        .join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{} cannot be read ({error}): run scripts/fetch-schemas.sh",
            path.display()
        )
    })
}

/// The GraphQL schema. GitHub publishes it with a few fields written twice in one type; the first of each is taken, and
/// nothing else may be wrong with it.
pub(crate) fn graphql_schema() -> Schema {
    match Schema::parse(read("schema.graphql"), "schema.graphql") {
        Ok(schema) => schema,
        Err(errors) => {
            for error in errors.errors.iter() {
                let message = error.error.to_string();
                assert!(
                    message.starts_with("duplicate definitions for"),
                    "{message}"
                );
            }
            errors.partial
        }
    }
}
