//! Random rules, callers and targets, put to oslo.policy and to us.
//!
//! The library takes every text for a rule: what it does not understand is "deny". We refuse such
//! a text when it is loaded, and some more that it would take; those are told apart below. The
//! seed is printed; set SEED to run one again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use cloud::Caller;
use cloud::policy::{Fault, Policies, Target};
use serde_json::{Value, json};
use testbed::Draw;

use super::ASKED;

const CASES: usize = 1500;
/// Callers and targets that the rules of a case are asked about.
const ASKS: usize = 4;

/// Checks that both sides understand; `RULE` stands for another rule of the case.
const CHECKS: [&str; 36] = [
    "@",
    "!",
    "role:admin",
    "role:member",
    "role:Reader",
    "role:%(role)s",
    "role:x%(role)s",
    "role:nobody",
    "RULE",
    "RULE",
    "RULE",
    "rule:admin_only",
    "rule:admin_or_owner",
    "rule:network_owner",
    "is_admin:True",
    "is_admin:False",
    "is_admin_project:True",
    "project_id:%(project_id)s",
    "project_id:%(network:project_id)s",
    "tenant_id:%(tenant_id)s",
    "user_id:%(user_id)s",
    "user_id:u1",
    "user_id:u%%",
    "user_domain_id:%(name)s",
    "roles:member",
    "service_roles:service",
    "service_roles:%(role)s",
    "domain_id:None",
    "system_scope:all",
    "True:%(shared)s",
    "False:%(network:shared)s",
    "None:%(name)s",
    "'p1':%(project_id)s",
    "\"a b\":x",
    "12:%(n)s",
    "'u1p1':%(user_id)s%(project_id)s",
];

/// Checks that we refuse, and the library reads as something that is never so, or breaks on.
const REFUSED: [&str; 14] = [
    "user_idd:%(user_id)s",
    "Role:admin",
    "a.b:c",
    "member",
    "role",
    "'quoted'",
    "'role:admin'",
    "007:7",
    "1x:1",
    "user_id:%(user_id)d",
    "user_id:%s",
    "user_id:5%",
    "rule:nowhere",
    "project_id:p1",
];

/// What a careless hand puts in.
const NOISE: [&str; 16] =
    ["(", ")", "'", "\"", " ", "and", " or ", "not", "%", ":", "@", "!", "\u{a0}", "é", ",", "()"];

fn blank(draw: &mut Draw) -> &'static str {
    draw.one(&[" ", " ", " ", "  ", "\t", "\n ", "\u{a0}", "\u{1d}"])
}

fn check(draw: &mut Draw, rule: usize) -> String {
    if draw.chance(60) {
        return draw.one(&REFUSED).to_owned();
    }
    match draw.one(&CHECKS) {
        "RULE" if rule == 0 => "role:member".to_owned(),
        "RULE" => format!("rule:r{}", draw.below(rule)),
        check => check.to_owned(),
    }
}

fn expression(draw: &mut Draw, depth: usize, rule: usize) -> String {
    if depth == 0 || draw.chance(4) {
        return check(draw, rule);
    }
    let left = expression(draw, depth - 1, rule);
    match draw.below(8) {
        0 | 1 => format!("{}{}{left}", draw.one(&["not", "NOT", "Not"]), blank(draw)),
        2 => {
            let (open, close) = (draw.one(&["(", "( ", "(("]), draw.one(&[")", " )"]));
            format!("{open}{left}{close}{}", if open == "((" { ")" } else { "" })
        }
        kind => {
            let word =
                if kind < 5 { draw.one(&["and", "AND", "and"]) } else { draw.one(&["or", "Or", "or"]) };
            let right = expression(draw, depth - 1, rule);
            let text = format!("{left}{}{word}{}{right}", blank(draw), blank(draw));
            if draw.chance(3) { format!("({text})") } else { text }
        }
    }
}

fn rule(draw: &mut Draw, at: usize) -> String {
    let depth = draw.below(5);
    let mut text = expression(draw, depth, at);
    if draw.chance(8) {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let place = draw.one(&places);
        if draw.chance(2) {
            text.remove(place);
        } else {
            text.insert_str(place, draw.one(&NOISE));
        }
    }
    if draw.chance(200) { String::new() } else { text }
}

struct Case {
    rules: BTreeMap<String, String>,
    about: Vec<(Caller, Target)>,
}

fn case(draw: &mut Draw) -> Case {
    let mut rules = BTreeMap::new();
    for at in 0..draw.below(4) {
        rules.insert(format!("r{at}"), rule(draw, at));
    }
    rules.insert(ASKED.to_owned(), rule(draw, rules.len()));
    Case { rules, about: (0..ASKS).map(|_| (caller(draw), target(draw))).collect() }
}

fn caller(draw: &mut Draw) -> Caller {
    let some = |draw: &mut Draw, of: &[&str]| -> Vec<String> {
        of.iter().filter(|_| draw.chance(2)).map(|role| (*role).to_owned()).collect()
    };
    Caller {
        user_id: draw.one(&["u1", "u2", "u%"]).into(),
        project_id: draw.one(&["p1", "p2"]).into(),
        user_domain_id: "d1".into(),
        project_domain_id: "d1".into(),
        roles: some(draw, &["admin", "member", "reader", "xmember"]),
        service_roles: some(draw, &["service", "admin"]),
        is_admin_project: draw.chance(2),
        ..Caller::default()
    }
}

