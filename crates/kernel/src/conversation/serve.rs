//! The side that answers: whom it hears, how many at a time, and one answer per message.

use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{PATIENCE, ended, read, write};

/// Conversations at a time, of root and of the users that the settings name: these take no place of root's. Each
/// may hold one message.
const CONVERSATIONS: usize = 8;
/// Who are turned away at a time.
const STRANGERS: usize = 4;

/// Why somebody has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    NotAllowed,
    /// As many of the named users are heard as may be.
    Busy,
    Unreadable,
    Version,
}

/// Who answers.
pub trait Answers: Send + Sync + 'static {
    type Request: DeserializeOwned + Send;
    type Answer: Serialize + Send + Sync;
    /// Bytes of a message.
    const MOST: usize;
    const VERSION: u32;
    /// The setting that names users who are heard besides root.
    const USERS: &'static str;

    /// The version that a greeting says, which comes before anything else.
    fn greeting(request: &Self::Request) -> Option<u32>;
    fn hello() -> Self::Answer;
    fn refuse(why: Unheard, message: String) -> Self::Answer;
    /// Whether what is asked for may be long in coming: who goes meanwhile leaves its place to others.
    fn is_news(_request: &Self::Request) -> bool {
        false
    }
    fn answer(&self, request: Self::Request) -> impl Future<Output = Self::Answer> + Send;
}

/// Hears root, ourselves and some users, for good.
pub async fn serve<A: Answers>(listener: UnixListener, who: Arc<A>, users: &[u32]) {
    let [own, named, strangers] = [CONVERSATIONS, CONVERSATIONS, STRANGERS].map(Semaphore::new).map(Arc::new);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not taken");
                sleep(PATIENCE / 20).await;
                continue;
            }
        };
        let user = stream.peer_cred().ok().map(|peer| peer.uid());
        let is_named = user.is_some_and(|user| users.contains(&user));
        if user.is_some_and(|user| user == 0 || user == crate::own::user()) {
            let (who, own) = (Arc::clone(&who), Arc::clone(&own));
            tokio::spawn(async move {
                let _place = own.acquire().await;
                converse(stream, &*who).await;
            });
        } else if is_named && let Ok(place) = Arc::clone(&named).try_acquire_owned() {
            let who = Arc::clone(&who);
            tokio::spawn(async move {
                converse(stream, &*who).await;
                drop(place);
            });
        } else if let Ok(place) = Arc::clone(&strangers).try_acquire_owned() {
            tokio::spawn(async move {
                turn_away::<A>(stream, is_named).await;
                drop(place);
            });
        }
    }
}

async fn turn_away<A: Answers>(mut stream: UnixStream, is_named: bool) {
    let refused = match is_named {
        true => A::refuse(Unheard::Busy, format!("{CONVERSATIONS} conversations are under way: come again")),
        false => {
            A::refuse(Unheard::NotAllowed, format!("only root, and the users in {}, are heard", A::USERS))
        }
    };
    if write(&mut stream, &refused, A::MOST).await.is_ok() {
        // What is closed with bytes unread takes the answer with it.
        let _ = timeout(PATIENCE / 50, stream.read(&mut [0; 512])).await;
    }
}

async fn converse<A: Answers>(mut stream: UnixStream, who: &A) {
    let mut greeted = false;
    loop {
        // A place is not for those who say nothing from the first.
        let read = read::<A::Request>(&mut stream, A::MOST);
        let read = if greeted { read.await } else { timeout(PATIENCE, read).await.unwrap_or(Ok(None)) };
        let (answer, last) = match read {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                (A::refuse(Unheard::Unreadable, error.to_string()), true)
            }
            Ok(None) | Err(_) => return,
            Ok(Some(request)) => match A::greeting(&request) {
                Some(version) if version == A::VERSION => {
                    greeted = true;
                    (A::hello(), false)
                }
                Some(version) => {
                    let spoken = A::VERSION;
                    let message =
                        format!("version {version} is not spoken here, but {spoken}: update the other");
                    (A::refuse(Unheard::Version, message), true)
                }
                None if !greeted => (A::refuse(Unheard::Version, "say hello first".to_owned()), true),
                None if A::is_news(&request) => tokio::select! {
                    answer = who.answer(request) => (answer, false),
                    () = ended(&stream) => return,
                },
                None => (who.answer(request).await, false),
            },
        };
        if write(&mut stream, &answer, A::MOST).await.is_err() || last {
            return;
        }
    }
}
