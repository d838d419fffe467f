//! HTTP as bytes: connections, conditions, ranges, answers.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use futures_util::StreamExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::error::Refusal;
use crate::store::{Parts, StoreError};

pub type Call = Request<Incoming>;
pub type Answer = Response<Body>;

/// Connections at a time; further ones wait in the kernel.
const MAX_CONNECTIONS: usize = 1024;
/// For the head of a request, on a connection that was just used too.
const HEAD: Duration = Duration::from_secs(60);
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);
/// What is read at a time, and so also the largest head.
pub const SMALL: usize = 16 << 10;
pub const LARGE: usize = 256 << 10;

/// Answers requests until it is told to stop.
pub async fn serve<F>(
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
    read: usize,
    handle: impl Fn(Call) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Answer> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        let slot = slots.clone().acquire_owned().await.expect("slots are never closed");
        let accepted = tokio::select! {
            () = until(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        while open.try_join_next().is_some() {}
        let Ok((tcp, _)) = accepted else {
            // Out of descriptors: some connection has to end first, whoever's.
            tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
            continue;
        };
        let _ = tcp.set_nodelay(true);
        let (handle, mut stopping) = (handle.clone(), stop.clone());
        open.spawn(async move {
            let service = service_fn(move |call| {
                let answer = handle(call);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(read);
            let connection = builder.serve_connection(TokioIo::new(tcp), service);
            tokio::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => {}
                () = until(&mut stopping) => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(slot);
        });
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

/// Returns once it is true, or nobody can make it so any more.
pub async fn until(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

pub fn json(status: StatusCode, value: &Value) -> Answer {
    let mut answer = Response::new(Body::from(value.to_string()));
    *answer.status_mut() = status;
    set(&mut answer, header::CONTENT_TYPE, "application/json");
    answer
}

pub fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

pub fn refusal(refusal: &Refusal) -> Answer {
    let (status, kind) = refusal.answer();
    if let Refusal::Store(error) = refusal {
        tracing::error!(%error, cause = ?std::error::Error::source(error), "the store failed");
    }
    if let Refusal::Spool(error) = refusal {
        tracing::error!(%error, "a file under way cannot be used");
    }
    let mut answer = json(status, &json!({ "error": { "type": kind, "message": refusal.to_string() } }));
    match refusal {
        Refusal::Offset(offset) => set(&mut answer, UPLOAD_OFFSET, &offset.to_string()),
        Refusal::ReadOnly => set(&mut answer, header::ALLOW, "GET, HEAD"),
        _ => {}
    }
    answer
}

pub const UPLOAD_OFFSET: header::HeaderName = header::HeaderName::from_static("upload-offset");

pub fn set(answer: &mut Answer, name: impl header::IntoHeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

pub fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What is known of something that can be read.
pub struct Shown {
    /// Without quotes.
    pub tag: String,
    pub since: u64,
    pub size: u64,
    pub kind: &'static str,
    /// It never changes under this name.
    pub fixed: bool,
}

/// What of it is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Whole,
    Range(u64, u64),
    None(StatusCode),
}

/// What a request's conditions and range come to.
pub fn part(headers: &HeaderMap, shown: &Shown) -> Part {
    let tag = format!("\"{}\"", shown.tag);
    let date = repo::index::date(shown.since, "GMT");
    let known = match text(headers, header::IF_NONE_MATCH) {
        Some(tags) => tags.split(',').any(|one| matches!(one.trim(), "*") || strong(one) == tag),
        // What changes may do so twice within a second: only its tag tells.
        None => shown.fixed && text(headers, header::IF_MODIFIED_SINCE).is_some_and(|since| since == date),
    };
    if known {
        return Part::None(StatusCode::NOT_MODIFIED);
    }
    let Some(range) = text(headers, header::RANGE) else { return Part::Whole };
    // A range of something else than what is here now is no use.
    if text(headers, header::IF_RANGE).is_some_and(|same| same != tag && !(shown.fixed && same == date)) {
        return Part::Whole;
    }
    match range
        .strip_prefix("bytes=")
        .filter(|range| !range.contains(','))
        .and_then(|range| range.split_once('-'))
    {
        Some((from, to)) => bounds(from.trim(), to.trim(), shown.size),
        None => Part::Whole,
    }
}

fn strong(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Of `FROM-`, `FROM-TO`, `-LAST`.
fn bounds(from: &str, to: &str, size: u64) -> Part {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    let (from, to) = match (digits(from), digits(to)) {
        (true, true) => (number(from), number(to).saturating_add(1).min(size)),
        (true, false) if to.is_empty() => (number(from), size),
        (false, true) if from.is_empty() => (size.saturating_sub(number(to)), size),
        _ => return Part::Whole,
    };
    if from >= size || from >= to {
        Part::None(StatusCode::RANGE_NOT_SATISFIABLE)
    } else {
        Part::Range(from, to)
    }
}

/// Sends a part of something; `open` gives the bytes of a stretch.
pub async fn send<F>(
    call: &Heading,
    shown: &Shown,
    open: impl FnOnce(u64, u64) -> F,
) -> Result<Answer, Refusal>
where
    F: Future<Output = Result<Parts, StoreError>>,
{
    let part = part(&call.headers, shown);
    let mut answer = match part {
        Part::None(status) => empty(status),
        Part::Whole | Part::Range(..) => {
            let (status, from, to) = match part {
                Part::Range(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
                _ => (StatusCode::OK, 0, shown.size),
            };
            let body = match call.method == Method::HEAD {
                true => Body::empty(),
                false => Body::from_stream(open(from, to).await?),
            };
            let mut answer = Response::new(body);
            *answer.status_mut() = status;
            if status == StatusCode::PARTIAL_CONTENT {
                set(&mut answer, header::CONTENT_RANGE, &format!("bytes {from}-{}/{}", to - 1, shown.size));
            }
            set(&mut answer, header::CONTENT_LENGTH, &(to - from).to_string());
            set(&mut answer, header::CONTENT_TYPE, shown.kind);
            answer
        }
    };
    if part == Part::None(StatusCode::RANGE_NOT_SATISFIABLE) {
        set(&mut answer, header::CONTENT_RANGE, &format!("bytes */{}", shown.size));
        return Ok(answer);
    }
    set(&mut answer, header::ETAG, &format!("\"{}\"", shown.tag));
    set(&mut answer, header::LAST_MODIFIED, &repo::index::date(shown.since, "GMT"));
    set(&mut answer, header::ACCEPT_RANGES, "bytes");
    let kept = if shown.fixed { "private, max-age=31536000, immutable" } else { "private, no-cache" };
    set(&mut answer, header::CACHE_CONTROL, kept);
    Ok(answer)
}

/// What of a request is needed after its body is read.
pub struct Heading {
    pub method: Method,
    pub headers: HeaderMap,
}

/// Bytes in memory, as what is streamed.
pub fn parts(bytes: Bytes, from: u64, to: u64) -> Parts {
    let bytes = bytes.slice(from as usize..to as usize);
    futures_util::stream::once(async move { Ok(bytes) }).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let shown = Shown { tag: "t".into(), since: 0, size: 10, kind: "x", fixed: true };
        let none = Part::None(StatusCode::RANGE_NOT_SATISFIABLE);
        for (range, wanted) in [
            ("bytes=0-", Part::Range(0, 10)),
            ("bytes=3-5", Part::Range(3, 6)),
            ("bytes=3-99", Part::Range(3, 10)),
            ("bytes=-4", Part::Range(6, 10)),
            ("bytes=-99", Part::Range(0, 10)),
            ("bytes=10-", none),
            ("bytes=-0", none),
            ("bytes=5-3", none),
            ("bytes=99999999999999999999-", none),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("lines=1-2", Part::Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(range));
            assert_eq!(part(&headers, &shown), wanted, "{range}");
            headers.insert(header::IF_RANGE, HeaderValue::from_static("\"other\""));
            assert_eq!(part(&headers, &shown), Part::Whole, "{range} of something else");
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"a\", W/\"t\""));
            assert_eq!(part(&headers, &shown), Part::None(StatusCode::NOT_MODIFIED));
        }
    }
}
