//! Messages of ctnetlink to the kernel.

use std::net::IpAddr;

use host::purge::Connection;
use model::purge::Tuple;
use nix::libc;

use super::entry::{
    DESTINATION_PORT, Found, ICMP_CODE, ICMP_ID, ICMP_TYPE, ICMPV6_CODE, ICMPV6_ID, ICMPV6_TYPE, ID,
    PROTOCOL, SOURCE_PORT, TUPLE_IP, TUPLE_ORIGINAL, TUPLE_PROTOCOL, TUPLE_REPLY, V4_DESTINATION, V4_SOURCE,
    V6_DESTINATION, V6_SOURCE, ZONE,
};
use crate::netlink::Message;

const SUBSYSTEM: u16 = 1;
const NEW: u16 = SUBSYSTEM << 8;
const GET: u16 = SUBSYSTEM << 8 | 1;
const DELETE: u16 = SUBSYSTEM << 8 | 2;
const GET_STATS: u16 = SUBSYSTEM << 8 | 5;

/// Attributes of an entry that only we write.
const PROTOCOL_STATE: u16 = 4;
const TIMEOUT: u16 = 7;
const TCP: u16 = 1;
const TCP_STATE: u16 = 1;
const TCP_ESTABLISHED: u8 = 3;
const SCTP: u16 = 3;
const SCTP_STATE: u16 = 1;
const SCTP_VTAG_ORIGINAL: u16 = 2;
const SCTP_VTAG_REPLY: u16 = 3;
const SCTP_ESTABLISHED: u8 = 4;

const NESTED: u16 = 0x8000;

/// All families.
const ANY: u8 = 0;

fn message(kind: u16, flags: i32, family: u8, version: u8) -> Message {
    behind(Vec::new(), kind, flags, family, version)
}

fn behind(others: Vec<u8>, kind: u16, flags: i32, family: u8, version: u8) -> Message {
    Message::behind(others, kind, flags, &[family, version, 0, 0])
}

/// Shows the table, narrowed to a zone or a family.
pub(super) fn dump(zone: Option<u16>, ipv4: Option<bool>) -> Message {
    let family = match ipv4 {
        None => ANY,
        Some(true) => libc::AF_INET as u8,
        Some(false) => libc::AF_INET6 as u8,
    };
    let message = message(GET, libc::NLM_F_DUMP, family, 0);
    match zone {
        Some(zone) => message.attr(ZONE, &zone.to_be_bytes()),
        None => message,
    }
}

/// Deletes the entry that was found, and none that has its tuple by now.
pub(super) fn delete_found(others: Vec<u8>, found: &Found) -> Message {
    let message = behind(others, DELETE, 0, found.family, 0);
    let mut message = message.attr(TUPLE_ORIGINAL | NESTED, found.original);
    if !found.zone.is_empty() {
        message = message.attr(ZONE, found.zone);
    }
    if !found.id.is_empty() {
        message = message.attr(ID, found.id);
    }
    message
}

/// Deletes the entry that has the tuple in one of its directions.
pub(super) fn delete_known(others: Vec<u8>, zone: u16, tuple: &Tuple) -> Message {
    let message = behind(others, DELETE, 0, family(tuple.source), 0);
    self::tuple(message, TUPLE_ORIGINAL, tuple).attr(ZONE, &zone.to_be_bytes())
}

/// The kernel deletes all of a zone. Version 1: with version 0 it takes no notice of a family.
pub(super) fn flush_zone(zone: u16) -> Message {
    message(DELETE, 0, ANY, 1).attr(ZONE, &zone.to_be_bytes())
}

/// Asks how many entries the namespace has.
pub(super) fn stats() -> Message {
    message(GET_STATS, 0, ANY, 0)
}

/// A connection made by hand: a decoy, or an entry of a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Insert {
    pub connection: Connection,
    pub timeout_s: u32,
}

pub(super) fn insert(others: Vec<u8>, insert: &Insert) -> Message {
    let Connection { zone, original, reply } = &insert.connection;
    let flags = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let message = behind(others, NEW, flags, family(original.source), 0);
    let message = tuple(tuple(message, TUPLE_ORIGINAL, original), TUPLE_REPLY, reply);
    let message = message.attr_be32(TIMEOUT, insert.timeout_s).attr(ZONE, &zone.to_be_bytes());
    match i32::from(original.protocol) {
        libc::IPPROTO_TCP => {
            message.nest(PROTOCOL_STATE, |m| m.nest(TCP, |m| m.attr_u8(TCP_STATE, TCP_ESTABLISHED)))
        }
        libc::IPPROTO_SCTP => message.nest(PROTOCOL_STATE, |m| {
            m.nest(SCTP, |m| {
                let m = m.attr_u8(SCTP_STATE, SCTP_ESTABLISHED);
                m.attr_be32(SCTP_VTAG_ORIGINAL, 1).attr_be32(SCTP_VTAG_REPLY, 2)
            })
        }),
        _ => message,
    }
}

fn family(address: IpAddr) -> u8 {
    (if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }) as u8
}

fn tuple(message: Message, kind: u16, tuple: &Tuple) -> Message {
    message.nest(kind, |m| {
        let m = m.nest(TUPLE_IP, |m| match (tuple.source, tuple.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                m.attr(V4_SOURCE, &source.octets()).attr(V4_DESTINATION, &destination.octets())
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                m.attr(V6_SOURCE, &source.octets()).attr(V6_DESTINATION, &destination.octets())
            }
            // Of two families: the kernel refuses a tuple without addresses.
            _ => m,
        });
        m.nest(TUPLE_PROTOCOL, |m| {
            let m = m.attr_u8(PROTOCOL, tuple.protocol);
            match (tuple.icmp, tuple.source.is_ipv4()) {
                (Some(icmp), true) => m
                    .attr(ICMP_ID, &icmp.id.to_be_bytes())
                    .attr_u8(ICMP_TYPE, icmp.kind)
                    .attr_u8(ICMP_CODE, icmp.code),
                (Some(icmp), false) => m
                    .attr(ICMPV6_ID, &icmp.id.to_be_bytes())
                    .attr_u8(ICMPV6_TYPE, icmp.kind)
                    .attr_u8(ICMPV6_CODE, icmp.code),
                (None, _) => m
                    .attr(SOURCE_PORT, &tuple.source_port.to_be_bytes())
                    .attr(DESTINATION_PORT, &tuple.destination_port.to_be_bytes()),
            }
        })
    })
}
