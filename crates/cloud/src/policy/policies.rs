//! All rules in force.

use std::collections::{BTreeMap, BTreeSet};

use super::defaults::{self, Default};
use super::eval::{About, Asked, Linked, Target, Verdict};
use super::link::{self, Told};
use super::look;
use super::parse::{Tree, parse};
use super::problem::{Fault, PolicyError, Problem};
use crate::{Caller, Reach};

/// What stands in for a rule that does not exist.
const STAND_IN: &str = "default";

/// The rules in force: the defaults, and what the operator put in their place.
#[derive(Debug, Clone)]
pub struct Policies {
    /// In the order of their names.
    rules: Vec<Entry>,
    trees: Vec<Linked>,
    stand_in: usize,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    check: String,
    default: Option<&'static Default>,
    /// A rule that exists by default, or that one names.
    asked: bool,
}

/// One rule, as lists of them show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule<'a> {
    pub name: &'a str,
    /// The text in force.
    pub check: &'a str,
    /// What it is where nobody says otherwise; none for a rule of the operator's own.
    pub default: Option<&'static Default>,
    /// False for a rule that no rule leads to which a request asks.
    pub asked: bool,
}

impl std::default::Default for Policies {
    fn default() -> Policies {
        Policies::with([]).expect("a test holds that the defaults are sound")
    }
}

impl Policies {
    /// The defaults, some of them replaced, and rules of the operator's own. Of a name that comes
    /// twice the last counts. The error tells all that is wrong.
    pub fn with(overrides: impl IntoIterator<Item = (String, String)>) -> Result<Policies, PolicyError> {
        let mut texts: BTreeMap<String, (String, Option<&'static Default>)> = BTreeMap::new();
        for default in defaults::all() {
            texts.insert(default.rule.to_owned(), (default.check.to_owned(), Some(default)));
        }
        for (name, text) in overrides {
            let entry = texts.entry(name).or_default();
            entry.0 = text;
        }
        let mut problems = Vec::new();
        let mut parsed = Vec::new();
        let mut rules = Vec::new();
        for (name, (check, default)) in texts {
            parsed.push(parse(&check).unwrap_or_else(|(at, fault)| {
                problems.push(Problem { rule: name.clone(), at, fault });
                Tree::Never
            }));
            rules.push(Entry { name, check, default, asked: false });
        }
        let names: BTreeMap<String, usize> =
            rules.iter().enumerate().map(|(at, rule)| (rule.name.clone(), at)).collect();
        let roots = (0..rules.len()).filter(|at| rules[*at].default.is_some());
        let asked = link::reached(&parsed, &names, roots);
        let (trees, found) = link::link(&parsed, &names, &asked);
        let name_of = |at: usize| rules[at].name.clone();
        problems.extend(found.into_iter().map(|(rule, at, told)| {
            let fault = match told {
                Told::Fault(fault) => fault,
                Told::Loop(circle) => Fault::Loop(circle.into_iter().map(name_of).collect()),
            };
            Problem { rule: name_of(rule), at, fault }
        }));
        if !problems.is_empty() {
            problems.sort_by(|a, b| (&a.rule, a.at).cmp(&(&b.rule, b.at)));
            return Err(PolicyError { problems });
        }
        for (rule, asked) in rules.iter_mut().zip(asked) {
            rule.asked = asked;
        }
        let stand_in = names.get(STAND_IN).copied().expect("the defaults have it");
        Ok(Policies { rules, trees, stand_in })
    }

    /// May the caller do it to the target?
    ///
    /// A rule that does not exist hides no attribute (`get_...:...`); for anything else the rule
    /// `default` stands in.
    pub fn allows(&self, rule: &str, caller: &Caller, target: &Target) -> bool {
        self.ask(rule, caller, About::Target(target)) == Verdict::Yes
    }

    /// The same, as far as the caller alone decides it.
    pub fn verdict(&self, rule: &str, caller: &Caller) -> Verdict {
        self.ask(rule, caller, About::Unknown)
    }

    /// Is the caller's token of a kind that the rule takes? Where it is not, the answer to the
    /// rule is no, whatever it says.
    pub fn in_scope(&self, _rule: &str, caller: &Caller) -> bool {
        // Every rule there is takes tokens of a project and no others.
        caller.reach == Reach::Project
    }

    pub fn has(&self, rule: &str) -> bool {
        self.find(rule).is_some()
    }

    /// The keys of the target that a rule looks at, and those of the rules it leads to.
    pub fn looks_at(&self, rule: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        if let Some(at) = self.find(rule) {
            look::looks_at(&self.trees[at], &self.trees, &mut names);
        }
        names
    }

    pub fn rules(&self) -> impl Iterator<Item = Rule<'_>> {
        self.rules.iter().map(|entry| Rule {
            name: &entry.name,
            check: &entry.check,
            default: entry.default,
            asked: entry.asked,
        })
    }

    fn find(&self, rule: &str) -> Option<usize> {
        self.rules.binary_search_by(|entry| entry.name.as_str().cmp(rule)).ok()
    }

    fn ask(&self, rule: &str, caller: &Caller, about: About) -> Verdict {
        if !self.in_scope(rule, caller) {
            return Verdict::No;
        }
        let at = match self.find(rule) {
            Some(at) => at,
            None if rule.starts_with("get_") && rule.contains(':') => return Verdict::Yes,
            None => self.stand_in,
        };
        Asked { rules: &self.trees, caller, about }.verdict(&self.trees[at])
    }
}
