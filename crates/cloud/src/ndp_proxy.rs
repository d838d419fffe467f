//! NDP proxies: which addresses a router may answer for outside, and which routers may do so at all.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use model::api::ndp_proxy::{NdpProxy, NdpProxyCreate};
use model::api::port::{FixedIp, Port};
use model::api::router::{Router, RouterPortKind};
use model::{NdpProxyId, PortId, RouterId, SubnetId};

use crate::Stamp;
use crate::router::Leg;
use crate::standard::begin;

/// Proxies of one router at most: its hosts hear of all of them, and each is a rule that packets pass.
pub const MAX_PROXIES: usize = 256;

/// Why there is no proxy, or why what proxies need stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NdpProxyRefusal {
    #[error("Router {router} has no interface on an IPv6 subnet of port {port}.")]
    Unreachable { port: PortId, router: RouterId },
    #[error("Router {0} has no NDP proxies: set its enable_ndp_proxy first.")]
    NotEnabled(RouterId),
    #[error("Port {0} has no IPv6 address.")]
    NoIpv6(PortId),
    #[error("Port {port} does not have the address {ip}.")]
    NotOfPort { ip: IpAddr, port: PortId },
    #[error("Router {router} is not on the subnet of {ip}.")]
    NotOfRouter { ip: IpAddr, router: RouterId },
    #[error("The network outside of router {0} and that of the port are not in the same IPv6 address scope.")]
    OtherScope(RouterId),
    #[error("Router {router} has an NDP proxy for {ip} already.")]
    Exists { router: RouterId, ip: Ipv6Addr },
    #[error("Router {0} has {MAX_PROXIES} NDP proxies, which is as many as a router may have.")]
    TooMany(RouterId),
    #[error("Router {0} has no IPv6 address on an external network in an address scope.")]
    GatewayUnfit(RouterId),
    #[error("Router {0} has NDP proxies, which need its gateway.")]
    GatewayInUse(RouterId),
    #[error("Router {0} answers for others, and would have no IPv6 address outside.")]
    GatewayNeedsIpv6(RouterId),
    #[error("Router {router} has NDP proxies for addresses of subnet {subnet}.")]
    InterfaceInUse { router: RouterId, subnet: SubnetId },
}

/// What a proxy is made of besides the request.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub port: &'a Port,
    /// `None` where the caller does not find it.
    pub router: Option<&'a Router>,
    pub legs: &'a [Leg],
    pub others: &'a [NdpProxy],
    /// The IPv6 address scopes of the network outside and of the port's.
    pub scopes: [Option<&'a str>; 2],
}

/// Makes a proxy of a checked request.
pub fn create(new: NdpProxyCreate, facts: Facts<'_>, stamp: &mut Stamp) -> Result<NdpProxy, NdpProxyRefusal> {
    let (port, id) = (facts.port, new.router_id);
    let unreachable = NdpProxyRefusal::Unreachable { port: port.id, router: id };
    let on_network =
        |leg: &&Leg| leg.kind == RouterPortKind::Interface && leg.port.network_id == port.network_id;
    let mut legs = facts.legs.iter().filter(on_network).peekable();
    let Some(router) = facts.router.filter(|_| legs.peek().is_some()) else { return Err(unreachable) };
    if !router.enable_ndp_proxy {
        return Err(NdpProxyRefusal::NotEnabled(id));
    }
    let joined: BTreeSet<SubnetId> = legs.flat_map(|leg| ipv6(&leg.port)).map(|(_, subnet)| subnet).collect();
    let own: Vec<(Ipv6Addr, SubnetId)> = ipv6(port).collect();
    let ip = match new.ip_address {
        _ if own.is_empty() => return Err(NdpProxyRefusal::NoIpv6(port.id)),
        None => own.iter().find(|(_, subnet)| joined.contains(subnet)).ok_or(unreachable)?.0,
        Some(ip) => match own.iter().find(|(own, _)| IpAddr::V6(*own) == ip) {
            None => return Err(NdpProxyRefusal::NotOfPort { ip, port: port.id }),
            Some((_, subnet)) if !joined.contains(subnet) => {
                return Err(NdpProxyRefusal::NotOfRouter { ip, router: id });
            }
            Some((own, _)) => *own,
        },
    };
    if facts.scopes[0] != facts.scopes[1] {
        return Err(NdpProxyRefusal::OtherScope(id));
    }
    if facts.others.iter().any(|other| other.ip_address == ip) {
        return Err(NdpProxyRefusal::Exists { router: id, ip });
    }
    if facts.others.len() >= MAX_PROXIES {
        return Err(NdpProxyRefusal::TooMany(id));
    }
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    Ok(NdpProxy {
        id: NdpProxyId(stamp.uuid()),
        project_id: new.project_id,
        router_id: id,
        port_id: port.id,
        ip_address: ip,
        rest,
    })
}

