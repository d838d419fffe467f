//! A router's way out: what it needs of the gateway port, and when it may change.

use model::api::network::Network;
use model::api::port::{FixedIpAsk, Port, PortCreate};
use model::api::router::{GatewayAsk, GatewayInfo, Router, RouterPortKind};
use model::api::subnet::Subnet;

use super::Leg;
use super::interface::check_distinct;
use super::routes::{self, Connected};
use crate::Refusal;
use crate::ndp_proxy::NdpProxyRefusal;
use crate::port::service_port;

pub const OWNER: &str = "network:router_gateway";

/// What becomes of the gateway port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Stays,
    Readdressed(Vec<FixedIpAsk>),
    /// The one there is goes, another comes.
    Replaced,
    Cleared,
}

/// What a change of the way out must know besides the request.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The network asked for, and its subnets.
    pub network: Option<(&'a Network, &'a [Subnet])>,
    pub legs: &'a [Leg],
    /// Those of the legs' networks.
    pub subnets: &'a [Subnet],
    /// Floating IPs lead through the router.
    pub has_floating_ips: bool,
    /// It answers outside for addresses behind it.
    pub has_ndp_proxies: bool,
}

/// Decides what a new way out, or none, means for the gateway port.
pub fn plan(router: &Router, ask: Option<&GatewayAsk>, facts: Facts<'_>) -> Result<Change, Refusal> {
    if let (Some(ask), Some((network, subnets))) = (ask, facts.network) {
        check_network(ask, network, subnets)?;
    }
    check_routes(router, facts)?;
    let had = router.gw_network_id;
    let asked = ask.map(|ask| ask.network_id);
    if had == asked {
        let ips = ask.map(|ask| ask.external_fixed_ips.clone()).unwrap_or_default();
        return Ok(if ips.is_empty() { Change::Stays } else { Change::Readdressed(ips) });
    }
    if let Some(network) = had.filter(|_| facts.has_floating_ips) {
        return Err(Refusal::GatewayInUseByFloatingIps { router: router.id, network });
    }
    if facts.has_ndp_proxies {
        return Err(NdpProxyRefusal::GatewayInUse(router.id).into());
    }
    let Some((_, subnets)) = facts.network else { return Ok(Change::Cleared) };
    let others = facts.legs.iter().filter(|leg| leg.kind != RouterPortKind::Gateway);
    check_distinct(others, facts.subnets, subnets)?;
    Ok(Change::Replaced)
}

fn check_network(ask: &GatewayAsk, network: &Network, subnets: &[Subnet]) -> Result<(), Refusal> {
    if !network.external {
        return Err(Refusal::Request(format!("Network {} is not external: it leads nowhere.", network.id)));
    }
    let asked = ask.external_fixed_ips.iter().filter_map(|ask| ask.ip_address);
    for ip in asked {
        if subnets.iter().any(|subnet| subnet.gateway_ip == Some(ip)) {
            return Err(Refusal::Request(format!(
                "{ip} is the address of the external network's own gateway."
            )));
        }
    }
    Ok(())
}

/// Routes that there are must still lead to connected subnets.
fn check_routes(router: &Router, facts: Facts<'_>) -> Result<(), Refusal> {
    let others = facts.legs.iter().filter(|leg| leg.kind != RouterPortKind::Gateway);
    let mut connected = Connected::of(others, facts.subnets);
    let outside = facts.network.map_or(&[][..], |(_, subnets)| subnets);
    connected.subnets.extend(outside.iter().map(|subnet| subnet.cidr));
    routes::check(&router.routes, &connected)
}

/// The gateway port, as a request of the server's own.
pub fn port(router: &Router, ask: &GatewayAsk) -> PortCreate {
    let fixed_ips = Some(ask.external_fixed_ips.clone()).filter(|ips| !ips.is_empty());
    PortCreate { fixed_ips, ..service_port("", ask.network_id, OWNER, router.id.to_string()) }
}

/// Writes down where the router leads out, as the API shows it.
pub fn note(router: &mut Router, ask: Option<&GatewayAsk>, port: Option<&Port>) {
    router.enable_snat = ask.and_then(|ask| ask.enable_snat).unwrap_or(true);
    // It stays while there is a way out, until another or none is said.
    let policy = ask.map(|ask| ask.qos_policy_id.unwrap_or(router.gw_qos_policy_id));
    router.gw_qos_policy_id = port.and(policy.flatten());
    router.gw_port_id = port.map(|port| port.id);
    router.gw_network_id = port.map(|port| port.network_id);
    router.external_gateway_info = port.map(|port| GatewayInfo {
        network_id: port.network_id,
        external_fixed_ips: port.fixed_ips.clone(),
        enable_snat: router.enable_snat,
        qos_policy_id: router.gw_qos_policy_id,
    });
}
