//! The transport of one process: channels.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::{BusError, REQUEST_TIMEOUT, Request, Transport};

/// Messages that a subscriber may leave unread before it loses some.
const BACKLOG: usize = 1024;

#[derive(Default)]
pub struct InProcess {
    subjects: Mutex<Subjects>,
}

#[derive(Default)]
struct Subjects {
    subscribers: HashMap<String, Vec<mpsc::Sender<Vec<u8>>>>,
    servers: HashMap<String, Vec<mpsc::Sender<Request>>>,
    turn: usize,
}

impl InProcess {
    fn subjects(&self) -> MutexGuard<'_, Subjects> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of those that serve the subject, taking turns; the dead are forgotten.
    fn server(&self, subject: &str) -> Option<mpsc::Sender<Request>> {
        let mut subjects = self.subjects();
        subjects.turn = subjects.turn.wrapping_add(1);
        let turn = subjects.turn;
        let servers = subjects.servers.get_mut(subject)?;
        servers.retain(|server| !server.is_closed());
        if servers.is_empty() { None } else { Some(servers[turn % servers.len()].clone()) }
    }
}

impl Transport for InProcess {
    fn publish(&self, subject: &str, payload: Vec<u8>) {
        if let Some(subscribers) = self.subjects().subscribers.get_mut(subject) {
            subscribers.retain(|to| !to.is_closed());
            for to in subscribers {
                // A full backlog loses the message, as any bus may.
                let _ = to.try_send(payload.clone());
            }
        }
    }

    fn subscribe(&self, subject: &str) -> mpsc::Receiver<Vec<u8>> {
        let (to, from) = mpsc::channel(BACKLOG);
        self.subjects().subscribers.entry(subject.to_owned()).or_default().push(to);
        from
    }

    fn request(&self, subject: &str, payload: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, BusError>> {
        let subject = subject.to_owned();
        Box::pin(async move {
            let Some(server) = self.server(&subject) else {
                return Err(BusError::NoResponders(subject));
            };
            let (reply, answer) = oneshot::channel();
            if server.send(Request::new(payload, reply)).await.is_err() {
                return Err(BusError::NoResponders(subject));
            }
            match tokio::time::timeout(REQUEST_TIMEOUT, answer).await {
                Ok(Ok(payload)) => Ok(payload),
                Ok(Err(_)) | Err(_) => Err(BusError::TimedOut(subject)),
            }
        })
    }

    fn serve(&self, subject: &str) -> mpsc::Receiver<Request> {
        let (to, from) = mpsc::channel(BACKLOG);
        self.subjects().servers.entry(subject.to_owned()).or_default().push(to);
        from
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bus;

    #[tokio::test]
    async fn ask_is_answered_by_one_server() {
        let bus = Bus::in_process();
        let mut requests = bus.serve("sum");
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                let outcome = request.parse::<Vec<i64>>().map(|v| v.iter().sum::<i64>());
                request.answer(&outcome.map_err(|error| error.to_string()));
            }
        });
        assert_eq!(bus.ask::<_, i64>("sum", &[1, 2, 3]).await.expect("answer"), 6);
        let refused = bus.ask::<_, i64>("sum", &"text").await;
        assert!(matches!(refused, Err(BusError::Refused { .. })), "{refused:?}");
        let nobody = bus.ask::<_, i64>("product", &[1]).await;
        assert!(matches!(nobody, Err(BusError::NoResponders(_))), "{nobody:?}");
    }

    #[tokio::test]
    async fn a_full_backlog_loses_without_blocking() {
        let bus = InProcess::default();
        let mut inbox = bus.subscribe("s");
        for n in 0..BACKLOG + 10 {
            bus.publish("s", vec![n as u8]);
        }
        let mut got = 0;
        while inbox.try_recv().is_ok() {
            got += 1;
        }
        assert_eq!(got, BACKLOG);
    }
}
