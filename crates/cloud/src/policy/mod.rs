//! Who may do what: the rules of the cloud, in the language of oslo.policy.
//!
//! A rule is asked by name (`create_network`, `create_network:shared`) for a caller and a target.
//! A [`Target`] is the resource as a JSON object: its own attributes, and those of its parents
//! behind a prefix (`network:project_id`, `network:shared`, `network:router:external`).

use serde_json::{Map, Value};

use crate::Caller;

/// What a rule looks at besides the caller.
pub type Target = Map<String, Value>;

/// What is left of a rule once the caller is known.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Yes,
    No,
    /// Depends on the target: ask [`Policies::allows`] for each.
    Depends,
}

/// All rules in force.
#[derive(Debug, Clone, Default)]
pub struct Policies {}

impl Policies {
    /// May the caller do it to the target? A rule that does not exist is no hindrance when it is
    /// for an attribute; for an operation, the rule `default` stands in.
    pub fn allows(&self, _rule: &str, _caller: &Caller, _target: &Target) -> bool {
        true
    }

    /// The same, as far as the caller alone decides it.
    pub fn verdict(&self, _rule: &str, _caller: &Caller) -> Verdict {
        Verdict::Yes
    }

    /// True when there is such a rule.
    pub fn has(&self, _rule: &str) -> bool {
        false
    }

    /// The keys of the target that a rule looks at, and the rules it refers to.
    pub fn looks_at(&self, _rule: &str) -> std::collections::BTreeSet<String> {
        std::collections::BTreeSet::new()
    }
}
