//! Walks the reference's tables and our own: collections and what is done to them, attributes with their
//! flags, extensions, rules of the policy, quotas, errors.
//!
//! `reference.txt` holds the reference's, one fact a line; `tables.py` made it. What differs stands in
//! `differences.txt`, each with its reason; what does not stand there fails, and so does what stands
//! there and differs no longer.

mod ours;

use std::collections::BTreeSet;

const REFERENCE: &str = include_str!("reference.txt");
const DIFFERENCES: &str = include_str!("differences.txt");

/// A fact is words, the general ones first; whoever lacks `attribute trunks` lacks all that begins so.
type Facts = BTreeSet<String>;

/// Adds a fact, and what it begins with from so many words on.
fn add(facts: &mut Facts, least: usize, fact: &str) {
    for (end, _) in fact.match_indices(' ').chain([(fact.len(), "")]).skip(least - 1) {
        facts.insert(fact[..end].to_owned());
    }
}

/// One line of `reference.txt`; `answered` are the errors that requests are known to lead to.
fn read(line: &str, facts: &mut Facts, answered: &mut BTreeSet<String>) {
    let (kind, of) = line.split_once(' ').expect("a kind and a fact");
    let (name, rest) = of.split_once(' ').unwrap_or((of, ""));
    match kind {
        "operation" => add(facts, 3, line),
        "attribute" => {
            let (attr, flags) = rest.split_once(' ').unwrap_or((rest, ""));
            add(facts, 2, &format!("attribute {name} {attr}"));
            for flag in flags.split_whitespace() {
                facts.insert(format!("attribute {name} {attr} {flag}"));
            }
        }
        "error" => {
            let (status, known) = rest.split_once(' ').unwrap_or((rest, ""));
            if known == "answered" {
                answered.insert(name.to_owned());
            }
            facts.extend([format!("error {name}"), format!("error {name} {status}")]);
        }
        // An extension's date and name, a rule's check, a quota's default.
        _ => facts.extend([format!("{kind} {name}"), line.to_owned()]),
    }
}

/// What is in the one and not in the other, without what follows from something more general.
fn lacking(whole: &Facts, part: &Facts) -> BTreeSet<String> {
    let lacking: BTreeSet<&String> = whole.difference(part).collect();
    let follows =
        |fact: &str| fact.match_indices(' ').any(|(end, _)| lacking.contains(&fact[..end].to_owned()));
    lacking.iter().filter(|fact| !follows(fact)).map(|fact| (*fact).clone()).collect()
}

/// Lines of `differences.txt`: what differs, two blanks, why; `*` stands for any text.
fn known() -> Vec<&'static str> {
    let lines = DIFFERENCES.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once("  ").expect("a difference and its reason").0).collect()
}

fn fits(known: &str, difference: &str) -> bool {
    let mut parts = known.split('*');
    let mut rest = difference.strip_prefix(parts.next().unwrap_or_default());
    let mut last = None;
    for part in parts {
        rest = rest.and_then(|rest| rest.find(part).map(|at| &rest[at + part.len()..]));
        last = Some(part);
    }
    // What is behind the last star must end the difference.
    rest.is_some_and(|rest| rest.is_empty() || last.is_some_and(|part| difference.ends_with(part)))
}

#[test]
fn what_differs_from_the_reference_is_known() {
    let (mut reference, mut answered) = (Facts::new(), BTreeSet::new());
    REFERENCE.lines().for_each(|line| read(line, &mut reference, &mut answered));
    let ours = ours::facts();
    // Most of its errors never reach a client.
    let matters = |fact: &String| match fact.strip_prefix("error ") {
        Some(error) => answered.contains(error.split(' ').next().unwrap_or_default()),
        None => true,
    };
    let lacks = lacking(&reference, &ours).into_iter().filter(matters).map(|fact| format!("lacks {fact}"));
    let adds = lacking(&ours, &reference).into_iter().map(|fact| format!("adds {fact}"));
    let differing: BTreeSet<String> = lacks.chain(adds).collect();
    let known = known();
    let mut problems: Vec<String> =
        differing.iter().filter(|found| !known.iter().any(|known| fits(known, found))).cloned().collect();
    let gone = known.iter().filter(|known| !differing.iter().any(|found| fits(known, found)));
    problems.extend(gone.map(|known| format!("differs no longer: {known}")));
    println!("{} facts, {} differ on purpose or are not there yet", reference.len(), differing.len());
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
