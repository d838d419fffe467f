//! What is wrong with a job, and what to change. Sizes are bounded here and where addresses are read.

use uuid::Uuid;

use super::{Job, Peers, Place, Service, Tuple, What};

/// Addresses in one set.
pub const MAX_ADDRESSES: usize = 10_000;
/// Known connections of one job.
pub const MAX_TUPLES: usize = 5_000;

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Wrong {
    #[error("'{0:.80}' is not a router's namespace: name qrouter-ID, snat-ID or fip-ID, or say \"host\"")]
    Place(String),
    #[error("no address is removed: name at least one in removed")]
    NothingRemoved,
    #[error(
        "{0} addresses in one set are too many: send at most {MAX_ADDRESSES}, and the rest in another job"
    )]
    ManyAddresses(usize),
    #[error("{0} is all addresses: narrow what is removed, or flush a zone")]
    Everything(ipnet::IpNet),
    #[error("peers are of none: name at least one, or say \"any\"")]
    NoPeer,
    #[error("no removed address has a peer of its family: leave such a job out")]
    TwoFamilies,
    #[error("protocol {0} has no ports: leave ports out")]
    NoPorts(u8),
    #[error("ports from {from} to {to} are none: swap them")]
    Ports { from: u16, to: u16 },
    #[error("protocol {0} is not ICMP: leave type and code out")]
    NoIcmp(u8),
    #[error("a code needs a type: add icmp_type")]
    CodeAlone,
    #[error("zone 0 of a host holds the host's own connections: name another zone, or pairs")]
    HostsOwn,
    #[error("no connection is named: name at least one in tuples")]
    NoTuple,
    #[error("{0} connections are too many: send at most {MAX_TUPLES} in a job")]
    ManyTuples(usize),
    #[error("connection {at} cannot be: {why}")]
    Tuple { at: usize, why: &'static str },
}

impl Job {
    /// Says what is wrong. A job that passes is bounded in all it holds.
    pub fn check(&self) -> Result<(), Wrong> {
        if let Place::Netns(name) = &self.place {
            is_router_netns(name).then_some(()).ok_or_else(|| Wrong::Place(name.clone()))?;
        }
        match &self.what {
            What::Zone(0) if self.place == Place::Host => Err(Wrong::HostsOwn),
            What::Zone(_) => Ok(()),
            What::Tuples(tuples) => check_tuples(&tuples.tuples),
            What::Pairs(pairs) => {
                if pairs.removed.is_empty() {
                    return Err(Wrong::NothingRemoved);
                }
                let peers = match &pairs.peers {
                    Peers::Any => 0,
                    Peers::Of(peers) => peers.len(),
                };
                let most = pairs.removed.len().max(peers);
                if most > MAX_ADDRESSES {
                    return Err(Wrong::ManyAddresses(most));
                }
                if let Some(all) = pairs.removed.iter().find(|net| net.prefix_len() == 0) {
                    return Err(Wrong::Everything(*all));
                }
                if let Peers::Of(peers) = &pairs.peers {
                    let has = |v4: bool| move |net: &ipnet::IpNet| net.addr().is_ipv4() == v4;
                    if peers.is_empty() {
                        return Err(Wrong::NoPeer);
                    }
                    let of_both = |v4| pairs.removed.iter().any(has(v4)) && peers.iter().any(has(v4));
                    if !of_both(true) && !of_both(false) {
                        return Err(Wrong::TwoFamilies);
                    }
                }
                pairs.service.as_ref().map_or(Ok(()), check_service)
            }
        }
    }
}

fn check_service(service: &Service) -> Result<(), Wrong> {
    if let Some(ports) = service.ports {
        if !Tuple::has_ports(service.protocol) {
            return Err(Wrong::NoPorts(service.protocol));
        }
        if ports.from > ports.to {
            return Err(Wrong::Ports { from: ports.from, to: ports.to });
        }
    }
    if service.icmp_type.is_some() && !Tuple::is_icmp(service.protocol) {
        return Err(Wrong::NoIcmp(service.protocol));
    }
    match service.icmp_code.is_some() && service.icmp_type.is_none() {
        true => Err(Wrong::CodeAlone),
        false => Ok(()),
    }
}

fn check_tuples(tuples: &[Tuple]) -> Result<(), Wrong> {
    match tuples.len() {
        0 => return Err(Wrong::NoTuple),
        1..=MAX_TUPLES => {}
        many => return Err(Wrong::ManyTuples(many)),
    }
    for (at, tuple) in tuples.iter().enumerate() {
        let icmp = Tuple::is_icmp(tuple.protocol);
        let why = if tuple.source.is_ipv4() != tuple.destination.is_ipv4() {
            "its addresses are of two families"
        } else if icmp != tuple.icmp.is_some() {
            "ICMP has type, code and id, and nothing else has"
        } else if tuple.protocol == if tuple.source.is_ipv4() { 58 } else { 1 } {
            "ICMP is protocol 1 with IPv4, and 58 with IPv6"
        } else if !Tuple::has_ports(tuple.protocol) && (tuple.source_port, tuple.destination_port) != (0, 0) {
            "its protocol has no ports"
        } else {
            continue;
        };
        return Err(Wrong::Tuple { at, why });
    }
    Ok(())
}

/// A word and an id, and nothing that a path could be made of.
fn is_router_netns(name: &str) -> bool {
    let id = ["qrouter-", "snat-", "fip-"].iter().find_map(|prefix| name.strip_prefix(prefix));
    id.is_some_and(|id| Uuid::parse_str(id).is_ok_and(|parsed| parsed.to_string() == id))
}
