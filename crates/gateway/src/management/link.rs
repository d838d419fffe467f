//! Requests from the tenants' gateway, each with a connection to write to.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kernel::conversation::is_heard;
use kernel::relay::{self, Listener, Packets};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::out::Out;
use super::{Shared, metadata, orders, repository};
use crate::head::{Method, Way};
use crate::link::{Ask, Conn, Done, MAX_MESSAGE, ToManagement, Who, read_to_management};

pub(super) async fn accept(listener: Listener, users: Vec<u32>, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            // Who calls is told by the kernel. Strangers are not even answered.
            Ok(packets) if packets.user().is_ok_and(|user| is_heard(user, &users)) => {
                tracing::info!("the tenants' gateway is there");
                tokio::spawn(hear(Arc::new(packets), Arc::clone(&shared)));
            }
            Ok(_) => tracing::warn!("a stranger called at the socket between the gateways"),
            Err(error) => {
                tracing::warn!(%error, "a connection was not taken");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// A connection of an instance.
struct Held {
    stream: Arc<OwnedFd>,
    task: Option<AbortHandle>,
}

/// What is asked, apart from how it is answered.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub conn: Conn,
    pub who: Who,
    pub method: Method,
    pub old: bool,
    pub stays: bool,
}

/// What is asked for.
enum Work {
    Repository { request: Vec<u8> },
    Metadata { path: String, lines: String },
    Orders { path: String, query: String, body: Vec<u8> },
}

async fn hear(packets: Arc<Packets>, shared: Arc<Shared>) {
    shared.links.fetch_add(1, Ordering::Relaxed);
    let mut streams: HashMap<Conn, Held> = HashMap::new();
    let mut buffer = vec![0; MAX_MESSAGE];
    let why = loop {
        let received = match packets.receive(&mut buffer).await {
            Ok(received) if received.bytes == 0 => break None,
            Ok(received) => received,
            Err(error) => break Some(error.to_string()),
        };
        match read_to_management(&buffer[..received.bytes]) {
            Ok(ToManagement::Ask(ask)) => {
                if let Some(stream) = received.descriptor {
                    streams.insert(ask.conn, Held { stream: Arc::new(stream), task: None });
                }
                let Some(held) = streams.get_mut(&ask.conn) else {
                    break Some("a request without a connection".to_owned());
                };
                let out = Out::new(
                    Arc::clone(&held.stream),
                    Duration::from_secs(shared.settings.stall_s),
                    shared.settings.least_bytes_per_s,
                );
                let (asked, work) = taken(&ask, &shared);
                let answering = answer(asked, work, out, Arc::clone(&shared), Arc::clone(&packets));
                held.task = Some(tokio::spawn(answering).abort_handle());
            }
            Ok(ToManagement::Left(conn)) => {
                let left = streams.remove(&conn);
                let _ = left.and_then(|held| held.task).map(|task| task.abort());
            }
            Err(error) => break Some(error.to_string()),
        }
    };
    shared.links.fetch_sub(1, Ordering::Relaxed);
    match why {
        // What is being answered goes on to its end.
        None => tracing::warn!("the tenants' gateway ended"),
        Some(why) => {
            tracing::error!(why, "the tenants' gateway is not understood");
            // It goes on, and may write to these itself.
            for held in streams.into_values() {
                let _ = held.task.map(|task| task.abort());
                let _ = relay::end_writing(&*held.stream);
            }
        }
    }
}

fn taken(ask: &Ask<'_>, shared: &Shared) -> (Asked, Work) {
    let Ask { conn, who, method, old, stays, .. } = *ask;
    let work = match ask.way {
        Way::Repository => {
            Work::Repository { request: shared.repository.request(method, ask.path, ask.lines) }
        }
        Way::Metadata => Work::Metadata { path: ask.path.to_owned(), lines: ask.lines.to_owned() },
        Way::Orders => {
            let (path, query) = (ask.path.to_owned(), ask.query.to_owned());
            Work::Orders { path, query, body: ask.body.to_vec() }
        }
    };
    (Asked { conn, who, method, old, stays }, work)
}

async fn answer(asked: Asked, work: Work, mut out: Out, shared: Arc<Shared>, packets: Arc<Packets>) {
    let (status, whole, stays) = match work {
        Work::Repository { request } => {
            repository::answer(&asked, &shared.repository, &request, &mut out, &shared).await
        }
        Work::Metadata { path, lines } => metadata::answer(&asked, &path, &lines, &mut out, &shared).await,
        Work::Orders { path, query, body } => {
            orders::answer(&asked, &path, &query, &body, &mut out, &shared).await
        }
    };
    let stays = stays && asked.stays && whole;
    if !stays {
        let _ = relay::end_writing(out.descriptor());
    }
    shared.asked.fetch_add(1, Ordering::Relaxed);
    shared.bytes.fetch_add(out.written(), Ordering::Relaxed);
    shared.broken.fetch_add(u64::from(!whole), Ordering::Relaxed);
    let done = Done { conn: asked.conn, status, written: out.written(), stays, whole };
    // If the tenants' gateway has ended, nobody asks what became of it.
    let _ = packets.send(&done.write(), None).await;
}
