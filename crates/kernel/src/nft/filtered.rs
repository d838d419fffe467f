//! What is seen of what filters ports: questions, and answers read.

use std::net::IpAddr;

use host::names::FILTER_TABLE;
use host::secgroup::{At, Family, Holds, Item, Set, Value};
use ipnet::IpNet;
use nix::libc;

use super::filter::{
    DATA_VERDICT, ELEMENT_FLAGS, ELEMENT_KEY, ELEMENT_VALUE, INTERVAL_END, VERDICT_CHAIN, behind, family,
    list,
};
use super::{INET, NFGENMSG, SUBSYSTEM, message, user_comment};
use crate::netlink::message::text_of;
use crate::netlink::{Message, attributes};

const GET_CHAIN: u16 = SUBSYSTEM << 8 | 4;
const GET_RULE: u16 = SUBSYSTEM << 8 | 7;
const GET_SET: u16 = SUBSYSTEM << 8 | 10;
const GET_ELEMENTS: u16 = SUBSYSTEM << 8 | 13;

const TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const RULE_CHAIN: u16 = 2;
const RULE_USERDATA: u16 = 7;
const SET_NAME: u16 = 2;
const ELEMENTS: u16 = 3;

pub(crate) const FAMILIES: [Family; 2] = [Family::Inet, Family::Bridge];

/// Asks for all chains of a family, or one.
pub(crate) fn get_chain(of: Family, name: Option<&str>) -> Message {
    let message = message(family(of), GET_CHAIN, 0);
    match name {
        Some(name) => message.attr_str(TABLE, FILTER_TABLE).attr_str(CHAIN_NAME, name),
        None => message,
    }
}

/// Asks for the rules of a table, or of one of its chains.
pub(crate) fn dump_rules(of: Family, chain: Option<&str>) -> Message {
    let message = message(family(of), GET_RULE, 0).attr_str(TABLE, FILTER_TABLE);
    match chain {
        Some(chain) => message.attr_str(RULE_CHAIN, chain),
        None => message,
    }
}

pub(crate) fn get_set(of: Family, name: Option<&str>) -> Message {
    let message = message(family(of), GET_SET, 0).attr_str(TABLE, FILTER_TABLE);
    match name {
        Some(name) => message.attr_str(SET_NAME, name),
        None => message,
    }
}

pub(crate) fn dump_elements(at: &At) -> Message {
    message(family(at.family), GET_ELEMENTS, 0).attr_str(TABLE, FILTER_TABLE).attr_str(SET_NAME, &at.name)
}

pub(crate) fn get_element(at: &At, item: &Item) -> Message {
    list(message(family(at.family), GET_ELEMENTS, 0), at, &[(item.clone(), Value::None)])
}

/// True of the answer to a question for a chain.
pub(crate) const fn is_chain(kind: u16) -> bool {
    kind == SUBSYSTEM << 8 | 3
}

/// A chain of ours.
pub(crate) fn parse_chain(payload: &[u8]) -> Option<At> {
    named(payload, CHAIN_NAME)
}

pub(crate) fn parse_set(payload: &[u8]) -> Option<At> {
    named(payload, SET_NAME)
}

/// The chain of a rule, and the hash that the rule is marked with.
pub(crate) fn parse_rule(payload: &[u8]) -> Option<(At, Option<u64>)> {
    let at = named(payload, RULE_CHAIN)?;
    let note = attributes(payload.get(NFGENMSG..)?).find(|(kind, _)| *kind == RULE_USERDATA);
    let hash = note.and_then(|(_, data)| u64::from_str_radix(&user_comment(data)?, 16).ok());
    Some((at, hash))
}

/// Elements as they are: of sets of nets, where ranges begin and end.
#[derive(Debug)]
pub(crate) struct Element {
    key: Vec<u8>,
    value: Value,
    is_end: bool,
}

pub(crate) fn parse_elements(payload: &[u8]) -> Vec<Element> {
    let rows = payload.get(NFGENMSG..).into_iter().flat_map(attributes);
    let rows = rows.filter(|(kind, _)| *kind == ELEMENTS).flat_map(|(_, rows)| attributes(rows));
    rows.filter_map(|(_, row)| parse_element(row)).collect()
}

fn parse_element(row: &[u8]) -> Option<Element> {
    let (mut key, mut value, mut is_end) = (None, Value::None, false);
    for (kind, data) in attributes(row) {
        match kind {
            ELEMENT_KEY => key = attributes(data).next().map(|(_, bytes)| bytes.to_vec()),
            ELEMENT_VALUE => value = parse_value(data).unwrap_or(Value::None),
            ELEMENT_FLAGS => is_end = data.last().is_some_and(|flags| u32::from(*flags) & INTERVAL_END != 0),
            _ => {}
        }
    }
    Some(Element { key: key?, value, is_end })
}

