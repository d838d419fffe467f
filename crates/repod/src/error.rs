//! What is answered when something is not: the only place with statuses of refusals.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::StatusCode;
use repo::{Malformed, Sha256};

use crate::store::StoreError;

/// Why the repository does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Setting(&'static str),
    #[error("cannot read the secret in {}, which servers must know as well: write one there, of 16 bytes at least", file.display())]
    Secret { file: PathBuf, source: std::io::Error },
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot use {}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("another repository uses {}", path.display())]
    InUse { path: PathBuf },
    #[error("{} is no key of ours", path.display())]
    Key { path: PathBuf },
    #[error("chance is not to be had")]
    Chance,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("what was published cannot be read")]
    Published(#[source] serde_json::Error),
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the secret is missing or wrong")]
    Unknown,
    #[error("who reads is not said")]
    Nobody,
    #[error("there is no such thing here")]
    NotFound,
    #[error("this can only be read")]
    ReadOnly,
    #[error("this is not done here")]
    Method,
    #[error("the request cannot be read: {0}")]
    BadRequest(&'static str),
    #[error("the request cannot be read: {0}")]
    BadJson(serde_json::Error),
    #[error("the request's body broke off or was too slow")]
    BodyBroken,
    #[error("the body is longer than {0} bytes")]
    TooLarge(u64),
    #[error("there are {0} uploads under way; finish or delete some")]
    TooManyUploads(usize),
    #[error("there is no space left for it")]
    Full,
    #[error("{0} bytes of it are here: go on from there")]
    Offset(u64),
    #[error("another request uses it, or did a moment ago")]
    Busy,
    #[error("{0} bytes came, of {1}")]
    Incomplete(u64, u64),
    #[error("the file's sum is {0}: it is not the one that was to come")]
    Sum(Sha256),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the file says that its {what} is {says}, the upload {wanted}")]
    Differs { what: &'static str, says: String, wanted: String },
    #[error("it is published as {0}; take it off first, or force it")]
    Published(String),
    #[error("{0} is published already")]
    Stale(u64),
    #[error("version {id}: {why}")]
    BadVersion { id: String, why: &'static str },
    #[error("the store failed; the log tells why")]
    Store(#[source] StoreError),
    #[error("a file under way cannot be used; the log tells why")]
    Spool(#[source] std::io::Error),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        if error.is_full() { Refusal::Full } else { Refusal::Store(error) }
    }
}

/// Of the folder where files come in.
impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Refusal {
        if crate::store::is_full(&error) { Refusal::Full } else { Refusal::Spool(error) }
    }
}

impl Refusal {
    /// Status and type.
    pub fn answer(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Refusal::Unknown => (S::UNAUTHORIZED, "Unauthorized"),
            Refusal::Nobody => (S::FORBIDDEN, "NoProject"),
            Refusal::NotFound => (S::NOT_FOUND, "NotFound"),
            Refusal::ReadOnly | Refusal::Method => (S::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
            Refusal::BadRequest(_) | Refusal::BadJson(_) => (S::BAD_REQUEST, "BadRequest"),
            Refusal::BodyBroken => (S::BAD_REQUEST, "BodyBroken"),
            Refusal::TooLarge(_) => (S::PAYLOAD_TOO_LARGE, "TooLarge"),
            Refusal::TooManyUploads(_) => (S::TOO_MANY_REQUESTS, "TooManyUploads"),
            Refusal::Full => (S::INSUFFICIENT_STORAGE, "Full"),
            Refusal::Offset(_) => (S::CONFLICT, "Offset"),
            Refusal::Busy => (S::CONFLICT, "Busy"),
            Refusal::Incomplete(..) => (S::CONFLICT, "Incomplete"),
            Refusal::Sum(_) => (S::UNPROCESSABLE_ENTITY, "SumDiffers"),
            Refusal::Malformed(Malformed::Io(_)) => (S::INTERNAL_SERVER_ERROR, "Broken"),
            Refusal::Malformed(_) => (S::UNPROCESSABLE_ENTITY, "Malformed"),
            Refusal::Differs { .. } => (S::UNPROCESSABLE_ENTITY, "Differs"),
            Refusal::Published(_) => (S::CONFLICT, "Published"),
            Refusal::Stale(_) => (S::CONFLICT, "Stale"),
            Refusal::BadVersion { .. } => (S::BAD_REQUEST, "BadVersion"),
            Refusal::Store(_) | Refusal::Spool(_) => (S::INTERNAL_SERVER_ERROR, "Broken"),
        }
    }
}
