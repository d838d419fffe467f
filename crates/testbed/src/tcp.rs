//! TCP between namespaces: who connects, and as whom it is seen.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::JoinHandle;

/// Accepts one connection at a time and says to each whom it sees.
pub struct Mirror {
    pub port: u16,
    task: JoinHandle<()>,
}

impl Mirror {
    /// Listens on all addresses of a namespace.
    pub fn listen(namespace: &Path, port: u16) -> io::Result<Mirror> {
        let any = SocketAddr::from(([0, 0, 0, 0], port));
        let listener = kernel::netns::within(namespace, || TcpListener::bind(any))??;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            while let Ok((stream, peer)) = listener.accept().await {
                let Ok(mut stream) = stream.into_std() else { continue };
                let _ = stream.write_all(peer.ip().to_string().as_bytes());
            }
        });
        Ok(Mirror { port, task })
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects from a namespace to a [`Mirror`]; as whom it was seen.
pub async fn seen_as(namespace: &Path, to: &str, port: u16, limit: Duration) -> anyhow::Result<String> {
    let (namespace, to): (PathBuf, IpAddr) = (namespace.to_owned(), to.parse()?);
    let seen = tokio::task::spawn_blocking(move || {
        kernel::netns::within(&namespace, || {
            let mut stream = TcpStream::connect_timeout(&SocketAddr::from((to, port)), limit)?;
            stream.set_read_timeout(Some(limit))?;
            let mut said = String::new();
            stream.read_to_string(&mut said)?;
            io::Result::Ok(said)
        })
    });
    Ok(seen.await???)
}
