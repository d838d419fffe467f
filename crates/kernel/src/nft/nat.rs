//! The tree of `host::nat`, a namespace's address translation, as the kernel's expressions.

use host::nat::tree::{Act, Datum, Element, Field, Hook, Map, Match, Rule, Tree};
use ipnet::IpNet;
use nix::libc;

use super::expression::{
    self, ACCEPT, DATA_VALUE, DROP, LIST_ELEMENT, NETWORK, REGISTER, TRANSPORT, and, compare, differ,
    expression, immediate, load, load_to, meta, over, over_packets,
};
use super::table::address;
use super::{INET, SUBSYSTEM, message};
use crate::netlink::Message;

const NEW_SET: u16 = SUBSYSTEM << 8 | 9;
const NEW_ELEMENTS: u16 = SUBSYSTEM << 8 | 12;

const SET_TABLE: u16 = 1;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LENGTH: u16 = 5;
const SET_VALUE_TYPE: u16 = 6;
const SET_VALUE_LENGTH: u16 = 7;
const SET_DESCRIPTION: u16 = 9;
const SET_ID: u16 = 10;
const DESCRIPTION_FIELDS: u16 = 2;
const FIELD_LENGTH: u16 = 1;
const ELEMENTS_TABLE: u16 = 1;
const ELEMENTS_SET: u16 = 2;
const ELEMENTS: u16 = 3;
const ELEMENTS_ID: u16 = 4;
const ELEMENT_KEY: u16 = 1;
const ELEMENT_VALUE: u16 = 2;
const ELEMENT_KEY_END: u16 = 10;

const IS_INTERVAL: u32 = 0x04;
const IS_MAP: u32 = 0x08;
const IS_CONCATENATION: u32 = 0x80;

/// An attribute's length has 16 bits; an element takes 52 bytes at most.
const ELEMENTS_PER_MESSAGE: usize = 1000;

/// The first of the small registers, four of which make a large one.
const SMALL_REGISTER: u32 = 8;

pub(super) const META_FROM: u32 = 6;
pub(super) const META_TO: u32 = 7;
pub(super) const META_FAMILY: u32 = 15;
const META_TRANSPORT: u32 = 16;
const CONNECTION_STATE: u32 = 0;
const CONNECTION_STATUS: u32 = 2;

const INVALID: u32 = 1;
const ESTABLISHED_OR_RELATED: u32 = 2 | 4;
const DESTINATION_TRANSLATED: u32 = 1 << 5;

const SOURCE: u32 = 0;
const DESTINATION: u32 = 1;

/// Maps, their elements, chains and rules: each names only what is before it.
pub(super) fn content(table: &str, tree: &Tree) -> Vec<Message> {
    let mut messages = Vec::new();
    for (map, id) in tree.maps.iter().zip(1..) {
        messages.push(add_map(table, map, id));
        let parts = map.elements.chunks(ELEMENTS_PER_MESSAGE);
        messages.extend(parts.map(|elements| add_elements(table, map, id, elements)));
    }
    for chain in &tree.chains {
        let hook = expression::Hook {
            kind: chain.hook.kind(),
            number: hook_number(chain.hook),
            priority: chain.hook.priority(),
            device: None,
        };
        messages.push(expression::add_chain(INET, table, chain.hook.name(), Some(hook)));
        let name = chain.hook.name();
        messages.extend(chain.rules.iter().map(|rule| add_rule(table, name, rule, tree)));
    }
    messages
}

const fn hook_number(hook: Hook) -> u32 {
    match hook {
        Hook::Destination | Hook::Arrival => 0,
        Hook::Input => 1,
        Hook::Forward => 2,
        Hook::Source | Hook::Departure => 4,
    }
}

