//! What the server says is to be published, as a whole or as a change of what it said before.

use std::collections::BTreeSet;

use repo::Sha256;
use repo::facts::{is_architecture, is_name, is_version};
use serde::{Deserialize, Serialize};

use crate::error::Refusal;

/// Everybody, among those who see a version.
pub const EVERYBODY: &str = "*";
const MAX_VERSIONS: usize = 500_000;
const MAX_SEEN_BY: usize = 10_000;

/// Everything that is to be published.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wanted {
    /// Rises with each change; the newest wins.
    pub revision: u64,
    pub versions: Vec<Version>,
}

/// What is to be published otherwise than after `after`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Change {
    pub revision: u64,
    /// The revision that this is a change of; where it is another, the whole is needed.
    pub after: u64,
    #[serde(default)]
    pub put: Vec<Version>,
    /// Ids of versions that go.
    #[serde(default)]
    pub drop: BTreeSet<String>,
}

/// One file that is to be seen by some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub id: String,
    pub sha256: Sha256,
    /// Who owns it, and sees it.
    pub project: String,
    /// Who else does; `*` is everybody.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub seen_by: BTreeSet<String>,
    /// In no index any more, but still to be had by its path.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub yanked: bool,
    /// What an archive does not say of itself. Of other formats, the file's word counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// What an archive is called; `NAME-VERSION-ARCHITECTURE.KIND` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl Version {
    pub fn is_public(&self) -> bool {
        self.seen_by.contains(EVERYBODY)
    }

    pub fn is_seen_by(&self, project: &str) -> bool {
        self.project == project || self.is_public() || self.seen_by.contains(project)
    }

    fn check(&self) -> Result<(), &'static str> {
        let fits = |text: &Option<String>, is: fn(&str) -> bool| text.as_deref().is_none_or(is);
        if !is_project(&self.id) {
            return Err("its id is not one");
        }
        if !is_project(&self.project) || self.seen_by.iter().any(|who| who != EVERYBODY && !is_project(who)) {
            return Err("a project is not one");
        }
        if self.seen_by.len() > MAX_SEEN_BY {
            return Err("it is seen by too many; publish it for everybody");
        }
        let names = [fits(&self.name, is_name), fits(&self.file, is_file), fits(&self.version, is_version)];
        if names.contains(&false) || !fits(&self.architecture, is_architecture) {
            return Err("its name, version, architecture or file cannot be part of a path");
        }
        Ok(())
    }
}

/// A file's name that is not that of the sums beside it.
fn is_file(text: &str) -> bool {
    is_name(text) && !text.starts_with("SHA256SUMS")
}

/// An id of a project, or of anything else of the server's.
pub fn is_project(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// What cannot be published is refused whole: nothing of it is.
pub fn check(versions: &[Version]) -> Result<(), Refusal> {
    if versions.len() > MAX_VERSIONS {
        return Err(Refusal::BadRequest("too many versions"));
    }
    let mut ids = BTreeSet::new();
    for version in versions {
        let bad = |why| Err(Refusal::BadVersion { id: version.id.chars().take(64).collect(), why });
        version.check().or_else(bad)?;
        if !ids.insert(&version.id) {
            return bad("it is there twice");
        }
    }
    Ok(())
}
