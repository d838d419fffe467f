//! Another server: connections to it that are kept, and heads of its answers.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::head::Method;
use crate::head::answer::{self, Answer};
use crate::{GatewayError, Management};

/// Connections that are kept for others.
const KEPT: usize = 32;
const BUFFER: usize = 16 << 10;
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Origin {
    /// As sentences call it.
    pub name: &'static str,
    at: String,
    connect: Duration,
    patience: Duration,
    idle: Mutex<Vec<Asked>>,
    /// A line of every request, by which it knows us.
    authorization: String,
}

/// A connection, and what was read of it and not used yet.
pub(super) struct Asked {
    pub stream: TcpStream,
    pub buffer: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("it is not reached: {0}")]
    Unreached(io::Error),
    #[error("it ended the connection: {0}")]
    Ended(io::Error),
    #[error("it took too long")]
    Slow,
    #[error(transparent)]
    Malformed(#[from] answer::Malformed),
}

impl Origin {
    pub fn new(name: &'static str, at: &str, settings: &Management) -> Origin {
        let seconds = Duration::from_secs;
        Origin {
            name,
            at: at.to_owned(),
            connect: seconds(settings.connect_s),
            patience: seconds(settings.answer_s),
            idle: Mutex::default(),
            authorization: String::new(),
        }
    }

    /// Says a secret with every request.
    pub fn show(&mut self, secret: &str) -> Result<(), GatewayError> {
        if !secret.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(GatewayError::Setting {
                option: "management.repository_secret_file",
                why: "a secret is of plain letters",
            });
        }
        self.authorization = format!("Authorization: Bearer {secret}\r\n");
        Ok(())
    }

    /// A request as it is written.
    pub fn request(&self, method: Method, path: &str, lines: &str) -> Vec<u8> {
        let first = [method.name(), " ", path, " HTTP/1.1\r\nHost: ", &self.at, "\r\n"];
        [&first.concat(), &self.authorization, lines, "\r\n"].concat().into_bytes()
    }

    /// Asks, and reads the head of the answer; what follows it is in the buffer, or comes.
    pub async fn ask(&self, request: &[u8], method: Method) -> Result<(Asked, Answer), Failed> {
        if let Some(mut kept) = self.kept() {
            match exchange(&mut kept, request, method, self.patience).await {
                Ok(answer) => return Ok((kept, answer)),
                // It may have been closed while nobody looked; what only reads can be asked again.
                Err(Failed::Ended(_)) if kept.buffer.is_empty() => {}
                Err(failed) => return Err(failed),
            }
        }
        let mut fresh = self.connected().await?;
        let answer = exchange(&mut fresh, request, method, self.patience).await?;
        Ok((fresh, answer))
    }

    async fn connected(&self) -> Result<Asked, Failed> {
        let tries = async {
            match TcpStream::connect(&self.at).await {
                // A server that starts again is there in a moment.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    sleep(PAUSE).await;
                    TcpStream::connect(&self.at).await
                }
                connected => connected,
            }
        };
        let stream =
            timeout(self.connect, tries).await.map_err(|_| Failed::Slow)?.map_err(Failed::Unreached)?;
        stream.set_nodelay(true).map_err(Failed::Unreached)?;
        Ok(Asked { stream, buffer: Vec::with_capacity(BUFFER) })
    }

    fn kept(&self) -> Option<Asked> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(kept) = idle.pop() {
            // It should be silent: what it says unasked is no answer to anything.
            match kept.stream.try_read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(kept),
                _ => {}
            }
        }
        None
    }

    /// Keeps a connection whose answer is at its end.
    pub fn keep(&self, mut asked: Asked) {
        asked.buffer.clear();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(asked);
        }
    }
}

async fn exchange(
    asked: &mut Asked,
    request: &[u8],
    method: Method,
    patience: Duration,
) -> Result<Answer, Failed> {
    timeout(patience, asked.stream.write_all(request))
        .await
        .map_err(|_| Failed::Slow)?
        .map_err(Failed::Ended)?;
    loop {
        let read = timeout(patience, asked.stream.read_buf(&mut asked.buffer)).await;
        if read.map_err(|_| Failed::Slow)?.map_err(Failed::Ended)? == 0 {
            return Err(Failed::Ended(io::ErrorKind::UnexpectedEof.into()));
        }
        // Answers that only announce others may come before.
        while let Some(answer) = answer::read(&asked.buffer, method)? {
            if answer.status == 101 {
                return Err(Failed::Malformed(answer::Malformed));
            }
            asked.buffer.drain(..answer.head);
            if answer.status >= 200 {
                return Ok(answer);
            }
        }
    }
}
