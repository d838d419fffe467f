//! What a request locks before it looks at anything: the networks it concerns, then the resource.

use db::Tx;
use model::api::Given;
use model::api::port::PORT;
use model::api::router::RouterPortKind;
use model::api::table::Resource;
use serde_json::Value;

use crate::error::Fault;
use crate::routes::router;

/// Attributes by which a request names a network, and those by which it names a port in one.
const NETWORKS: [&str; 2] = ["network_id", "floating_network_id"];
const PORTS: [&str; 2] = ["port_id", "internal_port_id"];

/// The networks that something to be created concerns.
pub async fn networks_of(
    tx: &mut Tx<'_>,
    table: &'static Resource,
    given: &Given,
) -> Result<Vec<String>, Fault> {
    let said = |name: &str| given.0.get(name).and_then(Value::as_str);
    let mut networks: Vec<String> = NETWORKS.into_iter().filter_map(said).map(str::to_owned).collect();
    let gateway = given.0.get("external_gateway_info").and_then(|gateway| gateway.get("network_id"));
    networks.extend(gateway.and_then(Value::as_str).map(str::to_owned));
    for port in PORTS.into_iter().filter_map(said) {
        networks.extend(tx.network_of(&PORT, port).await?);
    }
    if table.parent.is_some_and(|parent| parent.table.singular == "floatingip")
        && let Some(id) = said("floatingip_id")
    {
        networks.extend(tx.networks_of_floatingip(id).await?);
    }
    Ok(networks)
}

/// Locks a resource that is to change as `given` says, or to go. `parent` is the one it lies below.
pub async fn change(
    tx: &mut Tx<'_>,
    table: &'static Resource,
    id: &str,
    parent: Option<&str>,
    given: Option<&Given>,
) -> Result<(), Fault> {
    let floatingip = match table.singular {
        "floatingip" => Some(id),
        "port_forwarding" => parent,
        // Rules of others go with a group.
        "security_group" if given.is_none() => return Ok(tx.lock_group_whole(id).await?),
        "security_group_rule" => {
            tx.lock_group_of_rule(id).await?;
            return Ok(tx.lock(table, id).await?);
        }
        "router" => {
            let change = given.map(|given| given.clone().typed()).transpose()?;
            return router::lock(tx, id, change.as_ref()).await;
        }
        "port" if given.is_some() => {
            lock_gateway(tx, id).await?;
            None
        }
        _ => None,
    };
    let Some(floatingip) = floatingip else { return Ok(tx.lock(table, id).await?) };
    let mut networks = tx.networks_of_floatingip(floatingip).await?;
    if let Some(given) = given {
        networks.extend(networks_of(tx, table, given).await?);
    }
    tx.lock_networks(&networks).await?;
    if let Ok(floatingip) = floatingip.parse() {
        tx.lock_floatingips(&[floatingip]).await?;
    }
    Ok(())
}

/// What the API shows of a router's way out follows its gateway port: whoever changes that has the router
/// locked before the port, as those have who settle it or say what became of it.
async fn lock_gateway(tx: &mut Tx<'_>, port: &str) -> Result<(), Fault> {
    let Ok(port) = port.parse() else { return Ok(()) };
    let row = tx.router_port(port).await?.filter(|row| row.kind == RouterPortKind::Gateway);
    if let Some(row) = row {
        tx.lock_network(row.network_id).await?;
        tx.lock_routers(&[row.router_id]).await?;
    }
    Ok(())
}
