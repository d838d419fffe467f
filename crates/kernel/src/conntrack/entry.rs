//! What a dump shows of one connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use host::purge::Connection;
use host::secgroup::TURNED;
use model::purge::{Icmp, Tuple};
use nix::libc;

use crate::netlink::attributes;

/// Bytes of `struct nfgenmsg`.
pub(super) const NFGENMSG: usize = 4;

pub(super) const TUPLE_ORIGINAL: u16 = 1;
pub(super) const TUPLE_REPLY: u16 = 2;
pub(super) const MARK: u16 = 8;
pub(super) const ID: u16 = 12;
pub(super) const ZONE: u16 = 18;

pub(super) const TUPLE_IP: u16 = 1;
pub(super) const TUPLE_PROTOCOL: u16 = 2;
pub(super) const TUPLE_ZONE: u16 = 3;

pub(super) const V4_SOURCE: u16 = 1;
pub(super) const V4_DESTINATION: u16 = 2;
pub(super) const V6_SOURCE: u16 = 3;
pub(super) const V6_DESTINATION: u16 = 4;

pub(super) const PROTOCOL: u16 = 1;
pub(super) const SOURCE_PORT: u16 = 2;
pub(super) const DESTINATION_PORT: u16 = 3;
/// Id, type and code of ICMP; of ICMPv6 each is three more.
pub(super) const ICMP_ID: u16 = 4;
pub(super) const ICMP_TYPE: u16 = 5;
pub(super) const ICMP_CODE: u16 = 6;
pub(super) const ICMPV6_ID: u16 = 7;
pub(super) const ICMPV6_TYPE: u16 = 8;
pub(super) const ICMPV6_CODE: u16 = 9;

/// A connection, and the bytes by which it is named when it is deleted.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub connection: Connection,
    pub(super) family: u8,
    pub(super) original: &'a [u8],
    /// Empty in the zone that entries have without one.
    pub(super) zone: &'a [u8],
    /// Tells the entry from one that takes its tuple later.
    pub(super) id: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    #[error("it is too short")]
    Short,
    #[error("it has no family that is known")]
    Family,
    #[error("it lacks the {0}")]
    Lacks(&'static str),
}

/// Reads the payload of a message: what follows the netlink header.
pub fn parse(payload: &[u8]) -> Result<Found<'_>, Malformed> {
    let family = *payload.first().ok_or(Malformed::Short)?;
    let body = payload.get(NFGENMSG..).ok_or(Malformed::Short)?;
    if ![libc::AF_INET, libc::AF_INET6].contains(&i32::from(family)) {
        return Err(Malformed::Family);
    }
    let (mut original, mut reply, mut zone, mut id): (_, _, &[u8], &[u8]) = (None, None, &[], &[]);
    let mut turned = false;
    for (kind, value) in attributes(body) {
        match kind {
            TUPLE_ORIGINAL => original = Some(value),
            TUPLE_REPLY => reply = Some(value),
            ZONE => zone = value,
            ID => id = value,
            MARK => turned = *value == TURNED.to_be_bytes(),
            _ => {}
        }
    }
    let original = original.ok_or(Malformed::Lacks("original tuple"))?;
    let (first, zone_of_original) = tuple(original)?;
    let (second, zone_of_reply) = tuple(reply.ok_or(Malformed::Lacks("reply tuple"))?)?;
    // A zone of one direction is shown with its tuple.
    let number = u16_of(zone).or(zone_of_original).or(zone_of_reply).unwrap_or(0);
    // As who called began it, whoever was heard first.
    let (first, second) = if turned && number != 0 { (second, first) } else { (first, second) };
    let connection = Connection { zone: number, original: first, reply: second };
    Ok(Found { connection, family, original, zone, id })
}

/// A tuple, and its zone if it has one of its own.
fn tuple(bytes: &[u8]) -> Result<(Tuple, Option<u16>), Malformed> {
    let (mut source, mut destination, mut protocol, mut zone) = (None, None, None, None);
    let (mut ports, mut icmp) = ((0, 0), Icmp { kind: 0, code: 0, id: 0 });
    for (kind, value) in attributes(bytes) {
        match kind {
            TUPLE_IP => {
                for (kind, value) in attributes(value) {
                    match kind {
                        V4_SOURCE | V6_SOURCE => source = address(value),
                        V4_DESTINATION | V6_DESTINATION => destination = address(value),
                        _ => {}
                    }
                }
            }
            TUPLE_PROTOCOL => {
                for (kind, value) in attributes(value) {
                    match kind {
                        PROTOCOL => protocol = value.first().copied(),
                        SOURCE_PORT => ports.0 = u16_of(value).unwrap_or(0),
                        DESTINATION_PORT => ports.1 = u16_of(value).unwrap_or(0),
                        ICMP_ID | ICMPV6_ID => icmp.id = u16_of(value).unwrap_or(0),
                        ICMP_TYPE | ICMPV6_TYPE => icmp.kind = value.first().copied().unwrap_or(0),
                        ICMP_CODE | ICMPV6_CODE => icmp.code = value.first().copied().unwrap_or(0),
                        _ => {}
                    }
                }
            }
            TUPLE_ZONE => zone = u16_of(value),
            _ => {}
        }
    }
    let protocol = protocol.ok_or(Malformed::Lacks("protocol"))?;
    let tuple = Tuple {
        protocol,
        source: source.ok_or(Malformed::Lacks("source"))?,
        destination: destination.ok_or(Malformed::Lacks("destination"))?,
        source_port: ports.0,
        destination_port: ports.1,
        icmp: Tuple::is_icmp(protocol).then_some(icmp),
    };
    Ok((tuple, zone))
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => value.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into()),
        16 => value.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).into()),
        _ => None,
    }
}

/// ctnetlink writes numbers in network order.
fn u16_of(value: &[u8]) -> Option<u16> {
    value.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests;
