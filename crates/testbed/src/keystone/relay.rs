//! What stands before Keystone: counts what it is asked, and can be slow or out of order.
//!
//! Keystone itself listens on a unix socket, so no port has to be guessed, and its address stays
//! the same when it is ended and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::wait;

/// How requests are treated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Manner {
    Pass,
    /// Held up before they are passed on.
    Slow(Duration),
    /// Answered with a status and never passed on.
    Answer(u16),
}

/// A running relay.
pub struct Relay {
    pub address: SocketAddr,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    socket: PathBuf,
    manner: Mutex<Manner>,
    seen: Mutex<Vec<String>>,
}

impl Relay {
    /// Listens on loopback, with TLS if there is a configuration.
    pub async fn start(socket: &Path, tls: Option<Arc<ServerConfig>>) -> anyhow::Result<Relay> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let inner =
            Inner { socket: socket.to_owned(), manner: Mutex::new(Manner::Pass), seen: Mutex::default() };
        let inner = Arc::new(inner);
        let task = tokio::spawn(accept(listener, tls, inner.clone()));
        Ok(Relay { address, inner, task })
    }

    pub fn set(&self, manner: Manner) {
        *self.inner.manner.lock().expect("not poisoned") = manner;
    }

    /// Requests that came since the last call, such as `GET /v3/auth/tokens?nocatalog`.
    pub fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.inner.seen.lock().expect("not poisoned"))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<Arc<ServerConfig>>, inner: Arc<Inner>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let _ = tcp.set_nodelay(true);
        let inner = inner.clone();
        match tls.clone() {
            None => drop(tokio::spawn(serve(tcp, inner))),
            Some(tls) => drop(tokio::spawn(async move {
                if let Ok(tls) = TlsAcceptor::from(tls).accept(tcp).await {
                    serve(tls, inner).await;
                }
            })),
        }
    }
}

async fn serve(connection: impl AsyncRead + AsyncWrite + Unpin, inner: Arc<Inner>) {
    let service = service_fn(|request| pass(request, inner.clone()));
    // A connection that fails ends: that is all its client would see of Keystone, too.
    let _ =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
}

async fn pass(request: Request<Incoming>, inner: Arc<Inner>) -> anyhow::Result<Response<Full<Bytes>>> {
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let line = format!("{} {path}", request.method());
    inner.seen.lock().expect("not poisoned").push(line);
    let manner = *inner.manner.lock().expect("not poisoned");
    match manner {
        Manner::Pass => {}
        Manner::Slow(time) => wait::pause(time).await,
        Manner::Answer(status) => {
            return Ok(Response::builder().status(StatusCode::from_u16(status)?).body(Full::default())?);
        }
    }
    let socket = UnixStream::connect(&inner.socket).await.context("Keystone is not there")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    let driver = tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    driver.abort();
    Ok(Response::from_parts(head, Full::new(body)))
}
