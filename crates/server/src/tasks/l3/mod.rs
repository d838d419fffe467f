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

use cloud::l3::schedule;
use model::RouterId;
use model::api::router::{ROUTER, Router};

use crate::app::App;
use crate::error::Fault;
use crate::nudge::{self, Nudge, Nudges};
use crate::retry;

pub use settle::{let_go, retire, settle_interfaces};

/// All routers that are due are looked at at least this often, whoever was to look at them before.
const SWEEP: Duration = Duration::from_secs(30);

/// Routers looked at in one go.
const PAGE: u32 = 200;

pub async fn run(app: App, mut nudges: Nudges<RouterId>) {
    // Often enough to see that agents died.
    let half_down = Duration::from_secs((app.rules().agent_down_s / 2).max(1).unsigned_abs());
    let mut sweep = nudge::sweep(SWEEP.min(half_down));
    while let Some(due) = nudges.next(&mut sweep).await {
        for nudge in due {
            match nudge {
                Nudge::One(router) => settle_or_tell(&app, router).await,
                Nudge::All => {
                    if let Err(fault) = settle_all(&app).await {
                        tracing::warn!(%fault, "routers to be settled not found; tried again later");
                    }
                }
            }
        }
    }
}

/// Every router that is due, and every one with other agents than it should have: one that cannot
/// be settled stops no other. Then what settling left.
async fn settle_all(app: &App) -> Result<(), Fault> {
    let (mut after, mut tried) = ((i64::MIN, String::new()), BTreeSet::new());
    loop {
        let mut tx = app.db().read().await?;
        let due = tx.dues((after.0, &after.1), PAGE).await?;
        drop(tx);
        let Some((since_us, last)) = due.last() else { break };
        after = (*since_us, last.to_string());
        for (_, router) in due {
            // One that is noted again meanwhile comes again, at most with the next sweep.
            if tried.insert(router) {
                settle_or_tell(app, router).await;
            }
        }
    }
    let mut after = String::new();
    loop {
        let (found, wanting) = misplaced(app, &after).await?;
        let Some(last) = found else { break };
        after = last.to_string();
        for router in wanting {
            settle_or_tell(app, router).await;
        }
    }
    ways::sweep(app).await
}

/// The last of some routers that too few agents carry, or one that was abandoned, and those of them
/// that there is an agent for.
async fn misplaced(app: &App, after: &str) -> Result<(Option<RouterId>, Vec<RouterId>), Fault> {
    let mut tx = app.db().read().await?;
    let mut facts = settle::agents(app, &mut tx).await?;
    if !facts.agents.iter().any(|agent| agent.heartbeat_us > facts.alive_since_us) {
        app.note_deserted();
        return Ok((None, vec![]));
    }
    let wanted = i64::try_from(app.rules().max_l3_agents_per_router.max(1)).unwrap_or(i64::MAX);
    let found = tx.misplaced_routers(after, wanted, facts.abandoned_since_us, PAGE).await?;
    let mut wanting = Vec::new();
    for id in &found {
        let Some(row) = tx.get::<Router>(&ROUTER, id).await? else { continue };
        facts.current = tx.ha_agents(*id).await?.into_iter().map(|(agent, _)| agent).collect();
        if !schedule::place(&row, &facts, app.rules()).add.is_empty() {
            wanting.push(*id);
        }
    }
    Ok((found.last().copied(), wanting))
}

async fn settle_or_tell(app: &App, router: RouterId) {
    match retry::whole(|| settle::once(app, router)).await {
        Ok(()) => {}
        Err(fault) => {
            tracing::warn!(%fault, router.id = %router, "router not settled; tried again later")
        }
    }
}
