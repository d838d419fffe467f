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

use crate::app::App;
use crate::error::Fault;
use crate::nudge::{self, Nudge, Nudges};
use crate::retry;

pub use settle::{let_go, retire, settle_interfaces};

/// All routers that are due are looked at this often, whoever was to look at them before.
const SWEEP: Duration = Duration::from_secs(30);

/// Routers looked at in one go.
const PAGE: u32 = 200;

pub async fn run(app: App, mut nudges: Nudges<RouterId>) {
    let mut sweep = nudge::sweep(SWEEP);
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

/// Every router that is due, and every one without the agents that it should have: one that cannot
/// be settled stops no other. Then what settling left.
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
        let found = unscheduled(app, &after).await?;
        let Some(last) = found.last() else { break };
        after = last.to_string();
        for router in found {
            settle_or_tell(app, router).await;
        }
    }
    ways::sweep(app).await
}

/// Routers that too few agents carry, where there are agents that could.
async fn unscheduled(app: &App, after: &str) -> Result<Vec<RouterId>, Fault> {
    let mut tx = app.db().read().await?;
    let since = app.alive_since_us();
    let agents = tx.agents_of_type(L3_AGENT).await?;
    let live = agents.iter().filter(|agent| agent.admin_state_up && agent.heartbeat_us > since);
    let central = |mode| matches!(mode, Some(L3Mode::Legacy | L3Mode::DvrSnat));
    let able = live.filter(|agent| central(schedule::mode(agent))).count();
    if able == 0 {
        return Ok(vec![]);
    }
    let wanted = able.min(app.rules().max_l3_agents_per_router);
    Ok(tx.unscheduled_routers(after, i64::try_from(wanted).unwrap_or(i64::MAX), PAGE).await?)
}

async fn settle_or_tell(app: &App, router: RouterId) {
    match retry::whole(|| settle::once(app, router)).await {
        Ok(()) => {}
        Err(fault) => {
            tracing::warn!(%fault, router.id = %router, "router not settled; tried again later")
        }
    }
}
