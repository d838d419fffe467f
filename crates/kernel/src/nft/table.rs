//! The typed tree of `host::nft` as the kernel's expressions.
//!
//! A rule is a row of small instructions: load bytes into a register, mask them, compare, and at
//! the end a verdict. What nft would add for itself is added as well, so that it can list a table
//! of ours as it was meant.

use std::net::IpAddr;

use host::nft::{Chain, Ether, Match, Rule, Table, Verdict};
use ipnet::IpNet;
use nix::libc;

use super::{SUBSYSTEM, message};
use crate::link::octets;
use crate::netlink::Message;

const NEW_CHAIN: u16 = SUBSYSTEM << 8 | 3;
const NEW_RULE: u16 = SUBSYSTEM << 8 | 6;

const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const HOOK_DEVICE: u16 = 3;
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const LIST_ELEMENT: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;

const INGRESS: u32 = 0;
const DROP: i32 = 0;
const ACCEPT: i32 = 1;
const GOTO: i32 = -4;
const REGISTER_VERDICT: u32 = 0;
const REGISTER: u32 = 1;

/// Where in a packet bytes are loaded from.
const LINK: u32 = 0;
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;

const META_PROTOCOL: u32 = 1;
const META_DEVICE_TYPE: u32 = 8;
const META_TRANSPORT: u32 = 16;

/// Chains first, then their rules: a rule may name any chain of its table.
pub(super) fn chains<'a>(name: &'a str, table: &'a Table) -> impl Iterator<Item = Message> + 'a {
    let hooked = |at| (at == 0).then_some(table.device.as_str());
    let chains = table.chains.iter().enumerate();
    let made = chains.map(move |(at, chain)| add_chain(name, chain, hooked(at)));
    let rules = table
        .chains
        .iter()
        .flat_map(move |chain| chain.rules.iter().map(move |rule| add_rule(name, &chain.name, rule)));
    made.chain(rules)
}

fn add_chain(table: &str, chain: &Chain, device: Option<&str>) -> Message {
    let message =
        message(NEW_CHAIN, libc::NLM_F_CREATE).attr_str(CHAIN_TABLE, table).attr_str(CHAIN_NAME, &chain.name);
    let Some(device) = device else { return message };
    message.attr_str(CHAIN_TYPE, "filter").attr_be32(CHAIN_POLICY, ACCEPT as u32).nest(CHAIN_HOOK, |hook| {
        hook.attr_be32(HOOK_NUMBER, INGRESS).attr_be32(HOOK_PRIORITY, 0).attr_str(HOOK_DEVICE, device)
    })
}

fn add_rule(table: &str, chain: &str, rule: &Rule) -> Message {
    message(NEW_RULE, libc::NLM_F_CREATE | libc::NLM_F_APPEND)
        .attr_str(RULE_TABLE, table)
        .attr_str(RULE_CHAIN, chain)
        .nest(RULE_EXPRESSIONS, |list| {
            let mut known = Known::default();
            let list = rule.matches.iter().fold(list, |list, one| known.matches(list, one));
            verdict(list, &rule.verdict)
        })
}

/// What the expressions so far have made sure of.
#[derive(Default)]
struct Known {
    is_ethernet: bool,
    protocol: Option<u16>,
    transport: Option<u8>,
}

impl Known {
    fn matches(&mut self, list: Message, one: &Match) -> Message {
        match one {
            Match::EtherType(ether) => {
                let list = self.ethernet(list);
                compare(load(list, LINK, 12, 2), &ether_type(*ether).to_be_bytes())
            }
            Match::EtherSource(mac) => compare(load(self.ethernet(list), LINK, 6, 6), &mac.0),
            Match::ArpSenderMac(mac) => {
                compare(load(self.protocol(list, ether_type(Ether::Arp)), NETWORK, 8, 6), &mac.0)
            }
            Match::ArpSenderIp(net) => address(self.protocol(list, ether_type(Ether::Arp)), NETWORK, 14, net),
            Match::Source(net) if net.addr().is_ipv4() => {
                address(self.protocol(list, ether_type(Ether::Ip)), NETWORK, 12, net)
            }
            Match::Source(net) => address(self.protocol(list, ether_type(Ether::Ip6)), NETWORK, 8, net),
            Match::UdpSource(port) => compare(
                load(self.transport(list, libc::IPPROTO_UDP as u8), TRANSPORT, 0, 2),
                &port.to_be_bytes(),
            ),
            Match::UdpDestination(port) => compare(
                load(self.transport(list, libc::IPPROTO_UDP as u8), TRANSPORT, 2, 2),
                &port.to_be_bytes(),
            ),
            Match::Icmpv6(kind) => {
                let list = self.protocol(list, ether_type(Ether::Ip6));
                let list = self.transport(list, libc::IPPROTO_ICMPV6 as u8);
                compare(load(list, TRANSPORT, 0, 1), &[*kind])
            }
            Match::NdTarget(net) => address(list, TRANSPORT, 8, net),
        }
    }

