//! The transport of one process: channels.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};

use crate::transport::matches;
use crate::{BusError, REQUEST_TIMEOUT, Request, Transport};

/// Messages that a subscriber may leave unread before it loses some.
const BACKLOG: usize = 1024;

pub struct InProcess {
    subjects: Mutex<Subjects>,
    /// Always true: there is nothing to connect to.
    connected: watch::Sender<bool>,
}

#[derive(Default)]
struct Subjects {
    subscribers: BTreeMap<String, Vec<mpsc::Sender<Vec<u8>>>>,
    /// By pattern.
    servers: BTreeMap<String, Vec<mpsc::Sender<Request>>>,
    turn: usize,
}

impl Default for InProcess {
    fn default() -> InProcess {
        InProcess { subjects: Mutex::default(), connected: watch::Sender::new(true) }
    }
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
        let (_, servers) = subjects.servers.iter_mut().find(|(pattern, _)| matches(pattern, subject))?;
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

    fn deliver(&self, subject: &str, payloads: Vec<Vec<u8>>) -> BoxFuture<'_, Result<(), BusError>> {
        payloads.into_iter().for_each(|payload| self.publish(subject, payload));
        Box::pin(std::future::ready(Ok(())))
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
            // The asker may have gone; it will ask again.
            let reply = Box::new(|payload| -> BoxFuture<'static, ()> {
                let _ = reply.send(payload);
                Box::pin(std::future::ready(()))
            });
            let request = Request::new(subject.clone(), payload, self.max_payload(), reply);
            let answered = tokio::time::timeout(REQUEST_TIMEOUT, async {
                server.send(request).await.is_ok().then_some(answer.await)
            });
            match answered.await {
                Ok(Some(Ok(payload))) => Ok(payload),
                Ok(None) => Err(BusError::NoResponders(subject)),
                Ok(Some(Err(_))) | Err(_) => Err(BusError::TimedOut(subject)),
            }
        })
    }

    fn serve(&self, pattern: &str) -> mpsc::Receiver<Request> {
        let (to, from) = mpsc::channel(BACKLOG);
        self.subjects().servers.entry(pattern.to_owned()).or_default().push(to);
        from
    }

    fn max_payload(&self) -> usize {
        usize::MAX
    }

    fn connected(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bus;
    use model::subject::Word;
    use model::sync::No;

    #[tokio::test]
    async fn ask_is_answered_by_one_server_that_knows_who_asks() {
        let bus = Bus::in_process();
        let mut requests = bus.serve(Word::Sync);
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                let host = request.host().expect("a host");
                let sum = request.parse::<Vec<i64>>().map(|v| (host, v.iter().sum::<i64>()));
                let outcome = sum.map_err(|error| No::Refused { reason: error.to_string() });
                request.answer(&outcome).await;
            }
        });
        let sum: (String, i64) = bus.ask(Word::Sync, "a.b", &[1, 2, 3]).await.expect("answer");
        assert_eq!(sum, ("a.b".to_owned(), 6));
        let refused = bus.ask::<_, i64>(Word::Sync, "a.b", &"text").await;
        assert!(matches!(refused, Err(BusError::Refused { .. })), "{refused:?}");
        let nobody = bus.ask::<_, i64>(Word::Beat, "a.b", &[1]).await;
        assert!(matches!(nobody, Err(BusError::NoResponders(_))), "{nobody:?}");
        let nameless = bus.ask::<_, i64>(Word::Sync, "", &[1]).await;
        assert!(matches!(nameless, Err(BusError::NotAHost(_))), "{nameless:?}");
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
