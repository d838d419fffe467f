//! What a gateway is told and asked at its socket.

use std::sync::Arc;

use kernel::conversation::{self, Answers};
use model::conversation::{Refused, Why};
use model::gateway::{Answer, Request};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

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
    type Question = Request;

    async fn answer(&self, request: Request) -> Answer {
        let (answer, hears) = oneshot::channel();
        let ends = || Refused::new(Why::Busy, "the gateway is ending: ask the next").into();
        match self.0.send((request, answer)).await {
            Ok(()) => hears.await.unwrap_or_else(|_| ends()),
            Err(_) => ends(),
        }
    }
}
