//! `neutrino policy`: what an operator wants to know of the rules before anyone is served by them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use server::policy::{Caller, Policies, PolicyError, PolicyFileError, Rule, Verdict, compiled, text_at};

#[derive(Subcommand)]
pub enum PolicyCommand {
    /// Tells every mistake in the policy file; fails if there is one
    Check {
        /// The file, if it is not the configured one
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Prints the default rules as a policy file, each with the requests that ask it
    Generate,
    /// Shows what a caller with some roles may do: yes, no, or that it depends on the resource
    List {
        /// A role of the caller; may repeat
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// The file, if it is not the configured one
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// `configured` finds the configured policy file.
pub fn run(
    command: &PolicyCommand,
    configured: impl FnOnce() -> anyhow::Result<Option<PathBuf>>,
) -> anyhow::Result<ExitCode> {
    match command {
        PolicyCommand::Generate => print!("{}", sample(&Policies::default())),
        PolicyCommand::Check { file } => {
            let Some(path) = file.clone().map_or_else(configured, |file| Ok(Some(file)))? else {
                bail!("no policy file is configured; name one with --file");
            };
            if file.is_none() && !path.exists() {
                println!("{}: not there, so the defaults are in force", path.display());
                return Ok(ExitCode::SUCCESS);
            }
            return check(&path);
        }
        PolicyCommand::List { roles, file } => {
            let file = match file {
                Some(file) => Some(file.clone()),
                // Where the configured file is not there, the defaults are in force.
                None => configured()?.filter(|file| file.exists()),
            };
            let policies = match file {
                Some(file) => load(&file)?.0,
                None => Policies::default(),
            };
            print!("{}", table(&policies, roles));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn check(path: &Path) -> anyhow::Result<ExitCode> {
    let file = path.display();
    match text_at(path).and_then(|text| compiled(&text)) {
        Ok((policies, strangers)) => {
            let own = policies.rules().filter(is_own).count();
            println!("{file}: no mistakes; {own} rules are not the defaults");
            for name in strangers {
                println!("{name}: nothing here asks this rule");
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(PolicyFileError::Rules(PolicyError { problems })) => {
            for problem in &problems {
                println!("{problem}");
            }
            bail!("{file}: mistakes: {}", problems.len());
        }
        Err(error) => bail!("{file}: {error}"),
    }
}

fn load(file: &Path) -> anyhow::Result<(Policies, Vec<String>)> {
    text_at(file).and_then(|text| compiled(&text)).with_context(|| format!("mistakes in {}", file.display()))
}

fn is_own(rule: &Rule) -> bool {
    rule.default.is_none_or(|default| default.check != rule.check)
}

/// A policy file in which every rule is commented out.
fn sample(policies: &Policies) -> String {
    let mut out =
        "# The rules as they are by default. Keep the lines that you change, without their #.\n".to_owned();
    for rule in policies.rules() {
        out.push('\n');
        if let Some(default) = rule.default {
            for line in
                default.operations.iter().copied().chain([default.about]).filter(|line| !line.is_empty())
            {
                out += &format!("# {line}\n");
            }
        }
        out += &format!("#\"{}\": \"{}\"\n", rule.name, rule.check);
    }
    out
}

fn table(policies: &Policies, roles: &[String]) -> String {
    let caller = Caller {
        user_id: "a-user".into(),
        project_id: "a-project".into(),
        roles: roles.iter().map(|role| role.to_lowercase()).collect(),
        ..Caller::default()
    };
    let asked: Vec<Rule> = policies.rules().filter(|rule| is_operation(rule)).collect();
    let width = asked.iter().map(|rule| rule.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for rule in asked {
        let verdict = match policies.verdict(rule.name, &caller) {
            Verdict::Yes => "yes",
            Verdict::No => "no",
            Verdict::Depends => "depends",
        };
        out += &format!("{:width$}  {verdict}\n", rule.name);
    }
    out
}

/// Rules that requests ask, rather than those that others are made of.
fn is_operation(rule: &Rule) -> bool {
    rule.default.is_some_and(|default| !default.operations.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_a_policy_file_of_the_defaults() {
        let printed = sample(&Policies::default());
        assert!(
            printed.contains("# POST /v2.0/networks\n#\"create_network:shared\": \"rule:admin_only\"\n"),
            "{printed}"
        );
        let meant: String = printed.lines().map(|line| line.replace("#\"", "\"") + "\n").collect();
        let (policies, strangers) = compiled(&meant).expect("reads");
        assert_eq!(policies.rules().filter(is_own).count() + strangers.len(), 0);
        assert_eq!(policies.rules().count(), printed.matches("#\"").count());
    }

    #[test]
    fn roles_are_told_apart() {
        let shown = table(&Policies::default(), &["Member".to_owned()]);
        let says =
            |rule: &str, verdict: &str| shown.lines().any(|line| line.split_whitespace().eq([rule, verdict]));
        assert!(says("create_network", "depends") && says("create_network:shared", "no"), "{shown}");
        assert!(
            table(&Policies::default(), &["admin".to_owned()])
                .lines()
                .filter(|line| line.ends_with("yes"))
                .count()
                > 90
        );
    }
}
