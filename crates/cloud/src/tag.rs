//! Tags: which a resource has after a change.

use std::collections::BTreeSet;

use model::api::tag::MAX_TAGS;

use crate::Refusal;

/// A resource's tags.
pub type Tags = BTreeSet<String>;

/// What is done to the tags of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Adds those that are not there.
    Add(Tags),
    Replace(Tags),
    /// Takes one that is there.
    Take(String),
}

/// The tags afterwards.
pub fn change(had: &Tags, change: &Change) -> Result<Tags, Refusal> {
    let tags: Tags = match change {
        Change::Add(more) => had.union(more).cloned().collect(),
        Change::Replace(tags) => tags.clone(),
        Change::Take(tag) if !had.contains(tag) => return Err(Refusal::TagNotFound(tag.clone())),
        Change::Take(tag) => had.iter().filter(|had| *had != tag).cloned().collect(),
    };
    if tags.len() > MAX_TAGS && tags.len() > had.len() {
        return Err(Refusal::Request(format!("A resource has at most {MAX_TAGS} tags, not {}.", tags.len())));
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_a_bounded_set() {
        let set = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Tags>();
        let had = set(&["a", "b"]);
        assert_eq!(change(&had, &Change::Add(set(&["b", "c"]))).ok(), Some(set(&["a", "b", "c"])));
        assert_eq!(change(&had, &Change::Replace(set(&["z"]))).ok(), Some(set(&["z"])));
        assert_eq!(change(&had, &Change::Take("a".into())).ok(), Some(set(&["b"])));
        assert!(matches!(change(&had, &Change::Take("z".into())), Err(Refusal::TagNotFound(_))));
        let many = |count: usize| (0..count).map(|at| at.to_string()).collect::<Tags>();
        assert!(change(&had, &Change::Add(many(MAX_TAGS - 2))).is_ok());
        assert!(change(&had, &Change::Add(many(MAX_TAGS - 1))).is_err());
        // One that has too many from elsewhere can lose some.
        assert!(change(&many(MAX_TAGS + 9), &Change::Take("1".into())).is_ok());
    }
}
