//! TCP and UDP between namespaces: who connects, as whom it is seen, and when the first packet is through.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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

/// Between two packets of a [`first_echo`].
const BEAT: Duration = Duration::from_millis(1);

/// Sends back what comes by UDP to an address of a namespace.
pub struct Echo {
    pub port: u16,
    task: JoinHandle<()>,
}

impl Echo {
    pub fn listen(namespace: &Path, address: IpAddr) -> io::Result<Echo> {
        let socket = udp(namespace, address)?;
        let port = socket.local_addr()?.port();
        let task = tokio::spawn(async move {
            let Ok(socket) = tokio::net::UdpSocket::from_std(socket) else { return };
            let mut buffer = [0; 64];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let _ = socket.send_to(&buffer[..length], peer).await;
            }
        });
        Ok(Echo { port, task })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn udp(namespace: &Path, address: IpAddr) -> io::Result<UdpSocket> {
    let socket = kernel::netns::within(namespace, || UdpSocket::bind((address, 0)))??;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Sends a packet each millisecond from a namespace until the first comes back; when it did.
pub async fn first_echo(namespace: &Path, to: SocketAddr, limit: Duration) -> anyhow::Result<Instant> {
    let socket = tokio::net::UdpSocket::from_std(udp(namespace, [0, 0, 0, 0].into())?)?;
    let mut beat = tokio::time::interval(BEAT);
    let mut buffer = [0; 64];
    let echoed = async {
        loop {
            tokio::select! {
                got = socket.recv_from(&mut buffer) => if got.is_ok() { return Instant::now() },
                // Nobody's way there yet: the next packet tries again.
                _ = beat.tick() => drop(socket.send_to(b"neutrino", to).await),
            }
        }
    };
    Ok(tokio::time::timeout(limit, echoed).await?)
}
