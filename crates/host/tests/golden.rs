#![expect(clippy::disallowed_methods, reason = "golden files")]
//! Desired and observed in, acts out: `tests/golden/CASE/{desired,observed}.json` and `ops.txt`,
//! which `UPDATE=1` rewrites.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use host::observed::Observed;
use host::op::Inside;
use host::{Op, Scope, Settings, Wanted, diff};
use model::desired::Part;
use serde::Deserialize;

#[derive(Deserialize)]
struct Desired {
    settings: Settings,
    parts: Vec<Part>,
}

#[test]
fn acts_are_as_written() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 22, "cases are missing: {cases:?}");
    for case in cases {
        let desired: Desired = read(&case.join("desired.json"));
        let seen: Observed = read(&case.join("observed.json"));
        let mut want = Wanted::new(desired.settings);
        for part in desired.parts {
            want.put(part);
        }
        let got = text(&want, &seen);
        let golden = case.join("ops.txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &got).expect("golden file written");
        } else if fs::read_to_string(&golden).unwrap_or_default() != got {
            wrong.push(format!("{}:\n{got}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "not as written (UPDATE=1 rewrites):\n{}", wrong.join("\n"));
}

fn text(want: &Wanted, seen: &Observed) -> String {
    let mut text = String::new();
    for step in diff(want, seen, &Scope::All) {
        writeln!(text, "{step}").expect("text");
        if let Op::ReplaceTable { content, .. } = &step.op {
            write!(text, "{content}").expect("text");
        }
        if let Op::Inside { act: Inside::ReplaceTable { content }, .. } = &step.op {
            write!(text, "{}", content.tree()).expect("text");
        }
    }
    text
}

fn cases() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = fs::read_dir(dir).expect("golden cases");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("entry").path()).collect();
    cases.sort();
    cases
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).expect("golden file");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
