//! What is published: one document, replaced whole.

use std::collections::{BTreeMap, BTreeSet};

use repo::{Format, Sha256};
use serde::{Deserialize, Serialize};

use super::shelf::{Kind, Scope, Shelf};
use super::wanted::Version;
use crate::blobs::Blob;

/// The architecture of .debs that fit everywhere.
pub const ALL: &str = "all";

/// What of a file everybody who lists or gets it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub format: Format,
    pub name: String,
    pub version: String,
    pub architecture: String,
    /// What it is called.
    pub file: String,
    pub size: u64,
    pub since: u64,
}

impl Card {
    /// `None`: it says too little of itself, and nobody else does.
    pub fn of(version: &Version, blob: &Blob) -> Option<Card> {
        let facts = &blob.facts;
        let (name, number, architecture, file) = match facts.format {
            Format::Archive => {
                let (name, number) = (version.name.clone()?, version.version.clone()?);
                let architecture = version.architecture.clone().unwrap_or_else(|| "all".to_owned());
                let usual = || format!("{name}-{number}-{architecture}.{}", facts.file_name());
                let file = version.file.clone().unwrap_or_else(usual);
                (name, number, architecture, file)
            }
            _ => {
                let file = facts.file_name();
                (facts.name.clone(), facts.version.clone(), facts.architecture.clone(), file)
            }
        };
        let (size, since) = (blob.size, blob.since);
        Some(Card { format: facts.format, name, version: number, architecture, file, size, since })
    }

    /// Where a package manager finds it, from its repository's root.
    pub fn path(&self, sum: &Sha256) -> String {
        let sum = sum.to_string();
        let folder = if self.format == Format::Deb { "pool" } else { "packages" };
        format!("{folder}/{}/{sum}/{}", &sum[..2], self.file)
    }
}

/// A version, and its file if it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub version: Version,
    pub card: Option<Card>,
}

/// What is published.
#[derive(Debug, Clone, Default)]
pub struct Published {
    pub revision: u64,
    pub at: u64,
    pub entries: BTreeMap<String, Entry>,
    pub shelves: BTreeMap<(Scope, Kind), Shelf>,
    /// Ids by sum.
    sums: BTreeMap<Sha256, Vec<String>>,
    /// Ids by name and version.
    names: BTreeMap<(String, String), Vec<String>>,
}

/// The same as it is written.
#[derive(Serialize, Deserialize)]
struct Document {
    revision: u64,
    at: u64,
    entries: Vec<Entry>,
    shelves: Vec<(Scope, Kind, Shelf)>,
}

impl Published {
    pub fn new(
        revision: u64,
        at: u64,
        entries: BTreeMap<String, Entry>,
        shelves: BTreeMap<(Scope, Kind), Shelf>,
    ) -> Published {
        let mut sums: BTreeMap<Sha256, Vec<String>> = BTreeMap::new();
        let mut names: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (id, entry) in &entries {
            sums.entry(entry.version.sha256).or_default().push(id.clone());
            if let Some(card) = &entry.card {
                names.entry((card.name.clone(), card.version.clone())).or_default().push(id.clone());
            }
        }
        Published { revision, at, entries, shelves, sums, names }
    }

    pub fn read(text: &[u8]) -> Result<Published, serde_json::Error> {
        let document: Document = serde_json::from_slice(text)?;
        let entries = document.entries.into_iter().map(|entry| (entry.version.id.clone(), entry)).collect();
        let shelves =
            document.shelves.into_iter().map(|(scope, kind, shelf)| ((scope, kind), shelf)).collect();
        Ok(Published::new(document.revision, document.at, entries, shelves))
    }

    pub fn write(&self) -> Vec<u8> {
        let shelves = self.shelves.iter();
        let document = Document {
            revision: self.revision,
            at: self.at,
            entries: self.entries.values().cloned().collect(),
            shelves: shelves
                .map(|((scope, kind), shelf)| (scope.clone(), kind.clone(), shelf.clone()))
                .collect(),
        };
        serde_json::to_vec(&document).expect("what is published is JSON")
    }

    /// Versions of a file.
    pub fn of_sum(&self, sum: &Sha256) -> impl Iterator<Item = &Entry> {
        self.sums.get(sum).into_iter().flatten().filter_map(|id| self.entries.get(id))
    }

    /// Versions of a name and version, whoever owns them.
    pub fn of_name(&self, name: &str, version: &str) -> impl Iterator<Item = &Entry> {
        let key = (name.to_owned(), version.to_owned());
        self.names.get(&key).into_iter().flatten().filter_map(|id| self.entries.get(id))
    }

    /// Versions whose file is not here.
    pub fn missing(&self) -> impl Iterator<Item = &Version> {
        self.entries.values().filter(|entry| entry.card.is_none()).map(|entry| &entry.version)
    }

    /// A shelf. One that is not there is as one that is empty.
    pub fn shelf(&self, scope: Scope, kind: Kind) -> Option<&Shelf> {
        let empty = match &kind {
            Kind::Deb(_) => Kind::Deb(ALL.to_owned()),
            Kind::Rpm => Kind::Rpm,
        };
        self.shelves.get(&(scope, kind)).or_else(|| self.shelves.get(&(Scope::nobody(), empty)))
    }

    /// All architectures of .debs that a scope has, of which some may be empty.
    pub fn architectures(&self, project: &str) -> BTreeSet<&str> {
        let of = |scope: Scope| {
            let kinds = (scope.clone(), Kind::Deb(String::new()))..(scope, Kind::Rpm);
            self.shelves.range(kinds).map(|((_, kind), _)| kind)
        };
        let kinds = of(Scope::Main).chain(of(Scope::Project(project.to_owned())));
        kinds.filter_map(|kind| if let Kind::Deb(name) = kind { Some(name.as_str()) } else { None }).collect()
    }
}
