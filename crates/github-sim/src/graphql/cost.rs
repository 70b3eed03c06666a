//! What a GraphQL query costs and how many nodes it may return, by GitHub's published formula.
//!
//! Both are counted from the document and its variables alone, before anything runs: the formula assumes that each
//! connection is filled to its `first` or `last`. It knows nothing of the data, and nothing of who asks.
//!
//! Source: "Rate limits and query limits for the GraphQL API" in GitHub's documentation. Requests: one for each
//! connection under each of its possible parents; points: requests / 100, rounded, at least 1. What the page leaves
//! open is decided here: a connection asked without `first` and `last` (for its `totalCount`) is one request and
//! leads nowhere; what is asked for by `ids` counts once for each; the same connection selected twice under one response key is one connection, as execution merges it.

use apollo_compiler::Node;
use apollo_compiler::ast::Value;
use apollo_compiler::collections::IndexMap;
use apollo_compiler::executable::{ExecutableDocument, Field, Operation, Selection, SelectionSet};
use apollo_compiler::response::JsonMap;

/// "Individual calls cannot request more than 500,000 total nodes."
pub(super) const NODE_LIMIT: u64 = 500_000;

/// What one query counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// Requests needed to fill every connection.
    pub(super) requests: u64,
    /// Nodes that the query may return at most.
    pub(super) nodes: u64,
}

impl Cost {
    /// Points that the query takes from the hourly quota.
    pub(super) fn points(self) -> u64 {
        ((self.requests + 50) / 100).max(1)
    }
}

/// The query may return more nodes than GitHub allows; nothing of it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TooManyNodes {
    /// The connection that alone is too much; none when only the sum is.
    pub(super) connection: Option<String>,
    /// How many nodes were counted there.
    pub(super) nodes: u64,
}

/// Counts one operation of a valid document; `variables` are coerced already.
pub(super) fn count(
    document: &ExecutableDocument,
    operation: &Operation,
    variables: &JsonMap,
) -> Result<Cost, TooManyNodes> {
    let mut count = Count {
        document,
        variables,
        cost: Cost {
            requests: 0,
            nodes: 0,
        },
    };
    count.walk(&[&operation.selection_set], 1)?;
    match count.cost {
        cost if cost.nodes > NODE_LIMIT => Err(TooManyNodes {
            connection: None,
            nodes: cost.nodes,
        }),
        cost => Ok(cost),
    }
}

/// Whether a field leads to a connection: GitHub ends the names of all of their types so, and of no others.
pub(super) fn is_connection(field: &Field) -> bool {
    field.ty().inner_named_type().ends_with("Connection")
}

struct Count<'a> {
    document: &'a ExecutableDocument,
    variables: &'a JsonMap,
    cost: Cost,
}

/// Fields by type and response key: what execution would merge counts once.
type Fields<'a> = IndexMap<(&'a str, &'a str), Vec<&'a Field>>;

impl<'a> Count<'a> {
    /// Counts what is selected on one object, which may exist `parents` times.
    fn walk(&mut self, selections: &[&'a SelectionSet], parents: u64) -> Result<(), TooManyNodes> {
        let mut fields = Fields::default();
        for selection in selections {
            self.collect(selection, &mut fields);
        }
        for same in fields.values() {
            let below: Vec<&SelectionSet> = same.iter().map(|field| &field.selection_set).collect();
            let field = same[0];
            if !is_connection(field) {
                let parents = parents.saturating_mul(self.listed(field));
                self.walk(&below, parents)?;
                continue;
            }
            self.cost.requests = self.cost.requests.saturating_add(parents);
            let size = self
                .whole_number(field, "first")
                .or_else(|| self.whole_number(field, "last"))
                .unwrap_or(0);
            let nodes = parents.saturating_mul(size);
            if nodes > NODE_LIMIT {
                return Err(TooManyNodes {
                    connection: Some(field.name.to_string()),
                    nodes,
                });
            }
            self.cost.nodes = self.cost.nodes.saturating_add(nodes);
            if nodes > 0 {
                self.walk(&below, nodes)?;
            }
        }
        Ok(())
    }

    fn collect(&self, selection: &'a SelectionSet, fields: &mut Fields<'a>) {
        for selected in &selection.selections {
            if self.is_left_out(selected) {
                continue;
            }
            match selected {
                Selection::Field(field) => {
                    fields
                        .entry((selection.ty.as_str(), field.response_key().as_str()))
                        .or_default()
                        .push(field);
                }
                Selection::InlineFragment(fragment) => {
                    self.collect(&fragment.selection_set, fields);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = spread.fragment_def(self.document) {
                        self.collect(&fragment.selection_set, fields);
                    }
                }
            }
        }
    }

    /// Whether `@skip` or `@include` leaves a selection out of this request.
    fn is_left_out(&self, selected: &Selection) -> bool {
        let says = |directive: &str| {
            let condition = selected
                .directives()
                .get(directive)?
                .specified_argument_by_name("if")?;
            match condition.as_ref() {
                Value::Boolean(value) => Some(*value),
                Value::Variable(name) => self.variables.get(name.as_str())?.as_bool(),
                _ => None,
            }
        };
        says("skip") == Some(true) || says("include") == Some(false)
    }

    /// How many objects a field that is no connection leads to: as many as ids are given, else one.
    fn listed(&self, field: &Field) -> u64 {
        let ids = field
            .specified_argument_by_name("ids")
            .map(|ids| match ids.as_ref() {
                Value::Variable(name) => {
                    let given = self.variables.get(name.as_str());
                    given.and_then(|ids| ids.as_array()).map_or(1, Vec::len)
                }
                Value::List(ids) => ids.len(),
                _ => 1,
            });
        ids.map_or(1, |ids| ids as u64)
    }

    fn whole_number(&self, field: &Field, argument: &str) -> Option<u64> {
        let value: &Node<Value> = field.specified_argument_by_name(argument)?;
        match value.as_ref() {
            Value::Variable(name) => self.variables.get(name.as_str())?.as_u64(),
            Value::Int(number) => number.as_str().parse().ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
