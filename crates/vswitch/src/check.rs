//! Can a configuration be carried out? Asked before anything changes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::vswitch::{Dscp, Kind, Place, Tunnel, Wanted};

use crate::tunnel::Ends;
use crate::{BadTunnel, Limits, Wrong, head};

pub fn check(wanted: &Wanted, limits: &Limits) -> Result<(), Wrong> {
    let ports = wanted.ports.len() + wanted.underlays.len();
    for (what, count, limit) in [
        ("ports", ports, limits.ports.min(usize::from(u16::MAX))),
        ("networks", wanted.networks.len(), limits.networks.min(usize::from(u16::MAX))),
        ("tunnels", wanted.tunnels.len(), limits.tunnels),
    ] {
        if count > limit {
            return Err(Wrong::TooMany { what, count, limit });
        }
    }
    for (name, port) in &wanted.ports {
        if wanted.underlays.contains_key(name) {
            return Err(Wrong::PortAndUnderlay { name: name.clone() });
        }
        if !wanted.networks.contains_key(&port.network) {
            return Err(Wrong::NoNetwork { port: name.clone(), network: port.network.clone() });
        }
    }
    tunnels(wanted)?;
    networks(wanted)
}

/// What of a tunnel names it among what arrives.
pub fn ends(tunnel: &Tunnel) -> Ends {
    let port = head::udp_port(tunnel).unwrap_or(0);
    Ends { local: tunnel.local, remote: tunnel.remote, port }
}

fn tunnels(wanted: &Wanted) -> Result<(), Wrong> {
    let (mut by_ends, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    for (name, tunnel) in &wanted.tunnels {
        one_tunnel(tunnel).map_err(|what| Wrong::BadTunnel { tunnel: name.clone(), what })?;
        if let Some(one) = by_ends.insert(ends(tunnel), name) {
            return Err(Wrong::SameEnds { one: one.clone(), other: name.clone() });
        }
        if let Some(port) = head::udp_port(tunnel)
            && kinds.insert(port, tunnel.kind).is_some_and(|kind| kind != tunnel.kind)
        {
            return Err(Wrong::SameUdpPort { port });
        }
    }
    Ok(())
}

fn one_tunnel(tunnel: &Tunnel) -> Result<(), BadTunnel> {
    let unicast = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_multicast() && !ip.is_broadcast() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified() && ip.to_ipv4_mapped().is_none(),
    };
    let rules = [
        (tunnel.local.is_ipv4() == tunnel.remote.is_ipv4(), BadTunnel::Families),
        (unicast(tunnel.local) && unicast(tunnel.remote), BadTunnel::NotUnicast),
        (tunnel.local != tunnel.remote, BadTunnel::ToItself),
        (tunnel.ttl > 0 && tunnel.port != Some(0), BadTunnel::Zero),
        (!matches!(tunnel.dscp, Dscp::Fixed(64..)), BadTunnel::Dscp),
        (
            tunnel.kind != Kind::Nvgre || (tunnel.port.is_none() && tunnel.checksum != Some(true)),
            BadTunnel::NotUdp,
        ),
    ];
    for (holds, what) in rules {
        if !holds {
            return Err(what);
        }
    }
    head::options(tunnel).map(|_| ())
}

fn networks(wanted: &Wanted) -> Result<(), Wrong> {
    // By number, not by name: there are as many attachments as networks times tunnels.
    let names: Vec<&String> = wanted.tunnels.keys().collect();
    let mut numbers = Vec::new();
    for (name, network) in &wanted.networks {
        for (tunnel, attached) in &network.tunnels {
            let Ok(at) = names.binary_search(&tunnel) else {
                return Err(Wrong::NoTunnel { network: name.clone(), tunnel: tunnel.clone() });
            };
            numbers.push((at, attached.vni, name));
        }
        for (mac, place) in &network.entries {
            if mac.is_multicast() || *mac == wire::Mac::ZERO {
                return Err(Wrong::NotUnicastMac { network: name.clone(), mac: *mac });
            }
            let (there, place) = match place {
                Place::Port(port) => (wanted.ports.get(port).is_some_and(|port| port.network == *name), port),
                Place::Tunnel(tunnel) => (network.tunnels.contains_key(tunnel), tunnel),
            };
            if !there {
                return Err(Wrong::NoPlace { network: name.clone(), mac: *mac, place: place.clone() });
            }
        }
    }
    numbers.sort_unstable();
    for pair in numbers.windows(2) {
        if let [(at, vni, one), (other_at, other_vni, other)] = pair
            && (at, vni) == (other_at, other_vni)
        {
            let tunnel = names[*at].clone();
            let (one, other) = (String::clone(one), String::clone(other));
            return Err(Wrong::SameVni { tunnel, vni: vni.number(), one, other });
        }
    }
    Ok(())
}
