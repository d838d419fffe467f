//! Software packages: their names, and when they may go.

use model::SoftwarePackageId;
use model::api::software_package::{SoftwarePackage, SoftwarePackageCreate, SoftwarePackageUpdate};

use crate::standard::begin;
use crate::{Refusal, Stamp};

/// Longest id of a project that the repository tells apart.
const MAX_PROJECT: usize = 64;

/// Makes a package of a checked request; `twin`: the project has one of that name and format.
pub fn create(new: SoftwarePackageCreate, twin: bool, stamp: &mut Stamp) -> Result<SoftwarePackage, Refusal> {
    if !is_told_apart(&new.project_id) {
        return Err(Refusal::Request(format!(
            "Software belongs to projects whose id is of letters, digits, - and _, {MAX_PROJECT} at most."
        )));
    }
    if twin {
        return Err(Refusal::SoftwarePackageExists { name: new.name, format: new.format });
    }
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    Ok(SoftwarePackage {
        id: SoftwarePackageId(stamp.uuid()),
        project_id: new.project_id,
        name: new.name,
        format: new.format,
        shared: new.shared,
        rest,
    })
}

/// A project that the repository can be told of: its id becomes part of paths there.
pub fn is_told_apart(project: &str) -> bool {
    (1..=MAX_PROJECT).contains(&project.len())
        && project.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

pub fn update(before: &SoftwarePackage, change: SoftwarePackageUpdate) -> SoftwarePackage {
    let mut after = before.clone();
    after.shared = change.shared.unwrap_or(after.shared);
    after.rest.extend(change.rest);
    after
}

/// May a package go that has so many versions?
pub fn delete(package: &SoftwarePackage, versions: usize, force: bool) -> Result<(), Refusal> {
    if versions > 0 && !force {
        return Err(Refusal::SoftwarePackageInUse { package: package.id, versions });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_become_parts_of_paths() {
        for (project, good) in [
            ("admin", true),
            ("0123456789abcdef0123456789abcdef", true),
            ("", false),
            ("a/b", false),
            ("*", false),
            ("a b", false),
        ] {
            assert_eq!(is_told_apart(project), good, "{project}");
        }
        assert!(!is_told_apart(&"a".repeat(MAX_PROJECT + 1)));
    }
}
