//! Conversations of programs of one host: a unix socket, whom it hears, and messages of JSON, each after its
//! length in four bytes. What is said is the programs' own.

mod ask;
mod serve;

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, recv};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

pub use ask::{AskError, Conversation};
pub use serve::{Answers, serve};

/// For a message to arrive whole.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a greeting.
const GREETING: usize = 4096;

/// Takes the place of a socket that is left of an earlier run. Without users who are heard besides root, nobody
/// else even connects.
pub fn listen(path: &Path, users: &[u32]) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    }
    if fs::symlink_metadata(path).is_ok() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let mode = fs::Permissions::from_mode(if users.is_empty() { 0o600 } else { 0o666 });
    fs::set_permissions(path, mode)?;
    Ok(listener)
}

/// Root, ourselves, and who the settings name.
pub fn is_heard(user: u32, users: &[u32]) -> bool {
    user == 0 || user == crate::own::user() || users.contains(&user)
}

/// `None` when the other side ended between two messages. A message that has begun must arrive soon; for its
/// beginning nobody is hurried. What cannot be read is [`io::ErrorKind::InvalidData`].
pub async fn read<T: DeserializeOwned>(stream: &mut UnixStream, most: usize) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    if stream.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    let body = async {
        stream.read_exact(&mut head[1..]).await?;
        let len = u32::from_be_bytes(head) as usize;
        if len > most {
            return Err(invalid(too_long(len)));
        }
        // Grows as bytes come: a length alone takes no memory.
        let mut bytes = Vec::new();
        if stream.take(len as u64).read_to_end(&mut bytes).await? < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    };
    let bytes = timeout(PATIENCE, body).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let message = serde_json::from_slice(&bytes);
    message.map(Some).map_err(|error| invalid(format!("the message cannot be read: {error}")))
}

pub async fn write(stream: &mut UnixStream, message: &impl Serialize, most: usize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let len = bytes.len() - 4;
    let head = u32::try_from(len).ok().filter(|_| len <= most).ok_or_else(|| invalid(too_long(len)))?;
    bytes[..4].copy_from_slice(&head.to_be_bytes());
    let sent = timeout(PATIENCE, stream.write_all(&bytes)).await;
    sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Returns when the other side has ended.
pub async fn ended(stream: &UnixStream) {
    if unread(stream).await > 0 {
        // It says something meanwhile; that is read in its turn, and more of it tells nothing.
        std::future::pending().await
    }
}

/// Bytes that are there and not read, when there are some; none at an end.
async fn unread(stream: &UnixStream) -> usize {
    let peek = || {
        let mut byte = [0];
        let got = recv(stream.as_raw_fd(), &mut byte, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT);
        got.map_err(io::Error::from)
    };
    // An error is an end as well.
    stream.async_io(Interest::READABLE, peek).await.unwrap_or(0)
}

fn too_long(len: usize) -> String {
    format!("a message of {len} bytes is too long")
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests;