fn parse_value(data: &[u8]) -> Option<Value> {
    let (kind, bytes) = attributes(data).next()?;
    if kind != DATA_VERDICT {
        return bytes.first_chunk().map(|zone| Value::Zone(u16::from_ne_bytes(*zone)));
    }
    let chain = attributes(bytes).find(|(kind, _)| *kind == VERDICT_CHAIN);
    chain.map(|(_, name)| Value::Goto(text_of(name)))
}

/// What elements of a set mean.
pub(crate) fn items(at: &At, elements: Vec<Element>) -> Vec<(Item, Value)> {
    let Some(set) = Set::parse(at) else { return Vec::new() };
    match set.holds() {
        Holds::Devices | Holds::Ways | Holds::Zones => {
            elements.into_iter().map(|one| (Item::Device(text_of(&one.key)), one.value)).collect()
        }
        Holds::Hosts(_) => {
            let hosts = elements.iter().filter_map(|one| ip(&one.key));
            hosts.map(|ip| (Item::Net(IpNet::from(ip)), Value::None)).collect()
        }
        Holds::Nets(_) => ranges(&elements).into_iter().map(|net| (Item::Net(net), Value::None)).collect(),
    }
}

/// Each beginning with the first end behind it. A range that is no net is left out.
fn ranges(elements: &[Element]) -> Vec<IpNet> {
    let addresses = |is_end| {
        let some = elements.iter().filter(move |one| one.is_end == is_end);
        let mut addresses: Vec<IpAddr> = some.filter_map(|one| ip(&one.key)).collect();
        addresses.sort_unstable();
        addresses
    };
    let (starts, ends) = (addresses(false), addresses(true));
    let net = |start: &IpAddr| {
        let end = ends.get(ends.partition_point(|end| end <= start)).copied();
        let lengths = 0..=if start.is_ipv4() { 32 } else { 128 };
        let nets = lengths.filter_map(|length| IpNet::new(*start, length).ok());
        nets.into_iter().find(|net| net.network() == *start && behind(net) == end)
    };
    starts.iter().filter_map(net).collect()
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn named(payload: &[u8], name: u16) -> Option<At> {
    let fixed = payload.first_chunk::<NFGENMSG>()?;
    let of = match fixed[0] {
        INET => Family::Inet,
        bridge if i32::from(bridge) == libc::NFPROTO_BRIDGE => Family::Bridge,
        _ => return None,
    };
    let text = |wanted| {
        attributes(&payload[NFGENMSG..]).find(|(kind, _)| *kind == wanted).map(|(_, text)| text_of(text))
    };
    (text(TABLE)? == FILTER_TABLE).then_some(())?;
    Some(At { family: of, name: text(name)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(ip: &str, is_end: bool) -> Element {
        let key = match ip.parse().expect("address") {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        Element { key, value: Value::None, is_end }
    }

    #[test]
    fn ranges_are_read_in_any_order() {
        let elements = [
            element("10.0.0.128", true),
            element("10.0.0.128", false),
            element("10.0.1.0", true),
            element("10.0.0.0", false),
            element("192.0.2.1", false),
            element("192.0.2.2", true),
            element("255.0.0.0", false),
            element("192.0.2.16", false),
            element("192.0.2.19", true),
        ];
        let nets: Vec<String> = ranges(&elements).iter().map(ToString::to_string).collect();
        assert_eq!(nets, ["10.0.0.0/25", "10.0.0.128/25", "192.0.2.1/32", "255.0.0.0/8"]);
        let all: Vec<String> = ranges(&[element("::", false)]).iter().map(ToString::to_string).collect();
        assert_eq!(all, ["::/0"]);
    }

    proptest::proptest! {
        /// Whatever the kernel says is read to an end.
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let at = Set::Nets(model::desired::Ethertype::V4, model::SecurityGroupId(uuid::Uuid::nil())).at();
            let _ = (parse_chain(&bytes), parse_set(&bytes), parse_rule(&bytes));
            let _ = items(&at, parse_elements(&bytes));
        }
    }

    #[test]
    fn torn_answers_are_no_elements() {
        assert!(parse_elements(&[]).is_empty());
        assert!(parse_elements(&[7, 0, 0, 0, 9, 0, 3, 128, 1]).is_empty());
        assert!(parse_chain(&[7]).is_none());
        assert!(parse_rule(&[7, 0, 0, 0]).is_none());
    }
}
