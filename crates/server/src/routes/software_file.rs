//! Files of software versions: bytes pass through to the repository and back, and are never held.
//!
//! An upload may break off and go on. It is the repository that knows how much came; the row says what it
//! said last. Of what comes whole, the file's own word counts.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use cloud::Refusal;
use http_body_util::BodyExt;
use model::api::software_version::{SOFTWARE_VERSION, SoftwareVersion, Status};
use serde_json::json;

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call, plain};
use crate::repository::{Repository, Trouble};
use crate::retry;
use crate::routes::{software_finish, software_package, software_version};

/// Headers of a download that are for the repository, and those of its answer that are for the client.
const ASKED: [&str; 4] = ["range", "if-range", "if-none-match", "if-modified-since"];
const ANSWERED: [&str; 6] =
    ["accept-ranges", "content-length", "content-range", "etag", "last-modified", "content-type"];
/// Of a body whose request is refused: who is still sending does not hear an answer.
const MAX_DRAINED: usize = 8 << 20;
const DRAINING: std::time::Duration = std::time::Duration::from_secs(5);

/// The version whose file a URL is of.
pub fn named(path: &str) -> Option<&str> {
    let id = path.strip_prefix("/v2.0/software-versions/")?.strip_suffix("/file")?;
    (!id.contains('/')).then_some(id)
}

pub async fn handle(
    app: &App,
    call: Call,
    headers: &HeaderMap,
    method: Method,
    id: &str,
    body: Body,
) -> Result<Response<Body>, Fault> {
    match method {
        Method::PUT => {
            let mut body = Some(body);
            let answer = upload(app, &call, headers, id, &mut body).await;
            if answer.is_err() && !headers.contains_key(header::EXPECT) {
                drain(body).await;
            }
            answer.map(plain)
        }
        Method::GET | Method::HEAD => download(app, &call, headers, method, id).await,
        _ => Err(Fault::MethodNotAllowed),
    }
}

async fn drain(body: Option<Body>) {
    let Some(mut body) = body else { return };
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

/// Where the bytes of a request belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    /// All of the file, of so many bytes if that is said.
    Whole(Option<i64>),
    /// From there on, of a file of so many.
    From(i64, Option<i64>),
    /// There are none: what became of it?
    Nowhere,
}

impl Span {
    fn of(headers: &HeaderMap) -> Result<Span, Fault> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(range) = text(header::CONTENT_RANGE) else {
            return Ok(Span::Whole(text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok())));
        };
        let bad = || Refusal::Request("Content-Range says 'bytes FROM-TO/SIZE' or 'bytes */SIZE'.".into());
        let (part, size) =
            range.strip_prefix("bytes ").and_then(|range| range.split_once('/')).ok_or_else(bad)?;
        let size = if size == "*" { None } else { Some(number(size).ok_or_else(bad)?) };
        if part == "*" {
            return Ok(Span::Nowhere);
        }
        let (from, to) = part.split_once('-').ok_or_else(bad)?;
        let (from, to) = number(from).zip(number(to)).ok_or_else(bad)?;
        if to < from || size.is_some_and(|size| to >= size) {
            return Err(bad().into());
        }
        Ok(Span::From(from, size))
    }
}

