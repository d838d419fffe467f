//! Checks that are other people's programs: rustfmt, clippy, cargo-deny.

use std::process::{Command, Output};

use anyhow::{Context, Result};

use crate::{Outcome, Setting};

pub fn rustfmt(setting: &Setting) -> Result<Outcome> {
    let how: &[&str] = if setting.fix { &["fmt", "--all"] } else { &["fmt", "--all", "--check"] };
    run(setting, how, "not formatted: cargo xtask check --fix")
}

pub fn clippy(setting: &Setting) -> Result<Outcome> {
    run(
        setting,
        &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        "clippy complains, see above",
    )
}

pub fn deny(setting: &Setting) -> Result<Outcome> {
    if let Some(outcome) = deny_missing(setting)? {
        return Ok(outcome);
    }
    let how = ["deny", "--log-level", "error", "check", "licenses", "bans", "sources"];
    run(setting, &how, "cargo-deny complains, see above")
}

/// Needs the advisory database, which lives outside the package registry: not every machine can reach it.
pub fn advisories(setting: &Setting) -> Result<Outcome> {
    if let Some(outcome) = deny_missing(setting)? {
        return Ok(outcome);
    }
    let output = capture(setting, &["deny", "--log-level", "error", "check", "advisories"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(Outcome::Passed);
    }
    if said.contains("failed to fetch advisory database") {
        return Ok(Outcome::Skipped("the advisory database cannot be fetched from here".to_owned()));
    }
    Ok(Outcome::Failed(vec![said.into_owned()]))
}

fn deny_missing(setting: &Setting) -> Result<Option<Outcome>> {
    if capture(setting, &["deny", "--version"])?.status.success() {
        return Ok(None);
    }
    let why = "cargo-deny not installed: run scripts/install-tools".to_owned();
    Ok(Some(if setting.ci { Outcome::Failed(vec![why]) } else { Outcome::Skipped(why) }))
}

fn cargo(setting: &Setting, args: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(args).current_dir(&setting.root).env("GIT_TERMINAL_PROMPT", "0");
    cargo
}

fn capture(setting: &Setting, args: &[&str]) -> Result<Output> {
    cargo(setting, args).output().with_context(|| format!("cargo {}", args.join(" ")))
}

fn run(setting: &Setting, args: &[&str], complaint: &str) -> Result<Outcome> {
    let status = cargo(setting, args).status().with_context(|| format!("cargo {}", args.join(" ")))?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed(vec![complaint.to_owned()]) })
}
