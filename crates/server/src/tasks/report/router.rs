//! What a host says of a router: load and reason for operators, who is active, and with it the status
//! of the floating IPs that the host carries and of the interfaces that all hosts share.

use cloud::view::router as view;
use cloud::{Stamp, status};
use db::{SaidRow, Tx};
use model::RouterId;
use model::lazy::Load;
use model::report::{HaState, Outcome, State};

use crate::error::Fault;
use crate::tasks::l3;

pub async fn said(tx: &mut Tx<'_>, host: &str, outcome: &Outcome, stamp: &Stamp) -> Result<(), Fault> {
    let id = RouterId(outcome.key.id);
    // Of a router that the host has no share in, it has nothing to say.
    let Some(there) = tx.router_on_host(id, host).await? else { return Ok(()) };
    record(tx, id, host, outcome).await?;
    let state = status::of_router(&outcome.state, outcome.router, there.ha);
    if let Some(agent) = there.agent.filter(|_| there.state != Some(state)) {
        tx.set_router_state(id, agent, state).await?;
        // What is bound where the active host is follows it.
        if there.ha {
            tx.router_due(id, stamp.now_us).await?;
        }
    }
    floating_ips(tx, id, host, &there, state, outcome, stamp).await?;
    l3::settle_interfaces(tx, stamp, id).await
}

async fn record(tx: &mut Tx<'_>, id: RouterId, host: &str, outcome: &Outcome) -> Result<(), Fault> {
    let (load, reason, failure) = match (&outcome.state, outcome.router.map(|said| said.load)) {
        (State::Failed { reason }, _) => (None, None, Some(reason.as_str())),
        (State::Down, _) => (None, None, None),
        (State::Up, Some(Load::Lazy)) => (Some("lazy"), None, None),
        (State::Up, Some(Load::Loaded(reason))) => (Some("loaded"), Some(reason.as_str()), None),
        (State::Up, None) => (Some("loaded"), None, None),
    };
    if let Some(why) = failure {
        tracing::warn!(host.name = host, router.id = %id, why, "host failed a router");
    }
    Ok(tx.set_router_said(id, host, load, reason, failure).await?)
}

async fn floating_ips(
    tx: &mut Tx<'_>,
    id: RouterId,
    host: &str,
    there: &SaidRow,
    state: HaState,
    outcome: &Outcome,
    stamp: &Stamp,
) -> Result<(), Fault> {
    let wanted = status::of_floatingip(&outcome.state);
    let others = tx.floatingips_but(id, wanted).await?;
    // Mostly there are none, and then nobody needs to know who carries what.
    if !others.is_empty()
        && let Some(facts) = tx.router_fact(id).await?
        && let Some(part) = view::router(&facts, host)
    {
        let carried = status::carried(&part, outcome.router, state, there.ha);
        for (floating_ip, _) in others.iter().filter(|(_, ip)| carried.contains(ip)) {
            tx.set_floatingip_status(floating_ip, wanted, &stamp.now).await?;
        }
    }
    l3::let_go(tx, stamp, id).await
}
