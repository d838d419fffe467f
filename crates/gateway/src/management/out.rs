//! Writing to an instance: waited on only when it does not read as fast.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use kernel::relay::{self, Pipe, Watched};
use tokio::time::timeout;

use super::link::Asked;
use crate::head::{Method, plain_answer};

pub(super) struct Out {
    stream: Arc<OwnedFd>,
    /// Most answers never need it.
    watched: Option<Watched>,
    written: u64,
    stall: Duration,
}

/// The instance has gone, or stands still.
#[derive(Debug)]
pub(super) struct Gone;

impl Out {
    pub fn new(stream: Arc<OwnedFd>, stall: Duration) -> Out {
        Out { stream, watched: None, written: 0, stall }
    }

    pub fn descriptor(&self) -> &OwnedFd {
        &self.stream
    }

    pub fn written(&self) -> u64 {
        self.written
    }

    pub async fn send(&mut self, mut bytes: &[u8]) -> Result<(), Gone> {
        while !bytes.is_empty() {
            let sent = self.act(|fd| relay::send(fd, bytes)).await?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    /// Takes what it can, of so much, from a pipe.
    pub async fn drain(&mut self, pipe: &Pipe, held: usize) -> Result<usize, Gone> {
        match self.act(|fd| pipe.drain(fd, held)).await? {
            0 => Err(Gone),
            sent => Ok(sent),
        }
    }

    /// An answer of a sentence; its status is what it returns, and whether it is whole.
    pub async fn say(&mut self, asked: &Asked, status: u16, more: &str, sentence: &str) -> (u16, bool, bool) {
        let answer = plain_answer(status, more, !asked.stays, asked.method != Method::Head, sentence);
        (status, self.send(&answer).await.is_ok(), true)
    }

    pub async fn json(&mut self, asked: &Asked, text: &str) -> (u16, bool, bool) {
        self.whole(asked, "application/json", text.as_bytes()).await
    }

    /// An answer that is all here.
    pub async fn whole(&mut self, asked: &Asked, kind: &str, body: &[u8]) -> (u16, bool, bool) {
        let close = if asked.stays { "" } else { "Connection: close\r\n" };
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{close}\r\n");
        let mut answer = head.into_bytes();
        if asked.method != Method::Head {
            answer.extend_from_slice(body);
        }
        (200, self.send(&answer).await.is_ok(), true)
    }

    async fn act(&mut self, mut act: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>) -> Result<usize, Gone> {
        let done = match act(self.stream.as_fd()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.watched.is_none() {
                    self.watched = Some(Watched::for_writing(Arc::clone(&self.stream)).map_err(|_| Gone)?);
                }
                let watched = self.watched.as_ref().ok_or(Gone)?;
                timeout(self.stall, watched.when_ready(act)).await.map_err(|_| Gone)?
            }
            done => done,
        };
        let done = done.map_err(|_| Gone)?;
        self.written += done as u64;
        Ok(done)
    }
}
