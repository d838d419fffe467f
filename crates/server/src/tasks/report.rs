//! What hosts say became of their parts: the status of ports follows it.

use cloud::{Refusal, status};
use db::Tx;
use model::api::port::{PORT, Port};
use model::desired::{Key, Kind};
use model::report::{Outcome, Report, State};
use model::{RouterId, Touch};

use crate::app::App;
use crate::error::Fault;
use crate::{retry, routes};

mod router;

const TOO_MUCH: &str = "a report is of fewer parts";

pub async fn store(app: App, report: Report) -> Result<(), Fault> {
    let Some(report) = report.bounded() else {
        return Err(Fault::Refused(Refusal::Request(TOO_MUCH.into())));
    };
    retry::whole(|| store_once(&app, &report)).await
}

async fn store_once(app: &App, report: &Report) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    // What is told of orders goes with leases: whoever moves those has the networks.
    let of_orders = report.outcomes.iter().filter(|outcome| !outcome.orders.is_empty());
    let of_orders: Vec<String> = of_orders.map(|outcome| outcome.key.id.to_string()).collect();
    if !of_orders.is_empty() {
        let networks = tx.networks_of_ports(&of_orders).await?;
        tx.lock_networks(&networks).await?;
    }
    let of_routers = report.outcomes.iter().filter(|outcome| outcome.key.kind == Kind::Router);
    let routers: Vec<RouterId> = of_routers.map(|outcome| RouterId(outcome.key.id)).collect();
    tx.lock_routers(&routers).await?;
    let of_ports =
        report.outcomes.iter().filter(|outcome| matches!(outcome.key.kind, Kind::Port | Kind::Lease));
    let mut ports: Vec<String> = of_ports.map(|outcome| outcome.key.id.to_string()).collect();
    ports.extend(tx.interfaces_of(&routers).await?);
    tx.lock_ports(&ports).await?;
    let stamp = app.stamp();
    let told = if report.epoch.is_empty() { Some(i64::MAX) } else { tx.epoch_end(&report.epoch).await? };
    for outcome in &report.outcomes {
        let changed = tx.changed_at(&report.host, outcome.key).await?;
        if !status::is_of_newest(outcome.revision, changed, told) {
            continue;
        }
        match outcome.key.kind {
            Kind::Port | Kind::Lease => port(app, &mut tx, &report.host, outcome, &stamp.now).await?,
            Kind::Router => router::said(&mut tx, &report.host, outcome, &stamp).await?,
            Kind::Network
            | Kind::Remote
            | Kind::Dhcp
            | Kind::Fip
            | Kind::Group
            | Kind::Member
            | Kind::Addresses => {
                if let State::Failed { reason } = &outcome.state {
                    tracing::warn!(host.name = report.host, part = %outcome.key, reason, "host failed a part");
                }
            }
        }
    }
    // Orders come after all that is locked above. What is said of them counts whatever became of the lease since:
    // attempts and states say themselves which is newer.
    tx.lock_orders_behind(&of_orders).await?;
    for outcome in &report.outcomes {
        routes::software_order::said(&mut tx, &report.host, outcome, &stamp).await?;
    }
    Ok(app.commit(tx).await?)
}

async fn port(app: &App, tx: &mut Tx<'_>, host: &str, outcome: &Outcome, now: &str) -> Result<(), Fault> {
    let Some(before) = tx.get::<Port>(&PORT, outcome.key.id).await? else { return Ok(()) };
    let mut after = before.clone();
    let up = outcome.state == State::Up;
    if outcome.key.kind == Kind::Lease {
        if !tx.dhcp_hosts_of(before.network_id).await?.iter().any(|serving| serving == host) {
            return Ok(());
        }
        after.dhcp_ready = up;
    } else if before.host == host {
        after.l2_ready = up;
        if up != before.l2_ready
            && let Some(parent) = tx.parent_of(before.id).await?
        {
            tx.mark(&[Touch::Part { host: host.to_owned(), key: Key::new(Kind::Port, parent.0) }]);
        }
        after.failure = match &outcome.state {
            State::Failed { reason } => Some(reason.clone()),
            State::Up | State::Down => None,
        };
    } else {
        // The port has moved since; its new host speaks for it.
        return Ok(());
    }
    after.status = status::of(&after, routes::port::needs_dhcp(app, tx, &after).await?).into();
    routes::port::store(tx, &before, &after, now).await
}
