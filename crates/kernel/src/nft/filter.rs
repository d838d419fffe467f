//! The trees of `host::secgroup`, what filters ports by their groups, as the kernel's expressions.

use std::net::IpAddr;

use host::names::FILTER_TABLE;
use host::secgroup::{
    Act, At, Chain, End, Family, Holds, Hook, Item, LOG_GROUP, Match, Rule, Set, TURNED, Value,
};
use ipnet::IpNet;
use model::desired::Ethertype;
use nix::libc;

use super::expression::{
    self, ACCEPT, DATA_VALUE, DROP, GOTO, LIST_ELEMENT, NETWORK, REGISTER, TRANSPORT, and, compare,
    compare_by, differ, expression, immediate, load, meta, or, verdict, within_packets,
};
use super::table::{address, ether_type};
use super::{SUBSYSTEM, add, message};
use crate::link::octets;
use crate::netlink::Message;

const DELETE_CHAIN: u16 = SUBSYSTEM << 8 | 5;
const DELETE_RULE: u16 = SUBSYSTEM << 8 | 8;
const NEW_SET: u16 = SUBSYSTEM << 8 | 9;
const DELETE_SET: u16 = SUBSYSTEM << 8 | 11;
const NEW_ELEMENTS: u16 = SUBSYSTEM << 8 | 12;
const DELETE_ELEMENTS: u16 = SUBSYSTEM << 8 | 14;

const TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const RULE_CHAIN: u16 = 2;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LENGTH: u16 = 5;
const SET_VALUE_TYPE: u16 = 6;
const SET_VALUE_LENGTH: u16 = 7;
const SET_ID: u16 = 10;
const SET_USERDATA: u16 = 13;
/// Tells nft, which lists it, that keys and values are in this machine's order: rows of kind,
/// length and number.
const NATIVE: [u8; 12] = {
    let one = 1u32.to_ne_bytes();
    [0, 4, one[0], one[1], one[2], one[3], 1, 4, one[0], one[1], one[2], one[3]]
};
const ELEMENTS: u16 = 3;
pub(super) const ELEMENT_KEY: u16 = 1;
pub(super) const ELEMENT_VALUE: u16 = 2;
pub(super) const ELEMENT_FLAGS: u16 = 3;
pub(super) const DATA_VERDICT: u16 = 2;
pub(super) const VERDICT_CHAIN: u16 = 2;

const IS_INTERVAL: u32 = 0x04;
const IS_MAP: u32 = 0x08;
/// The element ends a range, and is behind it.
pub(super) const INTERVAL_END: u32 = 1;
const TYPE_INTEGER: u32 = 4;
const TYPE_IPV4: u32 = 7;
const TYPE_IPV6: u32 = 8;
const TYPE_DEVICE: u32 = 41;
const TYPE_VERDICT: u32 = 0xffff_ff00;

/// An attribute's length has 16 bits; an element takes 60 bytes at most.
const ELEMENTS_PER_MESSAGE: usize = 500;

const META_PROTOCOL: u32 = 1;
const META_MARK: u32 = 3;
const META_FROM: u32 = 6;
const META_TO: u32 = 7;
const META_TRANSPORT: u32 = 16;
const CONNECTION_STATE: u32 = 0;
const CONNECTION_DIRECTION: u32 = 1;
const CONNECTION_STATUS: u32 = 2;
const CONNECTION_MARK: u32 = 3;
const CONNECTION_ZONE: u32 = 17;
const INVALID: u32 = 1;
const ESTABLISHED_OR_RELATED: u32 = 2 | 4;
const NEW: u32 = 8;
/// Of the status: something of it was let through.
const CONFIRMED: u32 = 8;

const TCP_FLAGS: u32 = 13;
const TCP_SYN: u8 = 2;
const TCP_ACK: u8 = 16;

const JUMP: i32 = -3;
const RETURN: i32 = -5;
const AT_LEAST: u32 = 5;
const AT_MOST: u32 = 3;

/// Both tables, which others of their kind need.
pub(crate) fn tables() -> Vec<Message> {
    [Family::Inet, Family::Bridge].map(|of| add(family(of), FILTER_TABLE)).into()
}

