//! The side that answers: whom it hears, how many at a time, and one answer per message.

use std::io;
use std::sync::Arc;

use model::conversation::{Greeting, Question, Refused, Why};
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{GREETING, PATIENCE, ended, read, write};

/// Conversations at a time, of root and of the users that the settings name: these take no place of root's. Each
/// may hold one message.
const CONVERSATIONS: usize = 8;
/// Who are turned away at a time.
const STRANGERS: usize = 4;

/// Who answers.
pub trait Answers: Send + Sync + 'static {
    type Question: Question;

    fn answer(&self, question: Self::Question) -> impl Future<Output = Answer<Self>> + Send;
}

type Answer<A> = <<A as Answers>::Question as Question>::Answer;

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
                turn_away::<A::Question>(stream, is_named).await;
                drop(place);
            });
        }
    }
}

async fn turn_away<Q: Question>(mut stream: UnixStream, is_named: bool) {
    let refused = match is_named {
        true => Refused::new(Why::Busy, format!("{CONVERSATIONS} conversations are under way: come again")),
        false => {
            Refused::new(Why::NotAllowed, format!("only root, and the users in {}, are heard", Q::USERS))
        }
    };
    if write(&mut stream, &Greeting::Refused(refused), GREETING).await.is_ok() {
        // What is closed with bytes unread takes the answer with it.
        let _ = timeout(PATIENCE / 50, stream.read(&mut [0; 512])).await;
    }
}

async fn converse<A: Answers>(mut stream: UnixStream, who: &A) {
    // A place is not for those who say nothing from the first.
    let Ok(heard) = timeout(PATIENCE, read(&mut stream, GREETING)).await else { return };
    let Ok(greeting) = greeting::<A::Question>(heard) else { return };
    let is_last = matches!(greeting, Greeting::Refused(_));
    if write(&mut stream, &greeting, GREETING).await.is_err() || is_last {
        return;
    }
    loop {
        let (answer, is_last) = match read::<A::Question>(&mut stream, A::Question::MOST).await {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                (Refused::new(Why::Unreadable, error.to_string()).into(), true)
            }
            Ok(None) | Err(_) => return,
            Ok(Some(question)) if question.is_news() => tokio::select! {
                answer = who.answer(question) => (answer, false),
                () = ended(&stream) => return,
            },
            Ok(Some(question)) => (who.answer(question).await, false),
        };
        if write(&mut stream, &answer, A::Question::MOST).await.is_err() || is_last {
            return;
        }
    }
}

/// The answer to the first message, if any came.
fn greeting<Q: Question>(heard: io::Result<Option<Greeting>>) -> io::Result<Greeting> {
    let no = |message: String| Ok(Greeting::Refused(Refused::new(Why::Version, message)));
    match heard {
        Ok(Some(Greeting::Hello { version })) if version == Q::VERSION => Ok(Greeting::Hello { version }),
        Ok(Some(Greeting::Hello { version })) => {
            no(format!("version {version} is not spoken here, but {}: update the other", Q::VERSION))
        }
        Ok(Some(Greeting::Refused(_))) => no("say hello first".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => no(format!("say hello first: {error}")),
        Ok(None) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) => Err(error),
    }
}
