//! Loops beside the requests. Each may die with the process at any point: what it was about is
//! in the database, and the next run finds it.
//!
//! ```text
//! relay      committed changes -> wakes            sync    what a host asks -> parts
//! report     what hosts say of parts -> status     beat    heartbeats -> agents
//! dhcp       networks -> agents that serve them    prune   forgets the parts of what is gone
//! l3/        routers -> what hosts have of them        software   versions -> the repository
//! notification  changes -> whoever listens     meter   counts of hosts -> the same
//! nova       ports -> Nova, whose instances they are of
//! trunk      ports of trunks -> where their parents are
//! checkpoint the database's log -> its file            serve   hosts' requests: how many at a time
//! ```

mod beat;
mod checkpoint;
mod dhcp;
pub mod l3;
mod meter;
mod notification;
mod nova;
mod prune;
mod relay;
mod report;
mod serve;
mod software;
mod sync;
mod trunk;

use std::future::Future;
use std::time::Duration;

use model::subject::Word;
use model::{NetworkId, RouterId};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::nudge::Nudges;
use serve::serve;

/// Every loop also runs without being woken.
const SWEEP: Duration = Duration::from_secs(5);

pub fn spawn(
    running: &mut JoinSet<()>,
    app: &App,
    networks: Nudges<NetworkId>,
    routers: Nudges<RouterId>,
    stop: &watch::Receiver<bool>,
) {
    running.spawn(until(stop.clone(), relay::run(app.clone())));
    running.spawn(until(stop.clone(), dhcp::run(app.clone(), networks)));
    running.spawn(until(stop.clone(), l3::run(app.clone(), routers)));
    running.spawn(until(stop.clone(), nova::run(app.clone())));
    running.spawn(until(stop.clone(), notification::run(app.clone())));
    running.spawn(until(stop.clone(), prune::run(app.clone())));
    running.spawn(until(stop.clone(), software::run(app.clone())));
    running.spawn(until(stop.clone(), trunk::run(app.clone())));
    running.spawn(until(stop.clone(), checkpoint::run(app.clone())));
    running.spawn(until(stop.clone(), app.policy_file().run()));
    let bus = app.bus();
    running.spawn(until(stop.clone(), serve(app.clone(), bus.serve(Word::Sync), sync::answer)));
    running.spawn(until(stop.clone(), serve(app.clone(), bus.serve(Word::Report), report::store)));
    running.spawn(until(stop.clone(), serve(app.clone(), bus.serve(Word::Beat), beat::store)));
}

async fn until(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}