fn add_map(table: &str, map: &Map, id: u32) -> Message {
    let mut flags = IS_MAP;
    if map.has_ranges() {
        flags |= IS_INTERVAL | IS_CONCATENATION;
    }
    let message = message(INET, NEW_SET, libc::NLM_F_CREATE)
        .attr_str(SET_TABLE, table)
        .attr_str(SET_NAME, map.name)
        .attr_be32(SET_FLAGS, flags)
        .attr_be32(SET_KEY_TYPE, type_of(map.key))
        .attr_be32(SET_KEY_LENGTH, length(map.key))
        .attr_be32(SET_VALUE_TYPE, type_of(map.value))
        .attr_be32(SET_VALUE_LENGTH, length(map.value))
        .attr_be32(SET_ID, id);
    if !map.has_ranges() {
        return message;
    }
    message.nest(SET_DESCRIPTION, |description| {
        description.nest(DESCRIPTION_FIELDS, |fields| {
            map.key.iter().fold(fields, |fields, field| {
                fields.nest(LIST_ELEMENT, |one| one.attr_be32(FIELD_LENGTH, field_length(*field)))
            })
        })
    })
}

fn add_elements(table: &str, map: &Map, id: u32, elements: &[Element]) -> Message {
    message(INET, NEW_ELEMENTS, libc::NLM_F_CREATE)
        .attr_str(ELEMENTS_TABLE, table)
        .attr_str(ELEMENTS_SET, map.name)
        .attr_be32(ELEMENTS_ID, id)
        .nest(ELEMENTS, |list| elements.iter().fold(list, |list, one| add_element(list, map, one)))
}

fn add_element(list: Message, map: &Map, one: &Element) -> Message {
    list.nest(LIST_ELEMENT, |element| {
        let element = element.nest(ELEMENT_KEY, |key| key.attr(DATA_VALUE, &bytes(&one.key, first)));
        let element = match map.has_ranges() {
            true => element.nest(ELEMENT_KEY_END, |key| key.attr(DATA_VALUE, &bytes(&one.key, last))),
            false => element,
        };
        element.nest(ELEMENT_VALUE, |value| value.attr(DATA_VALUE, &bytes(&one.value, first)))
    })
}

