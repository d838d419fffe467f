//! Requests and answers as bytes: the way in and the way out of every route.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use cloud::Caller;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Auth;
use crate::error::Fault;
use crate::routes;

/// A body that does not arrive in this time is given up.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A request, read whole.
pub struct Call {
    pub method: Method,
    /// Path without a trailing slash or `.json`, as written otherwise.
    pub path: String,
    pub query: String,
    /// `http://host:port`, as the client knows the server.
    pub base: String,
    pub caller: Caller,
    /// What the answer calls the request.
    pub request_id: String,
    pub if_match: IfMatch,
    pub body: Bytes,
}

/// The revision that a change is conditional on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMatch {
    Any,
    Revision(i64),
    /// Said in a way that cannot be read.
    Malformed,
}

/// An answer: a status and JSON text.
pub struct Answer {
    pub status: StatusCode,
    pub json: Vec<u8>,
}

impl Answer {
    pub fn json(status: StatusCode, value: &Value) -> Answer {
        Answer { status, json: value.to_string().into_bytes() }
    }

    pub fn ok(value: &Value) -> Answer {
        Answer::json(StatusCode::OK, value)
    }

    pub fn empty() -> Answer {
        Answer { status: StatusCode::NO_CONTENT, json: Vec::new() }
    }
}

/// The one handler: everything about URLs is in the routes' tables.
pub async fn handle(State(app): State<App>, request: Request) -> Response<Body> {
    let id = format!("req-{}", uuid::Uuid::new_v4());
    let answer = match routes::software_file::named(request.uri().path()).map(str::to_owned) {
        Some(version) => file(&app, request, &version, &id).await,
        None => whole(&app, request, &id).await.map(plain),
    };
    let mut response = answer.unwrap_or_else(|fault| refusal(&fault, &id));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-openstack-request-id", id);
    }
    response
}

async fn whole(app: &App, request: Request, id: &str) -> Result<Answer, Fault> {
    let (head, body) = request.into_parts();
    let mut call = begin(app, &head, id).await?;
    let limit = app.settings().max_body_bytes;
    call.body = match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, limit)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) if error.to_string().contains("length limit") => return Err(Fault::TooLarge(limit)),
        _ => return Err(Fault::BodyBroken),
    };
    routes::dispatch(app, &call).await
}

/// A request whose body, or answer, is a file: neither is read whole.
async fn file(app: &App, request: Request, version: &str, id: &str) -> Result<Response<Body>, Fault> {
    let (head, body) = request.into_parts();
    let call = begin(app, &head, id).await?;
    routes::software_file::handle(app, call, &head.headers, head.method, version, body).await
}

/// All of a request but its body.
async fn begin(app: &App, head: &Parts, id: &str) -> Result<Call, Fault> {
    if let Auth::Nobody { .. } = app.auth() {
        refuse_pages(&head.headers, app.settings().local_only)?;
    }
    let caller = app.auth().caller(&head.headers, head.method.as_str(), head.uri.path()).await?;
    let raw = head.uri.path();
    let path = raw.trim_end_matches('/');
    Ok(Call {
        base: base(&head.headers, app.settings().tls.is_some()),
        path: path.strip_suffix(".json").unwrap_or(path).to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        caller,
        request_id: id.to_owned(),
        if_match: if_match(&head.headers),
        // HEAD is a GET whose body stays here.
        method: if head.method == Method::HEAD { Method::GET } else { head.method.clone() },
        body: Bytes::new(),
    })
}

/// Without authentication, what a web page makes a browser send must not act here, whether it says
/// where it is from or hides behind a name that leads to this machine.
fn refuse_pages(headers: &HeaderMap, local_only: bool) -> Result<(), Fault> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    let local = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if headers.contains_key(header::ORIGIN) || local_only && !local { Err(Fault::FromAPage) } else { Ok(()) }
}

fn base(headers: &HeaderMap, tls: bool) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = text("x-forwarded-proto").unwrap_or(if tls { "https" } else { "http" });
    let host = text("x-forwarded-host").or_else(|| text("host")).unwrap_or("localhost");
    format!("{scheme}://{host}")
}

/// `If-Match: revision_number=N`; other tags are somebody else's.
fn if_match(headers: &HeaderMap) -> IfMatch {
    let mut found = IfMatch::Any;
    for value in headers.get_all(header::IF_MATCH) {
        for tag in value.to_str().unwrap_or_default().split(',') {
            let Some(number) = tag.trim().trim_matches('"').strip_prefix("revision_number=") else {
                continue;
            };
            found = match (number.parse(), found) {
                (Ok(number), IfMatch::Any) => IfMatch::Revision(number),
                _ => return IfMatch::Malformed,
            };
        }
    }
    found
}

pub fn plain(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.json));
    *response.status_mut() = answer.status;
    if answer.status != StatusCode::NO_CONTENT {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}

fn refusal(fault: &Fault, id: &str) -> Response<Body> {
    let (status, kind) = fault.answer();
    let message = match fault {
        // What broke inside is for the log; the user gets the request's id to ask with.
        Fault::Database(error) if status == 500 => {
            tracing::error!(%error, request.id = id, "request failed");
            format!("The request could not be carried out; the server's log tells why under {id}.")
        }
        Fault::Database(error) => {
            tracing::warn!(%error, request.id = id, "request failed");
            match error {
                db::DbError::Gone(_) => "The database is not there; try again when it is back.".to_owned(),
                db::DbError::Disk { .. } => "The database cannot be read or written.".to_owned(),
                db::DbError::Full { .. } => "The database has no space left.".to_owned(),
                db::DbError::Uncertain { .. } => {
                    "The database went away in the middle: look whether it was done before you try again."
                        .to_owned()
                }
                db::DbError::Unavailable { .. } => "The database cannot be reached; try again.".to_owned(),
                db::DbError::Nul => "Text cannot hold the character U+0000.".to_owned(),
                _ => "The database is busy; try again.".to_owned(),
            }
        }
        Fault::Repository(trouble) => {
            tracing::warn!(%trouble, request.id = id, "request failed");
            fault.to_string()
        }
        fault => fault.to_string(),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Fault::NoSuchExtension(_) | Fault::NothingOutside = fault {
        let mut response = Response::new(Body::from(message));
        *response.status_mut() = status;
        return response;
    }
    if let Fault::Unauthenticated { keystone } = fault {
        let error = json!({ "error": { "code": 401, "title": kind, "message": message } });
        let mut response = plain(Answer::json(status, &error));
        if let Ok(place) = HeaderValue::from_str(&format!("Keystone uri=\"{keystone}\"")) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, place);
        }
        return response;
    }
    let body = json!({ "NeutronError": { "type": kind, "message": message, "detail": "" } });
    let mut response = plain(Answer::json(status, &body));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
