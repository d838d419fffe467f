//! The software repository, as the server talks to it: bytes pass through, and what is published is said.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::timeout;

/// Bytes read of one answer that is not a file.
const MAX_ANSWER: usize = 1 << 20;
const CONNECT: Duration = Duration::from_secs(3);
const IDLE: Duration = Duration::from_secs(20);
/// For an answer to a question.
const ANSWER: Duration = Duration::from_secs(30);
/// For an answer after which a file is summed up, or indexes are made.
const WORK: Duration = Duration::from_secs(600);
const MIN_SECRET: usize = 16;
const MAX_SECRET: u64 = 4 << 10;
/// Between two looks whether an upload rests, and how many there are.
const REST: Duration = Duration::from_millis(50);
const RESTS: u32 = 60;
const UPLOAD_OFFSET: &str = "upload-offset";

/// Where software is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SoftwareSettings {
    /// Where the repository is managed, `http://HOST:PORT`; empty: there is none.
    pub repository_url: String,
    /// What it wants to hear from servers.
    pub repository_secret_file: PathBuf,
    /// How long a file that no version has is kept: one that came so short ago may be about to become a version's.
    pub leftover_s: u64,
}

impl Default for SoftwareSettings {
    fn default() -> SoftwareSettings {
        SoftwareSettings {
            repository_url: String::new(),
            repository_secret_file: PathBuf::new(),
            leftover_s: 900,
        }
    }
}

/// Why the server does not start with its repository.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error("repository_url is no http://HOST:PORT: {0}")]
    Url(String),
    #[error("cannot read repository_secret_file {}", file.display())]
    Secret { file: PathBuf, source: std::io::Error },
    #[error("the secret in {} is shorter than {MIN_SECRET} bytes", file.display())]
    Short { file: PathBuf },
}

/// Why the repository did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("no answer: {0}")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    #[error("no answer in time")]
    TooSlow,
    #[error("the answer broke off or is too long: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer is {status}: {message}")]
    Status { status: u16, kind: String, message: String },
}

impl Trouble {
    pub fn status(&self) -> u16 {
        if let Trouble::Status { status, .. } = self { *status } else { 0 }
    }

    fn of(status: StatusCode, body: &[u8]) -> Trouble {
        let said: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |key: &str| said["error"][key].as_str().unwrap_or_default().to_owned();
        Trouble::Status { status: status.as_u16(), kind: text("type"), message: text("message") }
    }
}

/// What the repository says is published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Publication {
    pub revision: i64,
    /// Versions whose file it has not, the first thousand.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// As many are told of.
pub const MISSING: usize = 1000;

#[derive(Debug)]
pub struct Repository {
    hyper: Client<HttpConnector, Body>,
    url: String,
    secret: HeaderValue,
    leftover_s: u64,
}

