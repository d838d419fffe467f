//! Where the platform reaches towards instances: status, and orders of ports. Whoever knows the secret may.
//!
//! ```text
//! GET /status   PUT, GET /ports/ID/orders   GET /ports/ID/reports
//! ```

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use model::PortId;
use serde::Serialize;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Shared;
use super::orders::Refused;
use crate::GatewayError;

const CONNECTIONS: usize = 64;
const MAX_BODY: usize = 256 << 10;
const HEAD: Duration = Duration::from_secs(10);

type Reply = (StatusCode, String);

pub(super) async fn open(
    bind: SocketAddr,
    secret: &str,
    shared: Arc<Shared>,
) -> Result<JoinHandle<()>, GatewayError> {
    let listener = TcpListener::bind(bind).await;
    let listener = listener.map_err(GatewayError::io("listen at", bind.to_string()))?;
    // Compared as signatures, which takes the same time however much of it is right.
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let expected = ring::hmac::sign(&key, format!("Bearer {secret}").as_bytes());
    let door = Arc::new(Door { key, expected, shared });
    Ok(tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
            match listener.accept().await {
                Ok((stream, _)) => {
                    let door = Arc::clone(&door);
                    tokio::spawn(async move {
                        serve(stream, &door).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not taken");
                    sleep(HEAD / 100).await;
                }
            }
        }
    }))
}

struct Door {
    key: ring::hmac::Key,
    expected: ring::hmac::Tag,
    shared: Arc<Shared>,
}

async fn serve(stream: TcpStream, door: &Door) {
    let service = service_fn(|request| async move {
        let (status, text) = door.answer(request).await;
        let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(text))).expect("a plain head"))
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(16 << 10);
    // Whoever asked may have gone.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let said = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        if ring::hmac::verify(&self.key, said, self.expected.as_ref()).is_err() {
            return say(StatusCode::UNAUTHORIZED, "the secret is not the one in secret_file");
        }
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["status"]) => text(&self.shared.status()),
            (method, ["ports", port, what]) => {
                let Ok(port) = port.parse::<PortId>() else { return missing() };
                if !self.shared.told().ports.contains_key(&port) {
                    return missing();
                }
                match (method.clone(), *what) {
                    (Method::GET, "orders") => text(&self.shared.orders.given(port)),
                    (Method::GET, "reports") => text(&self.shared.orders.reports(port)),
                    (Method::PUT, "orders") => self.give(port, request).await,
                    _ => missing(),
                }
            }
            _ => missing(),
        }
    }

    async fn give(&self, port: PortId, request: Request<Incoming>) -> Reply {
        let body = tokio::time::timeout(HEAD, Limited::new(request.into_body(), MAX_BODY).collect()).await;
        let Ok(Ok(body)) = body else {
            return say(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is longer than 262144 bytes, or did not come",
            );
        };
        let given = match serde_json::from_slice(&body.to_bytes()) {
            Ok(given) => given,
            Err(error) => return say(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        match self.shared.orders.give(port, given) {
            Ok(()) => text(&json!({})),
            Err(refused @ Refused::Older) => say(StatusCode::CONFLICT, &refused.to_string()),
            Err(refused @ Refused::Wrong) => say(StatusCode::BAD_REQUEST, &refused.to_string()),
        }
    }
}

fn text(value: &impl Serialize) -> Reply {
    (StatusCode::OK, serde_json::to_string(value).unwrap_or_default())
}

fn missing() -> Reply {
    say(StatusCode::NOT_FOUND, "nothing is here, or the port is not known yet")
}

fn say(status: StatusCode, error: &str) -> Reply {
    (status, json!({ "error": error }).to_string())
}
