//! The tenant's gateway: listens in the namespaces of networks, knows who asks, judges, and hands on.
//!
//! ```text
//! networks   what is listened on, made as it is told        door     one listening socket: who may come in
//! network    one network: who is who, limits, counts        client   one connection: requests, one after another
//! link       the way to the management gateway
//! ```
//! Connections of what stays as it is go on when other things change; those of a port that goes end with it.

mod client;
mod door;
mod link;
mod network;
mod networks;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use kernel::conversation::listen;
use model::conversation::{Refused, Why};
use model::gateway::{Answer, Request};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::interval;

use crate::{GatewayError, Settings, Tenant, control};
use link::Link;
use networks::Networks;

/// Namespaces that come, go or are made anew under their names are noticed after so long.
const SWEEP: Duration = Duration::from_secs(1);
/// Refusals that are read out at a time; who is refused beyond that may see a reset instead.
const FAREWELLS: usize = 64;

/// What all connections share.
#[derive(Debug)]
struct Shared {
    settings: Tenant,
    link: Link,
    /// Connections at a time.
    connections: AtomicU32,
    numbers: AtomicU64,
    farewells: Arc<Semaphore>,
}

impl Shared {
    /// A number for a connection.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

/// Serves until told to stop. It is told what should be over its control socket; what it was told ends with it.
pub async fn run(settings: Settings, mut stopping: watch::Receiver<bool>) -> Result<(), GatewayError> {
    settings.check()?;
    kernel::raise_file_limit()
        .map_err(GatewayError::io("raise the limit of", PathBuf::from("open files")))?;
    let shared = Arc::new(Shared {
        link: Link::new(settings.socket.clone(), settings.users.clone()),
        settings: settings.tenant.clone(),
        connections: AtomicU32::new(0),
        numbers: AtomicU64::new(1),
        farewells: Arc::new(Semaphore::new(FAREWELLS)),
    });
    let listener = listen(&settings.tenant.control, &settings.users)
        .map_err(GatewayError::io("listen at", &settings.tenant.control))?;
    let (asks, mut asked) = mpsc::channel(4);
    let told = tokio::spawn(control::serve(listener, settings.users.clone(), asks));
    let linked = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move { shared.link.run().await }
    });
    tracing::info!(control = %settings.tenant.control.display(), "the tenants' gateway is there");
    kernel::own::give_back();
    let mut networks = Networks::new(shared);
    let mut sweep = interval(SWEEP);
    loop {
        tokio::select! {
            Some((request, answer)) = asked.recv() => {
                // Whoever asked may have gone; it is so all the same.
                let answered = answer_to(&mut networks, &request).await;
                control::done_with(request);
                let _ = answer.send(answered);
            }
            _ = sweep.tick() => networks.sweep().await,
            _ = stopping.changed() => break,
        }
    }
    told.abort();
    linked.abort();
    Ok(())
}

async fn answer_to(networks: &mut Networks, request: &Request) -> Answer {
    let checked = match request {
        Request::Tell { wanted } => wanted.check(),
        Request::Change { networks, .. } => networks.iter().try_for_each(model::gateway::Network::check),
        Request::Reports { .. } => {
            Err(Refused::new(Why::Wrong, "orders are the management gateway's: ask there"))
        }
        Request::Status | Request::Keep { .. } => Ok(()),
    };
    if let Err(refused) = checked {
        return Answer::Refused(refused);
    }
    match request {
        Request::Tell { wanted } => {
            networks.tell(wanted).await;
            Answer::Told { unserved: networks.unserved() }
        }
        Request::Change { networks: changed, gone } => {
            networks.change(changed, gone).await;
            Answer::Told { unserved: networks.unserved() }
        }
        Request::Keep { networks: these } => {
            networks.keep(these).await;
            Answer::Told { unserved: networks.unserved() }
        }
        Request::Status | Request::Reports { .. } => Answer::Status { status: Box::new(networks.status()) },
    }
}
