//! Routes, and the rules that say which table of routes is asked.

use std::net::IpAddr;

use host::op::{Route, Rule};
use ipnet::IpNet;
use nix::libc;

use crate::link::{ip, octets};
use crate::netlink::message::u32_of;
use crate::netlink::{Message, attributes};

/// Bytes of `struct rtmsg`.
const RTMSG: usize = 12;
/// Bytes of `struct fib_rule_hdr`.
const RULE: usize = 12;

/// What marks routes and rules as written by us: not by the kernel, by keepalived, by hand.
const STATIC: u8 = libc::RTPROT_STATIC;
const UNICAST: u8 = libc::RTN_UNICAST;
/// `RTNH_F_ONLINK`.
const ONLINK: u32 = 4;
const TO_TABLE: u8 = 1;

const FRA_SRC: u16 = 2;
const FRA_PRIORITY: u16 = 6;
const FRA_TABLE: u16 = 15;
const FRA_PROTOCOL: u16 = 21;

/// A route as the kernel tells it, its device by index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub table: u32,
    pub to: IpNet,
    pub via: Option<IpAddr>,
    pub device: u32,
    pub onlink: bool,
}

pub(crate) fn add(route: &Route, device: u32) -> Message {
    message(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, route, device)
}

pub(crate) fn delete(route: &Route, device: u32) -> Message {
    message(libc::RTM_DELROUTE, 0, route, device)
}

/// Routes of ours, of all tables of one family.
pub(crate) fn dump(family: i32) -> Message {
    let mut fixed = [0; RTMSG];
    fixed[0] = family as u8;
    fixed[5] = STATIC;
    Message::new(libc::RTM_GETROUTE, 0, &fixed)
}

/// Reads a route; `None` for one that is not ours.
pub(crate) fn parse(payload: &[u8]) -> Option<Told> {
    let fixed = payload.first_chunk::<RTMSG>()?;
    if fixed[5] != STATIC || fixed[7] != UNICAST {
        return None;
    }
    let (mut to, mut via, mut device, mut table) = (None, None, None, u32::from(fixed[4]));
    for (kind, value) in attributes(&payload[RTMSG..]) {
        match kind {
            libc::RTA_DST => to = ip(value),
            libc::RTA_GATEWAY => via = ip(value),
            libc::RTA_OIF => device = Some(u32_of(value)),
            libc::RTA_TABLE => table = u32_of(value),
            _ => {}
        }
    }
    let to = IpNet::new(to.or_else(|| unspecified(fixed[0]))?, fixed[1]).ok()?;
    Some(Told { table, to, via, device: device?, onlink: u32_of(&fixed[8..]) & ONLINK != 0 })
}

pub(crate) fn add_rule(rule: &Rule) -> Message {
    rule_message(libc::RTM_NEWRULE, libc::NLM_F_CREATE | libc::NLM_F_EXCL, rule)
}

pub(crate) fn delete_rule(rule: &Rule) -> Message {
    rule_message(libc::RTM_DELRULE, 0, rule)
}

/// Rules of all families.
pub(crate) fn dump_rules() -> Message {
    Message::new(libc::RTM_GETRULE, 0, &[0; RULE])
}

/// Reads a rule; `None` for one that is not ours.
pub(crate) fn parse_rule(payload: &[u8]) -> Option<Rule> {
    let fixed = payload.first_chunk::<RULE>()?;
    let (mut from, mut priority, mut table, mut protocol) = (None, 0, u32::from(fixed[4]), 0);
    for (kind, value) in attributes(&payload[RULE..]) {
        match kind {
            FRA_SRC => from = ip(value),
            FRA_PRIORITY => priority = u32_of(value),
            FRA_TABLE => table = u32_of(value),
            FRA_PROTOCOL => protocol = value.first().copied()?,
            _ => {}
        }
    }
    if protocol != STATIC || fixed[7] != TO_TABLE {
        return None;
    }
    let from = IpNet::new(from.or_else(|| unspecified(fixed[0]))?, fixed[2]).ok()?;
    Some(Rule { priority, from, table })
}

fn message(kind: u16, flags: i32, route: &Route, device: u32) -> Message {
    let mut fixed = [0; RTMSG];
    fixed[0] = family(route.to.addr());
    fixed[1] = route.to.prefix_len();
    fixed[4] = small(route.table);
    fixed[5] = STATIC;
    fixed[6] = if route.via.is_some() { libc::RT_SCOPE_UNIVERSE } else { libc::RT_SCOPE_LINK };
    fixed[7] = UNICAST;
    let onlink = if route.onlink { ONLINK } else { 0 };
    fixed[8..].copy_from_slice(&onlink.to_ne_bytes());
    let message = Message::new(kind, flags, &fixed)
        .attr(libc::RTA_DST, &octets(route.to.trunc().addr()))
        .attr_u32(libc::RTA_OIF, device)
        .attr_u32(libc::RTA_TABLE, route.table);
    match route.via {
        Some(via) => message.attr(libc::RTA_GATEWAY, &octets(via)),
        None => message,
    }
}

fn rule_message(kind: u16, flags: i32, rule: &Rule) -> Message {
    let mut fixed = [0; RULE];
    fixed[0] = family(rule.from.addr());
    fixed[2] = rule.from.prefix_len();
    fixed[4] = small(rule.table);
    fixed[7] = TO_TABLE;
    let message = Message::new(kind, flags, &fixed)
        .attr_u32(FRA_PRIORITY, rule.priority)
        .attr_u32(FRA_TABLE, rule.table)
        .attr_u8(FRA_PROTOCOL, STATIC);
    match rule.from.prefix_len() {
        0 => message,
        _ => message.attr(FRA_SRC, &octets(rule.from.trunc().addr())),
    }
}

/// Tables of larger numbers are said in an attribute alone.
fn small(table: u32) -> u8 {
    u8::try_from(table).unwrap_or(libc::RT_TABLE_UNSPEC)
}

pub(crate) const fn family(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

fn unspecified(family: u8) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => Some(IpAddr::from([0u8; 4])),
        libc::AF_INET6 => Some(IpAddr::from([0u8; 16])),
        _ => None,
    }
}
