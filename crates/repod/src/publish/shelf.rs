//! Shelves: packages of one kind that some see. What everybody sees is one shelf for all; what only some see
//! is a shelf per project. So a public package costs the same however many projects there are.
//!
//! apt and dnf take the newest of a name from wherever it is. So nobody puts anything on another's shelf: what is
//! shared with a project is had there by its path and by orders, unless the operator says that it is shelved.

use std::collections::{BTreeMap, BTreeSet};

use repo::index::Sum;
use repo::index::rpm::Index;
use repo::{Format, Sha256};
use serde::{Deserialize, Serialize};

use super::state::Entry;

/// Who sees a shelf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Main,
    Project(String),
}

impl Scope {
    /// Whose shelves are always empty: they stand for those that a project does not have.
    pub fn nobody() -> Scope {
        Scope::Project(String::new())
    }
}

/// What is on a shelf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Of an architecture; `all` is one of its own.
    Deb(String),
    Rpm,
}

impl Kind {
    /// The names of its indexes' parts.
    pub fn indexes(&self) -> &'static [&'static str] {
        match self {
            Kind::Deb(_) => &["packages"],
            Kind::Rpm => &["primary", "filelists", "other"],
        }
    }
}

/// An index of a shelf, unpacked and packed; it is kept packed, by that sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexFile {
    pub plain: Sum,
    pub packed: Sum,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// Of what is on it.
    pub digest: Sha256,
    pub packages: usize,
    /// When it became so.
    pub since: u64,
    pub revision: u64,
    /// In the order of `Kind::indexes`.
    pub files: Vec<IndexFile>,
    /// What it was before: who was just told of it must still get it.
    pub before: Vec<Vec<IndexFile>>,
}

/// How many earlier indexes are kept.
pub const KEPT: usize = 2;

impl Shelf {
    /// Those that may be asked for.
    pub fn generations(&self) -> impl Iterator<Item = &Vec<IndexFile>> {
        std::iter::once(&self.files).chain(&self.before)
    }
}

/// What is on a shelf, in the order of names.
pub type Members<'a> = BTreeMap<(&'a str, Sha256), &'a Entry>;

/// Sorts versions onto the shelves that they are to be on. `shared`: also of projects that they are shared with.
pub fn sort(entries: &BTreeMap<String, Entry>, shared: bool) -> BTreeMap<(Scope, Kind), Members<'_>> {
    let mut shelves: BTreeMap<(Scope, Kind), Members<'_>> = BTreeMap::new();
    for entry in entries.values().filter(|entry| !entry.version.yanked) {
        let Some(card) = &entry.card else { continue };
        let kind = match card.format {
            Format::Deb => Kind::Deb(card.architecture.clone()),
            Format::Rpm => Kind::Rpm,
            Format::Archive => continue,
        };
        let mut put = |scope| {
            let key = (card.name.as_str(), entry.version.sha256);
            shelves.entry((scope, kind.clone())).or_default().insert(key, entry);
        };
        if entry.version.is_public() {
            put(Scope::Main);
            continue;
        }
        let projects: BTreeSet<&String> =
            entry.version.seen_by.iter().filter(|_| shared).chain([&entry.version.project]).collect();
        projects.into_iter().for_each(|project| put(Scope::Project(project.clone())));
    }
    shelves
}

/// The index of an RPM repository by its place in `Kind::indexes`.
pub fn rpm_index(place: usize) -> Index {
    Index::ALL[place]
}
