//! Connections that have shaken hands. A client that is slow at it holds up nobody.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Current;

/// A handshake is given up after this.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes under way at a time; further connections wait in the kernel.
const MAX_HANDSHAKES: usize = 1024;

type Done = Option<(TlsStream<TcpStream>, SocketAddr)>;

/// What axum takes connections from.
pub struct TlsListener {
    tcp: TcpListener,
    current: Current,
    handshakes: JoinSet<Done>,
}

impl TlsListener {
    pub fn new(tcp: TcpListener, current: Current) -> TlsListener {
        TlsListener { tcp, current, handshakes: JoinSet::new() }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Some(connection)) = done {
                        return connection;
                    }
                }
                (tcp, address) = Listener::accept(&mut self.tcp),
                    if self.handshakes.len() < MAX_HANDSHAKES =>
                {
                    self.handshakes.spawn(shake(tcp, address, self.current.get()));
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(&self.tcp)
    }
}

async fn shake(tcp: TcpStream, address: SocketAddr, config: Arc<ServerConfig>) -> Done {
    // Answers are written whole: nothing is gained by holding back their last packet.
    let _ = tcp.set_nodelay(true);
    match timeout(HANDSHAKE, TlsAcceptor::from(config).accept(tcp)).await {
        Ok(Ok(tls)) => Some((tls, address)),
        Ok(Err(error)) => {
            tracing::debug!(%error, client.address = %address, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(client.address = %address, "a TLS handshake took too long");
            None
        }
    }
}
