//! HTTP for the gateway: reading, as some project. What a project may not see is not there.
//!
//! ```text
//! path   a path to its segments     deb   a signed apt repository     rpm   a signed dnf repository
//! archive   files by name and version, with signed sums              setup   how an instance is told of all this
//! ```

mod archive;
mod deb;
mod path;
mod rpm;
mod setup;

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Method, header};
use repo::Sha256;
use repo::sign;

use crate::Repository;
use crate::error::Refusal;
use crate::http::{self, Answer, Call, Heading, Shown, text};
use crate::publish::{Card, IndexFile, Published, Shelf};

/// Who reads.
const PROJECT: &str = "x-neutrino-project";

pub async fn handle(repository: Arc<Repository>, call: Call) -> Answer {
    match answer(&repository, call).await {
        Ok(answer) => answer,
        Err(refusal) => http::refusal(&refusal),
    }
}

/// A request to read, as some project, of what is published at this moment.
struct Reading<'a> {
    repository: &'a Repository,
    heading: Heading,
    project: String,
    published: Arc<Published>,
}

async fn answer(repository: &Repository, call: Call) -> Result<Answer, Refusal> {
    let (head, _) = call.into_parts();
    if let Some(secret) = &repository.secrets.gateway {
        let said = text(&head.headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if !said.is_some_and(|said| secret.is(said.as_bytes())) {
            return Err(Refusal::Unknown);
        }
    }
    let mut named = head.headers.get_all(PROJECT).iter();
    let project = match (named.next().map(header::HeaderValue::to_str), named.next()) {
        (Some(Ok(project)), None) if crate::publish::is_project(project) => project.to_owned(),
        _ => return Err(Refusal::Nobody),
    };
    if head.method != Method::GET && head.method != Method::HEAD {
        return Err(Refusal::ReadOnly);
    }
    let path = path::segments(head.uri.path()).ok_or(Refusal::NotFound)?;
    let heading = Heading { method: head.method, headers: head.headers };
    let published = repository.publisher.published();
    let reading = Reading { repository, heading, project, published };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["deb", rest @ ..] => deb::answer(&reading, rest).await,
        ["rpm", rest @ ..] => rpm::answer(&reading, rest).await,
        ["archive", rest @ ..] => archive::answer(&reading, rest).await,
        ["key.asc" | "key.gpg"] | ["setup", _] => setup::answer(&reading, &path).await,
        _ => Err(Refusal::NotFound),
    }
}

impl Reading<'_> {
    /// A text that is made for this request.
    async fn made(&self, text: impl Into<Bytes>, since: u64, kind: &'static str) -> Result<Answer, Refusal> {
        let bytes = text.into();
        let tag = Sha256::of(&bytes).to_string();
        let shown = Shown { tag, since, size: bytes.len() as u64, kind, fixed: false };
        http::send(&self.heading, &shown, |from, to| async move { Ok(http::parts(bytes, from, to)) }).await
    }

    /// A file, if this project may have it by this name.
    async fn file(&self, sum: &str, file: &str) -> Result<Answer, Refusal> {
        let sum: Sha256 = sum.parse().map_err(|_| Refusal::NotFound)?;
        let mut seen = self.published.of_sum(&sum).filter(|entry| entry.version.is_seen_by(&self.project));
        let card = seen.find_map(|entry| entry.card.as_ref().filter(|card| card.file == file));
        self.send(&sum, card.ok_or(Refusal::NotFound)?).await
    }

    async fn send(&self, sum: &Sha256, card: &Card) -> Result<Answer, Refusal> {
        let kind = match card.format {
            repo::Format::Deb => "application/vnd.debian.binary-package",
            repo::Format::Rpm => "application/x-rpm",
            repo::Format::Archive => "application/octet-stream",
        };
        let shown = Shown { tag: sum.to_string(), since: card.since, size: card.size, kind, fixed: true };
        let blobs = &self.repository.blobs;
        http::send(&self.heading, &shown, |from, to| async move { blobs.stream(sum, from, to).await }).await
    }

    /// An index of a shelf.
    async fn index(&self, shelf: &Shelf, file: &IndexFile, fixed: bool) -> Result<Answer, Refusal> {
        let (name, size) = (format!("index/{}", file.packed.sha256), file.packed.size);
        let tag = file.packed.sha256.to_string();
        let shown = Shown { tag, since: shelf.since, size, kind: "application/gzip", fixed };
        let store = self.repository.publisher.store();
        http::send(&self.heading, &shown, |from, to| async move { store.stream(&name, from, to).await }).await
    }

    fn detached(&self, bytes: &[u8], at: u64) -> String {
        sign::detached(&self.repository.keys.all(), bytes, u32::try_from(at).unwrap_or(u32::MAX))
    }

    fn clearsign(&self, text: &str, at: u64) -> String {
        sign::clearsign(&self.repository.keys.all(), text, u32::try_from(at).unwrap_or(u32::MAX))
    }
}
