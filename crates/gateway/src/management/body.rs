//! Bodies of answers, through the kernel where their length is known.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kernel::relay::Pipe;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::origin::Asked;
use super::out::{Gone, Out};
use crate::bucket::Bucket;
use crate::head::answer::Chunks;

/// The fewer wakes, the less a byte costs; but memory that waits for slow readers is the kernel's.
const LARGE: usize = 1 << 20;
const SMALL: usize = 64 << 10;
const LARGE_AT_A_TIME: usize = 32;
const KEPT: usize = 8;
/// Below this a copy costs less than a pipe.
const COPIED: u64 = 48 << 10;
/// After so many bytes others have their turn.
const TURN: usize = 1 << 20;

/// Pipes that are empty.
#[derive(Default)]
pub(super) struct Pipes {
    kept: Mutex<Vec<Pipe>>,
    large: Arc<AtomicUsize>,
}

/// Counts a large pipe as long as it is in use.
struct Large(Arc<AtomicUsize>);

impl Drop for Large {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a body did not come to its end.
#[derive(Debug)]
pub(super) enum Broken {
    /// The instance has gone.
    Gone,
    /// The other server ended it early, or stands still.
    Origin,
}

impl From<Gone> for Broken {
    fn from(_: Gone) -> Broken {
        Broken::Gone
    }
}

/// How fast a body may go on, and how long either side may stand still.
pub(super) struct Pace {
    pub bucket: Option<Arc<Bucket>>,
    pub stall: Duration,
}

impl Pace {
    pub async fn wait(&self, bytes: usize) {
        let Some(bucket) = &self.bucket else { return };
        let wait = bucket.take(bytes as u64, Instant::now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    /// As much as may go on at once without going ahead of others of the network by much.
    fn piece(&self, pipe: usize) -> usize {
        match &self.bucket {
            None => pipe,
            Some(bucket) => pipe.min((bucket.per_s() / 8).max(16 << 10) as usize),
        }
    }
}

impl Pipes {
    fn pipe(&self) -> Result<(Pipe, Option<Large>), Broken> {
        let large = self.large.fetch_add(1, Ordering::Relaxed) < LARGE_AT_A_TIME;
        let counted = Large(Arc::clone(&self.large));
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let pipe = match large.then(kept).flatten() {
            Some(pipe) => pipe,
            None => Pipe::new(if large { LARGE } else { SMALL }).map_err(|error| {
                tracing::warn!(%error, "no pipe could be made");
                Broken::Origin
            })?,
        };
        Ok((pipe, large.then_some(counted)))
    }

    fn keep(&self, pipe: Pipe) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if pipe.bytes >= LARGE && kept.len() < KEPT {
            kept.push(pipe);
        }
    }

    /// So many bytes more.
    pub async fn bytes(&self, from: &mut Asked, out: &mut Out, left: u64, pace: &Pace) -> Result<(), Broken> {
        if left == 0 {
            return Ok(());
        }
        if left <= COPIED {
            return copy(from, out, left, pace).await;
        }
        let (pipe, _large) = self.pipe()?;
        let gone = splice(&from.stream, out, &pipe, left, pace).await?;
        if gone < left {
            return Err(Broken::Origin);
        }
        self.keep(pipe);
        Ok(())
    }

    /// All that comes until the other server ends it.
    pub async fn until_end(&self, from: &mut Asked, out: &mut Out, pace: &Pace) -> Result<(), Broken> {
        let (pipe, _large) = self.pipe()?;
        splice(&from.stream, out, &pipe, u64::MAX, pace).await?;
        self.keep(pipe);
        Ok(())
    }
}

/// Reads ahead, as far as the pipe goes, while the instance takes its time.
async fn splice(from: &TcpStream, out: &mut Out, pipe: &Pipe, most: u64, pace: &Pace) -> Result<u64, Broken> {
    let room = pace.piece(pipe.bytes);
    let (mut left, mut held, mut turn, mut ended) = (most, 0, 0, false);
    while !ended && left > 0 || held > 0 {
        if !ended && left > 0 && held <= room / 2 {
            let piece = left.min((room - held) as u64) as usize;
            let filled = match pipe.fill(from, piece) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && held == 0 => {
                    let comes = from.async_io(Interest::READABLE, || pipe.fill(from, piece));
                    timeout(pace.stall, comes).await.map_err(|_| Broken::Origin)?
                }
                // Nothing is there, or the pipe has no place for so many small pieces: first let it run.
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
                Ok(0) => {
                    ended = true;
                    Ok(0)
                }
                filled => filled,
            };
            let filled = filled.map_err(|_| Broken::Origin)?;
            ended |= filled == 0 && held == 0;
            (left, held, turn) = (left - filled as u64, held + filled, turn + filled);
            pace.wait(filled).await;
        }
        if held > 0 {
            held -= out.drain(pipe, held).await?;
        }
        if turn >= TURN {
            turn = 0;
            yield_now().await;
        }
    }
    Ok(most - left)
}

async fn copy(from: &mut Asked, out: &mut Out, mut left: u64, pace: &Pace) -> Result<(), Broken> {
    while left > 0 {
        from.buffer.clear();
        let Asked { stream, buffer } = &mut *from;
        let read = within(pace.stall, stream.take(left).read_buf(buffer)).await?;
        left -= read as u64;
        pace.wait(read).await;
        out.send(&from.buffer).await?;
    }
    Ok(())
}

/// What was read in time; an end is none.
async fn within(
    stall: Duration,
    read: impl Future<Output = std::io::Result<usize>>,
) -> Result<usize, Broken> {
    match timeout(stall, read).await {
        Ok(Ok(read)) if read > 0 => Ok(read),
        _ => Err(Broken::Origin),
    }
}

/// A body in chunks: as it comes, or, for those who know no chunks, what is in them.
pub(super) async fn chunked(from: &mut Asked, out: &mut Out, plain: bool, pace: &Pace) -> Result<(), Broken> {
    let (mut chunks, mut data) = (Chunks::default(), Vec::new());
    loop {
        data.clear();
        let taken = chunks.take(&from.buffer, |part| {
            if plain {
                data.extend_from_slice(part);
            }
        });
        let taken = taken.map_err(|_| Broken::Origin)?;
        pace.wait(taken).await;
        out.send(if plain { &data } else { &from.buffer[..taken] }).await?;
        if chunks.is_done() {
            from.buffer.drain(..taken);
            return Ok(());
        }
        from.buffer.clear();
        let Asked { stream, buffer } = &mut *from;
        within(pace.stall, stream.read_buf(buffer)).await?;
    }
}
