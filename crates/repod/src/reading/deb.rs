//! An apt repository: what everybody sees is the component `main`, what only some see, `project`.

use std::collections::BTreeSet;

use repo::Sha256;
use repo::index::Sum;
use repo::index::deb::{Release, release};

use super::Reading;
use crate::error::Refusal;
use crate::http::Answer;
use crate::publish::{ALL, IndexFile, Kind, Scope, Shelf};

pub const COMPONENTS: [&str; 2] = ["main", "project"];
pub const SUITE: &str = "stable";
const ORIGIN: &str = "neutrino";
const TEXT: &str = "text/plain; charset=utf-8";

pub async fn answer(reading: &Reading<'_>, path: &[&str]) -> Result<Answer, Refusal> {
    match path {
        ["pool", _, sum, file] => reading.file(sum, file).await,
        ["dists", SUITE, file @ ("Release" | "InRelease" | "Release.gpg")] => {
            let (text, at) = text(reading);
            match *file {
                "InRelease" => reading.made(reading.clearsign(&text, at), at, TEXT).await,
                "Release" => reading.made(text, at, TEXT).await,
                _ => {
                    reading.made(reading.detached(text.as_bytes(), at), at, "application/pgp-signature").await
                }
            }
        }
        ["dists", SUITE, component, binary, rest @ ..] => {
            let architecture = binary.strip_prefix("binary-").ok_or(Refusal::NotFound)?;
            let shelf = shelf(reading, component, architecture).ok_or(Refusal::NotFound)?;
            match rest {
                ["Packages.gz"] => reading.index(shelf, &shelf.files[0], false).await,
                ["by-hash", "SHA256", sum] => {
                    let sum: Sha256 = sum.parse().map_err(|_| Refusal::NotFound)?;
                    let mut files = shelf.generations().flatten();
                    let file = files.find(|file| file.packed.sha256 == sum).ok_or(Refusal::NotFound)?;
                    reading.index(shelf, file, true).await
                }
                _ => Err(Refusal::NotFound),
            }
        }
        _ => Err(Refusal::NotFound),
    }
}

fn scope(reading: &Reading<'_>, component: &str) -> Option<Scope> {
    match component {
        "main" => Some(Scope::Main),
        "project" => Some(Scope::Project(reading.project.clone())),
        _ => None,
    }
}

/// A shelf of a component.
fn shelf<'a>(reading: &'a Reading<'_>, component: &str, architecture: &str) -> Option<&'a Shelf> {
    reading.published.shelf(scope(reading, component)?, Kind::Deb(architecture.to_owned()))
}

/// What `Release` says to a project, and since when.
fn text(reading: &Reading<'_>) -> (String, u64) {
    let published = &reading.published;
    let mut architectures: BTreeSet<&str> = published.architectures(&reading.project);
    architectures.extend(reading.repository.settings.architectures.iter().map(String::as_str));
    architectures.insert(ALL);
    let (mut files, mut at) = (Vec::new(), 0);
    for component in COMPONENTS {
        for architecture in &architectures {
            let Some(shelf) = shelf(reading, component, architecture) else { continue };
            at = at.max(shelf.since);
            let IndexFile { plain, packed } = shelf.files[0];
            let path = format!("{component}/binary-{architecture}/Packages");
            files.push((format!("{path}.gz"), packed));
            files.push((path, plain));
        }
    }
    files.sort_by(|left, right| left.0.cmp(&right.0));
    let architectures: Vec<&str> = architectures.into_iter().collect();
    let description = "what this project may install";
    let of = Release {
        origin: ORIGIN,
        suite: SUITE,
        description,
        at,
        architectures: &architectures,
        components: &COMPONENTS,
        files: &files as &[(String, Sum)],
    };
    (release(&of), at)
}
