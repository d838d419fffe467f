//! Which crate may depend on which. A new arrow is a design change: a line here and a decision note.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{Outcome, Setting};

/// One crate: what it may use, and what its tests may use on top of that.
pub struct Row {
    pub name: &'static str,
    pub pure: bool,
    uses: &'static [&'static str],
    tests_use: &'static [&'static str],
}

const fn pure(name: &'static str, uses: &'static [&'static str]) -> Row {
    Row { name, pure: true, uses, tests_use: &[] }
}

const fn other(name: &'static str, uses: &'static [&'static str], tests_use: &'static [&'static str]) -> Row {
    Row { name, pure: false, uses, tests_use }
}

/// The map. Left of a crate is what its arrows reach; only to the left may they point.
pub const MAP: &[Row] = &[
    pure("wire", &[]),
    pure("model", &["wire"]),
    pure("cloud", &["model", "wire"]),
    pure("host", &["model", "wire"]),
    pure("vswitch", &["model", "wire"]),
    pure("repo", &[]),
    other("db", &["model"], &["wire"]),
    other("bus", &["model"], &["wire"]),
    other("kernel", &["host", "model", "wire"], &[]),
    other("server", &["bus", "cloud", "db", "model", "repo", "wire"], &[]),
    other("agent", &["bus", "host", "kernel", "model", "wire"], &[]),
    other("gateway", &["kernel", "model"], &[]),
    other("guest", &["model", "repo"], &[]),
    other("repod", &["repo"], &[]),
    other("vhostuserd", &["kernel", "model"], &["host"]),
    other("vswitchd", &["kernel", "model", "vswitch"], &[]),
    other(
        "testbed",
        &[
            "agent", "bus", "cloud", "db", "gateway", "host", "kernel", "model", "repo", "repod", "server",
            "vswitch", "vswitchd", "wire",
        ],
        &[],
    ),
    other(
        "neutrino",
        &[
            "agent",
            "bus",
            "db",
            "gateway",
            "guest",
            "model",
            "repod",
            "server",
            "testbed",
            "vhostuserd",
            "vswitchd",
            "wire",
        ],
        &["cloud", "host", "kernel", "repo"],
    ),
    other("xtask", &[], &[]),
];

/// What a pure crate cannot need: runtimes, databases, HTTP, the kernel, chance. A folder of names: `x` also
/// stands for `x-...` and `x_...`.
const IMPURE: &[&str] = &[
    "actix",
    "async-nats",
    "async-std",
    "axum",
    "crossbeam",
    "fastrand",
    "getrandom",
    "hyper",
    "libc",
    "mio",
    "nats",
    "netlink",
    "nix",
    "notify",
    "openssl",
    "postgres",
    "rand",
    "rayon",
    "reqwest",
    "rtnetlink",
    "rusqlite",
    "rustix",
    "rustls",
    "signal-hook",
    "smol",
    "socket2",
    "sqlx",
    "sysinfo",
    "tempfile",
    "tokio",
    "tonic",
    "tower",
    "tracing-subscriber",
    "tun-rs",
    "ureq",
    "walkdir",
];

/// A workspace crate and the names of its direct dependencies.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub manifest: String,
    uses: Vec<String>,
    tests_use: Vec<String>,
}

pub fn check(setting: &Setting) -> Result<Outcome> {
    Ok(Outcome::of(faults(&packages(&setting.root)?)))
}

/// The workspace's crates, as cargo tells them.
pub fn packages(root: &Path) -> Result<Vec<Package>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(root);
    let output = cargo.output().context("cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    parse(&serde_json::from_slice(&output.stdout).context("cargo metadata")?)
}

fn parse(metadata: &Value) -> Result<Vec<Package>> {
    let list = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    list.iter().map(|package| package_of(package).context("a package of cargo metadata")).collect()
}

fn package_of(package: &Value) -> Option<Package> {
    let (mut uses, mut tests_use) = (Vec::new(), Vec::new());
    for dependency in package["dependencies"].as_array()? {
        let name = dependency["name"].as_str()?.to_owned();
        match dependency["kind"].as_str() {
            Some("dev") => tests_use.push(name),
            _ => uses.push(name), // null: normal; "build" runs as part of the crate as well
        }
    }
    let text = |key: &str| package[key].as_str().map(str::to_owned);
    Some(Package { name: text("name")?, manifest: text("manifest_path")?, uses, tests_use })
}

fn faults(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        let name = &package.name;
        let Some(row) = MAP.iter().find(|row| row.name == name) else {
            faults.push(format!("{name} has no row on the map in xtask/src/layers.rs"));
            continue;
        };
        let ours = |name: &&String| packages.iter().any(|package| package.name == **name);
        for to in package.uses.iter().filter(ours).filter(|to| !row.uses.contains(&to.as_str())) {
            faults.push(format!("{name} -> {to}: this arrow is not on the map in xtask/src/layers.rs"));
        }
        for to in package.tests_use.iter().filter(ours).filter(|to| !row.test_may_use(to)) {
            faults.push(format!(
                "{name} -> {to} in tests: this arrow is not on the map in xtask/src/layers.rs"
            ));
        }
        for to in package.uses.iter().filter(|to| row.pure && is_impure(to)) {
            faults.push(format!("{name} -> {to}: {name} is pure, it decides without the outside"));
        }
    }
    faults
}

impl Row {
    fn test_may_use(&self, name: &str) -> bool {
        self.uses.contains(&name) || self.tests_use.contains(&name)
    }
}

fn is_impure(name: &str) -> bool {
    IMPURE.iter().any(|folder| match name.strip_prefix(folder) {
        Some(rest) => rest.is_empty() || rest.starts_with(['-', '_']),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(packages: Value) -> Vec<String> {
        faults(&parse(&json!({ "packages": packages })).expect("as cargo writes it"))
    }

    fn a_crate(name: &str, dependencies: Value) -> Value {
        json!({ "name": name, "manifest_path": format!("/x/{name}/Cargo.toml"), "dependencies": dependencies })
    }

    #[test]
    fn arrows_on_the_map_pass() {
        let model =
            a_crate("model", json!([{ "name": "wire", "kind": null }, { "name": "serde", "kind": null }]));
        let db = a_crate("db", json!([{ "name": "model", "kind": null }, { "name": "wire", "kind": "dev" }]));
        assert_eq!(found(json!([a_crate("wire", json!([])), model, db])), [""; 0]);
    }

    #[test]
    fn an_arrow_to_the_right_is_found() {
        let host = a_crate("host", json!([{ "name": "kernel", "kind": null }]));
        let faults = found(json!([host, a_crate("kernel", json!([]))]));
        assert_eq!(faults, ["host -> kernel: this arrow is not on the map in xtask/src/layers.rs"]);
    }

    #[test]
    fn build_dependencies_count_as_normal_and_tests_reach_a_little_further() {
        let wire = a_crate("wire", json!([]));
        let build = a_crate("db", json!([{ "name": "wire", "kind": "build" }]));
        assert!(found(json!([wire, build]))[0].starts_with("db -> wire:"));
        let test = a_crate("server", json!([{ "name": "agent", "kind": "dev" }]));
        let faults = found(json!([test, a_crate("agent", json!([]))]));
        assert!(faults[0].starts_with("server -> agent in tests:"), "{faults:?}");
    }

    #[test]
    fn a_pure_crate_with_a_runtime_is_found_but_not_in_its_tests() {
        let cloud = a_crate("cloud", json!([{ "name": "tokio-util", "kind": null }]));
        assert_eq!(
            found(json!([cloud])),
            ["cloud -> tokio-util: cloud is pure, it decides without the outside"]
        );
        assert_eq!(found(json!([a_crate("cloud", json!([{ "name": "rand", "kind": "dev" }]))])), [""; 0]);
        assert!(!is_impure("randomize") && is_impure("rand") && is_impure("netlink-sys"));
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let faults = found(json!([a_crate("utils", json!([]))]));
        assert_eq!(faults, ["utils has no row on the map in xtask/src/layers.rs"]);
    }

    #[test]
    fn the_map_has_no_circle() {
        for (at, row) in MAP.iter().enumerate() {
            for to in row.uses {
                assert!(MAP[..at].iter().any(|left| left.name == *to), "{} -> {to} points right", row.name);
            }
        }
    }
}
