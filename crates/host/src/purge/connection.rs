//! An entry of a table of connections, and which jobs ask that it go.

use std::net::IpAddr;

use model::purge::{Began, Pairs, Peers, Service, Tuple, What};

/// A tracked connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connection {
    pub zone: u16,
    /// As its first packet had it.
    pub original: Tuple,
    /// As answers have it: behind NAT.
    pub reply: Tuple,
}

impl Connection {
    /// Addresses of who began, before and behind NAT.
    pub fn began(&self) -> [IpAddr; 2] {
        [self.original.source, self.reply.destination]
    }

    /// Addresses of who was called, before and behind NAT.
    pub fn called(&self) -> [IpAddr; 2] {
        [self.original.destination, self.reply.source]
    }

    /// True if this is what was called.
    pub fn is_to(&self, service: &Service) -> bool {
        if self.original.protocol != service.protocol {
            return false;
        }
        let ports = [self.original.destination_port, self.reply.source_port];
        let (kind, code) =
            (self.original.icmp.map(|icmp| icmp.kind), self.original.icmp.map(|icmp| icmp.code));
        service.ports.is_none_or(|range| ports.iter().any(|port| range.contain(*port)))
            && (service.icmp_type.is_none() || service.icmp_type == kind)
            && (service.icmp_code.is_none() || service.icmp_code == code)
    }
}

/// The definition of what a job asks for, by looking at everything: what [`super::Matcher`] is held to.
pub fn asks(what: &What, connection: &Connection) -> bool {
    match what {
        What::Zone(zone) => connection.zone == *zone,
        What::Tuples(known) => {
            let has = |tuple: &Tuple| *tuple == connection.original || *tuple == connection.reply;
            connection.zone == known.zone && known.tuples.iter().any(has)
        }
        What::Pairs(pairs) => {
            let (began, called) = (connection.began(), connection.called());
            pairs.zone.is_none_or(|zone| connection.zone == zone)
                && pairs.service.is_none_or(|service| connection.is_to(&service))
                && (pairs.began != Began::Peer && between(pairs, began, called)
                    || pairs.began != Began::Removed && between(pairs, called, began))
        }
    }
}

fn between(pairs: &Pairs, removed: [IpAddr; 2], peer: [IpAddr; 2]) -> bool {
    let is_peer = |address: &IpAddr| match &pairs.peers {
        Peers::Any => true,
        Peers::Of(peers) => peers.contains(*address),
    };
    removed.iter().any(|address| pairs.removed.contains(*address)) && peer.iter().any(is_peer)
}
