//! Messages over a unix socket.

use std::io;

use model::purge::{FrameError, decode, encode, frame_len};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::client::PATIENCE;

#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// `None` when the other side ended between two messages. A message that has begun must arrive soon; for its
/// beginning nobody is hurried.
pub(super) async fn read<T: DeserializeOwned>(stream: &mut UnixStream) -> Result<Option<T>, StreamError> {
    let mut head = [0; 4];
    if stream.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    let body = async {
        stream.read_exact(&mut head[1..]).await?;
        let len = frame_len(head)?;
        // Grows as bytes come: a length alone takes no memory.
        let mut bytes = Vec::new();
        let got = stream.take(len as u64).read_to_end(&mut bytes).await?;
        if got < len {
            return Err(StreamError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes)
    };
    let bytes = timeout(PATIENCE, body).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(Some(decode(&bytes)?))
}

pub(super) async fn write(stream: &mut UnixStream, message: &impl Serialize) -> Result<(), StreamError> {
    let bytes = encode(message)?;
    let sent = timeout(PATIENCE, stream.write_all(&bytes)).await;
    Ok(sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??)
}
