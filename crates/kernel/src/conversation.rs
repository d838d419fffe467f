//! Conversations of programs of one host: a unix socket, whom it hears, and messages of JSON, each after its
//! length in four bytes. What is said is the programs' own.

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

pub use serve::{Answers, Unheard, serve};

/// For a message to arrive whole.
pub const PATIENCE: Duration = Duration::from_secs(10);

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

/// The end of who asks.
pub struct Conversation {
    stream: UnixStream,
    most: usize,
}

impl Conversation {
    pub async fn open(socket: &Path, most: usize) -> io::Result<Conversation> {
        Ok(Conversation { stream: UnixStream::connect(socket).await?, most })
    }

    /// One question, and its answer. Whoever gives up waiting has to end the conversation.
    pub async fn ask<A: DeserializeOwned>(
        &mut self,
        question: &impl Serialize,
        patience: Duration,
    ) -> io::Result<A> {
        write(&mut self.stream, question, self.most).await?;
        let heard = timeout(patience, read(&mut self.stream, self.most)).await;
        let heard = heard.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        heard.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Returns when the other side has ended, or speaks unasked.
    pub async fn ended(&self) {
        unread(&self.stream).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 64;

    #[tokio::test]
    async fn messages_come_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/socket");
        drop(listen(&path, &[]).expect("listens"));
        let listener = listen(&path, &[]).expect("takes its own place");
        assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
        let mut caller = Conversation::open(&path, MOST).await.expect("opens");
        let (mut stream, _) = listener.accept().await.expect("accepts");
        let (answer, heard) = tokio::join!(caller.ask::<String>(&"hello", PATIENCE), async {
            let heard = read::<String>(&mut stream, MOST).await;
            write(&mut stream, &"well", MOST).await.expect("is sent");
            heard
        });
        // Neither has ended, though all that was said is read.
        assert!(timeout(PATIENCE / 100, ended(&stream)).await.is_err(), "goes on");
        assert!(timeout(PATIENCE / 100, caller.ended()).await.is_err(), "goes on");
        assert_eq!(
            (answer.expect("an answer"), heard.expect("heard")),
            ("well".into(), Some("hello".into()))
        );
        assert!(write(&mut stream, &"x".repeat(MOST), MOST).await.is_err(), "too long");
        // Lengths that nobody means, words that are none, and messages that break off.
        for (bytes, kind) in [
            (&[0xff, 0xff, 0xff, 0xff][..], io::ErrorKind::InvalidData),
            (&[0, 0, 0, 1, b'{'], io::ErrorKind::InvalidData),
            (&[0, 0, 0, 9, b'"'], io::ErrorKind::UnexpectedEof),
        ] {
            let mut other = UnixStream::connect(&path).await.expect("connects");
            let (mut stream, _) = listener.accept().await.expect("accepts");
            other.write_all(bytes).await.expect("is sent");
            drop(other);
            let said = read::<String>(&mut stream, MOST).await.expect_err("is refused");
            assert_eq!(said.kind(), kind, "{bytes:?}");
        }
        drop(caller);
        ended(&stream).await;
        assert_eq!(read::<String>(&mut stream, MOST).await.expect("an end"), None);
    }
}
