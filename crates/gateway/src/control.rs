//! Telling a gateway what should be, and asking it: its socket, and whoever calls there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kernel::conversation::{self, PATIENCE, ended, is_heard, read, write};
use model::gateway::{Answer, MAX_FRAME_BYTES, Refused, Request, VERSION, Why};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// For an answer: sockets in a thousand namespaces take a while.
const ANSWER: Duration = Duration::from_secs(60);
const CONVERSATIONS: usize = 8;

/// Networks of a message whose reading takes memory that is worth giving back.
const LARGE: usize = 64;

/// Forgets a request of which all is copied that is kept. A piece of it that stayed would hold the page it is
/// on, and after a thousand networks most pages.
pub(crate) fn done_with(request: Request) {
    let networks = match &request {
        Request::Tell { wanted } => wanted.networks.len(),
        Request::Change { networks, .. } => networks.len(),
        _ => 0,
    };
    drop(request);
    if networks >= LARGE {
        kernel::own::give_back();
    }
}

/// A request, and where its answer goes.
pub(crate) type Asked = (Request, oneshot::Sender<Answer>);

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

async fn converse(mut stream: UnixStream, asked: &mpsc::Sender<Asked>) -> io::Result<()> {
    let mut greeted = false;
    loop {
        let read = read::<Request>(&mut stream, MAX_FRAME_BYTES);
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
                // Who waits for news, and goes, leaves its place to others.
                tokio::select! {
                    answer = hears => match answer {
                        Ok(answer) => (answer, false),
                        Err(_) => return Ok(()),
                    },
                    () = ended(&stream) => return Ok(()),
                }
            }
        };
        write(&mut stream, &answer, MAX_FRAME_BYTES).await?;
        if last {
            return Ok(());
        }
    }
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
pub struct Conversation(conversation::Conversation);

impl Conversation {
    pub async fn open(socket: &Path) -> Result<Conversation, ControlError> {
        let opened = conversation::Conversation::open(socket, MAX_FRAME_BYTES).await;
        let opened = opened.map_err(|cause| ControlError::Unreached { path: socket.to_owned(), cause })?;
        let mut conversation = Conversation(opened);
        match conversation.ask(&Request::Hello { version: VERSION }).await? {
            Answer::Hello { .. } => Ok(conversation),
            _ => Err(ControlError::Misunderstood),
        }
    }

    /// One request, and its answer; a refusal is an error.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer, ControlError> {
        match self.0.ask(request, ANSWER).await.map_err(ControlError::Ended)? {
            Answer::Refused(refused) => Err(ControlError::Refused(refused)),
            answer => Ok(answer),
        }
    }
}
