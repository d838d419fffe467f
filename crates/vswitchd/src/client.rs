//! Asking vswitchd.

use std::io;
use std::path::{Path, PathBuf};

use kernel::conversation::{PATIENCE, read, write};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::message::{Answer, MAX_BYTES, Request, VERSION};

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("vswitchd is not reached at {}: {cause}. {}", .path.display(), hint(.cause))]
    Unreached { path: PathBuf, cause: io::Error },
    #[error("vswitchd refused: {0}")]
    Refused(String),
    #[error("vswitchd ended the conversation")]
    Ended,
    #[error("vswitchd and we do not understand each other: {0}")]
    Misunderstood(String),
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => "Only root, and the users in vswitchd.users, are heard",
        _ => "Is `neutrino vswitchd` running, and vswitchd.socket where it listens?",
    }
}

/// An open conversation.
pub struct Client {
    stream: UnixStream,
}

impl Client {
    pub async fn open(socket: &Path) -> Result<Client, ClientError> {
        let stream = UnixStream::connect(socket).await;
        let stream = stream.map_err(|cause| ClientError::Unreached { path: socket.to_owned(), cause })?;
        let mut client = Client { stream };
        match client.ask(&Request::Hello { version: VERSION }).await? {
            Answer::Hello { .. } => Ok(client),
            other => Err(ClientError::Misunderstood(format!("{other:?}"))),
        }
    }

    /// One request, and its answer; a refusal is an error.
    pub async fn ask(&mut self, request: &Request) -> Result<Answer, ClientError> {
        let told = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => ClientError::Misunderstood(error.to_string()),
            _ => ClientError::Ended,
        };
        // A refusal may have been said before the request was heard, so an answer is read in any case.
        let sent = write(&mut self.stream, request, MAX_BYTES).await;
        let heard = timeout(PATIENCE * 3, read(&mut self.stream, MAX_BYTES)).await;
        match heard.map_err(|_| ClientError::Ended)? {
            Ok(Some(Answer::Refused { message, .. })) => Err(ClientError::Refused(message)),
            Ok(Some(answer)) => sent.map(|()| answer).map_err(told),
            Ok(None) => Err(ClientError::Ended),
            Err(error) => Err(told(error)),
        }
    }
}
