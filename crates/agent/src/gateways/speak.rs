//! Conversations with gateways: one tells what should be, one waits for reports.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kernel::conversation::{AskError, Conversation};
use model::conversation::Refused;
use model::gateway::{Answer, MAX_FRAME_BYTES, Network, Request, Said, Unserved};
use model::software::Orders;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::sleep;

use super::{Amiss, Networks, Role, Wanted};
use crate::backoff::Backoff;

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// What is not served is asked for again after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long an answer of reports waits for the first.
const WAIT_S: u64 = 30;
/// Of networks in one message; a network that is larger goes alone.
const MESSAGE_BYTES: usize = MAX_FRAME_BYTES / 4;

/// Tells a gateway for ever.
pub(super) async fn tell(role: Role, socket: PathBuf, mut wanted: watch::Receiver<Wanted>, amiss: Amiss) {
    let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
    loop {
        let Err(failed) = keep_told(role, &socket, &mut wanted, &amiss, &mut backoff).await;
        amiss.set(role, Some(failed.to_string()));
        sleep(backoff.next()).await;
    }
}

async fn keep_told(
    role: Role,
    socket: &Path,
    wanted: &mut watch::Receiver<Wanted>,
    amiss: &Amiss,
    backoff: &mut Backoff,
) -> Result<Infallible, AskError> {
    if wanted.wait_for(Option::is_some).await.is_err() {
        std::future::pending::<()>().await;
    }
    let mut gateway = Conversation::open(socket).await?;
    // What is left of an earlier life of ours goes; the rest may be as it should.
    let mut told = Networks::new();
    let stay = wanted.borrow().iter().flat_map(Networks::keys).copied().collect();
    gateway.ask(&Request::Keep { networks: stay }).await?;
    loop {
        let now = wanted.borrow_and_update().clone().unwrap_or_default();
        let mut refused = None;
        let mut unserved = Vec::new();
        for request in differences(role, &told, &now) {
            match gateway.ask(&request).await {
                Ok(Answer::Told { unserved: left }) => unserved = left,
                Ok(other) => return Err(AskError::other::<Request>(&other)),
                // The others are told all the same.
                Err(AskError::Refused { refused: why, .. }) => refused = Some(why),
                Err(failed) => return Err(failed),
            }
        }
        told = now;
        loop {
            amiss.set(role, sentence(socket, refused.as_ref(), &unserved));
            backoff.reset();
            tokio::select! {
                changed = wanted.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => std::future::pending().await,
                },
                () = gateway.ended() => return Err(AskError::ended::<Request>(io::ErrorKind::UnexpectedEof)),
                () = sleep(LOOK_AGAIN), if !unserved.is_empty() => {
                    unserved = match gateway.ask(&Request::Status).await? {
                        Answer::Status { status } => status.unserved,
                        other => return Err(AskError::other::<Request>(&other)),
                    };
                }
            }
        }
    }
}

/// Waits for reports for ever, and passes them on; asked again, from the first.
pub(super) async fn listen(socket: PathBuf, reported: mpsc::Sender<Vec<Said>>, again: Arc<Notify>) {
    let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
    loop {
        tokio::select! {
            // Who tells says that it is not reached.
            _ = hear(&socket, &reported, &mut backoff) => sleep(backoff.next()).await,
            () = again.notified() => {}
        }
    }
}

async fn hear(
    socket: &Path,
    reported: &mpsc::Sender<Vec<Said>>,
    backoff: &mut Backoff,
) -> Result<Infallible, AskError> {
    let mut gateway = Conversation::open(socket).await?;
    let mut after = 0;
    loop {
        let (reports, last) = match gateway.ask(&Request::Reports { after, wait_s: WAIT_S }).await? {
            Answer::Reports { reports, last } => (reports, last),
            other => return Err(AskError::other::<Request>(&other)),
        };
        backoff.reset();
        after = last;
        if !reports.is_empty() && reported.send(reports).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What makes of the networks that were told those that should be.
fn differences(role: Role, told: &Networks, now: &Networks) -> Vec<Request> {
    let gone: Vec<_> = told.keys().filter(|id| !now.contains_key(id)).copied().collect();
    let mut requests = Vec::new();
    if !gone.is_empty() {
        requests.push(Request::Change { networks: Vec::new(), gone });
    }
    let same = |network: &Network| told.get(&network.id).is_some_and(|told| **told == *network);
    let (mut networks, mut bytes) = (Vec::new(), 0);
    for network in now.values().filter(|network| !same(network)) {
        let network = as_seen_by(role, network);
        let len = serde_json::to_vec(&network).map_or(0, |text| text.len());
        if bytes + len > MESSAGE_BYTES && !networks.is_empty() {
            requests.push(Request::Change { networks: std::mem::take(&mut networks), gone: Vec::new() });
            bytes = 0;
        }
        bytes += len;
        networks.push(network);
    }
    if !networks.is_empty() {
        requests.push(Request::Change { networks, gone: Vec::new() });
    }
    requests
}

/// Who only judges who asks need not know more of them.
fn as_seen_by(role: Role, network: &Network) -> Network {
    let mut network = network.clone();
    if role == Role::Tenant {
        for port in &mut network.ports {
            port.about = Default::default();
            port.orders = Orders::default();
        }
    }
    network
}

fn sentence(socket: &Path, refused: Option<&Refused>, unserved: &[Unserved]) -> Option<String> {
    let at = socket.display();
    if let Some(refused) = refused {
        return Some(format!("the gateway at {at} refused: {}", refused.message));
    }
    let first = unserved.first()?;
    Some(format!(
        "the gateway at {at} does not serve {} networks, such as {}: {}",
        unserved.len(),
        first.network,
        first.why
    ))
}
