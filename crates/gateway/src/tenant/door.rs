//! One listening socket: who may come in.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use kernel::relay::{self, Watched};
use model::gateway;
use tokio::time::{sleep, timeout};

use super::Shared;
use super::client::Client;
use super::network::{State, count};
use crate::head::Refusal;

/// When nothing more can be opened.
const PAUSE: Duration = Duration::from_millis(100);
/// For who is refused to read why.
const FAREWELL: Duration = Duration::from_secs(2);
const FAREWELL_BYTES: usize = 256 << 10;

pub(super) async fn accept(listener: Watched, door: gateway::Door, state: Arc<State>, shared: Arc<Shared>) {
    loop {
        match listener.when_ready(|fd| relay::accept(fd)).await {
            Ok((stream, from)) => take(stream, from.ip(), door, &state, &shared),
            Err(error) if is_of_one(&error) => {}
            Err(error) => {
                tracing::warn!(network.id = %state.id, %error, "a connection was not taken");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Whether the connection is the fault, not this process.
fn is_of_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | NotConnected)
}

fn take(stream: OwnedFd, from: IpAddr, door: gateway::Door, state: &Arc<State>, shared: &Arc<Shared>) {
    count(&state.counts.connections, 1);
    let Some(caller) = state.caller(from) else {
        count(&state.counts.unknown, 1);
        if state.may_log() {
            tracing::warn!(network.id = %state.id, source = %from, "nobody of the network has this address");
        }
        return refuse(stream, Refusal::Unknown, shared);
    };
    let Some(place) = state.admit(shared, from, caller) else {
        count(&state.counts.too_many, 1);
        return refuse(stream, Refusal::TooMany, shared);
    };
    let number = place.number;
    match Client::new(stream, from, door, place) {
        Ok(client) => state.runs(number, tokio::spawn(client.serve()).abort_handle()),
        Err(error) => tracing::warn!(network.id = %state.id, %error, "a connection cannot be waited on"),
    }
}

fn refuse(stream: OwnedFd, refusal: Refusal, shared: &Arc<Shared>) {
    let _ = relay::send(&stream, &refusal.answer(true, true));
    farewell(stream, shared);
}

/// Lets who is refused read why: a stream that is closed with bytes unread takes the answer with it.
pub(super) fn farewell(stream: OwnedFd, shared: &Arc<Shared>) {
    let _ = relay::end_writing(&stream);
    let Ok(place) = Arc::clone(&shared.farewells).try_acquire_owned() else { return };
    let Ok(watched) = Watched::for_reading(Arc::new(stream)) else { return };
    tokio::spawn(async move {
        let _ = timeout(FAREWELL, read_out(&watched)).await;
        drop(place);
    });
}

async fn read_out(stream: &Watched) {
    let mut left = FAREWELL_BYTES;
    while left > 0 {
        match stream.when_ready(|fd| relay::receive(fd, &mut [0; 4096])).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => left = left.saturating_sub(bytes),
        }
    }
}
