//! The transport for many processes: NATS, core subjects only (2.9 and later).
//!
//! ```text
//! options      what an operator says: where, who, TLS     login: files -> connect options
//! link         connects, and again, for ever; says so once
//! inbox        answers to requests, and only to those still waited for
//! permissions  what nats-server must allow to servers and hosts, as its configuration
//! ```
//! Connecting is never waited for. While there is no bus, wakes are lost and requests fail at
//! once: hosts ask again when they see it is back.

mod inbox;
mod link;
mod options;
pub mod permissions;

use std::sync::{Arc, Mutex, PoisonError};

use async_nats::{Client, Message, StatusCode};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use model::subject;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub use options::{NatsError, NatsOptions};

use crate::{BusError, REQUEST_TIMEOUT, Request, Transport};
use inbox::Inbox;
use link::Link;

/// Messages that wait to be read, by subscription; more are lost.
const BACKLOG: usize = 1024;
/// Servers in this group share the work.
const GROUP: &str = "servers";
/// What nats-server carries where it is not told otherwise.
const MAX_PAYLOAD: usize = 1 << 20;

/// A connection to NATS; dropping it ends it.
pub struct Nats {
    link: Arc<Link>,
    inbox: Arc<Inbox>,
    tasks: Mutex<JoinSet<()>>,
}

impl Nats {
    /// Begins to connect, within a runtime. `host`: whose agent asks over this connection, if any.
    pub fn start(options: NatsOptions, host: Option<&str>) -> Result<Nats, NatsError> {
        let prefix = match host {
            Some(host) => subject::inbox(host).ok_or_else(|| NatsError::NotAHost(host.to_owned()))?,
            None => subject::SERVERS_INBOX.to_owned(),
        };
        options.check()?;
        // Chosen here, as it could be ambiguous later; whoever chose before chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (link, inbox) = (Arc::new(Link::default()), Arc::new(Inbox::default()));
        let name = format!("neutrino {}", host.unwrap_or("server"));
        let mut tasks = JoinSet::new();
        tasks.spawn(link::connect(options, name, prefix, link.clone(), inbox.clone()));
        Ok(Nats { link, inbox, tasks: Mutex::new(tasks) })
    }

    /// Why there is no connection, as far as it is known; empty while all is well.
    pub fn trouble(&self) -> String {
        self.link.trouble()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

impl Transport for Nats {
    fn publish(&self, subject: &str, payload: Vec<u8>) {
        let Some(client) = self.link.live() else { return };
        // Tokio's budget must not make a send look blocked that has room.
        let sending = tokio::task::unconstrained(client.publish(subject.to_owned(), payload.into()));
        match sending.now_or_never() {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%error, subject, "not published"),
            None => tracing::debug!(subject, "not published: too much waits to be sent"),
        }
    }

    fn deliver(&self, subject: &str, payloads: Vec<Vec<u8>>) -> BoxFuture<'_, Result<(), BusError>> {
        let subject = subject.to_owned();
        Box::pin(async move {
            let delivered = tokio::time::timeout(REQUEST_TIMEOUT, self.hand_over(&subject, payloads));
            match delivered.await {
                Ok(outcome) => outcome,
                Err(_) => Err(BusError::TimedOut(subject)),
            }
        })
    }

    fn subscribe(&self, subject: &str) -> mpsc::Receiver<Vec<u8>> {
        let (to, from) = mpsc::channel(BACKLOG);
        self.spawn(forward(self.link.clone(), subject.to_owned(), to));
        from
    }