fn ipv6(port: &Port) -> impl Iterator<Item = (Ipv6Addr, SubnetId)> {
    port.fixed_ips.iter().filter_map(|fixed: &FixedIp| match fixed.ip_address {
        IpAddr::V6(ip) => Some((ip, fixed.subnet_id)),
        IpAddr::V4(_) => None,
    })
}

/// A router's way out, as it is about to be.
#[derive(Debug, Clone, Copy)]
pub struct Outside<'a> {
    pub port: Option<&'a Port>,
    /// The IPv6 address scope of its network.
    pub scope: Option<&'a str>,
    /// The request names the gateway's addresses.
    pub addressed: bool,
}

/// Whether a router has proxies after a change that asks for them, or that is about its way out. What is not
/// asked for stays, as far as the way out allows.
pub fn enabled(router: &Router, asked: Option<bool>, outside: Outside<'_>) -> Result<bool, NdpProxyRefusal> {
    let has_ipv6 = outside.port.is_some_and(|port| ipv6(port).next().is_some());
    let fits = has_ipv6 && outside.scope.is_some();
    match asked {
        Some(true) if !fits => Err(NdpProxyRefusal::GatewayUnfit(router.id)),
        Some(asked) => Ok(asked),
        None if router.enable_ndp_proxy && outside.addressed && !has_ipv6 => {
            Err(NdpProxyRefusal::GatewayNeedsIpv6(router.id))
        }
        None => Ok(router.enable_ndp_proxy && fits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::fixture::{a_router, id};
    use model::NetworkId;

    fn port(number: u128, fixed: &[(&str, u128)]) -> Port {
        let fixed_ip = |(ip, subnet): &(&str, u128)| FixedIp {
            subnet_id: SubnetId(id(*subnet)),
            ip_address: ip.parse().expect("an address"),
        };
        crate::port::test_port(PortId(id(number)), NetworkId(id(3)), fixed.iter().map(fixed_ip).collect())
    }

    fn asked(ip: Option<&str>) -> NdpProxyCreate {
        NdpProxyCreate {
            project_id: "p".into(),
            router_id: RouterId(id(1)),
            port_id: PortId(id(7)),
            ip_address: ip.map(|ip| ip.parse().expect("an address")),
            rest: Default::default(),
        }
    }

    #[test]
    fn a_proxy_is_for_an_address_of_the_port_that_the_router_reaches() {
        use NdpProxyRefusal as R;
        let (own, router) = (PortId(id(7)), RouterId(id(1)));
        let mut stamp = Stamp::new(0, String::new(), 7);
        let mut on = a_router();
        on.enable_ndp_proxy = true;
        let off = a_router();
        let leg = |kind, port| Leg { kind, port };
        let legs = [leg(RouterPortKind::Interface, port(2, &[("fd00:1::1", 11), ("10.0.0.1", 10)]))];
        let gateway = [leg(RouterPortKind::Gateway, port(2, &[("fd00:1::1", 11)]))];
        let both = port(7, &[("10.0.0.5", 10), ("fd00:2::5", 12), ("fd00:1::5", 11)]);
        let old = port(7, &[("10.0.0.5", 10)]);
        let far = port(7, &[("fd00:2::5", 12)]);
        let (one, two) = ([Some("s"), Some("s")], [Some("s"), None]);
        let ip = |ip: &str| -> IpAddr { ip.parse().expect("an address") };
        let unreachable = R::Unreachable { port: own, router };
        let of_port = |ip| R::NotOfPort { ip, port: own };
        let far_ip = R::NotOfRouter { ip: ip("fd00:2::5"), router };
        type Row<'a> = (Option<&'a Router>, &'a [Leg], &'a Port, Option<&'a str>, [Option<&'a str>; 2]);
        let table: [(Row<'_>, Result<&str, R>); 13] = [
            ((Some(&on), &legs, &both, None, one), Ok("fd00:1::5")),
            ((Some(&on), &legs, &both, Some("fd00:1::5"), one), Ok("fd00:1::5")),
            ((Some(&on), &legs, &both, None, [None, None]), Ok("fd00:1::5")),
            ((None, &legs, &both, None, one), Err(unreachable.clone())),
            ((Some(&on), &[], &both, None, one), Err(unreachable.clone())),
            ((Some(&on), &gateway, &both, None, one), Err(unreachable.clone())),
            ((Some(&on), &legs, &far, None, one), Err(unreachable)),
            ((Some(&off), &legs, &both, None, one), Err(R::NotEnabled(router))),
            ((Some(&on), &legs, &old, None, one), Err(R::NoIpv6(own))),
            ((Some(&on), &legs, &both, Some("fd00:1::6"), one), Err(of_port(ip("fd00:1::6")))),
            ((Some(&on), &legs, &both, Some("10.0.0.5"), one), Err(of_port(ip("10.0.0.5")))),
            ((Some(&on), &legs, &both, Some("fd00:2::5"), one), Err(far_ip)),
            ((Some(&on), &legs, &both, None, two), Err(R::OtherScope(router))),
        ];
        for (row, wanted) in table {
            let (router, legs, port, ip, scopes) = row;
            let facts = Facts { port, router, legs, others: &[], scopes };
            let made = create(asked(ip), facts, &mut stamp).map(|made| made.ip_address.to_string());
            assert_eq!(made, wanted.map(str::to_owned), "{ip:?} of {:?}", port.fixed_ips);
        }
        let facts = Facts { port: &both, router: Some(&on), legs: &legs, others: &[], scopes: one };
        let first = create(asked(None), facts, &mut stamp).expect("the first");
        let exists = R::Exists { router, ip: first.ip_address };
        let again = create(asked(None), Facts { others: std::slice::from_ref(&first), ..facts }, &mut stamp);
        assert_eq!(again, Err(exists));
        let others = vec![NdpProxy { ip_address: Ipv6Addr::LOCALHOST, ..first }; MAX_PROXIES];
        let more = create(asked(None), Facts { others: &others, ..facts }, &mut stamp);
        assert_eq!(more, Err(R::TooMany(router)));
    }

    #[test]
    fn routers_answer_while_their_way_out_lets_them() {
        use NdpProxyRefusal as R;
        let router = RouterId(id(1));
        let (new, old) = (port(2, &[("fd00:9::2", 9)]), port(2, &[("203.0.113.2", 8)]));
        let scope = Some("s");
        for (had, asked, port, scope, addressed, wanted) in [
            (false, Some(true), Some(&new), scope, false, Ok(true)),
            (false, Some(true), Some(&new), None, false, Err(R::GatewayUnfit(router))),
            (false, Some(true), Some(&old), scope, false, Err(R::GatewayUnfit(router))),
            (true, Some(true), None, None, false, Err(R::GatewayUnfit(router))),
            (true, Some(false), Some(&new), scope, false, Ok(false)),
            (false, Some(false), None, None, false, Ok(false)),
            (true, None, Some(&new), scope, true, Ok(true)),
            (false, None, Some(&new), scope, true, Ok(false)),
            (true, None, None, None, false, Ok(false)),
            (true, None, Some(&old), scope, true, Err(R::GatewayNeedsIpv6(router))),
            (true, None, Some(&old), scope, false, Ok(false)),
            (false, None, Some(&old), scope, true, Ok(false)),
        ] {
            let before = Router { enable_ndp_proxy: had, ..a_router() };
            let said = enabled(&before, asked, Outside { port, scope, addressed });
            assert_eq!(said, wanted, "{had} {asked:?} {scope:?} {addressed}");
        }
    }
}
