//! The network nodes' legs of a distributed router: what hosts cannot carry themselves goes there.

use std::collections::{BTreeMap, BTreeSet};

use model::api::port::{FixedIpAsk, Port, PortCreate};
use model::api::router::{Router, RouterPortKind};
use model::{NetworkId, SubnetId};

use super::Leg;
use super::interface::as_asked;
use crate::port::service_port;

pub const OWNER: &str = "network:router_centralized_snat";

/// What makes the ports fit the interfaces.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    pub create: Vec<PortCreate>,
    pub readdress: Vec<(Port, Vec<FixedIpAsk>)>,
    pub delete: Vec<Port>,
}

/// A distributed router with a way out has a port beside each interface: one per IPv4 subnet, and one for
/// all IPv6 subnets of a network.
pub fn plan(router: &Router, legs: &[Leg]) -> Plan {
    let mut wanted = wanted(router, legs);
    let mut plan = Plan::default();
    for leg in legs.iter().filter(|leg| leg.kind == RouterPortKind::Snat) {
        let port = &leg.port;
        let has: BTreeSet<SubnetId> = port.fixed_ips.iter().map(|fixed| fixed.subnet_id).collect();
        let fits = |(network, subnets): &(NetworkId, BTreeSet<SubnetId>)| {
            *network == port.network_id && !subnets.is_disjoint(&has)
        };
        let Some(at) = wanted.iter().position(fits) else {
            plan.delete.push(port.clone());
            continue;
        };
        let (_, subnets) = wanted.remove(at);
        if subnets != has {
            let kept = port.fixed_ips.iter().filter(|fixed| subnets.contains(&fixed.subnet_id)).map(as_asked);
            let more = subnets.difference(&has).map(any_on);
            plan.readdress.push((port.clone(), kept.chain(more).collect()));
        }
    }
    plan.create = wanted
        .into_iter()
        .map(|(network, subnets)| PortCreate {
            fixed_ips: Some(subnets.iter().map(any_on).collect()),
            ..service_port("", network, OWNER, router.id.to_string())
        })
        .collect();
    plan
}

fn any_on(subnet: &SubnetId) -> FixedIpAsk {
    FixedIpAsk { subnet_id: Some(*subnet), ip_address: None, delete_subnet: false }
}

/// Ports by the subnets that each is to have an address on.
fn wanted(router: &Router, legs: &[Leg]) -> Vec<(NetworkId, BTreeSet<SubnetId>)> {
    let mut wanted = Vec::new();
    let mut of_ipv6: BTreeMap<NetworkId, BTreeSet<SubnetId>> = BTreeMap::new();
    if !router.distributed || router.gw_network_id.is_none() {
        return wanted;
    }
    for leg in legs.iter().filter(|leg| leg.kind == RouterPortKind::Interface) {
        let network = leg.port.network_id;
        for fixed in &leg.port.fixed_ips {
            if fixed.ip_address.is_ipv4() {
                wanted.push((network, BTreeSet::from([fixed.subnet_id])));
            } else {
                of_ipv6.entry(network).or_default().insert(fixed.subnet_id);
            }
        }
    }
    wanted.extend(of_ipv6);
    wanted
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{a_leg, a_router, a_subnet, id};
    use super::*;

    fn away() -> Router {
        Router { distributed: true, gw_network_id: Some(NetworkId(id(9))), ..a_router() }
    }

    fn asked(plan: &Plan) -> Vec<Vec<Option<SubnetId>>> {
        let subnets = |port: &PortCreate| port.fixed_ips.iter().flatten().map(|ask| ask.subnet_id).collect();
        plan.create.iter().map(subnets).collect()
    }

    #[test]
    fn one_per_ipv4_subnet_and_one_for_all_ipv6_of_a_network() {
        let (four, other) = (a_subnet(1, 1, "10.0.0.0/24"), a_subnet(2, 1, "10.1.0.0/24"));
        let (six, more) = (a_subnet(3, 1, "2001:db8::/64"), a_subnet(4, 1, "2001:db8:1::/64"));
        let legs = [
            a_leg(1, RouterPortKind::Interface, &[(&four, "10.0.0.1")]),
            a_leg(2, RouterPortKind::Interface, &[(&other, "10.1.0.1")]),
            a_leg(3, RouterPortKind::Interface, &[(&six, "2001:db8::1"), (&more, "2001:db8:1::1")]),
        ];
        let made = plan(&away(), &legs);
        assert_eq!(
            asked(&made),
            [vec![Some(four.id)], vec![Some(other.id)], vec![Some(six.id), Some(more.id)]]
        );
        assert_eq!(plan(&Router { distributed: false, ..away() }, &legs), Plan::default());
        assert_eq!(plan(&Router { gw_network_id: None, ..away() }, &legs), Plan::default());
    }

    #[test]
    fn what_fits_stays_and_the_rest_follows_the_interfaces() {
        let (four, six) = (a_subnet(1, 1, "10.0.0.0/24"), a_subnet(3, 1, "2001:db8::/64"));
        let more = a_subnet(4, 1, "2001:db8:1::/64");
        let legs = [
            a_leg(1, RouterPortKind::Interface, &[(&four, "10.0.0.1")]),
            a_leg(2, RouterPortKind::Interface, &[(&six, "2001:db8::1"), (&more, "2001:db8:1::1")]),
            a_leg(3, RouterPortKind::Snat, &[(&four, "10.0.0.7")]),
            a_leg(4, RouterPortKind::Snat, &[(&six, "2001:db8::7")]),
        ];
        let grown = plan(&away(), &legs);
        assert_eq!((grown.create.len(), grown.delete.len()), (0, 0));
        let [(port, asks)] = grown.readdress.as_slice() else { panic!("{grown:?}") };
        assert_eq!((port.id, asks.len()), (legs[3].port.id, 2));
        let gone = plan(&Router { gw_network_id: None, ..away() }, &legs);
        assert_eq!(gone.delete.len(), 2);
        let shrunk = plan(&away(), &legs[1..]);
        assert_eq!(shrunk.delete, [legs[2].port.clone()]);
    }
}
