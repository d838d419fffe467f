//! Writing to an instance: waited on only when it does not read as fast.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::relay::{self, Pipe, Watched};
use tokio::time::timeout;

use super::link::Asked;
use crate::head::{Method, plain_answer};

pub(super) struct Out {
    stream: Arc<OwnedFd>,
    /// Most answers never need it.
    watched: Option<Watched>,
    written: u64,
    reader: Reader,
}

/// How fast the other side reads, as far as it was waited for.
struct Reader {
    /// It may be waited for so long with less than so much taken.
    stall: Duration,
    least: u64,
    /// Since when that is counted: what was written then, and how long it was waited for since.
    from: u64,
    waited: Duration,
}

impl Reader {
    /// It was waited for, until so much was written; false when it takes too little.
    fn goes_on(&mut self, waited: Duration, written: u64) -> bool {
        self.waited += waited;
        if self.waited < self.stall {
            return true;
        }
        let enough = written - self.from >= self.least.saturating_mul(self.waited.as_secs());
        (self.from, self.waited) = (written, Duration::ZERO);
        enough
    }
}

/// The instance has gone, or stands still.
#[derive(Debug)]
pub(super) struct Gone;

impl Out {
    /// Who is waited for so long, and reads less than so many bytes a second meanwhile, is taken to have gone.
    pub fn new(stream: Arc<OwnedFd>, stall: Duration, least: u64) -> Out {
        let reader = Reader { stall, least, from: 0, waited: Duration::ZERO };
        Out { stream, watched: None, written: 0, reader }
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
                let begun = Instant::now();
                let done = timeout(self.reader.stall, watched.when_ready(act)).await.map_err(|_| Gone)?;
                if !self.reader.goes_on(begun.elapsed(), self.written) {
                    return Err(Gone);
                }
                done
            }
            done => done,
        };
        let done = done.map_err(|_| Gone)?;
        self.written += done as u64;
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_drops_is_gone_and_who_is_slow_is_not() {
        let second = Duration::from_secs(1);
        let reader = || Reader { stall: 10 * second, least: 1000, from: 0, waited: Duration::ZERO };
        let (mut slow, mut drops) = (reader(), reader());
        assert!((1..100).all(|at| slow.goes_on(second, at * 1000)));
        assert!((1..10).all(|at| drops.goes_on(second, at * 900)));
        assert!(!drops.goes_on(second, 9000));
        // Who was fast before is not for ever: what counts is what it takes now.
        let mut once = reader();
        assert!(once.goes_on(10 * second, 1 << 30));
        assert!(!once.goes_on(10 * second, (1 << 30) + 9000));
    }
}