    fn ethernet(&mut self, list: Message) -> Message {
        if std::mem::replace(&mut self.is_ethernet, true) {
            return list;
        }
        compare(meta(list, META_DEVICE_TYPE), &libc::ARPHRD_ETHER.to_ne_bytes())
    }

    fn protocol(&mut self, list: Message, protocol: u16) -> Message {
        if self.protocol.replace(protocol) == Some(protocol) {
            return list;
        }
        compare(meta(list, META_PROTOCOL), &protocol.to_be_bytes())
    }

    fn transport(&mut self, list: Message, protocol: u8) -> Message {
        if self.transport.replace(protocol) == Some(protocol) {
            return list;
        }
        compare(meta(list, META_TRANSPORT), &[protocol])
    }
}

/// An address, or the part of it that a net fixes.
fn address(list: Message, place: u32, offset: u32, net: &IpNet) -> Message {
    let (value, mask) = (octets(net.trunc().addr()), octets(netmask(net)));
    let list = load(list, place, offset, value.len() as u32);
    if net.prefix_len() == net.max_prefix_len() {
        return compare(list, &value);
    }
    compare(and(list, &mask), &value)
}

fn netmask(net: &IpNet) -> IpAddr {
    net.netmask()
}

const fn ether_type(ether: Ether) -> u16 {
    match ether {
        Ether::Arp => 0x0806,
        Ether::Ip => 0x0800,
        Ether::Ip6 => 0x86dd,
    }
}

fn load(list: Message, place: u32, offset: u32, length: u32) -> Message {
    expression(list, "payload", |data| {
        data.attr_be32(1, REGISTER).attr_be32(2, place).attr_be32(3, offset).attr_be32(4, length)
    })
}

fn meta(list: Message, key: u32) -> Message {
    expression(list, "meta", |data| data.attr_be32(2, key).attr_be32(1, REGISTER))
}

fn and(list: Message, mask: &[u8]) -> Message {
    let zero = vec![0; mask.len()];
    expression(list, "bitwise", |data| {
        data.attr_be32(1, REGISTER)
            .attr_be32(2, REGISTER)
            .attr_be32(3, mask.len() as u32)
            .nest(4, |value| value.attr(DATA_VALUE, mask))
            .nest(5, |value| value.attr(DATA_VALUE, &zero))
    })
}

fn compare(list: Message, value: &[u8]) -> Message {
    const EQUAL: u32 = 0;
    expression(list, "cmp", |data| {
        data.attr_be32(1, REGISTER).attr_be32(2, EQUAL).nest(3, |data| data.attr(DATA_VALUE, value))
    })
}

fn verdict(list: Message, verdict: &Verdict) -> Message {
    let (code, chain) = match verdict {
        Verdict::Accept => (ACCEPT, None),
        Verdict::Drop => (DROP, None),
        Verdict::Goto(chain) => (GOTO, Some(chain)),
    };
    expression(list, "immediate", |data| {
        data.attr_be32(1, REGISTER_VERDICT).nest(2, |data| {
            data.nest(DATA_VERDICT, |value| {
                let value = value.attr_be32(1, code as u32);
                match chain {
                    Some(chain) => value.attr_str(2, chain),
                    None => value,
                }
            })
        })
    })
}

fn expression(list: Message, name: &str, fill: impl FnOnce(Message) -> Message) -> Message {
    list.nest(LIST_ELEMENT, |element| element.attr_str(EXPRESSION_NAME, name).nest(EXPRESSION_DATA, fill))
}
