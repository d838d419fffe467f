//! Where the platform looks: status, orders of ports, and what their instances said. Whoever knows the secret
//! may.
//!
//! ```text
//! GET /status   GET /ports/ID/orders   GET /ports/ID/reports
//! ```

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
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
use crate::GatewayError;

const CONNECTIONS: usize = 64;
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
        let (status, text) = door.answer(&request);
        let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
        Ok::<_, Infallible>(response.body(Full::new(Bytes::from(text))).expect("a plain head"))
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(16 << 10);
    // Whoever asked may have gone.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

impl Door {
    fn answer(&self, request: &Request<Incoming>) -> Reply {
        let said = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        if ring::hmac::verify(&self.key, said, self.expected.as_ref()).is_err() {
            return say(StatusCode::UNAUTHORIZED, "the secret is not the one in secret_file");
        }
        let segments: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["status"]) => text(&self.shared.status()),
            (&Method::GET, ["ports", port, what]) => match (port.parse::<PortId>(), *what) {
                (Ok(port), _) if !self.shared.told().ports.contains_key(&port) => missing(),
                (Ok(port), "orders") => text(&self.shared.mailboxes.given(port)),
                (Ok(port), "reports") => text(&self.shared.mailboxes.reports(port)),
                _ => missing(),
            },
            _ => missing(),
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