impl Repository {
    /// `None` where there is none.
    pub fn open(settings: &SoftwareSettings) -> Result<Option<Repository>, RepositoryError> {
        let url = settings.repository_url.trim_end_matches('/').to_owned();
        if url.is_empty() {
            return Ok(None);
        }
        let parsed = url.parse::<axum::http::Uri>().ok();
        if !parsed.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.path() == "/") {
            return Err(RepositoryError::Url(url));
        }
        let file = &settings.repository_secret_file;
        let wrong = |source| RepositoryError::Secret { file: file.clone(), source };
        let mut text = String::new();
        let opened = std::fs::File::open(file).map_err(wrong)?;
        opened.take(MAX_SECRET).read_to_string(&mut text).map_err(wrong)?;
        let text = text.trim();
        if text.len() < MIN_SECRET {
            return Err(RepositoryError::Short { file: file.clone() });
        }
        let refused = |_| wrong(std::io::Error::other("it cannot be part of a header"));
        let mut secret = HeaderValue::from_str(&format!("Bearer {text}")).map_err(refused)?;
        secret.set_sensitive(true);
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_keepalive(Some(ANSWER));
        let hyper = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(tcp);
        Ok(Some(Repository { hyper, url, secret, leftover_s: settings.leftover_s }))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Response<Incoming>, Trouble> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request =
            request.body(body).expect("the URL was checked at the start, and headers are words");
        request.headers_mut().insert(header::AUTHORIZATION, self.secret.clone());
        Ok(self.hyper.request(request).await?)
    }

    /// Asks, and reads the answer whole.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
        limit: Duration,
    ) -> Result<(HeaderMap, Bytes), Trouble> {
        let whole = async {
            let (head, body) = self.send(method, path, headers, body).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(Trouble::Broken)?.to_bytes();
            if head.status.is_success() {
                Ok((head.headers, body))
            } else {
                Err(Trouble::of(head.status, &body))
            }
        };
        timeout(limit, whole).await.unwrap_or(Err(Trouble::TooSlow))
    }

    async fn ask_json(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        limit: Duration,
    ) -> Result<Value, Trouble> {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let (_, answer) = self.ask(method, path, &[], body, limit).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|error| Trouble::Broken(error.into()))
    }

    /// Begins an upload of which this is said; its id.
    pub async fn begin(&self, claim: &Value) -> Result<String, Trouble> {
        let answer = self.ask_json(Method::POST, "/uploads", claim, ANSWER).await?;
        let id = answer["id"].as_str().filter(|id| uuid::Uuid::parse_str(id).is_ok()).map(str::to_owned);
        id.ok_or_else(|| Trouble::Broken("an upload without an id".into()))
    }

    /// How many bytes of an upload it has; `None`: it knows of no such upload.
    pub async fn offset(&self, upload: &str) -> Result<Option<i64>, Trouble> {
        let path = format!("/uploads/{upload}");
        match self.ask_json(Method::GET, &path, &Value::Null, ANSWER).await {
            Ok(answer) => Ok(answer["offset"].as_i64()),
            Err(trouble) if trouble.status() == 404 => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// The same, once whoever wrote to it has stopped: the repository may not have seen yet that he is gone.
    pub async fn rests_at(&self, upload: &str) -> Result<Option<i64>, Trouble> {
        for _ in 0..RESTS {
            // Nothing is to be written there, and why not tells whether another writes.
            match self.append(upload, i64::MAX, Body::empty()).await {
                Err(Trouble::Status { status: 409, kind, .. }) if kind == "Busy" => {}
                _ => break,
            }
            tokio::time::sleep(REST).await;
        }
        self.offset(upload).await
    }

    /// Adds bytes; they take as long as they take, and the repository gives up who sends none.
    pub async fn append(&self, upload: &str, from: i64, body: Body) -> Result<(), Trouble> {
        let (path, from) = (format!("/uploads/{upload}"), from.to_string());
        let answer = self.send(Method::PATCH, &path, &[(UPLOAD_OFFSET, &from)], body).await?;
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            return Ok(());
        }
        let read = timeout(ANSWER, Limited::new(body, MAX_ANSWER).collect()).await;
        let body = read.map_err(|_| Trouble::TooSlow)?.map_err(Trouble::Broken)?.to_bytes();
        Err(Trouble::of(head.status, &body))
    }

    /// The file came whole: what it says of itself.
    pub async fn finish(&self, upload: &str) -> Result<Value, Trouble> {
        self.ask_json(Method::POST, &format!("/uploads/{upload}/finish"), &Value::Null, WORK).await
    }

    pub async fn drop_upload(&self, upload: &str) -> Result<(), Trouble> {
        self.ask_json(Method::DELETE, &format!("/uploads/{upload}"), &Value::Null, ANSWER).await.map(drop)
    }

    /// The sum of an upload that was finished.
    pub async fn finished_as(&self, upload: &str) -> Result<Option<String>, Trouble> {
        let path = format!("/uploads/{upload}");
        match self.ask_json(Method::GET, &path, &Value::Null, ANSWER).await {
            Ok(answer) => Ok(answer["sha256"].as_str().map(str::to_owned)),
            Err(trouble) if trouble.status() == 404 => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Forgets an upload; false while somebody writes to it.
    pub async fn end_upload(&self, upload: &str) -> Result<bool, Trouble> {
        match self.drop_upload(upload).await {
            Ok(()) => Ok(true),
            Err(trouble) => match trouble.status() {
                404 => Ok(true),
                409 => Ok(false),
                _ => Err(trouble),
            },
        }
    }

    pub async fn publication(&self) -> Result<Publication, Trouble> {
        read(self.ask_json(Method::GET, "/publication", &Value::Null, ANSWER).await?)
    }

    /// Says what is to be published: all of it, or what changed.
    pub async fn publish(&self, whole: bool, wanted: &Value) -> Result<Publication, Trouble> {
        let method = if whole { Method::PUT } else { Method::PATCH };
        read(self.ask_json(method, "/publication", wanted, WORK).await?)
    }

    /// Deletes a file that is not published, and did not come a moment ago; true when it is gone.
    pub async fn forget(&self, sha256: &str) -> Result<bool, Trouble> {
        let path = format!("/blobs/{sha256}?unused_s={}", self.leftover_s);
        match self.ask_json(Method::DELETE, &path, &Value::Null, ANSWER).await {
            Ok(_) => Ok(true),
            Err(trouble) => match trouble.status() {
                404 => Ok(true),
                409 => Ok(false),
                _ => Err(trouble),
            },
        }
    }

    /// A file, or a part of it, as it comes.
    pub async fn file(
        &self,
        method: Method,
        sha256: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Incoming>, Trouble> {
        let path = format!("/blobs/{sha256}");
        let answer = timeout(ANSWER, self.send(method, &path, headers, Body::empty())).await;
        answer.unwrap_or(Err(Trouble::TooSlow))
    }
}

fn read(answer: Value) -> Result<Publication, Trouble> {
    serde_json::from_value(answer).map_err(|error| Trouble::Broken(error.into()))
}
