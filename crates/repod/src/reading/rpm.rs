//! Two dnf repositories: `main`, what everybody sees, and `project`, what only some see.

use repo::index::rpm::{Data, Index, path, repomd};

use super::Reading;
use crate::error::Refusal;
use crate::http::Answer;
use crate::publish::{Kind, Scope, Shelf};

pub async fn answer(reading: &Reading<'_>, path: &[&str]) -> Result<Answer, Refusal> {
    let [repository, path @ ..] = path else { return Err(Refusal::NotFound) };
    let scope = match *repository {
        "main" => Scope::Main,
        "project" => Scope::Project(reading.project.clone()),
        _ => return Err(Refusal::NotFound),
    };
    if let ["packages", _, sum, file] = path {
        return reading.file(sum, file).await;
    }
    let shelf = reading.published.shelf(scope, Kind::Rpm).ok_or(Refusal::NotFound)?;
    match path {
        ["repodata", "repomd.xml"] => reading.made(text(shelf), shelf.since, "text/xml").await,
        ["repodata", "repomd.xml.asc"] => {
            let signature = reading.detached(text(shelf).as_bytes(), shelf.since);
            reading.made(signature, shelf.since, "application/pgp-signature").await
        }
        ["repodata", name] => {
            let mut files = shelf.generations().flat_map(|files| Index::ALL.iter().zip(files));
            let asked = format!("repodata/{name}");
            let found = files.find(|(index, file)| self::path(**index, &file.packed) == asked);
            reading.index(shelf, found.ok_or(Refusal::NotFound)?.1, true).await
        }
        _ => Err(Refusal::NotFound),
    }
}

fn text(shelf: &Shelf) -> String {
    let all: Vec<Data> = Index::ALL
        .iter()
        .zip(&shelf.files)
        .map(|(index, file)| Data { index: *index, plain: file.plain, packed: file.packed })
        .collect();
    repomd(shelf.revision, shelf.since, &all)
}