/// A chain, emptied and filled again. Its rules carry its hash.
pub(crate) fn replace_chain(chain: &Chain) -> Vec<Message> {
    let of = family(chain.at.family);
    let hook = chain.hook.map(|hook| expression::Hook {
        kind: "filter",
        number: match hook {
            Hook::Prerouting => 0,
            Hook::Standing | Hook::Forward | Hook::Behind => 2,
        },
        priority: hook.priority(),
        device: None,
    });
    let mut messages = vec![expression::add_chain(of, FILTER_TABLE, &chain.at.name, hook)];
    messages
        .push(message(of, DELETE_RULE, 0).attr_str(TABLE, FILTER_TABLE).attr_str(RULE_CHAIN, &chain.at.name));
    let note = format!("{:016x}", chain.mark().hash);
    messages.extend(chain.rules.iter().map(|rule| {
        expression::add_rule(of, FILTER_TABLE, &chain.at.name, |list| self::rule(list, rule)).comment(&note)
    }));
    messages
}

pub(crate) fn delete_chain(at: &At) -> Vec<Message> {
    let message = message(family(at.family), DELETE_CHAIN, 0);
    vec![message.attr_str(TABLE, FILTER_TABLE).attr_str(CHAIN_NAME, &at.name)]
}

pub(crate) fn add_set(at: &At) -> Vec<Message> {
    let Some(set) = Set::parse(at) else { return Vec::new() };
    let (key, length) = match set.holds() {
        Holds::Hosts(Ethertype::V4) | Holds::Nets(Ethertype::V4) => (TYPE_IPV4, 4),
        Holds::Hosts(Ethertype::V6) | Holds::Nets(Ethertype::V6) => (TYPE_IPV6, 16),
        Holds::Devices | Holds::Ways | Holds::Zones => (TYPE_DEVICE, libc::IFNAMSIZ as u32),
    };
    let flags = match set.holds() {
        Holds::Nets(_) => IS_INTERVAL,
        Holds::Ways | Holds::Zones => IS_MAP,
        Holds::Hosts(_) | Holds::Devices => 0,
    };
    let message = message(family(at.family), NEW_SET, libc::NLM_F_CREATE)
        .attr_str(TABLE, FILTER_TABLE)
        .attr_str(SET_NAME, &at.name)
        .attr_be32(SET_FLAGS, flags)
        .attr_be32(SET_KEY_TYPE, key)
        .attr_be32(SET_KEY_LENGTH, length)
        .attr_be32(SET_ID, 1);
    let message = match set.holds() {
        Holds::Devices | Holds::Ways => message.attr(SET_USERDATA, &NATIVE[..6]),
        Holds::Zones => message.attr(SET_USERDATA, &NATIVE),
        _ => message,
    };
    vec![match set.holds() {
        Holds::Ways => message.attr_be32(SET_VALUE_TYPE, TYPE_VERDICT),
        Holds::Zones => message.attr_be32(SET_VALUE_TYPE, TYPE_INTEGER).attr_be32(SET_VALUE_LENGTH, 2),
        _ => message,
    }]
}

pub(crate) fn delete_set(at: &At) -> Vec<Message> {
    let message = message(family(at.family), DELETE_SET, 0);
    vec![message.attr_str(TABLE, FILTER_TABLE).attr_str(SET_NAME, &at.name)]
}

pub(crate) fn add_elements(at: &At, elements: &[(Item, Value)]) -> Vec<Message> {
    let parts = elements.chunks(ELEMENTS_PER_MESSAGE);
    parts.map(|part| list(message(family(at.family), NEW_ELEMENTS, libc::NLM_F_CREATE), at, part)).collect()
}

pub(crate) fn delete_elements(at: &At, elements: &[(Item, Value)]) -> Vec<Message> {
    let parts = elements.chunks(ELEMENTS_PER_MESSAGE);
    parts.map(|part| list(message(family(at.family), DELETE_ELEMENTS, 0), at, part)).collect()
}

/// The message of elements of a set.
pub(super) fn list(message: Message, at: &At, elements: &[(Item, Value)]) -> Message {
    let ranges = matches!(Set::parse(at).map(Set::holds), Some(Holds::Nets(_)));
    message.attr_str(TABLE, FILTER_TABLE).attr_str(SET_NAME, &at.name).nest(ELEMENTS, |list| {
        elements.iter().fold(list, |list, (item, value)| element(list, item, value, ranges))
    })
}

