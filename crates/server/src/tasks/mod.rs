//! Loops beside the requests. Each may die with the process at any point: what it was about is
//! in the database, and the next run finds it.
//!
//! ```text
//! relay      committed changes -> wakes            sync    what a host asks -> parts
//! report     what hosts say of parts -> status     beat    heartbeats -> agents
//! dhcp       networks -> agents that serve them    prune   forgets the parts of what is gone
//! checkpoint the database's log -> its file
//! ```

mod beat;
mod checkpoint;
mod dhcp;
mod prune;
mod relay;
mod report;
mod sync;

use std::future::Future;
use std::time::Duration;

use bus::Request;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::app::{App, Nudges};
use crate::error::Fault;

/// Every loop also runs without being woken.
const SWEEP: Duration = Duration::from_secs(5);

pub fn spawn(running: &mut JoinSet<()>, app: &App, nudges: Nudges, stop: &watch::Receiver<bool>) {
    running.spawn(until(stop.clone(), relay::run(app.clone())));
    running.spawn(until(stop.clone(), dhcp::run(app.clone(), nudges)));
    running.spawn(until(stop.clone(), prune::run(app.clone())));
    running.spawn(until(stop.clone(), checkpoint::run(app.clone())));
    running.spawn(until(stop.clone(), app.policy_file().run()));
    let bus = app.bus();
    let requests = bus.serve(model::sync::SYNC);
    running.spawn(until(stop.clone(), serve(app.clone(), requests, sync::answer)));
    let requests = bus.serve(model::sync::REPORT);
    running.spawn(until(stop.clone(), serve(app.clone(), requests, report::store)));
    let requests = bus.serve(model::sync::HEARTBEAT);
    running.spawn(until(stop.clone(), serve(app.clone(), requests, beat::store)));
}

async fn until(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Answers requests of one kind, one after another.
async fn serve<Q, A, F>(app: App, mut requests: mpsc::Receiver<Request>, answer: impl Fn(App, Q) -> F)
where
    Q: DeserializeOwned,
    A: Serialize,
    F: Future<Output = Result<A, Fault>>,
{
    while let Some(request) = requests.recv().await {
        let outcome = match request.parse::<Q>() {
            Ok(question) => answer(app.clone(), question).await.map_err(|fault| fault.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = &outcome {
            tracing::warn!(reason, "a host's request was not carried out; it will ask again");
        }
        request.answer(&outcome);
    }
}
