//! Settles what hosts have of routers: the agents that carry them, the ports these need, where they
//! are bound, and whom that touches.
//!
//! ```text
//! mod      when: nudges, the list of those that are due, and what fits no more
//! settle   one router, in one transaction        retire   the same of one that goes
//! ha       the network of a project's HA routers, and a leg for each of their hosts
//! ways     hosts' own ports in external networks, for the floating IPs that they carry
//! ```

mod ha;
mod settle;
mod ways;

use std::collections::BTreeSet;
use std::time::Duration;

use cloud::l3::schedule::{self, L3_AGENT};
use model::RouterId;
use model::desired::L3Mode;
use tokio::time::MissedTickBehavior;

use crate::app::{App, RouterNudge, RouterNudges};
use crate::error::Fault;
use crate::retry;

pub use settle::{retire, settle_interfaces};

/// All routers that are due are looked at at least this often, whoever was to look at them before.
const SWEEP: Duration = Duration::from_secs(30);

/// Routers looked at in one go.
const PAGE: u32 = 200;

pub async fn run(app: App, mut nudges: RouterNudges) {
    // Often enough to see that agents died.
    let half_down = Duration::from_secs((app.rules().agent_down_s / 2).max(1).unsigned_abs());
    let mut sweep = tokio::time::interval(SWEEP.min(half_down));
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut due: BTreeSet<RouterNudge> = tokio::select! {
            nudge = nudges.recv() => match nudge {
                Some(nudge) => [nudge].into(),
                None => return,
            },
            _ = sweep.tick() => [RouterNudge::All].into(),
        };
        while let Ok(nudge) = nudges.try_recv() {
            due.insert(nudge);
        }
        for nudge in due {
            match nudge {
                RouterNudge::Router(router) => settle_or_tell(&app, router).await,
                RouterNudge::All => {
                    if let Err(fault) = settle_all(&app).await {
                        tracing::warn!(%fault, "routers to be settled not found; tried again later");
                    }
                }
            }
        }
    }
}

/// Every router that is due, and every one with other agents than it should have: one that cannot
/// be settled stops no other.
async fn settle_all(app: &App) -> Result<(), Fault> {
    let mut tried = BTreeSet::new();
    loop {
        let mut tx = app.db().read().await?;
        let due = tx.dues(PAGE).await?;
        drop(tx);
        let fresh: Vec<RouterId> = due.into_iter().filter(|router| tried.insert(*router)).collect();
        if fresh.is_empty() {
            break;
        }
        for router in fresh {
            settle_or_tell(app, router).await;
        }
    }
    let mut after = String::new();
    loop {
        let found = misplaced(app, &after).await?;
        let Some(last) = found.last() else { return Ok(()) };
        after = last.to_string();
        for router in found {
            settle_or_tell(app, router).await;
        }
    }
}

/// Routers that too few agents carry, or one that was abandoned, where there are agents that could.
async fn misplaced(app: &App, after: &str) -> Result<Vec<RouterId>, Fault> {
    let mut tx = app.db().read().await?;
    let since = app.alive_since_us();
    let agents = tx.agents_of_type(L3_AGENT).await?;
    if !agents.iter().any(|agent| agent.heartbeat_us > since) {
        app.note_deserted();
    }
    let live = agents.iter().filter(|agent| agent.admin_state_up && agent.heartbeat_us > since);
    let central = |mode| matches!(mode, Some(L3Mode::Legacy | L3Mode::DvrSnat));
    let able = live.filter(|agent| central(schedule::mode(agent))).count();
    if able == 0 {
        return Ok(vec![]);
    }
    let wanted = able.min(app.rules().max_l3_agents_per_router);
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    Ok(tx.misplaced_routers(after, wanted, app.abandoned_since_us(), PAGE).await?)
}

async fn settle_or_tell(app: &App, router: RouterId) {
    match retry::whole(|| settle::once(app, router)).await {
        Ok(()) => {}
        Err(fault) => {
            tracing::warn!(%fault, router.id = %router, "router not settled; tried again later")
        }
    }
}