    fn request(&self, subject: &str, payload: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, BusError>> {
        let subject = subject.to_owned();
        Box::pin(async move {
            let asked = tokio::time::timeout(REQUEST_TIMEOUT, self.ask(&subject, payload));
            match asked.await {
                Ok(answer) => answer,
                Err(_) => Err(BusError::TimedOut(subject)),
            }
        })
    }

    fn serve(&self, pattern: &str) -> mpsc::Receiver<Request> {
        let (to, from) = mpsc::channel(BACKLOG);
        self.spawn(take(self.link.clone(), pattern.to_owned(), to));
        from
    }

    fn max_payload(&self) -> usize {
        self.link.live().map_or(MAX_PAYLOAD, |client| client.max_payload())
    }

    fn connected(&self) -> watch::Receiver<bool> {
        self.link.connected()
    }
}

impl Nats {
    /// nats-server works in order: when a message to ourselves is back, it has read what was before.
    async fn hand_over(&self, subject: &str, payloads: Vec<Vec<u8>>) -> Result<(), BusError> {
        let mut connected = self.link.connected();
        let client = self.link.live().ok_or(BusError::Disconnected)?;
        let waiting = self.inbox.expect(&client, subject, |task| self.spawn(task)).await?;
        let last = (waiting.reply.clone(), Vec::new());
        let all = payloads.into_iter().map(|payload| (subject.to_owned(), payload)).chain([last]);
        for (subject, payload) in all {
            client.publish(subject, payload.into()).await.map_err(|_| BusError::Disconnected)?;
        }
        tokio::select! {
            answer = waiting.answer() => answer.map(drop),
            // What was on its way may be lost with the connection.
            _ = connected.wait_for(|connected| !connected) => Err(BusError::Disconnected),
        }
    }

    async fn ask(&self, subject: &str, payload: Vec<u8>) -> Result<Vec<u8>, BusError> {
        let mut connected = self.link.connected();
        let client = self.link.live().ok_or(BusError::Disconnected)?;
        let (bytes, limit) = (payload.len(), client.max_payload());
        if bytes > limit {
            return Err(BusError::TooLarge { subject: subject.to_owned(), bytes, limit });
        }
        let waiting = self.inbox.expect(&client, subject, |task| self.spawn(task)).await?;
        let sent = client.publish_with_reply(subject.to_owned(), waiting.reply.clone(), payload.into());
        sent.await.map_err(|_| BusError::Disconnected)?;
        let answer = tokio::select! {
            answer = waiting.answer() => answer?,
            // An answer that was on its way is lost with the connection.
            _ = connected.wait_for(|connected| !connected) => return Err(BusError::Disconnected),
        };
        match answer.status {
            Some(StatusCode::NO_RESPONDERS) => Err(BusError::NoResponders(subject.to_owned())),
            _ => Ok(answer.payload.into()),
        }
    }
}

/// Hands over what is published to a subject until nobody reads it.
async fn forward(link: Arc<Link>, subject: String, to: mpsc::Sender<Vec<u8>>) {
    let client = link.client().await;
    let Ok(mut messages) = client.subscribe(subject).await else { return };
    loop {
        tokio::select! {
            message = messages.next() => match message {
                // A full backlog loses the message, as any bus may.
                Some(message) => drop(to.try_send(message.payload.into())),
                None => return,
            },
            () = to.closed() => return,
        }
    }
}

/// Takes requests until nobody serves them.
async fn take(link: Arc<Link>, pattern: String, to: mpsc::Sender<Request>) {
    let client = link.client().await;
    let Ok(mut messages) = client.queue_subscribe(pattern, GROUP.to_owned()).await else { return };
    loop {
        let message = tokio::select! {
            message = messages.next() => message,
            () = to.closed() => break,
        };
        let Some(message) = message else { return };
        // One that finds no place is dropped, and its asker told to come again.
        let _ = request(&client, message).map(|request| to.try_send(request));
    }
    // Nobody serves here any longer; who was sent here meanwhile is told so, to ask another.
    if messages.drain().await.is_ok() {
        while let Some(message) = messages.next().await {
            drop(request(&client, message));
        }
    }
}

fn request(client: &Client, message: Message) -> Option<Request> {
    let subject = message.subject.to_string();
    let reply = message.reply?;
    // Servers may publish to any host; a host must not have them do so in its place.
    let inbox = subject::host_of(&subject).and_then(|host| subject::inbox(&host))?;
    let inside = reply.strip_prefix(inbox.as_str()).is_some_and(|rest| rest.starts_with('.'));
    if !inside {
        tracing::warn!(subject, "a host asks for an answer to another's address; it gets none");
        return None;
    }
    let answers = client.clone();
    let send = Box::new(move |payload: Vec<u8>| -> BoxFuture<'static, ()> {
        // An answer that is not sent is one that is lost.
        Box::pin(async move { drop(answers.publish(reply, payload.into()).await) })
    });
    Some(Request::new(subject, message.payload.into(), client.max_payload(), send))
}
