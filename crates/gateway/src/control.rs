//! Telling a gateway what should be, and asking it: its socket, and whoever calls there.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::gateway::{Answer, MAX_FRAME_BYTES, Refused, Request, VERSION, Why};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::GatewayError;

/// For a message to arrive whole.
const PATIENCE: Duration = Duration::from_secs(10);
/// For an answer: sockets in a thousand namespaces take a while.
const ANSWER: Duration = Duration::from_secs(60);
const CONVERSATIONS: usize = 4;

/// A request, and where its answer goes.
pub(crate) type Asked = (Request, oneshot::Sender<Answer>);

/// Takes the place of a socket that is left of an earlier run.
pub(crate) fn listen(path: &Path, users: &[u32]) -> Result<UnixListener, GatewayError> {
    if let Some(folder) = path.parent() {
        let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(folder);
        made.map_err(GatewayError::io("make the folder", folder))?;
    }
    if fs::symlink_metadata(path).is_ok() {
        fs::remove_file(path).map_err(GatewayError::io("replace", path))?;
    }
    let listener = UnixListener::bind(path).map_err(GatewayError::io("listen at", path))?;
    let mode = fs::Permissions::from_mode(if users.is_empty() { 0o600 } else { 0o666 });
    fs::set_permissions(path, mode).map_err(GatewayError::io("set the permissions of", path))?;
    Ok(listener)
}

/// Takes conversations of those who may be heard, one request of each at a time.
pub(crate) async fn serve(listener: UnixListener, users: Vec<u32>, asked: mpsc::Sender<Asked>) {
    let places = Arc::new(Semaphore::new(CONVERSATIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not taken");
                sleep(PATIENCE / 20).await;
                continue;
            }
        };
        // Who calls is told by the kernel; strangers are not even answered.
        if !stream.peer_cred().is_ok_and(|peer| is_heard(peer.uid(), &users)) {
            continue;
        }
        let asked = asked.clone();
        tokio::spawn(async move {
            let _ = converse(stream, &asked).await;
            drop(place);
        });
    }
}

/// Root, ourselves, and who the settings name.
pub(crate) fn is_heard(user: u32, users: &[u32]) -> bool {
    user == 0 || user == kernel::own::user() || users.contains(&user)
}

async fn converse(mut stream: UnixStream, asked: &mpsc::Sender<Asked>) -> io::Result<()> {
    let mut greeted = false;
    loop {
        let read = read::<Request>(&mut stream);
        let read = if greeted { read.await } else { timeout(PATIENCE, read).await.unwrap_or(Ok(None)) };
        let refuse = |why, message: String| Answer::Refused(Refused { why, message });
        let (answer, last) = match read {
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                (refuse(Why::Unreadable, error.to_string()), true)
            }
            Err(error) => return Err(error),
            Ok(Some(Request::Hello { version: VERSION })) => {
                greeted = true;
                (Answer::Hello { version: VERSION }, false)
            }
            Ok(Some(Request::Hello { version })) => {
                let message =
                    format!("version {version} is not spoken here, but {VERSION}: update the other");
                (refuse(Why::Version, message), true)
            }
            Ok(Some(_)) if !greeted => (refuse(Why::Version, "say hello first".to_owned()), true),
            Ok(Some(request)) => {
                let (answer, hears) = oneshot::channel();
                if asked.send((request, answer)).await.is_err() {
                    return Ok(());
                }
                let Ok(answer) = hears.await else { return Ok(()) };
                (answer, false)
            }
        };
        write(&mut stream, &answer).await?;
        if last {
            return Ok(());
        }
    }
}

/// `None` when the other side ended between two messages.
async fn read<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    if stream.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    let body = async {
        stream.read_exact(&mut head[1..]).await?;
        let len = u32::from_be_bytes(head) as usize;
        if len > MAX_FRAME_BYTES {
            return Err(invalid(format!("a message of {len} bytes is too long: tell it by networks")));
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

async fn write(stream: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let len = bytes.len() - 4;
    if len > MAX_FRAME_BYTES {
        return Err(invalid(format!("a message of {len} bytes is too long: tell it by networks")));
    }
    bytes[..4].copy_from_slice(&(len as u32).to_be_bytes());
    let sent = timeout(PATIENCE, stream.write_all(&bytes)).await;
    sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("the gateway is not reached at {}: {cause}. Is `neutrino gateway` running?", .path.display())]
    Unreached { path: PathBuf, cause: io::Error },
    #[error("the gateway refused: {}", .0.message)]
    Refused(Refused),
    #[error("the gateway ended the conversation: {0}")]
    Ended(io::Error),
    #[error("the gateway answered something else")]
    Misunderstood,
}

/// An open conversation with a gateway.
pub struct Conversation {
    stream: UnixStream,
}

impl Conversation {
    pub async fn open(socket: &Path) -> Result<Conversation, ControlError> {
        let stream = UnixStream::connect(socket).await;
        let stream = stream.map_err(|cause| ControlError::Unreached { path: socket.to_owned(), cause })?;
        let mut conversation = Conversation { stream };
        match conversation.ask(&Request::Hello { version: VERSION }).await? {
            Answer::Hello { .. } => Ok(conversation),
            _ => Err(ControlError::Misunderstood),
        }
    }

    /// One request, and its answer; a refusal is an error.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer, ControlError> {
        write(&mut self.stream, request).await.map_err(ControlError::Ended)?;
        let heard = timeout(ANSWER, read(&mut self.stream)).await;
        let heard = heard.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match heard.map_err(ControlError::Ended)? {
            Some(Answer::Refused(refused)) => Err(ControlError::Refused(refused)),
            Some(answer) => Ok(answer),
            None => Err(ControlError::Ended(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}
