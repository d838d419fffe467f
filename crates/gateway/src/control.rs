//! Telling a gateway what should be, and asking it: its socket, and whoever calls there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kernel::conversation::{self, Answers, Unheard};
use model::gateway::{Answer, MAX_FRAME_BYTES, Refused, Request, VERSION, Why};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

/// For an answer: sockets in a thousand namespaces take a while.
const ANSWER: Duration = Duration::from_secs(60);

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

/// Takes what is asked to who answers, in turn.
struct Hall(mpsc::Sender<Asked>);

/// Takes conversations of those who may be heard, one request of each at a time.
pub(crate) async fn serve(listener: UnixListener, users: Vec<u32>, asked: mpsc::Sender<Asked>) {
    conversation::serve(listener, Arc::new(Hall(asked)), &users).await;
}

impl Answers for Hall {
    type Request = Request;
    type Answer = Answer;
    const MOST: usize = MAX_FRAME_BYTES;
    const VERSION: u32 = VERSION;
    const USERS: &'static str = "gateway.users";

    fn greeting(request: &Request) -> Option<u32> {
        match request {
            Request::Hello { version } => Some(*version),
            _ => None,
        }
    }

    fn hello() -> Answer {
        Answer::Hello { version: VERSION }
    }

    fn refuse(why: Unheard, message: String) -> Answer {
        let why = match why {
            Unheard::NotAllowed => Why::NotAllowed,
            Unheard::Busy => Why::Busy,
            Unheard::Unreadable => Why::Unreadable,
            Unheard::Version => Why::Version,
        };
        Answer::Refused(Refused { why, message })
    }

    fn is_news(request: &Request) -> bool {
        matches!(request, Request::Reports { .. })
    }

    async fn answer(&self, request: Request) -> Answer {
        let (answer, hears) = oneshot::channel();
        let ends = || Self::refuse(Unheard::Busy, "the gateway is ending: ask the next".to_owned());
        match self.0.send((request, answer)).await {
            Ok(()) => hears.await.unwrap_or_else(|_| ends()),
            Err(_) => ends(),
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