fn element(list: Message, item: &Item, value: &Value, ranges: bool) -> Message {
    let key = |list: Message, key: &[u8], flags: u32| {
        list.nest(LIST_ELEMENT, |one| {
            let one = one.nest(ELEMENT_KEY, |data| data.attr(DATA_VALUE, key));
            let one = if flags == 0 { one } else { one.attr_be32(ELEMENT_FLAGS, flags) };
            match value {
                Value::None => one,
                Value::Zone(zone) => {
                    one.nest(ELEMENT_VALUE, |data| data.attr(DATA_VALUE, &zone.to_ne_bytes()))
                }
                Value::Goto(chain) => one.nest(ELEMENT_VALUE, |data| {
                    data.nest(DATA_VERDICT, |verdict| {
                        verdict.attr_be32(1, GOTO as u32).attr_str(VERDICT_CHAIN, chain)
                    })
                }),
            }
        })
    };
    match item {
        Item::Device(device) => key(list, &device_bytes(device), 0),
        Item::Net(net) if ranges => {
            let list = key(list, &octets(net.network()), 0);
            match behind(net) {
                Some(end) => key(list, &octets(end), INTERVAL_END),
                // It ends where addresses end.
                None => list,
            }
        }
        Item::Net(net) => key(list, &octets(net.addr()), 0),
    }
}

/// The first address behind a net.
pub(super) fn behind(net: &IpNet) -> Option<IpAddr> {
    match net.broadcast() {
        IpAddr::V4(last) => u32::from(last).checked_add(1).map(|next| IpAddr::V4(next.into())),
        IpAddr::V6(last) => u128::from(last).checked_add(1).map(|next| IpAddr::V6(next.into())),
    }
}

pub(super) const fn family(family: Family) -> u8 {
    match family {
        Family::Inet => super::INET,
        Family::Bridge => libc::NFPROTO_BRIDGE as u8,
    }
}

fn rule(list: Message, rule: &Rule) -> Message {
    let list = rule.matches.iter().fold(list, matches);
    match &rule.act {
        Act::Accept => verdict(list, ACCEPT, None),
        Act::Drop => verdict(list, DROP, None),
        Act::Return => verdict(list, RETURN, None),
        Act::Jump(chain) => verdict(list, JUMP, Some(chain)),
        Act::Goto(chain) => verdict(list, GOTO, Some(chain)),
        Act::ByDevice(end, map) => {
            lookup(meta(list, device(*end)), map, |data| data.attr_be32(LOOKUP_TO, REGISTER_VERDICT))
        }
        Act::SetMark(mark) => set_mark(immediate(list, &mark.to_ne_bytes())),
        Act::AddMark(bits) => set_mark(or(meta(list, META_MARK), *bits)),
        Act::Log(prefix) => expression(list, "log", |data| {
            data.attr(LOG_TO, &LOG_GROUP.to_be_bytes()).attr_str(LOG_PREFIX, prefix)
        }),
        Act::SetZone(map) => {
            let list = lookup(meta(list, META_FROM), map, |data| data.attr_be32(LOOKUP_TO, REGISTER));
            expression(list, "ct", |data| data.attr_be32(2, CONNECTION_ZONE).attr_be32(4, REGISTER))
        }
        Act::Turn => mark_connection(list, TURNED),
        Act::Straighten => mark_connection(list, 0),
    }
}

fn set_mark(list: Message) -> Message {
    expression(list, "meta", |data| data.attr_be32(2, META_MARK).attr_be32(3, REGISTER))
}

fn mark_connection(list: Message, mark: u32) -> Message {
    expression(immediate(list, &mark.to_ne_bytes()), "ct", |data| {
        data.attr_be32(2, CONNECTION_MARK).attr_be32(4, REGISTER)
    })
}

const LOG_TO: u16 = 1;
const LOG_PREFIX: u16 = 2;
const LOOKUP_TO: u16 = 3;
const LOOKUP_FLAGS: u16 = 5;
const REGISTER_VERDICT: u32 = 0;

fn lookup(list: Message, set: &str, fill: impl FnOnce(Message) -> Message) -> Message {
    expression(list, "lookup", |data| fill(data.attr_str(1, set).attr_be32(2, REGISTER)))
}

