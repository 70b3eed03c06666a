//! Every GraphQL document that Tidegate sends, held against GitHub's own published schema and the simulator's.
//!
//! `scripts/fetch-schemas.sh` brings the published one. The test is never skipped: without the file it fails.

use std::path::Path;

use apollo_compiler::Schema;
use apollo_compiler::executable::ExecutableDocument;
use apollo_compiler::validation::Valid;
use github::graphql::DOCUMENTS;

fn published() -> Valid<Schema> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/schemas/schema.graphql");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{} cannot be read ({error}): run scripts/fetch-schemas.sh",
            path.display()
        )
    });
    // GitHub publishes it with a few fields written twice in one type; the first of each is taken, and nothing else may
    // be wrong with it.
    let schema = Schema::parse(text, "schema.graphql").unwrap_or_else(|errors| {
        for error in errors.errors.iter() {
            let message = error.error.to_string();
            assert!(
                message.starts_with("duplicate definitions for"),
                "{message}"
            );
        }
        errors.partial
    });
    schema
        .validate()
        .expect("GitHub's published schema is valid")
}

fn check_documents(schema: &Valid<Schema>) -> Vec<(&'static str, Valid<ExecutableDocument>)> {
    let check = |&(name, text): &(&'static str, &'static str)| {
        match ExecutableDocument::parse_and_validate(schema, text, name) {
            Ok(document) => (name, document),
            Err(errors) => panic!("{name} does not fit the schema:\n{}", errors.errors),
        }
    };
    assert!(!DOCUMENTS.is_empty());
    DOCUMENTS.iter().map(check).collect()
}

#[test]
fn every_document_fits_githubs_published_schema() {
    check_documents(&published());
}

#[test]
fn every_document_fits_the_simulators_schema() {
    let schema =
        Schema::parse_and_validate(github_sim::graphql::SCHEMA, "simulator.graphql").unwrap();
    check_documents(&schema);
}

#[test]
fn no_document_asks_for_a_field_that_github_calls_deprecated() {
    let mut deprecated = Vec::new();
    for (name, document) in check_documents(&published()) {
        for operation in document.operations.iter() {
            for field in operation.all_fields(&document) {
                if field.definition.directives.has("deprecated") {
                    deprecated.push(format!("{name}: {}", field.name));
                }
            }
        }
    }
    assert!(deprecated.is_empty(), "{deprecated:#?}");
}

#[test]
fn every_document_asks_what_it_cost() {
    for (name, document) in check_documents(&published()) {
        for operation in document.operations.iter() {
            assert!(
                operation
                    .root_fields(&document)
                    .any(|field| field.name == "rateLimit"),
                "{name} does not ask for rateLimit"
            );
        }
    }
}