/// Each field fills whole registers of four bytes.
fn bytes(data: &[Datum], of: fn(&Datum) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for datum in data {
        bytes.extend(of(datum));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

fn first(datum: &Datum) -> Vec<u8> {
    match datum {
        Datum::Protocol(number) => vec![*number],
        Datum::Ip(ip) => ip.octets().to_vec(),
        Datum::Port(port) | Datum::Ports(port, _) => port.to_be_bytes().to_vec(),
    }
}

fn last(datum: &Datum) -> Vec<u8> {
    match datum {
        Datum::Ports(_, port) => port.to_be_bytes().to_vec(),
        one => first(one),
    }
}

const fn field_length(field: Field) -> u32 {
    match field {
        Field::Protocol => 1,
        Field::Ip => 4,
        Field::Port => 2,
    }
}

fn length(fields: &[Field]) -> u32 {
    fields.iter().map(|field| field_length(*field).next_multiple_of(4)).sum()
}

/// What nft takes a field for when it lists it: six bits each.
fn type_of(fields: &[Field]) -> u32 {
    let number = |field: &Field| match field {
        Field::Protocol => 12,
        Field::Ip => 7,
        Field::Port => 13,
    };
    fields.iter().fold(0, |all, field| all << 6 | number(field))
}

fn add_rule(table: &str, chain: &str, rule: &Rule, tree: &Tree) -> Message {
    expression::add_rule(INET, table, chain, |list| {
        let list = rule.matches.iter().fold(list, matches);
        match rule.act {
            Act::Accept => expression::verdict(list, ACCEPT, None),
            Act::Drop => expression::verdict(list, DROP, None),
            Act::DestinationBy(name) => translate_by(list, tree, name, DESTINATION),
            Act::SourceBy(name) => translate_by(list, tree, name, SOURCE),
            Act::Source(ip) => translate(immediate(list, &ip.octets()), SOURCE, false),
        }
    })
}

fn matches(list: Message, one: &Match) -> Message {
    match one {
        Match::From(device) => compare(meta(list, META_FROM), &device_bytes(device)),
        Match::NotFrom(device) => differ(meta(list, META_FROM), &device_bytes(device)),
        Match::To(device) => compare(meta(list, META_TO), &device_bytes(device)),
        Match::Ipv4 => ipv4(list),
        Match::Icmp => compare(meta(list, META_TRANSPORT), &[libc::IPPROTO_ICMP as u8]),
        Match::Icmpv6 => compare(meta(list, META_TRANSPORT), &[libc::IPPROTO_ICMPV6 as u8]),
        Match::DestinationTranslated => any_of(list, CONNECTION_STATUS, DESTINATION_TRANSLATED),
        Match::Established => any_of(list, CONNECTION_STATE, ESTABLISHED_OR_RELATED),
        Match::Invalid => any_of(list, CONNECTION_STATE, INVALID),
        Match::Sender(ip) => compare(load(ipv4(list), NETWORK, 12, 4), &ip.octets()),
        Match::Receiver(ip) => compare(load(ipv4(list), NETWORK, 16, 4), &ip.octets()),
        Match::ReceiverIn(net) => address(ipv6(list), NETWORK, 24, &IpNet::V6(*net)),
        Match::OverBytes(rate, burst) => over(list, *rate, *burst),
        Match::OverPackets(rate, burst) => over_packets(list, *rate, *burst),
    }
}

/// A device's name as the kernel keeps it.
pub(super) fn device_bytes(name: &str) -> [u8; libc::IFNAMSIZ] {
    let mut bytes = [0; libc::IFNAMSIZ];
    bytes.iter_mut().zip(name.bytes().take(libc::IFNAMSIZ - 1)).for_each(|(to, from)| *to = from);
    bytes
}

fn ipv4(list: Message) -> Message {
    compare(meta(list, META_FAMILY), &[libc::NFPROTO_IPV4 as u8])
}

fn ipv6(list: Message) -> Message {
    compare(meta(list, META_FAMILY), &[libc::NFPROTO_IPV6 as u8])
}

/// One of the bits of what connection tracking says of a packet.
fn any_of(list: Message, key: u32, bits: u32) -> Message {
    let list = expression(list, "ct", |data| data.attr_be32(1, REGISTER).attr_be32(2, key));
    differ(and(list, &bits.to_ne_bytes()), &[0; 4])
}

/// Looks a packet up in a map; a rule ends where nothing is found.
fn translate_by(list: Message, tree: &Tree, name: &str, side: u32) -> Message {
    let Some(map) = tree.map(name) else { return list };
    let mut list = ipv4(list);
    for (field, register) in map.key.iter().zip(SMALL_REGISTER..) {
        // The first of a row of small registers is the start of a large one, and nft calls it so.
        let register = if register == SMALL_REGISTER { REGISTER } else { register };
        list = match field {
            Field::Protocol => meta(list, META_TRANSPORT),
            Field::Ip if side == SOURCE => load_to(list, register, NETWORK, 12, 4),
            Field::Ip => load_to(list, register, NETWORK, 16, 4),
            Field::Port => load_to(list, register, TRANSPORT, 2, 2),
        };
    }
    let list = expression(list, "lookup", |data| {
        data.attr_str(1, map.name).attr_be32(2, REGISTER).attr_be32(3, REGISTER)
    });
    translate(list, side, map.value.len() > 1)
}

/// By the address in the register, and the port in the small register behind it.
fn translate(list: Message, side: u32, has_port: bool) -> Message {
    expression(list, "nat", |data| {
        let data = data.attr_be32(1, side).attr_be32(2, libc::NFPROTO_IPV4 as u32).attr_be32(3, REGISTER);
        match has_port {
            true => data.attr_be32(5, SMALL_REGISTER + 1),
            false => data,
        }
    })
}
