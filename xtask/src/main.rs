//! `cargo xtask check`: everything that is looked at before the tests run. Each check is a file; this one
//! picks them, times them and prints the table at the end.

mod banned;
mod layers;
mod purity;
mod sizes;
mod source;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

struct Check {
    name: &'static str,
    about: &'static str,
    run: fn(&Setting) -> Result<Outcome>,
}

/// In the order they run; a failure does not stop the rest.
const CHECKS: &[Check] = &[
    Check { name: "rustfmt", about: "formatting", run: tools::rustfmt },
    Check { name: "clippy", about: "lints, warnings denied", run: tools::clippy },
    Check { name: "layers", about: "which crate may depend on which", run: layers::check },
    Check { name: "sizes", about: "lines per file", run: sizes::check },
    Check { name: "banned", about: "names and calls the house does without", run: banned::check },
    Check {
        name: "purity",
        about: "clippy rules of the pure crates, unsafe only in kernel",
        run: purity::check,
    },
    Check { name: "deny", about: "licences, bans and sources of dependencies", run: tools::deny },
    Check { name: "advisories", about: "known holes in dependencies", run: tools::advisories },
];

/// What every check is told.
pub struct Setting {
    /// The workspace's folder.
    pub root: PathBuf,
    /// Write what a machine can write, rather than complain.
    pub fix: bool,
    /// On CI a missing tool is a failure.
    pub ci: bool,
}

pub enum Outcome {
    Passed,
    Failed(Vec<String>),
    Skipped(String),
}

impl Outcome {
    pub fn of(faults: Vec<String>) -> Self {
        if faults.is_empty() { Self::Passed } else { Self::Failed(faults) }
    }
}

struct Row {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Vec<String>) -> Result<bool> {
    let (flags, names): (Vec<_>, Vec<_>) = args.iter().map(String::as_str).partition(|a| a.starts_with('-'));
    if names.is_empty() || flags.iter().any(|flag| matches!(*flag, "-h" | "--help")) {
        print!("{}", help());
        return Ok(true);
    }
    if let Some(flag) = flags.iter().find(|flag| **flag != "--fix") {
        bail!("unknown option {flag}\n\n{}", help());
    }
    let setting = Setting {
        root: workspace_root()?,
        fix: flags.contains(&"--fix"),
        ci: std::env::var("CI").is_ok_and(|value| value == "true"),
    };
    let rows: Vec<Row> = pick(&names)?.into_iter().map(|check| one(check, &setting)).collect();
    print!("\n{}", table(&rows));
    Ok(!rows.iter().any(|row| matches!(row.outcome, Outcome::Failed(_))))
}

fn help() -> String {
    let mut text =
        "Usage: cargo xtask check [--fix]   all checks\n       cargo xtask NAME...          some of them\n\n"
            .to_owned();
    for check in CHECKS {
        text += &format!("  {:<11} {}\n", check.name, check.about);
    }
    text
}

fn pick(names: &[&str]) -> Result<Vec<&'static Check>> {
    if names == ["check"] {
        return Ok(CHECKS.iter().collect());
    }
    let find = |name: &&str| {
        let found = CHECKS.iter().find(|check| check.name == *name);
        found.with_context(|| format!("no check is called {name}\n\n{}", help()))
    };
    names.iter().map(find).collect()
}

fn one(check: &'static Check, setting: &Setting) -> Row {
    println!("-- {}", check.name);
    let start = Instant::now();
    let outcome = (check.run)(setting).unwrap_or_else(|error| Outcome::Failed(vec![format!("{error:#}")]));
    match &outcome {
        Outcome::Passed => {}
        Outcome::Failed(faults) => faults.iter().for_each(|fault| println!("{fault}")),
        Outcome::Skipped(why) => println!("SKIPPED: {why}"),
    }
    Row { name: check.name, outcome, took: start.elapsed() }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let (word, note) = match &row.outcome {
            Outcome::Passed => ("passed", String::new()),
            Outcome::Failed(faults) if faults.len() > 1 => ("FAILED", format!("{} findings", faults.len())),
            Outcome::Failed(_) => ("FAILED", String::new()),
            Outcome::Skipped(why) => ("skipped", why.clone()),
        };
        let line = format!("{:<11} {word:<8} {:>6.1} s  {note}", row.name, row.took.as_secs_f32());
        text += &format!("{}\n", line.trim_end());
    }
    text
}

/// Cargo tells a program it runs where that program's manifest is.
fn workspace_root() -> Result<PathBuf> {
    let manifest = std::env::var("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let root = PathBuf::from(manifest).parent().map(PathBuf::from);
    root.context("xtask lies directly inside the workspace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_means_all_and_a_wrong_name_is_told() {
        assert_eq!(pick(&["check"]).expect("known").len(), CHECKS.len());
        assert_eq!(pick(&["sizes", "layers"]).expect("known")[1].name, "layers");
        let error = pick(&["size"]).err().expect("unknown").to_string();
        assert!(error.contains("no check is called size"), "{error}");
    }

    #[test]
    fn the_table_says_how_many_findings() {
        let faults = vec!["a".to_owned(), "b".to_owned()];
        let row = Row { name: "sizes", outcome: Outcome::Failed(faults), took: Duration::from_millis(1500) };
        assert_eq!(table(&[row]), "sizes       FAILED      1.5 s  2 findings\n");
    }
}
