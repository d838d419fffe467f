//! Requests.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Address, BadHead, Body, Head, read_head};

const CONNECT: Duration = Duration::from_secs(5);
/// Nothing comes for so long: nothing will.
const STALL: Duration = Duration::from_secs(60);
const BUFFER: usize = 64 << 10;

/// A gateway, at the first of some addresses that answers.
#[derive(Debug)]
pub struct Gateway {
    named: Vec<Address>,
    /// Which answered last.
    last: AtomicUsize,
}

#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("the gateway is not reached ({0})")]
    Unreached(#[source] io::Error),
    #[error("the connection to the gateway broke ({0})")]
    Io(#[source] io::Error),
    #[error(transparent)]
    Head(BadHead),
    #[error("the answer is longer than is taken")]
    TooLong,
    #[error("the answer was {0}: {1}")]
    Status(u16, String),
    #[error("the answer is not understood ({0})")]
    Json(#[from] serde_json::Error),
}

/// An answer, and its body as it comes.
pub struct Answer {
    pub head: Head,
    body: Body<BufReader<TcpStream>>,
    until: Instant,
}

impl Gateway {
    /// Without addresses, where gateways usually are.
    pub fn new(named: &[Address]) -> Gateway {
        Gateway { named: named.to_vec(), last: AtomicUsize::new(0) }
    }

    /// Asks for a path.
    pub fn get(&self, path: &str, lines: &[(&str, String)]) -> Result<Answer, Broken> {
        self.ask("GET", path, lines, &[], STALL)
    }

    /// Asks for a path whose answer begins after so long at the latest. Who waits longer than that waits on a
    /// connection that is not there any more.
    pub fn get_within(&self, path: &str, most: Duration) -> Result<Answer, Broken> {
        self.ask("GET", path, &[], &[], most)
    }

    pub fn post(&self, path: &str, json: &[u8], most: Duration) -> Result<Answer, Broken> {
        self.ask("POST", path, &[("content-type", "application/json".to_owned())], json, most)
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        lines: &[(&str, String)],
        body: &[u8],
        stall: Duration,
    ) -> Result<Answer, Broken> {
        let (mut stream, host) = self.connect()?;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: neutrino-guest/{}\r\nconnection: close\r\n",
            env!("CARGO_PKG_VERSION")
        );
        if method == "POST" {
            head += &format!("content-length: {}\r\n", body.len());
        }
        for (name, value) in lines {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let until = Instant::now() + stall;
        let mut begin = || {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(stall))?;
            stream.set_write_timeout(Some(stall))?;
            stream.write_all(&[head.as_bytes(), body].concat())
        };
        begin().map_err(|error| Broken::Io(in_time(error)))?;
        let mut from = BufReader::with_capacity(BUFFER, stream);
        let head = read_head(&mut from, || Instant::now() > until).map_err(|bad| match bad {
            BadHead::Io(error) => Broken::Io(in_time(error)),
            bad => Broken::Head(bad),
        })?;
        // A body that is waited for in small pieces has its own time.
        let _ = from.get_ref().set_read_timeout(Some(STALL.min(stall)));
        let until = Instant::now() + STALL.min(stall);
        Ok(Answer { body: Body::new(from, head.framing), head, until })
    }

    /// The first that takes a connection, beginning with the one that did so last.
    fn connect(&self) -> Result<(TcpStream, String), Broken> {
        let usual = if self.named.is_empty() { Address::usual() } else { Vec::new() };
        let all = if self.named.is_empty() { &usual } else { &self.named };
        let last = self.last.load(Ordering::Relaxed);
        let mut why = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for at in (0..all.len()).map(|at| (last + at) % all.len()) {
            let address = &all[at];
            match address.socket().and_then(|socket| TcpStream::connect_timeout(&socket, CONNECT)) {
                Ok(stream) => {
                    self.last.store(at, Ordering::Relaxed);
                    return Ok((stream, address.to_string()));
                }
                Err(error) => why = error,
            }
        }
        Err(Broken::Unreached(why))
    }
}

impl Answer {
    /// The whole of a body that is small, of an answer that is fine.
    pub fn small(mut self, most: usize) -> Result<Vec<u8>, Broken> {
        let mut bytes = Vec::new();
        let mut part = [0; 8192];
        loop {
            let read = self.read(&mut part).map_err(Broken::Io)?;
            if read == 0 {
                break;
            }
            bytes.extend_from_slice(&part[..read]);
            if bytes.len() > most {
                return Err(Broken::TooLong);
            }
            if Instant::now() > self.until {
                return Err(Broken::Io(io::ErrorKind::TimedOut.into()));
            }
        }
        match self.head.status {
            200..300 => Ok(bytes),
            status => {
                let text = String::from_utf8_lossy(&bytes);
                let line = text.lines().next().unwrap_or_default();
                Err(Broken::Status(status, line.chars().take(200).collect()))
            }
        }
    }
}

impl Read for Answer {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.body.read(into).map_err(in_time)
    }
}

/// A time limit of a socket is told as if it would block.
fn in_time(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}
