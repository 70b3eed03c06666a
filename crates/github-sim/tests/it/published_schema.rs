//! The simulator's GraphQL schema is a part of GitHub's: a query that is valid here is valid there and means the same.

use apollo_compiler::Schema;
use apollo_compiler::ast::{FieldDefinition, InputValueDefinition, Value};
use apollo_compiler::schema::ExtendedType;

use crate::published;

#[test]
fn every_type_field_and_argument_of_ours_is_githubs() {
    let theirs = published::graphql_schema();
    let ours = Schema::parse_and_validate(github_sim::graphql::SCHEMA, "ours.graphql")
        .expect("the simulator's schema is valid");

    let mut differences = Vec::new();
    let mut compared = 0;
    for (name, our_type) in ours
        .types
        .iter()
        .filter(|(_, described)| !described.is_built_in())
    {
        compared += 1;
        match theirs.types.get(name) {
            Some(their_type) => compare(our_type, their_type, &mut differences),
            None => differences.push(format!("{name} is not a type of GitHub's")),
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(compared > 60, "the comparison met only {compared} types");
}

fn compare(ours: &ExtendedType, theirs: &ExtendedType, differences: &mut Vec<String>) {
    let of = ours.name();
    let mut differ = |what: String| differences.push(format!("{of}: {what}"));
    match (ours, theirs) {
        (ExtendedType::Scalar(_), ExtendedType::Scalar(_)) => {}
        (ExtendedType::Object(ours), ExtendedType::Object(theirs)) => {
            for interface in &ours.implements_interfaces {
                if !theirs.implements_interfaces.contains(interface) {
                    differ(format!("does not implement {interface}"));
                }
            }
            for (name, field) in &ours.fields {
                compare_fields(
                    field,
                    theirs.fields.get(name).map(|field| &***field),
                    &mut differ,
                );
            }
        }
        (ExtendedType::Interface(ours), ExtendedType::Interface(theirs)) => {
            for (name, field) in &ours.fields {
                compare_fields(
                    field,
                    theirs.fields.get(name).map(|field| &***field),
                    &mut differ,
                );
            }
        }
        (ExtendedType::Union(ours), ExtendedType::Union(theirs)) => {
            for member in ours
                .members
                .iter()
                .filter(|member| !theirs.members.contains(*member))
            {
                differ(format!("has no member {member}"));
            }
        }
        (ExtendedType::Enum(ours), ExtendedType::Enum(theirs)) => {
            for value in ours
                .values
                .keys()
                .filter(|value| !theirs.values.contains_key(*value))
            {
                differ(format!("has no value {value}"));
            }
        }
        (ExtendedType::InputObject(ours), ExtendedType::InputObject(theirs)) => {
            let inputs: Vec<&InputValueDefinition> =
                ours.fields.values().map(|field| &***field).collect();
            let wanted: Vec<&InputValueDefinition> =
                theirs.fields.values().map(|field| &***field).collect();
            compare_inputs("", &inputs, &wanted, &mut differ);
        }
        _ => differ("is of another kind".to_owned()),
    }
}

fn compare_fields(
    ours: &FieldDefinition,
    theirs: Option<&FieldDefinition>,
    differ: &mut impl FnMut(String),
) {
    let name = &ours.name;
    let Some(theirs) = theirs else {
        return differ(format!("has no field {name}"));
    };
    if ours.ty != theirs.ty {
        differ(format!("{name} is {} and not {}", theirs.ty, ours.ty));
    }
    let inputs: Vec<&InputValueDefinition> = ours.arguments.iter().map(AsRef::as_ref).collect();
    let wanted: Vec<&InputValueDefinition> = theirs.arguments.iter().map(AsRef::as_ref).collect();
    compare_inputs(name, &inputs, &wanted, differ);
}

/// Arguments of a field, or fields of an input object. Ours may leave some out, but none that must be given.
fn compare_inputs(
    of: &str,
    ours: &[&InputValueDefinition],
    theirs: &[&InputValueDefinition],
    differ: &mut impl FnMut(String),
) {
    let default =
        |input: &InputValueDefinition| input.default_value.as_deref().map(Value::to_string);
    for our in ours {
        let name = &our.name;
        match theirs.iter().find(|their| their.name == *name) {
            None => differ(format!("{of} takes no {name}")),
            Some(their) if their.ty != our.ty => {
                differ(format!("{of}({name}:) is {} and not {}", their.ty, our.ty));
            }
            Some(their) if default(their) != default(our) => {
                differ(format!("{of}({name}:) defaults to {:?}", default(their)));
            }
            Some(_) => {}
        }
    }
    for their in theirs.iter().filter(|their| their.is_required()) {
        if !ours.iter().any(|our| our.name == their.name) {
            differ(format!("{of} needs {}", their.name));
        }
    }
}
