//! TCP and UDP between namespaces: who connects, as whom it is seen, and when the first and the last packet
//! is through.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

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

    /// Ends it, so that another may listen there.
    pub async fn end(mut self) {
        self.task.abort();
        // It says that it was ended.
        let _ = (&mut self.task).await;
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

/// Between two packets.
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

/// An open TCP connection on which both ends send each millisecond.
pub struct Live {
    heard: [watch::Receiver<Instant>; 2],
    /// Ends with this.
    _tasks: JoinSet<()>,
}

impl Live {
    /// From one namespace to an address of another, where nobody listens yet.
    pub async fn open(from: &Path, to: &Path, at: SocketAddr, limit: Duration) -> anyhow::Result<Live> {
        let (from, to) = (from.to_owned(), to.to_owned());
        let ends = tokio::task::spawn_blocking(move || {
            let listener = kernel::netns::within(&to, || TcpListener::bind(at))??;
            let called = kernel::netns::within(&from, || TcpStream::connect_timeout(&at, limit))??;
            io::Result::Ok([called, listener.accept()?.0])
        });
        let mut tasks = JoinSet::new();
        let mut live = |end: TcpStream| {
            let (hears, heard) = watch::channel(Instant::now());
            end.set_nonblocking(true)?;
            tasks.spawn(talk(tokio::net::TcpStream::from_std(end)?, hears));
            io::Result::Ok(heard)
        };
        let [one, other] = ends.await??;
        let heard = [live(one)?, live(other)?];
        Ok(Live { heard, _tasks: tasks })
    }

    /// When something last arrived, at either end.
    pub fn heard(&self) -> Instant {
        let [one, other] = self.heard.each_ref().map(|end| *end.borrow());
        one.max(other)
    }
}

async fn talk(mut stream: tokio::net::TcpStream, hears: watch::Sender<Instant>) {
    let _ = stream.set_nodelay(true);
    let (mut reads, mut writes) = stream.split();
    let mut beat = tokio::time::interval(BEAT);
    let say = async {
        loop {
            beat.tick().await;
            if writes.write_all(b"neutrino").await.is_err() {
                return;
            }
        }
    };
    let mut buffer = [0; 512];
    let listen = async {
        while reads.read(&mut buffer).await.is_ok_and(|length| length > 0) {
            hears.send_replace(Instant::now());
        }
    };
    tokio::join!(say, listen);
}
