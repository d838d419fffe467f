//! The side that asks.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::conversation::{Greeting, Question, Refused};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{GREETING, read, unread, write};

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("{server} is not reached at {}: {cause}. {hint}", .path.display())]
    Unreached { server: &'static str, path: PathBuf, cause: io::Error, hint: String },
    #[error("{server} refused: {}", .refused.message)]
    Refused { server: &'static str, refused: Refused },
    #[error("{server} ended the conversation: {cause}")]
    Ended { server: &'static str, cause: io::Error },
    #[error("{server} and we do not understand each other: {message}")]
    Misunderstood { server: &'static str, message: String },
}

impl AskError {
    /// An answer to something else.
    pub fn other<Q: Question>(answer: &Q::Answer) -> AskError {
        AskError::Misunderstood { server: Q::SERVER, message: format!("{answer:?}") }
    }

    pub fn ended<Q: Question>(cause: impl Into<io::Error>) -> AskError {
        let cause = cause.into();
        match cause.kind() {
            io::ErrorKind::InvalidData => {
                AskError::Misunderstood { server: Q::SERVER, message: cause.to_string() }
            }
            _ => AskError::Ended { server: Q::SERVER, cause },
        }
    }

    fn unreached<Q: Question>(path: &Path, cause: io::Error) -> AskError {
        let hint = match cause.kind() {
            io::ErrorKind::PermissionDenied => format!("Only root, and the users in {}, are heard", Q::USERS),
            _ => format!("Is `{}` running, and does it listen there?", Q::COMMAND),
        };
        AskError::Unreached { server: Q::SERVER, path: path.to_owned(), cause, hint }
    }
}

/// An open conversation in the language of some questions.
pub struct Conversation<Q> {
    stream: UnixStream,
    language: std::marker::PhantomData<fn(Q)>,
}

impl<Q: Question> Conversation<Q> {
    pub async fn open(socket: &Path) -> Result<Conversation<Q>, AskError> {
        let stream = UnixStream::connect(socket).await;
        let mut stream = stream.map_err(|cause| AskError::unreached::<Q>(socket, cause))?;
        let hello = Greeting::Hello { version: Q::VERSION };
        match exchange(&mut stream, &hello, GREETING, Q::PATIENCE).await {
            Ok(Greeting::Hello { .. }) => Ok(Conversation { stream, language: std::marker::PhantomData }),
            Ok(Greeting::Refused(refused)) => Err(AskError::Refused { server: Q::SERVER, refused }),
            Err(cause) => Err(AskError::ended::<Q>(cause)),
        }
    }

    /// One question, and its answer; a refusal is an error. Whoever gives up waiting has to end the conversation.
    pub async fn ask(&mut self, question: &Q) -> Result<Q::Answer, AskError> {
        let answer = exchange(&mut self.stream, question, Q::MOST, Q::PATIENCE).await;
        Q::heard(answer.map_err(AskError::ended::<Q>)?)
            .map_err(|refused| AskError::Refused { server: Q::SERVER, refused })
    }

    /// Returns when the other side has ended, or speaks unasked.
    pub async fn ended(&self) {
        unread(&self.stream).await;
    }
}

async fn exchange<A: DeserializeOwned>(
    stream: &mut UnixStream,
    message: &impl Serialize,
    most: usize,
    patience: Duration,
) -> io::Result<A> {
    // A refusal may have been said before the question was heard, so an answer is read in any case.
    let sent = write(stream, message, most).await;
    match timeout(patience, read(stream, most))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?
    {
        Some(answer) => Ok(answer),
        None => Err(sent.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())),
    }
}
