//! Routers: create, update, delete.
//!
//! ```text
//! gateway     the way out: which port it needs         interface  legs in networks of instances
//! routes      static routes: what may be a nexthop     snat       network nodes' legs of a distributed router
//! device      ports that are said to be a router's
//! ```

pub mod device;
pub mod gateway;
pub mod interface;
pub mod routes;
pub mod snat;

use model::RouterId;
use model::api::port::{Port, PortUpdate};
use model::api::router::{Router, RouterCreate, RouterPortKind, RouterUpdate};
use serde_json::json;

use crate::standard::begin;
use crate::{Refusal, Rules, Stamp};

/// A port of a router.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    pub kind: RouterPortKind,
    pub port: Port,
}

/// Makes a router of a checked request; its way out is set afterwards, and what
/// depends on that. `zones` are those of the
/// agents.
pub fn create(
    new: RouterCreate,
    zones: &[String],
    rules: &Rules,
    stamp: &mut Stamp,
) -> Result<Router, Refusal> {
    if json!(new.availability_zone_hints).to_string().len() > 255 {
        return Err(Refusal::Input("The availability zone hints are longer than 255 characters.".into()));
    }
    if let Some(zone) = new.availability_zone_hints.iter().find(|zone| !zones.contains(zone)) {
        return Err(Refusal::AvailabilityZoneNotFound(zone.clone()));
    }
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    Ok(Router {
        id: RouterId(stamp.uuid()),
        project_id: new.project_id,
        admin_state_up: new.admin_state_up,
        // Says nothing of hosts: a router is there once it is asked for.
        status: "ACTIVE".into(),
        external_gateway_info: None,
        gw_port_id: None,
        gw_network_id: None,
        gw_qos_policy_id: None,
        enable_snat: true,
        ha: new.ha.unwrap_or(rules.l3_ha),
        ha_vr_id: None,
        distributed: new.distributed.unwrap_or(rules.router_distributed),
        enable_ndp_proxy: false,
        flavor_id: new.flavor_id,
        availability_zone_hints: new.availability_zone_hints,
        routes: vec![],
        rest,
    })
}

/// Applies a checked change but for the way out, NDP proxies and the routes, which have rules of their own.
pub fn update(before: &Router, change: RouterUpdate) -> Result<Router, Refusal> {
    crate::flavor::check_update(before, &change)?;
    let mut after = before.clone();
    after.admin_state_up = change.admin_state_up.unwrap_or(after.admin_state_up);
    after.distributed = change.distributed.unwrap_or(after.distributed);
    after.ha = change.ha.unwrap_or(after.ha);
    after.rest.extend(change.rest);
    let moves = after.distributed != before.distributed;
    if moves && (before.admin_state_up || after.admin_state_up) {
        return Err(still_up("distributed"));
    }
    if after.ha != before.ha && after.admin_state_up {
        return Err(still_up("ha"));
    }
    Ok(after)
}

fn still_up(what: &str) -> Refusal {
    Refusal::Request(format!("'{what}' changes only while the router is down: set admin_state_up to false."))
}

/// A router goes when it has no interfaces; other ports of it go with it.
pub fn delete(router: &Router, legs: &[Leg]) -> Result<(), Refusal> {
    let interfaces = legs.iter().filter(|leg| leg.kind == RouterPortKind::Interface);
    let ports: Vec<String> = interfaces.map(|leg| leg.port.id.to_string()).collect();
    if ports.is_empty() { Ok(()) } else { Err(Refusal::RouterInUse { router: router.id, ports }) }
}

/// A router's port stays the router's.
pub fn check_leg(port: &Port, change: &PortUpdate) -> Result<(), Refusal> {
    let changes = |asked: &Option<String>, has: &String| asked.as_ref().is_some_and(|asked| asked != has);
    match changes(&change.device_id, &port.device_id) || changes(&change.device_owner, &port.device_owner) {
        true => Err(Refusal::ServicePortInUse { port: port.id, owner: port.device_owner.clone() }),
        false => Ok(()),
    }
}

/// The router decides which addresses it has; those in an external network, its administrators.
pub fn check_leg_stays(kind: RouterPortKind, before: &Port, after: &Port) -> Result<(), Refusal> {
    let same = before.fixed_ips.len() == after.fixed_ips.len()
        && before.fixed_ips.iter().all(|fixed| after.fixed_ips.contains(fixed));
    if kind == RouterPortKind::Gateway || same {
        return Ok(());
    }
    Err(Refusal::Request(format!("The addresses of port {} are its router's to change.", before.id)))
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use crate::ipam::default_gateway;
    use model::api::port::FixedIp;
    use model::api::subnet::Subnet;
    use model::{NetworkId, PortId, SubnetId};
    use uuid::Uuid;

    pub(crate) fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    pub(crate) fn a_router() -> Router {
        Router {
            id: RouterId(id(1)),
            project_id: "p".into(),
            admin_state_up: true,
            status: "ACTIVE".into(),
            external_gateway_info: None,
            gw_port_id: None,
            gw_network_id: None,
            gw_qos_policy_id: None,
            enable_snat: true,
            ha: false,
            ha_vr_id: None,
            distributed: false,
            enable_ndp_proxy: false,
            flavor_id: None,
            availability_zone_hints: vec![],
            routes: vec![],
            rest: Default::default(),
        }
    }

    /// Subnet `n` of network `network`.
    pub(crate) fn a_subnet(n: u128, network: u128, cidr: &str) -> Subnet {
        let made = crate::ipam::test_subnet(cidr);
        let gateway_ip = default_gateway(made.cidr);
        Subnet { id: SubnetId(id(n)), network_id: NetworkId(id(network)), gateway_ip, ..made }
    }

    /// A leg with an address on each of some subnets of one network.
    pub(crate) fn a_leg(n: u128, kind: RouterPortKind, on: &[(&Subnet, &str)]) -> Leg {
        let fixed_ips: Vec<FixedIp> = on
            .iter()
            .map(|(subnet, ip)| FixedIp { subnet_id: subnet.id, ip_address: ip.parse().expect("ip") })
            .collect();
        let network_id = on.first().map_or(NetworkId(Uuid::nil()), |(subnet, _)| subnet.network_id);
        Leg { kind, port: crate::port::test_port(PortId(id(n)), network_id, fixed_ips) }
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::a_router;
    use super::*;

    #[test]
    fn kinds_change_while_the_router_is_down() {
        let down = Router { admin_state_up: false, ..a_router() };
        let to = |distributed, ha, up| RouterUpdate {
            distributed,
            ha,
            admin_state_up: up,
            ..RouterUpdate::default()
        };
        assert!(update(&a_router(), to(Some(true), None, None)).is_err());
        assert!(update(&a_router(), to(Some(true), None, Some(false))).is_err(), "down together");
        assert!(update(&down, to(Some(true), None, Some(true))).is_err(), "up together");
        assert!(update(&down, to(Some(true), None, None)).expect("down").distributed);
        assert!(update(&a_router(), to(Some(false), Some(false), None)).is_ok(), "nothing changes");
        assert!(update(&a_router(), to(None, Some(true), Some(false))).expect("down together").ha);
        assert!(update(&a_router(), to(None, Some(true), None)).is_err());
    }
}
