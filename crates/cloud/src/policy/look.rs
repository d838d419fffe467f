//! Which attributes of a target a rule looks at, so that no others are read for it.

use std::collections::BTreeSet;

use super::check::Check;
use super::eval::Linked;
use super::parse::Tree;
use super::template::{Part, Template};

/// Adds the names that a rule, and the rules it leads to, look at.
pub fn looks_at(tree: &Linked, rules: &[Linked], names: &mut BTreeSet<String>) {
    match tree {
        // A rule about the caller alone looks at no target.
        Tree::Always | Tree::Never | Tree::OfCaller(_) => {}
        Tree::Not(inner) => looks_at(inner, rules, names),
        Tree::And(parts) | Tree::Or(parts) => parts.iter().for_each(|part| looks_at(part, rules, names)),
        Tree::Rule(at) => looks_at(&rules[*at], rules, names),
        Tree::Check(Check::Owner(hole)) => names.extend(hole.names.iter().cloned()),
        Tree::Check(Check::Field { names: of, .. }) => names.extend(of.iter().cloned()),
        Tree::Check(Check::Role(template) | Check::Credential(_, template) | Check::Literal(_, template)) => {
            template_looks_at(template, names);
        }
    }
}

fn template_looks_at(template: &Template, names: &mut BTreeSet<String>) {
    if let Template::Holes(parts) = template {
        for part in parts {
            if let Part::Hole(hole) = part {
                names.extend(hole.names.iter().cloned());
            }
        }
    }
}
