//! HTTP for the server: uploads, publication, files. Who does not know the secret is told nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use repo::{Detail, Sha256};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Repository;
use crate::blobs::Blob;
use crate::error::Refusal;
use crate::http::{self, Answer, Call, Heading, Shown, UPLOAD_OFFSET, empty, text};
use crate::publish::Outcome;

const MAX_SMALL: usize = 64 << 10;
/// A publication of everything.
const MAX_PUBLICATION: usize = 256 << 20;
const BODY: Duration = Duration::from_secs(60);
/// Of a body whose request is refused.
const MAX_DRAINED: usize = 8 << 20;
const DRAINING: Duration = Duration::from_secs(5);

pub async fn handle(repository: Arc<Repository>, call: Call) -> Answer {
    match answer(&repository, call).await {
        Ok(answer) => answer,
        Err(refusal) => http::refusal(&refusal),
    }
}

async fn answer(repository: &Repository, call: Call) -> Result<Answer, Refusal> {
    let (head, body) = call.into_parts();
    let said = text(&head.headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    if !said.is_some_and(|said| repository.secrets.server.is(said.as_bytes())) {
        return Err(Refusal::Unknown);
    }
    let heading = Heading { method: head.method, headers: head.headers };
    let segments: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
    let upload = |id: &str| id.parse::<Uuid>().map_err(|_| Refusal::NotFound);
    let sum = |sum: &str| sum.parse::<Sha256>().map_err(|_| Refusal::NotFound);
    match (&heading.method, segments.as_slice()) {
        (&Method::POST, ["uploads"]) => begin(repository, body).await,
        (&Method::GET | &Method::HEAD, ["uploads", id]) => {
            let offset = repository.uploads.offset(upload(id)?).await?;
            let sum = repository.uploads.finished_as(upload(id)?)?;
            let shown = json!({ "id": id, "offset": offset, "sha256": sum });
            Ok(at_offset(http::json(StatusCode::OK, &shown), offset))
        }
        (&Method::PATCH, ["uploads", id]) => {
            let from = offset(&heading)?;
            let id = upload(id)?;
            let mut body = body;
            let appended = repository.uploads.append(id, from, &mut body).await;
            if appended.is_err() {
                drain(&mut body).await;
            }
            let offset = appended?;
            Ok(at_offset(empty(StatusCode::NO_CONTENT), offset))
        }
        (&Method::POST, ["uploads", id, "finish"]) => {
            let (sum, blob) = repository.uploads.finish(upload(id)?, &repository.blobs).await?;
            repository.publisher.came(&sum).await?;
            Ok(http::json(StatusCode::CREATED, &facts(&sum, &blob)))
        }
        (&Method::DELETE, ["uploads", id]) => {
            repository.uploads.delete(upload(id)?).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        (&Method::PUT, ["publication"]) => {
            Ok(outcome(&repository.publisher.put(read(body, MAX_PUBLICATION).await?).await?))
        }
        (&Method::PATCH, ["publication"]) => {
            Ok(outcome(&repository.publisher.patch(read(body, MAX_PUBLICATION).await?).await?))
        }
        (&Method::GET, ["publication"]) => Ok(published(repository)),
        (&Method::GET, ["blobs", id, "facts"]) => {
            let sum = sum(id)?;
            let blob = repository.blobs.get(&sum).await?.ok_or(Refusal::NotFound)?;
            Ok(http::json(StatusCode::OK, &facts(&sum, &blob)))
        }
        (&Method::GET | &Method::HEAD, ["blobs", id]) => file(repository, &heading, sum(id)?).await,
        (&Method::DELETE, ["blobs", id]) => {
            let mut said = head.uri.query().unwrap_or_default().split('&');
            let force = said.clone().any(|one| one == "force=true");
            let unused_s =
                said.find_map(|one| one.strip_prefix("unused_s=")?.parse().ok()).unwrap_or_default();
            repository.publisher.delete(&sum(id)?, force, unused_s).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        (&Method::GET, ["status"]) => Ok(status(repository)),
        (_, ["uploads" | "blobs", ..] | ["publication" | "status"]) => Err(Refusal::Method),
        _ => Err(Refusal::NotFound),
    }
}

async fn begin(repository: &Repository, body: Incoming) -> Result<Answer, Refusal> {
    let id = repository.uploads.begin(read(body, MAX_SMALL).await?).await?;
    let mut answer = http::json(StatusCode::CREATED, &json!({ "id": id, "offset": 0 }));
    http::set(&mut answer, header::LOCATION, &format!("/uploads/{id}"));
    Ok(at_offset(answer, 0))
}

/// Where a part of an upload belongs: `Upload-Offset: N`, or `Content-Range: bytes N-M/SIZE`.
fn offset(heading: &Heading) -> Result<u64, Refusal> {
    let said = match text(&heading.headers, header::CONTENT_RANGE) {
        Some(range) => {
            range.strip_prefix("bytes ").and_then(|range| range.split_once('-')).map(|(from, _)| from)
        }
        None => text(&heading.headers, UPLOAD_OFFSET),
    };
    let number = said.and_then(|said| said.parse().ok());
    number.ok_or(Refusal::BadRequest("where the bytes belong is said by Upload-Offset or Content-Range"))
}

fn at_offset(mut answer: Answer, offset: u64) -> Answer {
    http::set(&mut answer, UPLOAD_OFFSET, &offset.to_string());
    answer
}

/// Who is still sending does not hear an answer: a little is waited for, more is cut off.
async fn drain(body: &mut Incoming) {
    let all = async {
        let mut left = MAX_DRAINED;
        while let Some(Ok(frame)) = body.frame().await {
            let len = frame.data_ref().map_or(0, |bytes| bytes.len());
            let Some(less) = left.checked_sub(len) else { return };
            left = less;
        }
    };
    let _ = tokio::time::timeout(DRAINING, all).await;
}

async fn read<T: DeserializeOwned>(body: Incoming, most: usize) -> Result<T, Refusal> {
    let whole = Limited::new(body, most).collect();
    let whole = tokio::time::timeout(BODY, whole).await;
    let bytes = match whole {
        Ok(Ok(bytes)) => bytes.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return Err(Refusal::TooLarge(most as u64));
        }
        _ => return Err(Refusal::BodyBroken),
    };
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    serde_json::from_slice(text).map_err(Refusal::BadJson)
}

/// What a file says of itself, without lists that may be long.
fn facts(sum: &Sha256, blob: &Blob) -> Value {
    let facts = &blob.facts;
    let detail = match &facts.detail {
        Detail::Deb { control } => {
            let fields = control.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
            json!({ "control": fields.collect::<serde_json::Map<_, _>>() })
        }
        Detail::Rpm(rpm) => json!({
            "epoch": rpm.epoch, "version": rpm.version, "release": rpm.release, "license": rpm.license,
            "vendor": rpm.vendor, "url": rpm.url, "description": rpm.description, "source": rpm.source,
            "built_at": rpm.built_at, "installed_size": rpm.installed_size, "files": rpm.files.len(),
        }),
        Detail::Archive { kind } => json!({ "kind": kind }),
    };
    json!({
        "sha256": sum, "size": blob.size, "format": facts.format, "name": facts.name, "version": facts.version,
        "architecture": facts.architecture, "summary": facts.summary, "depends": facts.depends,
        "detail": detail,
    })
}

fn outcome(outcome: &Outcome) -> Answer {
    http::json(StatusCode::OK, &json!(outcome))
}

fn published(repository: &Repository) -> Answer {
    let published = repository.publisher.published();
    let missing: Vec<&str> = published.missing().take(1000).map(|version| version.id.as_str()).collect();
    let shown = json!({
        "revision": published.revision, "published_at": published.at, "versions": published.entries.len(),
        "missing": missing,
    });
    http::json(StatusCode::OK, &shown)
}

fn status(repository: &Repository) -> Answer {
    let published = repository.publisher.published();
    let shown = json!({
        "revision": published.revision, "versions": published.entries.len(),
        "missing": published.missing().count(), "shelves": published.shelves.len(),
        "uploads": repository.uploads.count(), "keys": repository.keys.shown(),
    });
    http::json(StatusCode::OK, &shown)
}

async fn file(repository: &Repository, heading: &Heading, sum: Sha256) -> Result<Answer, Refusal> {
    let kept = repository.blobs.look(&sum).await?.ok_or(Refusal::NotFound)?;
    let kind = "application/octet-stream";
    let shown = Shown { tag: sum.to_string(), since: kept.since, size: kept.size, kind, fixed: true };
    http::send(heading, &shown, |from, to| async move { repository.blobs.stream(&sum, from, to).await }).await
}
