//! What a request locks before it looks at anything: the networks it concerns, then the resource.

use std::collections::BTreeSet;

use db::Tx;
use model::api::Given;
use model::api::conntrack_helper::CONNTRACK_HELPER;
use model::api::default_rule::DEFAULT_RULE;
use model::api::flavor::FLAVOR;
use model::api::local_ip::{LOCAL_IP, PORT_ASSOCIATION};
use model::api::metering::{METERING_LABEL, METERING_LABEL_RULE};
use model::api::ndp_proxy::NDP_PROXY;
use model::api::port::PORT;
use model::api::qos::POLICY;
use model::api::rbac_policy::{ObjectType, RBAC_POLICY};
use model::api::router::{ROUTER, RouterPortKind};
use model::api::security_group_rule::SECURITY_GROUP_RULE;
use model::api::software_package::SOFTWARE_PACKAGE;
use model::api::software_version::SOFTWARE_VERSION;
use model::api::table::Resource;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Fault;
use crate::routes::{qos, router, software_order, trunk};

/// Attributes by which a request names a network, and those by which it names a port in one.
const NETWORKS: [&str; 2] = ["network_id", "floating_network_id"];
const PORTS: [&str; 4] = ["port_id", "internal_port_id", "local_port_id", "fixed_port_id"];

/// Locks what things to be created concern: networks, groups that rules are added to or that are shared,
/// and groups that ports and rules rely on.
pub async fn create(tx: &mut Tx<'_>, table: &'static Resource, given: &[Given]) -> Result<(), Fault> {
    let mut networks = Vec::new();
    for item in given {
        networks.extend(networks_of(tx, table, item).await?);
    }
    tx.lock_networks(&networks).await?;
    if table.singular == ROUTER.singular {
        let flavors = given.iter().filter_map(|item| item.0.get("flavor_id")?.as_str());
        for flavor in flavors.collect::<BTreeSet<&str>>() {
            tx.lock(&FLAVOR, flavor).await?;
        }
    }
    if [CONNTRACK_HELPER.singular, NDP_PROXY.singular].contains(&table.singular) {
        for router in given.iter().filter_map(|item| item.0.get("router_id")?.as_str()) {
            tx.lock(&ROUTER, router).await?;
        }
    }
    if table.singular == PORT_ASSOCIATION.singular {
        for local_ip in given.iter().filter_map(|item| item.0.get("local_ip_id")?.as_str()) {
            tx.lock(&LOCAL_IP, local_ip).await?;
        }
    }
    if table.singular == METERING_LABEL_RULE.singular {
        let labels = given.iter().filter_map(|item| item.0.get("metering_label_id")?.as_str());
        for label in labels.collect::<BTreeSet<&str>>() {
            tx.lock(&METERING_LABEL, label).await?;
        }
    }
    if qos::is_rule(table.singular) {
        for policy in given.iter().filter_map(|item| item.0.get("qos_policy_id")?.as_str()) {
            tx.lock(&POLICY, policy).await?;
        }
    }
    let groups = Groups::of(table, given);
    tx.lock_groups(&groups.changing, &groups.relied_on).await?;
    tx.share_address_groups(&groups.addresses).await?;
    if table.singular == SOFTWARE_VERSION.singular {
        let packages = given.iter().filter_map(|item| item.0.get("package_id").and_then(Value::as_str));
        for package in packages.collect::<BTreeSet<&str>>() {
            tx.lock(&SOFTWARE_PACKAGE, package).await?;
        }
    }
    if table.singular == RBAC_POLICY.singular {
        for item in given {
            let of = item.0.get("object_type").and_then(|of| ObjectType::deserialize(of).ok());
            let id = item.0.get("object_id").and_then(Value::as_str);
            if let Some((of, id)) = of.zip(id) {
                tx.lock(of.table(), id).await?;
            }
        }
    }
    Ok(())
}

/// Groups that a request names.
#[derive(Default)]
struct Groups {
    changing: BTreeSet<String>,
    relied_on: BTreeSet<String>,
    addresses: BTreeSet<String>,
}

impl Groups {
    fn of(table: &'static Resource, given: &[Given]) -> Groups {
        let mut groups = Groups::default();
        let is_rule = [SECURITY_GROUP_RULE.singular, DEFAULT_RULE.singular].contains(&table.singular);
        for item in given {
            let said = |name: &str| item.0.get(name).and_then(Value::as_str).map(str::to_owned);
            if is_rule {
                groups.changing.extend(said("security_group_id"));
                groups.relied_on.extend(said("remote_group_id"));
                groups.addresses.extend(said("remote_address_group_id"));
            } else if table.singular == PORT.singular {
                let asked = item.0.get("security_groups").and_then(Value::as_array);
                let asked = asked.into_iter().flatten().filter_map(Value::as_str);
                groups.relied_on.extend(asked.map(str::to_owned));
            }
        }
        groups
    }
}

/// The networks that something to be created concerns.
async fn networks_of(tx: &mut Tx<'_>, table: &'static Resource, given: &Given) -> Result<Vec<String>, Fault> {
    let said = |name: &str| given.0.get(name).and_then(Value::as_str);
    let mut networks: Vec<String> = NETWORKS.into_iter().filter_map(said).map(str::to_owned).collect();
    let gateway = given.0.get("external_gateway_info").and_then(|gateway| gateway.get("network_id"));
    networks.extend(gateway.and_then(Value::as_str).map(str::to_owned));
    let below = given.0.get("sub_ports").and_then(Value::as_array).into_iter().flatten();
    let below = below.filter_map(|item| item.get("port_id")?.as_str());
    for port in PORTS.into_iter().filter_map(said).chain(below) {
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
        "rbac_policy" => return Ok(tx.lock_shared(id).await?),
        "software_order" => return software_order::lock(tx, id).await,
        "trunk" if given.is_none() => return trunk::lock(tx, id, &[]).await,
        rule if qos::is_rule(rule) => return Ok(tx.lock(&POLICY, parent.unwrap_or_default()).await?),
        "port_association" => return Ok(tx.lock(&LOCAL_IP, parent.unwrap_or_default()).await?),
        "conntrack_helper" => return Ok(tx.lock(&ROUTER, parent.unwrap_or_default()).await?),
        // Its ports follow it.
        "network" if given.is_some_and(|given| given.0.contains_key("qos_policy_id")) => {
            tx.lock(table, id).await?;
            return match id.parse() {
                Ok(network) => Ok(tx.lock_ports_of(network).await?),
                Err(_) => Ok(()),
            };
        }
        "security_group_rule" => {
            tx.lock_group_of_rule(id).await?;
            return Ok(tx.lock(table, id).await?);
        }
        "router" => {
            let change = given.map(|given| given.clone().typed()).transpose()?;
            return router::lock(tx, id, change.as_ref()).await;
        }
        "port" => {
            if given.is_some() {
                lock_gateway(tx, id).await?;
            }
            tx.lock(table, id).await?;
            let groups = Groups::of(table, given.map_or(&[], std::slice::from_ref));
            return Ok(tx.lock_groups(&groups.changing, &groups.relied_on).await?);
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
