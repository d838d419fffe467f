//! From trees that name other rules to trees that point at them, and what may not be: names that
//! lead nowhere, loops, and rules that come to too much.

use std::collections::BTreeMap;

use super::eval::Linked;
use super::parse::{Named, Parsed, Tree};
use super::problem::Fault;

/// The most rules one behind the other.
pub const MOST_STEPS: usize = 32;
/// The most checks of one rule, those of the rules it names included, each time they are named.
pub const MOST_CHECKS: usize = 10_000;

/// A rule by its index, the character in it, and what is wrong.
pub type Found = (usize, Option<usize>, Told);

/// A fault of rules that are known by index.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Fault(Fault),
    Loop(Vec<usize>),
}

/// Points every name at its rule. In rules that are not `asked`, a name that leads nowhere stands
/// for nobody; in the others it is a mistake.
pub fn link(parsed: &[Parsed], names: &BTreeMap<String, usize>, asked: &[bool]) -> (Vec<Linked>, Vec<Found>) {
    let mut found = Vec::new();
    let mut linked = Vec::new();
    for (at, tree) in parsed.iter().enumerate() {
        let mut missing = Vec::new();
        linked.push(point(tree, names, &mut missing));
        let missing = missing.into_iter().filter(|_| asked[at]);
        found.extend(missing.map(|named| (at, Some(named.at), Told::Fault(Fault::Undefined(named.name)))));
    }
    let (order, left) = leaves_first(&linked);
    let circles = loops(&linked, &left).into_iter();
    found.extend(circles.map(|circle| (circle[0], None, Told::Loop(circle))));
    found.extend(too_large(&linked, &order));
    (linked, found)
}

/// The rules that the rules `from` lead to, themselves included.
pub fn reached(
    parsed: &[Parsed],
    names: &BTreeMap<String, usize>,
    from: impl Iterator<Item = usize>,
) -> Vec<bool> {
    let mut reached = vec![false; parsed.len()];
    let mut left: Vec<usize> = from.collect();
    while let Some(at) = left.pop() {
        if !std::mem::replace(&mut reached[at], true) {
            named_in(&parsed[at], &mut |named| left.extend(names.get(&named.name)));
        }
    }
    reached
}

fn named_in<R>(tree: &Tree<R>, tell: &mut impl FnMut(&R)) {
    match tree {
        Tree::Rule(named) | Tree::OfCaller(named) => tell(named),
        Tree::Not(inner) => named_in(inner, tell),
        Tree::And(parts) | Tree::Or(parts) => parts.iter().for_each(|part| named_in(part, tell)),
        Tree::Always | Tree::Never | Tree::Check(_) => {}
    }
}

fn point(tree: &Parsed, names: &BTreeMap<String, usize>, missing: &mut Vec<Named>) -> Linked {
    let mut find = |named: &Named, make: fn(usize) -> Linked| match names.get(&named.name) {
        Some(at) => make(*at),
        None => {
            missing.push(named.clone());
            Tree::Never
        }
    };
    match tree {
        Tree::Always => Tree::Always,
        Tree::Never => Tree::Never,
        Tree::Rule(named) => find(named, Tree::Rule),
        Tree::OfCaller(named) => find(named, Tree::OfCaller),
        Tree::Not(inner) => Tree::Not(Box::new(point(inner, names, missing))),
        Tree::And(parts) => Tree::And(parts.iter().map(|part| point(part, names, missing)).collect()),
        Tree::Or(parts) => Tree::Or(parts.iter().map(|part| point(part, names, missing)).collect()),
        Tree::Check(check) => Tree::Check(check.clone()),
    }
}

/// The rules in an order in which each comes after those it names; and of which rules there is no
/// such order, because they lead into a loop.
fn leaves_first(rules: &[Linked]) -> (Vec<usize>, Vec<bool>) {
    let mut waits = vec![0; rules.len()];
    let mut named_by = vec![Vec::new(); rules.len()];
    for (at, tree) in rules.iter().enumerate() {
        named_in(tree, &mut |to: &usize| {
            waits[at] += 1;
            named_by[*to].push(at);
        });
    }
    let mut order: Vec<usize> = (0..rules.len()).filter(|at| waits[*at] == 0).collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        for by in &named_by[at] {
            waits[*by] -= 1;
            if waits[*by] == 0 {
                order.push(*by);
            }
        }
    }
    (order, waits.into_iter().map(|waits| waits > 0).collect())
}

/// Each loop once, its first rule again at its end.
fn loops(rules: &[Linked], left: &[bool]) -> Vec<Vec<usize>> {
    let mut loops = Vec::new();
    let mut walked = vec![false; rules.len()];
    for start in 0..rules.len() {
        let mut way: Vec<usize> = Vec::new();
        let mut at = start;
        while left[at] && !walked[at] {
            walked[at] = true;
            way.push(at);
            let mut to = None;
            named_in(&rules[at], &mut |named: &usize| to = to.or(left[*named].then_some(*named)));
            at = to.unwrap_or(at);
        }
        if let Some(from) = way.iter().position(|seen| *seen == at) {
            let mut circle = way.split_off(from);
            circle.push(at);
            loops.push(circle);
        }
    }
    loops
}

fn too_large(rules: &[Linked], order: &[usize]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut sizes = vec![(0, 0); rules.len()];
    for at in order {
        let (steps, checks) = size(&rules[*at], &sizes);
        let fault = if steps >= MOST_STEPS {
            Fault::TooFar
        } else if checks > MOST_CHECKS {
            Fault::TooMuch
        } else {
            sizes[*at] = (steps + 1, checks);
            continue;
        };
        // Those that name it are not at fault: to them it is small.
        found.push((*at, None, Told::Fault(fault)));
    }
    found
}

/// How far a rule reaches, and how many checks it comes to.
fn size(tree: &Linked, sizes: &[(usize, usize)]) -> (usize, usize) {
    match tree {
        Tree::Always | Tree::Never | Tree::Check(_) => (0, 1),
        Tree::Not(inner) => size(inner, sizes),
        Tree::Rule(at) | Tree::OfCaller(at) => sizes[*at],
        Tree::And(parts) | Tree::Or(parts) => {
            let parts = parts.iter().map(|part| size(part, sizes));
            parts.fold((0, 0), |whole, part| (whole.0.max(part.0), whole.1 + part.1))
        }
    }
}