fn matches(list: Message, one: &Match) -> Message {
    match one {
        Match::FromBridge => compare(meta(list, META_FROM), host::names::BRIDGE_PREFIX.as_bytes()),
        Match::Established { reply } => {
            let list = state(list, ESTABLISHED_OR_RELATED);
            compare(connection(list, CONNECTION_DIRECTION), &[u8::from(*reply)])
        }
        Match::Invalid => state(list, INVALID),
        Match::UnderWay => {
            let flags = load(state(list, NEW), TRANSPORT, TCP_FLAGS, 1);
            compare(and(flags, &[TCP_SYN]), &[0])
        }
        Match::Begins => {
            let flags = load(state(list, NEW), TRANSPORT, TCP_FLAGS, 1);
            differ(and(flags, &[TCP_SYN]), &[0])
        }
        Match::Agrees => {
            let flags = load(list, TRANSPORT, TCP_FLAGS, 1);
            compare(and(flags, &[TCP_SYN | TCP_ACK]), &[TCP_SYN | TCP_ACK])
        }
        Match::Unheard => {
            compare(and(connection(list, CONNECTION_STATUS), &CONFIRMED.to_ne_bytes()), &[0; 4])
        }
        Match::Turned => compare(connection(list, CONNECTION_MARK), &TURNED.to_ne_bytes()),
        Match::MarkOf(bits) => differ(and(meta(list, META_MARK), &bits.to_ne_bytes()), &[0; 4]),
        Match::NoMarkOf(bits) => compare(and(meta(list, META_MARK), &bits.to_ne_bytes()), &[0; 4]),
        Match::Device(end, name) => compare(meta(list, device(*end)), &device_bytes(name)),
        Match::Within { rate, burst } => within_packets(list, *rate, *burst),
        Match::Arp => compare(meta(list, META_PROTOCOL), &ether_type(host::nft::Ether::Arp).to_be_bytes()),
        Match::Ip(of) => {
            let ether = if *of == Ethertype::V4 { host::nft::Ether::Ip } else { host::nft::Ether::Ip6 };
            compare(meta(list, META_PROTOCOL), &ether_type(ether).to_be_bytes())
        }
        Match::NotIn(end, set) => {
            lookup(meta(list, device(*end)), set, |data| data.attr_be32(LOOKUP_FLAGS, 1))
        }
        Match::Transport(number) => compare(meta(list, META_TRANSPORT), &[*number]),
        Match::Ports(end, first, last) => {
            let list = load(list, TRANSPORT, if *end == End::Source { 0 } else { 2 }, 2);
            if first == last {
                return compare(list, &first.to_be_bytes());
            }
            let list = compare_by(list, AT_LEAST, &first.to_be_bytes());
            compare_by(list, AT_MOST, &last.to_be_bytes())
        }
        Match::IcmpType(_, kind) => compare(load(list, TRANSPORT, 0, 1), &[*kind]),
        Match::IcmpCode(_, code) => compare(load(list, TRANSPORT, 1, 1), &[*code]),
        Match::Net(end, net) => {
            let of = if net.addr().is_ipv4() { Ethertype::V4 } else { Ethertype::V6 };
            address(list, NETWORK, place(*end, of).0, net)
        }
        Match::In(end, of, set) => {
            let (offset, length) = place(*end, *of);
            lookup(load(list, NETWORK, offset, length), set, |data| data)
        }
    }
}

/// Where an address is in a header, and how long it is.
const fn place(end: End, of: Ethertype) -> (u32, u32) {
    match (of, end) {
        (Ethertype::V4, End::Source) => (12, 4),
        (Ethertype::V4, End::Destination) => (16, 4),
        (Ethertype::V6, End::Source) => (8, 16),
        (Ethertype::V6, End::Destination) => (24, 16),
    }
}

const fn device(end: End) -> u32 {
    match end {
        End::Source => META_FROM,
        End::Destination => META_TO,
    }
}

fn connection(list: Message, key: u32) -> Message {
    expression(list, "ct", |data| data.attr_be32(1, REGISTER).attr_be32(2, key))
}

/// One of the bits of what connection tracking says of a packet.
fn state(list: Message, bits: u32) -> Message {
    differ(and(connection(list, CONNECTION_STATE), &bits.to_ne_bytes()), &[0; 4])
}

/// A device's name as the kernel keeps it.
pub(super) fn device_bytes(name: &str) -> [u8; libc::IFNAMSIZ] {
    let mut bytes = [0; libc::IFNAMSIZ];
    bytes.iter_mut().zip(name.bytes().take(libc::IFNAMSIZ - 1)).for_each(|(to, from)| *to = from);
    bytes
}
