//! Static routes of routers: where they may lead.

use std::net::IpAddr;

use ipnet::IpNet;
use model::api::router::Router;
use model::api::subnet::Subnet;
use model::desired::HostRoute;

use super::Leg;
use crate::Refusal;

/// What a router is connected to: subnets, and its own addresses on them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connected {
    pub subnets: Vec<IpNet>,
    pub own: Vec<IpAddr>,
}

impl Connected {
    /// By ports; `subnets` are those of their networks.
    pub fn of<'a>(legs: impl IntoIterator<Item = &'a Leg>, subnets: &[Subnet]) -> Connected {
        let mut connected = Connected::default();
        for fixed in legs.into_iter().flat_map(|leg| &leg.port.fixed_ips) {
            let subnet = subnets.iter().find(|subnet| subnet.id == fixed.subnet_id);
            connected.subnets.extend(subnet.map(|subnet| subnet.cidr));
            connected.own.push(fixed.ip_address);
        }
        connected
    }
}

/// Every nexthop is on a subnet of the router's and not its own.
pub fn check(routes: &[HostRoute], connected: &Connected) -> Result<(), Refusal> {
    for HostRoute { destination, nexthop } in routes {
        let route = format!("{destination} via {nexthop}");
        if !connected.subnets.iter().any(|subnet| subnet.contains(nexthop)) {
            return Err(Refusal::InvalidRoutes(format!(
                "The route {route} leads to no subnet of the router."
            )));
        }
        if connected.own.contains(nexthop) {
            return Err(Refusal::InvalidRoutes(format!("The route {route} leads to the router itself.")));
        }
    }
    Ok(())
}

/// A router takes so many; `None` is any number.
pub fn check_count(routes: &[HostRoute], limit: Option<i64>) -> Result<(), Refusal> {
    let asked = i64::try_from(routes.len()).unwrap_or(i64::MAX);
    match limit.filter(|limit| asked > *limit) {
        Some(limit) => Err(Refusal::TooManyRoutes { limit, asked }),
        None => Ok(()),
    }
}

/// The union; what is there already stays once.
pub fn added(mut routes: Vec<HostRoute>, more: Vec<HostRoute>) -> Vec<HostRoute> {
    for route in more {
        if !routes.contains(&route) {
            routes.push(route);
        }
    }
    routes
}

/// What is left; what is not there is not missed.
pub fn removed(mut routes: Vec<HostRoute>, gone: &[HostRoute]) -> Vec<HostRoute> {
    routes.retain(|route| !gone.contains(route));
    routes
}

/// A subnet that routes lead to stays connected.
pub fn check_leaving(router: &Router, subnet: &Subnet) -> Result<(), Refusal> {
    match router.routes.iter().any(|route| subnet.cidr.contains(&route.nexthop)) {
        true => Err(Refusal::InterfaceInUseByRoute { router: router.id, subnet: subnet.id }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{a_leg, a_subnet};
    use super::*;
    use model::api::router::RouterPortKind;

    fn route(destination: &str, nexthop: &str) -> HostRoute {
        HostRoute { destination: destination.parse().expect("net"), nexthop: nexthop.parse().expect("ip") }
    }

    #[test]
    fn nexthops_are_on_connected_subnets_and_not_the_routers_own() {
        let subnet = a_subnet(1, 1, "10.0.0.0/24");
        let legs = [a_leg(1, RouterPortKind::Interface, &[(&subnet, "10.0.0.1")])];
        let connected = Connected::of(&legs, &[subnet]);
        for (nexthop, fits) in [("10.0.0.9", true), ("10.0.0.1", false), ("10.7.0.1", false)] {
            assert_eq!(check(&[route("10.8.0.0/16", nexthop)], &connected).is_ok(), fits, "{nexthop}");
        }
    }

    #[test]
    fn a_router_takes_as_many_as_its_project_may() {
        let routes = [route("10.8.0.0/16", "10.0.0.9"), route("10.9.0.0/16", "10.0.0.9")];
        for (limit, fits) in [(None, true), (Some(2), true), (Some(1), false), (Some(0), false)] {
            assert_eq!(check_count(&routes, limit).is_ok(), fits, "{limit:?}");
        }
    }

    #[test]
    fn adding_and_removing_twice_is_as_once() {
        let (a, b) = (route("10.8.0.0/16", "10.0.0.9"), route("10.9.0.0/16", "10.0.0.9"));
        let both = added(vec![a.clone()], vec![b.clone(), a.clone(), b.clone()]);
        assert_eq!(both, [a.clone(), b.clone()]);
        assert_eq!(removed(removed(both, std::slice::from_ref(&a)), std::slice::from_ref(&a)), [b]);
    }
}
