//! The socket: who is heard, and one answer per message.

use std::io;
use std::path::Path;
use std::sync::Arc;

use kernel::conversation::{self, PATIENCE, is_heard, read, write};
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::VswitchdError;
use crate::house::House;
use crate::message::{Answer, MAX_BYTES, Request, VERSION, Why};
use crate::settings::Settings;

/// Conversations at a time; each may hold one message.
const CONVERSATIONS: usize = 8;
const STRANGERS: usize = 4;

/// Takes the place of a socket that is left of an earlier run: the lock of the folder says that there is none.
pub(crate) fn listen(path: &Path, users: &[u32]) -> Result<UnixListener, VswitchdError> {
    conversation::listen(path, users).map_err(VswitchdError::io("listen at", path))
}

pub(crate) async fn accept(listener: UnixListener, house: Arc<House>, settings: &Settings) {
    let places = Arc::new(Semaphore::new(CONVERSATIONS));
    let strangers = Arc::new(Semaphore::new(STRANGERS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not taken");
                tokio::time::sleep(PATIENCE / 20).await;
                continue;
            }
        };
        let heard = match stream.peer_cred() {
            Ok(peer) => is_heard(peer.uid(), &settings.users),
            Err(_) => false,
        };
        if !heard {
            // Strangers take no place of those who are heard.
            if let Ok(place) = Arc::clone(&strangers).try_acquire_owned() {
                tokio::spawn(async move {
                    turn_away(stream).await;
                    drop(place);
                });
            }
            continue;
        }
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            converse(stream, &house).await;
            drop(place);
        });
    }
}

async fn turn_away(mut stream: UnixStream) {
    let message = "only root, and the users in vswitchd.users, are heard".to_owned();
    let said = write(&mut stream, &refuse(Why::NotAllowed, message), MAX_BYTES).await;
    if said.is_ok() {
        // What is closed with bytes unread takes the answer with it.
        let _ = timeout(PATIENCE / 50, stream.read(&mut [0; 512])).await;
    }
}

async fn converse(mut stream: UnixStream, house: &Arc<House>) {
    let mut greeted = false;
    loop {
        // A place is not for those who say nothing from the first.
        let read = read::<Request>(&mut stream, MAX_BYTES);
        let read = if greeted { read.await } else { timeout(PATIENCE, read).await.unwrap_or(Ok(None)) };
        let (answer, last) = match read {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                (refuse(Why::Unreadable, error.to_string()), true)
            }
            Ok(None) | Err(_) => return,
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
            Ok(Some(request)) => (house.answer(request).await, false),
        };
        if write(&mut stream, &answer, MAX_BYTES).await.is_err() || last {
            return;
        }
    }
}

pub(crate) fn refuse(why: Why, message: String) -> Answer {
    Answer::Refused { why, message }
}
