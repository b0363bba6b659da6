//! Who may import what, read from `cargo metadata`: a package that gains an arrow it must not have fails here.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The import table of ARCHITECTURE.md: package, then everything of ours that it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("shards", &[]),
    ("pricing", &["types"]),
    ("contracts", &["types", "pricing", "shards"]),
    ("contracts-bitcoin", &["contracts", "types", "pricing", "network", "shards"]),
    ("reputation", &["types", "contracts"]),
    ("market", &["types", "pricing", "contracts", "reputation"]),
    ("provider", &["types", "pricing", "contracts", "shards"]),
    ("client", &["types", "pricing", "contracts", "shards"]),
    ("network", &["types", "shards"]),
    (
        "sim",
        &["types", "pricing", "contracts", "reputation", "market", "provider", "client", "shards"],
    ),
    (
        "market-server",
        &["market", "types", "pricing", "contracts", "reputation", "network", "shards"],
    ),
    ("provider-node", &["provider", "types", "pricing", "contracts", "network", "shards"]),
    ("client-node", &["client", "types", "pricing", "contracts", "network", "shards"]),
];

/// Packages that know no clock, no chance of their own, no file, no socket.
const PURE: &[&str] = &[
    "types",
    "shards",
    "pricing",
    "contracts",
    "reputation",
    "market",
    "provider",
    "client",
    "sim",
];

/// Crates that are a door to the world.
const DOORS: &[&str] = &[
    "tokio",
    "axum",
    "hyper",
    "hyper-util",
    "reqwest",
    "rusqlite",
    "sqlx",
    "libp2p",
    "rustls",
    "tokio-rustls",
    "getrandom",
    "rand",
    "tempfile",
    "mio",
    "socket2",
    "rustix",
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--no-deps"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// Each package of the workspace with its direct dependencies that ship (not those of its tests).
fn imports(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let name = |value: &Value| value["name"].as_str().expect("packages have names").to_owned();
    let shipped = |dependency: &&Value| dependency["kind"].as_str() != Some("dev");
    let packages = metadata["packages"].as_array().expect("a list of packages").iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("a list of dependencies");
            (name(package), dependencies.iter().filter(shipped).map(name).collect())
        })
        .collect()
}

/// Everything that breaks the table.
fn breaches(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut breaches = Vec::new();
    for (package, dependencies) in imports {
        if package == "bondstore" {
            continue;
        }
        let Some(allowed) = allowed.get(package.as_str()) else {
            breaches.push(format!("{package} has no row in the import table"));
            continue;
        };
        for dependency in dependencies {
            let ours = imports.contains_key(dependency);
            if ours && !allowed.contains(&dependency.as_str()) {
                breaches.push(format!("{package} imports {dependency}"));
            }
            if PURE.contains(&package.as_str()) && DOORS.contains(&dependency.as_str()) {
                breaches.push(format!("{package} is pure and gains the door {dependency}"));
            }
        }
    }
    breaches
}

#[test]
fn the_import_table_holds() {
    let imports = imports(&metadata());
    for (package, _) in ALLOWED {
        assert!(
            imports.contains_key(*package),
            "{package} is in the table and not in the workspace"
        );
    }
    assert_eq!(breaches(&imports), Vec::<String>::new());
}

#[test]
fn a_pure_package_that_gains_a_door_is_caught() {
    for pure in PURE {
        for door in DOORS {
            let mut imports = imports(&metadata_once());
            imports.get_mut(*pure).expect("in the workspace").insert((*door).to_owned());
            assert_eq!(breaches(&imports), [format!("{pure} is pure and gains the door {door}")]);
        }
    }
}

#[test]
fn an_arrow_against_the_flow_is_caught() {
    for (from, to) in [
        ("types", "market"),
        ("client", "market"),
        ("contracts", "reputation"),
        ("market", "market-server"),
    ] {
        let mut imports = imports(&metadata_once());
        imports.get_mut(from).expect("in the workspace").insert(to.to_owned());
        assert_eq!(breaches(&imports), [format!("{from} imports {to}")]);
    }
}

fn metadata_once() -> Value {
    static METADATA: std::sync::OnceLock<Value> = std::sync::OnceLock::new();
    METADATA.get_or_init(metadata).clone()
}

/// Pure code does not name the standard library's doors either.
#[test]
fn pure_sources_name_no_clock_file_or_socket() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let doors = [
        "SystemTime::now",
        "Instant::now",
        "std::fs",
        "std::net",
        "std::env",
        "thread_rng",
        "OsRng",
    ];
    let mut looked_at = 0;
    for package in PURE {
        let mut folders = vec![root.join(package).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a package has sources") {
                let path = entry.expect("a readable folder").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                looked_at += 1;
                let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
                for door in doors {
                    assert!(!text.contains(door), "{} names {door}", path.display());
                }
            }
        }
    }
    assert!(looked_at > 50, "only {looked_at} sources were looked at");
}
