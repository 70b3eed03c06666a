//! The floors of the house, as a test: which of our crates may see which, and what the ground floor must never see.
//!
//! When a table below changes, its diff is the architecture review.

use std::collections::BTreeSet;
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Every edge between our crates that production code may have.
const EDGES: &[(&str, &[&str])] = &[
    ("quota", &[]),
    ("ledger", &[]),
    ("article", &[]),
    ("github", &["quota"]),
    ("backends", &["ledger", "quota"]),
    (
        "service",
        &[
            "article",
            "backends",
            "github",
            "github-sim",
            "ledger",
            "quota",
        ],
    ),
    ("github-sim", &[]),
];

/// Tests may bring the weather to any floor that touches the world.
const TEST_EDGES: &[(&str, &[&str])] = &[("github", &["github-sim"])];

/// What the ground floor never reaches, however indirectly: runtimes, networks, databases, logs.
const GROUND_FLOOR: &[&str] = &["quota", "ledger", "article"];
const FORBIDDEN_ON_GROUND: &[&str] = &[
    "tokio",
    "hyper",
    "reqwest",
    "http",
    "rustls",
    "socket2",
    "rusqlite",
    "libsqlite3-sys",
    "tracing",
    "log",
    "rustix",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        // One platform, so that what only others need does not have to be at hand.
        .other_options(
            ["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(str::to_owned),
        )
        .exec()
        .expect("cargo metadata describes the workspace")
}

fn allowed(table: &'static [(&str, &[&str])], name: &str) -> &'static [&'static str] {
    table
        .iter()
        .find(|(of, _)| *of == name)
        .map_or(&[], |(_, to)| to)
}

#[test]
fn every_edge_between_our_crates_is_in_the_table() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let listed: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        ours, listed,
        "the table names exactly the crates of the workspace"
    );

    let mut surprises = Vec::new();
    for package in metadata.workspace_packages() {
        let folder = package
            .manifest_path
            .parent()
            .and_then(|path| path.file_name());
        assert_eq!(
            folder,
            Some(package.name.as_str()),
            "a crate's folder has its name"
        );
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| ours.contains(dependency.name.as_str()))
        {
            let in_production = allowed(EDGES, &package.name).contains(&dependency.name.as_str());
            let in_tests = allowed(TEST_EDGES, &package.name).contains(&dependency.name.as_str());
            if !(in_production || dependency.kind == DependencyKind::Development && in_tests) {
                surprises.push(format!(
                    "{} -> {} ({:?})",
                    package.name, dependency.name, dependency.kind
                ));
            }
        }
    }
    assert!(
        surprises.is_empty(),
        "edges that the table does not allow: {surprises:#?}"
    );
}

#[test]
fn the_ground_floor_reaches_no_runtime_network_database_or_log() {
    for floor in GROUND_FLOOR {
        // The crate for itself: in the workspace as a whole, tests of others may switch on features of what it uses.
        let mut tree = Command::new(env!("CARGO"));
        tree.args([
            "tree",
            "--locked",
            "--package",
            floor,
            "--edges",
            "normal",
            "--prefix",
            "none",
        ]);
        tree.args(["--format", "{p}", "--target", "x86_64-unknown-linux-gnu"]);
        tree.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let tree = tree.output().expect("cargo draws the tree");
        assert!(
            tree.status.success(),
            "{}",
            String::from_utf8_lossy(&tree.stderr)
        );
        let tree = String::from_utf8(tree.stdout).expect("names are text");
        let reached: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(
            reached.contains(floor),
            "the tree begins with the crate: {tree}"
        );
        for name in FORBIDDEN_ON_GROUND {
            assert!(
                !reached.contains(name),
                "{floor} reaches {name}, which the ground floor must never see"
            );
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for package in metadata().workspace_packages() {
        let manifest =
            std::fs::read_to_string(&package.manifest_path).expect("the manifest is readable");
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} does not take the workspace's lints",
            package.name
        );
    }
}