fn target(draw: &mut Draw) -> Target {
    let mut target = Target::new();
    let mut put = |draw: &mut Draw, names: &[&str], of: &[Value]| {
        if !draw.chance(4) {
            let value = draw.one(of);
            target.extend(names.iter().map(|name| ((*name).to_owned(), value.clone())));
        }
    };
    let owners = [json!("p1"), json!("p2"), json!(""), json!(null)];
    put(draw, &["project_id", "tenant_id"], &owners);
    put(draw, &["network:project_id", "network:tenant_id"], &owners);
    put(draw, &["user_id"], &[json!("u1"), json!("u2"), json!(null)]);
    put(draw, &["role"], &[json!("member"), json!("Admin"), json!("service"), json!(5)]);
    put(draw, &["name"], &[json!("d1"), json!(null), json!("x")]);
    put(draw, &["shared"], &[json!(true), json!(false), json!("True"), json!(1)]);
    put(draw, &["network:shared"], &[json!(true), json!(false)]);
    put(draw, &["n"], &[json!(12), json!("12"), json!(-1)]);
    target
}

impl Case {
    /// As the library is asked: our base rules are there too, and `None` is what a caller lacks.
    fn line(&self, base: &BTreeMap<String, String>) -> String {
        let mut rules = base.clone();
        rules.extend(self.rules.clone());
        let about: Vec<Value> =
            self.about.iter().map(|(caller, target)| json!([creds(caller), target])).collect();
        json!({ "rules": rules, "ask": ASKED, "about": about }).to_string()
    }
}

fn creds(caller: &Caller) -> Value {
    json!({
        "user_id": caller.user_id, "project_id": caller.project_id, "tenant_id": caller.project_id,
        "user_domain_id": caller.user_domain_id, "project_domain_id": caller.project_domain_id,
        "domain_id": null, "system_scope": null, "roles": caller.roles, "service_roles": caller.service_roles,
        "is_admin": caller.roles.iter().any(|role| role == "admin"),
        "is_admin_project": caller.is_admin_project,
    })
}

/// Beside the `openstack` command, in the environment of `scripts/install-packages test`.
fn python() -> PathBuf {
    testbed::python::program("python")
}

fn library(cases: &[Case], base: &BTreeMap<String, String>) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = folder.path().join("cases");
    let lines: String = cases.iter().map(|case| case.line(base) + "\n").collect();
    std::fs::write(&asked, lines).expect("writes");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compat/policy/oracle.py");
    let output = Command::new(python()).arg(script).arg(&asked).output();
    let output = output.expect("python runs: scripts/install-packages test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = String::from_utf8(output.stdout).expect("text");
    out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What we refuse although the library might take it; the others it does not understand either.
fn is_stricter(fault: &Fault) -> bool {
    matches!(
        fault,
        // It asks for what the caller never has: never so, and a typing error most of the time.
        Fault::UnknownCredential(_)
            // Not written plainly; it breaks when it is asked, or nobody can tell what is meant.
            | Fault::Literal(_) | Fault::Format
            // The reference does not load it either: the check of the owner is its own.
            | Fault::Owner(_)
            // It takes the rule `default`.
            | Fault::Undefined(_)
            // A loop ends in an exception when it is asked.
            | Fault::Loop(_)
            | Fault::TrueOrFalse(..)
    )
}

#[derive(Debug, Default)]
struct Count {
    allowed: usize,
    denied: usize,
    broken: usize,
    stricter: usize,
}

fn compare(case: &Case, library: &Value, count: &mut Count) -> Result<(), String> {
    let broken = library["broken"] == true;
    let told = |what: String| Err(format!("{what}\n  rules {:?}", case.rules));
    match Policies::with(case.rules.clone()) {
        Ok(_) if broken => told("we take what the library does not understand".to_owned()),
        Ok(policies) => {
            for ((caller, target), says) in case.about.iter().zip(library["says"].as_array().expect("a list"))
            {
                let ours = policies.allows(ASKED, caller, target);
                *(if ours { &mut count.allowed } else { &mut count.denied }) += 1;
                if *says != Value::Bool(ours) {
                    return told(format!("we say {ours}, the library {says}\n  {caller:?}\n  {target:?}"));
                }
            }
            Ok(())
        }
        Err(error) if error.problems.iter().all(|problem| is_stricter(&problem.fault)) => {
            count.stricter += 1;
            Ok(())
        }
        Err(_) if broken => {
            count.broken += 1;
            Ok(())
        }
        Err(error) => told(format!("we refuse what the library understands: {error}")),
    }
}

#[test]
fn says_what_the_library_says() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| clock_seed() | 1);
    println!("seed {seed}");
    let mut draw = Draw(seed);
    let cases: Vec<Case> = (0..CASES).map(|_| case(&mut draw)).collect();
    // Checks of fields are the reference's own; the library has no such kind.
    let policies = Policies::default();
    let base = policies.rules().filter(|rule| !rule.check.contains("field:"));
    let base = base.map(|rule| (rule.name.to_owned(), rule.check.to_owned())).collect();
    let answers = library(&cases, &base);
    assert_eq!(answers.len(), cases.len());
    let mut count = Count::default();
    let problems: Vec<String> = cases
        .iter()
        .zip(&answers)
        .filter_map(|(case, answer)| compare(case, answer, &mut count).err())
        .collect();
    println!("{CASES} sets of rules: {count:?}");
    assert!(
        problems.is_empty(),
        "seed {seed}: {} differ\n{}",
        problems.len(),
        problems[..problems.len().min(5)].join("\n")
    );
    // The draw is worth something only while all of these are common.
    assert!(count.allowed > CASES && count.denied > CASES && count.broken > CASES / 40, "{count:?}");
}

fn clock_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.subsec_nanos().into()
}
