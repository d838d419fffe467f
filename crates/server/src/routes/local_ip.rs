//! Local IPs: facts in, decision, rows out. The network is locked.

use cloud::local_ip::{self, Facts, LocalIpRefusal, OWNER};
use cloud::{Refusal, Stamp};
use db::Tx;
use model::Touch;
use model::api::body;
use model::api::local_ip::{
    LOCAL_IP, LocalIp, LocalIpCreate, PORT_ASSOCIATION, PortAssociation, PortAssociationCreate,
    association_id,
};
use model::api::network::NETWORK;
use model::api::port::{PORT, Port};
use model::desired::{Key, Kind};
use model::{LocalIpId, NetworkId, PortId};
use serde_json::json;

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::routes::{network, port};

fn refused(refusal: LocalIpRefusal) -> Fault {
    Refusal::from(refusal).into()
}

pub async fn create(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: LocalIpCreate,
) -> Result<String, Fault> {
    let id = LocalIpId(stamp.uuid());
    let port = match (new.local_port_id, new.network_id) {
        (Some(port), _) => visible_port(tx, guard, port).await?,
        (None, Some(network)) => {
            let named = network.to_string();
            if !tx.finds(&NETWORK, &named, guard.project()).await? {
                return Err(Refusal::NotFound { table: &NETWORK, id: named }.into());
            }
            local_ip::check_network(network, &tx.subnets_of(network).await?).map_err(refused)?;
            may_have_port(tx, guard, network, &new).await?;
            port::create(app, tx, stamp, local_ip::own_port(id, network, &new)).await?
        }
        (None, None) => return Err(refused(LocalIpRefusal::Nowhere)),
    };
    let facts = Facts {
        port: &port,
        any_project: guard.is_admin(),
        owner: &network::load(tx, port.network_id).await?.project_id,
        subnets: &tx.subnets_of(port.network_id).await?,
        others: &tx.local_ip_owners(port.network_id).await?,
    };
    let made = local_ip::create(new, id, &facts, stamp).map_err(refused)?;
    tx.insert(&LOCAL_IP, &made).await?;
    Ok(id.to_string())
}

/// The caller takes the address as if by a port of his own: what that asks of him is asked here.
async fn may_have_port(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    network: NetworkId,
    new: &LocalIpCreate,
) -> Result<(), Fault> {
    let mut port = json!({ "network_id": network });
    if let Some(ip) = new.local_ip_address {
        port["fixed_ips"] = json!([{ "ip_address": ip }]);
    }
    let port = body::create(&PORT, port, &new.project_id)?;
    guard.create_all(tx, &PORT, &[port]).await
}

async fn visible_port(tx: &mut Tx<'_>, guard: &Guard<'_>, id: PortId) -> Result<Port, Fault> {
    let found = port::visible(tx, guard, &id.to_string()).await?;
    found.ok_or_else(|| refused(LocalIpRefusal::NoPort(id)))
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<LocalIp, Fault> {
    let found = tx.get(&LOCAL_IP, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &LOCAL_IP, id: id.to_owned() }.into())
}

/// The port that held its address for it goes, too.
pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    if tx.has_associations(before.id).await? {
        return Err(refused(LocalIpRefusal::InUse(before.id)));
    }
    tx.delete(&LOCAL_IP, id).await?;
    let held: Option<Port> = tx.get(&PORT, before.local_port_id).await?;
    match held.filter(|port| port.device_owner == OWNER) {
        Some(port) => {
            let network = network::load(tx, port.network_id).await?;
            port::delete(tx, stamp, &network, port).await
        }
        None => Ok(()),
    }
}

pub async fn associate(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    guard: &Guard<'_>,
    new: PortAssociationCreate,
) -> Result<String, Fault> {
    let local_ip = load(tx, &new.local_ip_id).await?;
    let port = visible_port(tx, guard, new.fixed_port_id).await?;
    let id = association_id(&new.local_ip_id, &port.id.to_string());
    let before: Option<PortAssociation> = tx.get(&PORT_ASSOCIATION, &id).await?;
    let made = local_ip::associate(&new, &local_ip, &port, before.is_some(), stamp).map_err(refused)?;
    tx.insert(&PORT_ASSOCIATION, &made).await?;
    mark(tx, &port);
    Ok(made.id)
}

pub async fn dissociate(tx: &mut Tx<'_>, id: &str) -> Result<(), Fault> {
    let found: Option<PortAssociation> = tx.get(&PORT_ASSOCIATION, id).await?;
    let not_found = || Refusal::NotFound { table: &PORT_ASSOCIATION, id: id.to_owned() };
    let before = found.ok_or_else(not_found)?;
    tx.delete(&PORT_ASSOCIATION, id).await?;
    if let Some(port) = tx.get(&PORT, before.fixed_port_id).await? {
        mark(tx, &port);
    }
    Ok(())
}

/// A port changes; it keeps what local IPs have of it.
pub async fn port_changes(tx: &mut Tx<'_>, before: &Port, after: &Port) -> Result<(), Fault> {
    for address in tx.local_addresses(before.id).await? {
        local_ip::check_stays(address, before, after).map_err(refused)?;
    }
    Ok(())
}

/// A port goes, unless a local IP has its address.
pub async fn port_goes(tx: &mut Tx<'_>, port: PortId) -> Result<(), Fault> {
    match tx.local_addresses(port).await?.is_empty() {
        true => Ok(()),
        false => Err(refused(LocalIpRefusal::PortInUse(port))),
    }
}

/// Its host leads others there to the port, or no longer.
fn mark(tx: &mut Tx<'_>, port: &Port) {
    if let Some(host) = cloud::bind::host(port) {
        tx.mark(&[Touch::Part { host: host.to_owned(), key: Key::new(Kind::Port, port.id.0) }]);
    }
}
