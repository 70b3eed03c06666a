//! Documents and the schema: parsed and validated once per text.
//!
//! A client sends the same few documents for ever, and validating one takes far longer than answering it. What is
//! remembered depends on the text alone, so one memory serves every simulator of the process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use apollo_compiler::collections::HashMap as CompilerMap;
use apollo_compiler::executable::ExecutableDocument;
use apollo_compiler::parser::Parser;
use apollo_compiler::schema::Implementers;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Schema};
use serde_json::Value;

use super::problem;

/// The simulator's schema, in GraphQL's definition language.
pub(super) const SCHEMA_TEXT: &str = include_str!("schema.graphql");

/// How many documents are remembered; beyond it, the one remembered longest is forgotten.
const REMEMBERED: usize = 256;

/// Longer documents are parsed anew each time, so that the memory stays small (256 × 64 KiB of text at most).
const LONGEST_REMEMBERED: usize = 64 * 1024;

pub(super) struct Described {
    pub(super) schema: Valid<Schema>,
    pub(super) implementers: CompilerMap<Name, Implementers>,
}

/// The schema, parsed at first use.
pub(super) fn described() -> &'static Described {
    static DESCRIBED: LazyLock<Described> = LazyLock::new(|| {
        let schema =
            Schema::parse_and_validate(SCHEMA_TEXT, "schema.graphql").unwrap_or_else(|errors| {
                panic!("the simulator's own schema is valid: {}", errors.errors)
            });
        let implementers = schema.implementers_map();
        Described {
            schema,
            implementers,
        }
    });
    &DESCRIBED
}

/// A document that fits the schema, or GitHub's errors about it.
pub(super) type Checked = Result<Valid<ExecutableDocument>, Vec<Value>>;

/// Parses and validates, or remembers that it did.
pub(super) fn checked(text: &str) -> Arc<Checked> {
    static MEMORY: LazyLock<Mutex<Memory>> = LazyLock::new(Mutex::default);
    let memory = || MEMORY.lock().unwrap_or_else(PoisonError::into_inner);

    if let Some(known) = memory().known.get(text) {
        return Arc::clone(known);
    }
    // Outside the lock: two first askers may both parse, which is harmless.
    let fresh = Arc::new(check(text));
    if text.len() <= LONGEST_REMEMBERED {
        memory().keep(text, &fresh);
    }
    fresh
}

/// How deep selections may nest. GitHub's own bound is not documented; this one keeps the executor's stack small.
const DEEPEST: usize = 64;

fn check(text: &str) -> Checked {
    let schema = &described().schema;
    let document = Parser::new()
        .recursion_limit(DEEPEST)
        .parse_executable(schema, text, "query")
        .map_err(|errors| problem::of_document(&errors.errors))?;
    document
        .validate(schema)
        .map_err(|errors| problem::of_document(&errors.errors))
}

#[derive(Default)]
struct Memory {
    known: HashMap<Arc<str>, Arc<Checked>>,
    oldest_first: VecDeque<Arc<str>>,
}

impl Memory {
    fn keep(&mut self, text: &str, checked: &Arc<Checked>) {
        let text: Arc<str> = text.into();
        if self
            .known
            .insert(Arc::clone(&text), Arc::clone(checked))
            .is_none()
        {
            self.oldest_first.push_back(text);
        }
        while self.oldest_first.len() > REMEMBERED {
            if let Some(oldest) = self.oldest_first.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}
