//! The underlay's routes: who is the next hop towards an address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::vswitch::{Facts, Link, Route};

use crate::Why;

/// What the kernel told, laid out for looking up.
#[derive(Debug, Default)]
pub struct Routes {
    links: BTreeMap<u32, Link>,
    by_name: BTreeMap<String, u32>,
    /// By family and length, then by network address; each list by metric.
    table: BTreeMap<(bool, u8, IpAddr), Vec<Route>>,
    lengths: BTreeSet<(bool, u8)>,
    addresses: BTreeMap<IpAddr, Vec<u32>>,
    by_link: BTreeMap<u32, Vec<IpAddr>>,
}

/// The way to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    pub link: u32,
    pub next: IpAddr,
    pub mtu_bytes: u32,
}

impl Routes {
    pub fn of(facts: &Facts) -> Routes {
        let mut routes = Routes::default();
        for link in &facts.links {
            routes.by_name.insert(link.name.clone(), link.index);
            routes.links.insert(link.index, link.clone());
        }
        for address in &facts.addresses {
            routes.addresses.entry(address.ip).or_default().push(address.link);
            routes.by_link.entry(address.link).or_default().push(address.ip);
        }
        for route in &facts.routes {
            let (six, len) = (route.to.addr().is_ipv6(), route.to.prefix_len());
            routes.lengths.insert((six, len));
            routes.table.entry((six, len, route.to.network())).or_default().push(route.clone());
        }
        for list in routes.table.values_mut() {
            list.sort_by_key(|route| route.metric); // stable: equal ways stay as the kernel ordered them
        }
        routes
    }

    pub fn link(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    pub fn link_named(&self, name: &str) -> Option<&Link> {
        self.by_name.get(name).and_then(|index| self.links.get(index))
    }

    pub fn is_ours(&self, ip: IpAddr) -> bool {
        self.addresses.contains_key(&ip)
    }

    /// The address to ask from on a link: the wanted one if it is there, else one of the family, of a
    /// neighbour's own prefix or scope if there is one.
    pub fn source_on(&self, link: u32, wanted: IpAddr, towards: IpAddr) -> Option<IpAddr> {
        let all = self.by_link.get(&link)?;
        if all.contains(&wanted) {
            return Some(wanted);
        }
        let family = || all.iter().copied().filter(|ip| ip.is_ipv6() == towards.is_ipv6());
        family().find(|ip| is_link_local(*ip) == is_link_local(towards)).or_else(|| family().next())
    }

    /// The best way: the longest prefix, then the lowest metric, then the first that can be used.
    pub fn towards(&self, ip: IpAddr) -> Result<Hop, Why> {
        let six = ip.is_ipv6();
        for (_, len) in self.lengths.range((six, 0)..=(six, 128)).rev() {
            let Some(list) = masked(ip, *len).and_then(|net| self.table.get(&(six, *len, net))) else {
                continue;
            };
            let Some(best) = list.first() else { continue };
            let mut why = Why::Unreachable;
            for route in list.iter().take_while(|route| route.metric == best.metric) {
                match self.hop(route, ip) {
                    Ok(hop) => return Ok(hop),
                    Err(no) => why = no,
                }
            }
            // The kernel takes routes of links without carrier out by itself where it is told to.
            if let Some(hop) = list.iter().find_map(|route| self.hop(route, ip).ok()) {
                return Ok(hop);
            }
            return Err(why);
        }
        Err(Why::NoRoute)
    }

    fn hop(&self, route: &Route, ip: IpAddr) -> Result<Hop, Why> {
        let link = self.links.get(&route.link.ok_or(Why::Unreachable)?).ok_or(Why::LinkDown)?;
        if !link.up {
            return Err(Why::LinkDown);
        }
        let mtu_bytes = route.mtu_bytes.unwrap_or(link.mtu_bytes).min(link.mtu_bytes);
        Ok(Hop { link: link.index, next: route.via.unwrap_or(ip), mtu_bytes })
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn masked(ip: IpAddr, len: u8) -> Option<IpAddr> {
    Some(match ip {
        IpAddr::V4(ip) if len <= 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
            IpAddr::V4((ip.to_bits() & mask).into())
        }
        IpAddr::V6(ip) if len <= 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
            IpAddr::V6((ip.to_bits() & mask).into())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let link = |index, name: &str, up| Link {
            index,
            name: name.to_owned(),
            mac: wire::Mac([2, 0, 0, 0, 0, index as u8]),
            mtu_bytes: 1500,
            up,
        };
        let route = |to: &str, via: Option<&str>, link, metric| Route {
            to: to.parse().expect("a prefix"),
            via: via.map(|ip| ip.parse().expect("an address")),
            link,
            metric,
            mtu_bytes: None,
        };
        Facts {
            links: vec![link(1, "a", true), link(2, "b", true), link(3, "down", false)],
            routes: vec![
                route("0.0.0.0/0", Some("192.0.2.254"), Some(1), 100),
                route("0.0.0.0/0", Some("198.51.100.254"), Some(2), 50),
                route("192.0.2.0/24", None, Some(1), 0),
                route("10.0.0.0/8", Some("192.0.2.1"), Some(1), 0),
                route("10.1.0.0/16", None, None, 0),
                route("10.2.0.0/16", None, Some(3), 0),
                route("10.3.0.0/16", None, Some(3), 0),
                route("10.3.0.0/16", Some("192.0.2.3"), Some(1), 0),
                Route { mtu_bytes: Some(1400), ..route("10.4.0.0/16", None, Some(1), 0) },
            ],
            ..Facts::default()
        }
    }

    #[test]
    fn the_longest_prefix_wins_then_the_lowest_metric() {
        let routes = Routes::of(&facts());
        let hop = |link, next: &str, mtu_bytes| Ok(Hop { link, next: next.parse().expect("ip"), mtu_bytes });
        for (to, want) in [
            ("192.0.2.7", hop(1, "192.0.2.7", 1500)),
            ("203.0.113.1", hop(2, "198.51.100.254", 1500)),
            ("10.9.9.9", hop(1, "192.0.2.1", 1500)),
            ("10.1.1.1", Err(Why::Unreachable)),
            ("10.2.1.1", Err(Why::LinkDown)),
            ("10.3.1.1", hop(1, "192.0.2.3", 1500)),
            ("10.4.1.1", hop(1, "10.4.1.1", 1400)),
            ("2001:db8::1", Err(Why::NoRoute)),
        ] {
            assert_eq!(routes.towards(to.parse().expect("ip")), want, "{to}");
        }
    }
}