fn number(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

async fn upload(
    app: &App,
    call: &Call,
    headers: &HeaderMap,
    id: &str,
    body: &mut Option<Body>,
) -> Result<Answer, Fault> {
    let guard = Guard::of(app, call);
    let mut tx = app.db().read().await?;
    guard.act(&mut tx, &SOFTWARE_VERSION, id, "upload_software_version").await?;
    let version = software_version::load(&mut tx, id).await?;
    let package = software_package::load(&mut tx, version.package_id).await?;
    drop(tx);
    if version.status != Status::Uploading {
        return Err(Refusal::SoftwareVersionTakesNone(version.id).into());
    }
    let repository = app.repository().ok_or(Fault::SoftwareOff)?;
    let span = Span::of(headers)?;
    let (size, total) = match span {
        Span::Whole(size) | Span::From(_, size) => (sized(app, &version, size).await?, size),
        Span::Nowhere => (version.size.unwrap_or(i64::MAX), None),
    };
    if let Some(total) = total.filter(|total| *total != size) {
        return Err(Refusal::UploadSize { said: size, asked: total }.into());
    }
    let claim = json!({
        "name": package.name, "version": version.version, "architecture": version.architecture,
        "format": package.format, "size": size, "sha256": version.sha256,
    });
    let (upload, at) = place(app, repository, &version, span, &claim).await?;
    // Whoever sends may go away: what came is counted all the same.
    let bytes = if span == Span::Nowhere { None } else { body.take() };
    let version = SoftwareVersion { upload_id: Some(upload.clone()), ..version };
    let carried = tokio::spawn(carry(app.clone(), version, upload, at, size, bytes));
    carried.await.map_err(|_| Fault::BodyBroken)??;
    super::show(app, call, &SOFTWARE_VERSION, id).await
}

/// The size of the file, which is said once; room for it is taken then.
async fn sized(app: &App, version: &SoftwareVersion, said: Option<i64>) -> Result<i64, Fault> {
    let Some(size) = version.size.or(said) else { return Err(Fault::LengthRequired) };
    if size < 1 {
        return Err(Refusal::Request("A file has at least one byte.".into()).into());
    }
    if version.size.is_some() {
        return Ok(size);
    }
    retry::whole(async || {
        let mut tx = app.db().begin().await?;
        tx.lock(&SOFTWARE_VERSION, &version.id.to_string()).await?;
        let before = software_version::load(&mut tx, version.id).await?;
        if let Some(size) = before.size {
            return Ok(size);
        }
        software_version::check_bytes(app, &mut tx, &before.project_id, size).await?;
        let after = SoftwareVersion { size: Some(size), ..before.clone() };
        tx.update(&SOFTWARE_VERSION, before.id, &before, &after, &app.stamp().now).await?;
        app.commit(tx).await?;
        Ok(size)
    })
    .await
}

/// The repository's upload that bytes are for, and how much of it is there.
async fn place(
    app: &App,
    repository: &Repository,
    version: &SoftwareVersion,
    span: Span,
    claim: &serde_json::Value,
) -> Result<(String, i64), Fault> {
    if let Some(upload) = &version.upload_id
        && let Some(at) = repository.offset(upload).await?
    {
        let wanted = match span {
            Span::Whole(_) => 0,
            Span::From(from, _) => from,
            Span::Nowhere => at,
        };
        if wanted == at {
            return Ok((upload.clone(), at));
        }
        if !matches!(span, Span::Whole(_)) {
            note(app, version, at).await?;
            return Err(Refusal::UploadElsewhere { at }.into());
        }
        repository.drop_upload(upload).await.map_err(of_upload)?;
    }
    if matches!(span, Span::Nowhere) || matches!(span, Span::From(from, _) if from != 0) {
        note(app, version, 0).await?;
        return Err(Refusal::UploadElsewhere { at: 0 }.into());
    }
    let upload = repository.begin(claim).await.map_err(of_upload)?;
    let kept = retry::whole(async || {
        let mut tx = app.db().begin().await?;
        tx.lock(&SOFTWARE_VERSION, &version.id.to_string()).await?;
        let before = software_version::load(&mut tx, version.id).await?;
        if before.upload_id != version.upload_id || before.status != Status::Uploading {
            return Err(Fault::UploadBusy);
        }
        let after = SoftwareVersion { upload_id: Some(upload.clone()), upload_offset: 0, ..before.clone() };
        tx.update(&SOFTWARE_VERSION, before.id, &before, &after, &app.stamp().now).await?;
        Ok(app.commit(tx).await?)
    })
    .await;
    if kept.is_err() {
        // Nobody goes on with it: if this fails, the repository forgets it after a day.
        let _ = repository.drop_upload(&upload).await;
    }
    kept.map(|()| (upload, 0))
}

/// Writes down how much is there.
async fn note(app: &App, version: &SoftwareVersion, at: i64) -> Result<(), Fault> {
    retry::whole(async || {
        let mut tx = app.db().begin().await?;
        tx.lock(&SOFTWARE_VERSION, &version.id.to_string()).await?;
        let before = software_version::load(&mut tx, version.id).await?;
        if before.status != Status::Uploading {
            return Ok(());
        }
        let after = SoftwareVersion { upload_offset: at, ..before.clone() };
        tx.update(&SOFTWARE_VERSION, before.id, &before, &after, &app.stamp().now).await?;
        Ok(app.commit(tx).await?)
    })
    .await
}

/// Sends bytes on, and finishes when they are all there.
async fn carry(
    app: App,
    version: SoftwareVersion,
    upload: String,
    from: i64,
    size: i64,
    body: Option<Body>,
) -> Result<(), Fault> {
    let repository = app.repository().ok_or(Fault::SoftwareOff)?;
    let sent = match body {
        Some(body) => repository.append(&upload, from, body).await,
        None => Ok(()),
    };
    let at = match &sent {
        Ok(()) => repository.offset(&upload).await?,
        Err(Trouble::Status { kind, .. }) if kind == "Busy" => return sent.map_err(of_upload),
        Err(_) => repository.rests_at(&upload).await?,
    };
    let at = at.unwrap_or_default();
    note(&app, &version, at).await?;
    sent.map_err(of_upload)?;
    if at == size { software_finish::finish(&app, &version, &upload).await } else { Ok(()) }
}

/// What the repository's "no" to an upload is to who sends.
pub fn of_upload(trouble: Trouble) -> Fault {
    let Trouble::Status { status, kind, message } = &trouble else { return trouble.into() };
    match (*status, kind.as_str()) {
        (413, _) => Fault::FileTooLarge(message.clone()),
        (507, _) => Fault::RepositoryFull,
        (409, "Busy") => Fault::UploadBusy,
        (409, "Offset" | "Incomplete") => Fault::UploadMoved,
        (400, "BodyBroken") => Fault::BodyBroken,
        _ => trouble.into(),
    }
}

async fn download(
    app: &App,
    call: &Call,
    headers: &HeaderMap,
    method: Method,
    id: &str,
) -> Result<Response<Body>, Fault> {
    let guard = Guard::of(app, call);
    let mut tx = app.db().read().await?;
    guard.act(&mut tx, &SOFTWARE_VERSION, id, "download_software_version").await?;
    let version = software_version::load(&mut tx, id).await?;
    drop(tx);
    let none = || Fault::from(Refusal::SoftwareVersionHasNone(version.id));
    let sum = version.sha256.as_ref().filter(|_| version.status == Status::Active).ok_or_else(none)?;
    let repository = app.repository().ok_or(Fault::SoftwareOff)?;
    let asked: Vec<(&str, &str)> =
        ASKED.iter().filter_map(|name| Some((*name, headers.get(*name)?.to_str().ok()?))).collect();
    let (head, body) = repository.file(method, sum, &asked).await?.into_parts();
    let passed = [StatusCode::OK, StatusCode::PARTIAL_CONTENT, StatusCode::NOT_MODIFIED];
    if head.status == StatusCode::NOT_FOUND {
        return Err(none());
    }
    if !passed.contains(&head.status) && head.status != StatusCode::RANGE_NOT_SATISFIABLE {
        let (kind, message) = (String::new(), "a file cannot be had".to_owned());
        return Err(Trouble::Status { status: head.status.as_u16(), kind, message }.into());
    }
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = head.status;
    for name in ANSWERED {
        if let Some(value) = head.headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    // Names of files are of letters that need no quoting.
    let called = version.filename.unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{called}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_where_its_bytes_belong() {
        for (range, length, expected) in [
            (None, Some("5"), Some(Span::Whole(Some(5)))),
            (None, None, Some(Span::Whole(None))),
            (Some("bytes 0-4/10"), None, Some(Span::From(0, Some(10)))),
            (Some("bytes 5-9/10"), None, Some(Span::From(5, Some(10)))),
            (Some("bytes 5-9/*"), None, Some(Span::From(5, None))),
            (Some("bytes */10"), None, Some(Span::Nowhere)),
            (Some("bytes 5-10/10"), None, None),
            (Some("bytes 5-4/10"), None, None),
            (Some("bytes -1-4/10"), None, None),
            (Some("bytes +1-4/10"), None, None),
            (Some("0-4/10"), None, None),
            (Some("bytes 0-4"), None, None),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::CONTENT_RANGE, range), (header::CONTENT_LENGTH, length)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            assert_eq!(Span::of(&headers).ok(), expected, "{range:?} {length:?}");
        }
        assert_eq!(named("/v2.0/software-versions/x/file"), Some("x"));
        assert_eq!(named("/v2.0/software-versions/x/y/file"), None);
    }
}
