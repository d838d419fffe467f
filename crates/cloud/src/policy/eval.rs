//! What a rule says to a caller about a target.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::check::{Check, Credential, Want};
use super::parse::Tree;
use super::template::{Hole, Part, Template, written};
use crate::{Caller, Reach};

/// What a rule looks at besides the caller.
pub type Target = Map<String, Value>;

/// What is left of a rule once the caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    /// Depends on the target: ask [`super::Policies::allows`] for each.
    Depends,
}

impl From<bool> for Verdict {
    fn from(yes: bool) -> Verdict {
        if yes { Verdict::Yes } else { Verdict::No }
    }
}

/// What a rule is asked about.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// Nothing yet: what the target decides stays open.
    Unknown,
    Target(&'a Target),
    /// The caller's own credentials stand for the target.
    Caller,
}

pub type Linked = Tree<usize>;

/// Answers for one caller and one target.
pub struct Asked<'a> {
    pub rules: &'a [Linked],
    pub caller: &'a Caller,
    pub about: About<'a>,
}

/// An attribute of the target: not known yet, not there, or its value.
enum Seen<'a> {
    Unknown,
    Absent,
    Value(Cow<'a, Value>),
}

impl<'a> Asked<'a> {
    pub fn verdict(&self, tree: &Linked) -> Verdict {
        match tree {
            Tree::Always => Verdict::Yes,
            Tree::Never => Verdict::No,
            Tree::Not(inner) => match self.verdict(inner) {
                Verdict::Yes => Verdict::No,
                Verdict::No => Verdict::Yes,
                Verdict::Depends => Verdict::Depends,
            },
            Tree::And(parts) => self.first(parts, Verdict::No, Verdict::Yes),
            Tree::Or(parts) => self.first(parts, Verdict::Yes, Verdict::No),
            Tree::Rule(at) => self.verdict(&self.rules[*at]),
            Tree::OfCaller(at) => Asked { about: About::Caller, ..*self }.verdict(&self.rules[*at]),
            Tree::Check(check) => self.check(check),
        }
    }

    /// `decides` if any part says it, else `Depends` if any does, else `otherwise`.
    fn first(&self, parts: &[Linked], decides: Verdict, otherwise: Verdict) -> Verdict {
        let mut verdict = otherwise;
        for part in parts {
            match self.verdict(part) {
                said if said == decides => return decides,
                Verdict::Depends => verdict = Verdict::Depends,
                _ => {}
            }
        }
        verdict
    }

    fn check(&self, check: &Check) -> Verdict {
        match check {
            Check::Role(Template::Plain(role)) => self.caller.roles.contains(role).into(),
            Check::Role(template) if self.caller.roles.is_empty() => self.known(template, |_| false),
            Check::Role(template) => {
                self.known(template, |text| self.caller.roles.contains(&text.to_lowercase()))
            }
            Check::Credential(which, template) => self.credential(*which, template),
            Check::Literal(literal, template) => self.known(template, |text| text == literal),
            // Who has no project owns nothing, whatever the target says.
            Check::Owner(_) if self.caller.project_id.is_empty() => Verdict::No,
            Check::Owner(hole) => match self.seen(&hole.names) {
                Seen::Unknown => Verdict::Depends,
                Seen::Absent => Verdict::No,
                Seen::Value(value) => {
                    written(&value).is_some_and(|text| text == self.caller.project_id).into()
                }
            },
            Check::Field { names, want } => match self.seen(names) {
                Seen::Unknown => Verdict::Depends,
                Seen::Absent => Verdict::No,
                Seen::Value(value) => match (want, &*value) {
                    (_, Value::Null) => Verdict::No,
                    (Want::Value(want), value) => (want == value).into(),
                    (Want::Begins(begin), Value::String(text)) => text.starts_with(begin).into(),
                    (Want::Like(regex), Value::String(text)) => regex.is_match(text).into(),
                    (Want::Begins(_) | Want::Like(_), _) => Verdict::No,
                },
            },
        }
    }

    fn credential(&self, which: Credential, template: &Template) -> Verdict {
        let caller = self.caller;
        let text = match which {
            Credential::Roles => return self.one_of(&caller.roles, template),
            Credential::ServiceRoles => return self.one_of(&caller.service_roles, template),
            _ => single(caller, which),
        };
        match (text, template) {
            (Some(text), template) => self.known(template, |want| want == text),
            // What is not there is called None, but an attribute of the target cannot say so.
            (None, Template::Plain(want)) => (want == "None").into(),
            (None, Template::Holes(_)) => Verdict::No,
        }
    }

    fn one_of(&self, list: &[String], template: &Template) -> Verdict {
        if list.is_empty() {
            return Verdict::No;
        }
        self.known(template, |want| list.iter().any(|have| have == want))
    }

    /// The template with its holes filled, given to `says`.
    fn known(&self, template: &Template, says: impl FnOnce(&str) -> bool) -> Verdict {
        match template {
            Template::Plain(text) => says(text).into(),
            Template::Holes(_) if matches!(self.about, About::Unknown) => Verdict::Depends,
            Template::Holes(parts) => match self.filled(parts) {
                Some(text) => says(&text).into(),
                None => Verdict::No,
            },
        }
    }

    fn filled(&self, parts: &[Part]) -> Option<String> {
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Hole(Hole { names }) => match self.seen(names) {
                    Seen::Value(value) => out.push_str(&written(&value)?),
                    Seen::Unknown | Seen::Absent => return None,
                },
            }
        }
        Some(out)
    }

    fn seen(&self, names: &[String]) -> Seen<'a> {
        match self.about {
            About::Unknown => Seen::Unknown,
            About::Target(target) => match names.iter().find_map(|name| target.get(name)) {
                Some(value) => Seen::Value(Cow::Borrowed(value)),
                None => Seen::Absent,
            },
            About::Caller => match names.iter().find_map(|name| Credential::named(name)) {
                Some(which) => match single(self.caller, which) {
                    Some(text) => Seen::Value(Cow::Owned(Value::String(text.to_owned()))),
                    None => Seen::Absent,
                },
                None => Seen::Absent,
            },
        }
    }
}

/// What is known of the caller; empty is as if it were not.
fn single(caller: &Caller, which: Credential) -> Option<&str> {
    let text = match which {
        Credential::UserId => &caller.user_id,
        Credential::UserDomainId => &caller.user_domain_id,
        Credential::ProjectId => &caller.project_id,
        Credential::ProjectDomainId => &caller.project_domain_id,
        Credential::DomainId => &caller.domain_id,
        Credential::SystemScope => return (caller.reach == Reach::System).then_some("all"),
        Credential::IsAdminProject if caller.is_admin_project => return Some("True"),
        Credential::IsAdminProject => return Some("False"),
        Credential::Roles | Credential::ServiceRoles => return None,
    };
    Some(text.as_str()).filter(|text| !text.is_empty())
}
