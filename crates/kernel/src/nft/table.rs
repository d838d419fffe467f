//! The typed tree of `host::nft`, a device's filter, as the kernel's expressions.

use std::net::IpAddr;

use host::nft::{Chain, EGRESS, Ether, Match, Rule, Table, Verdict};
use ipnet::IpNet;
use nix::libc;

use super::expression::{
    self, ACCEPT, DROP, GOTO, Hook, LINK, NETWORK, TRANSPORT, and, compare, compare_by, differ, header,
    immediate, load, meta, over, over_packets, set_bits, store, store_address,
};
use super::{NETDEV, asked};
use crate::link::octets;
use crate::netlink::Message;

const AT_INGRESS: u32 = 0;
const AT_EGRESS: u32 = 1;

/// The type of a frame with a tag.
const VLAN: u16 = 0x8100;

const ARP_REQUEST: u16 = 1;
const TCP_FIN: u8 = 1;
const TCP_SYN: u8 = 2;
const TCP_RST: u8 = 4;
const LESS: u32 = 2;
const IPV4_SOURCE: u32 = 12;
const IPV4_DESTINATION: u32 = 16;

const META_PROTOCOL: u32 = 1;
const META_DEVICE_TYPE: u32 = 8;
pub(super) const META_TRANSPORT: u32 = 16;

/// Its set and chains first, then their rules: a rule may name any chain of its table. `index` is its device's.
pub(super) fn content<'a>(name: &'a str, index: u32, table: &'a Table) -> impl Iterator<Item = Message> + 'a {
    let set = table.remembers.then(|| asked::add_set(name));
    let made = table.chains.iter().map(move |chain| add_chain(name, chain, table));
    let rules = table
        .chains
        .iter()
        .flat_map(move |chain| chain.rules.iter().map(move |rule| add_rule(name, index, &chain.name, rule)));
    set.into_iter().chain(made).chain(rules)
}

fn add_chain(name: &str, chain: &Chain, table: &Table) -> Message {
    let hook = chain.hook().map(|hook| Hook {
        kind: "filter",
        number: if hook == EGRESS { AT_EGRESS } else { AT_INGRESS },
        priority: table.priority(),
        device: Some(&table.device),
    });
    expression::add_chain(NETDEV, name, &chain.name, hook)
}

fn add_rule(table: &str, index: u32, chain: &str, rule: &Rule) -> Message {
    expression::add_rule(NETDEV, table, chain, |list| {
        // What leaves came in by no device whose kind could be asked for.
        let mut known = Known { is_ethernet: chain.starts_with(EGRESS), ..Known::default() };
        let list = rule.matches.iter().fold(list, |list, one| known.matches(list, one));
        match &rule.verdict {
            Verdict::Accept => expression::verdict(list, ACCEPT, None),
            Verdict::Drop => expression::verdict(list, DROP, None),
            Verdict::Goto(chain) => expression::verdict(list, GOTO, Some(chain)),
            Verdict::SetEtherSource(mac) => {
                let list = known.ethernet(list);
                store(immediate(list, &mac.0), LINK, 6, 6)
            }
            Verdict::SetEtherDestination(mac) => {
                let list = known.ethernet(list);
                store(immediate(list, &mac.0), LINK, 0, 6)
            }
            Verdict::SetDscp(mark) if rule.matches.contains(&Match::EtherType(Ether::Ip6)) => {
                set_bits(list, [0xf0, 0x3f], (u16::from(*mark) << 6).to_be_bytes(), None)
            }
            Verdict::SetDscp(mark) => set_bits(list, [0xff, 0x03], [0, mark << 2], Some(10)),
            Verdict::AnswerArp { ip, mac, .. } => asked::answer_arp(list, index, *ip, *mac),
            Verdict::Divert { asked, timeout_s, mac, ip } => {
                let list = known.ethernet(asked::remember(list, *asked, *timeout_s));
                let list = store(immediate(list, &mac.0), LINK, 0, 6);
                store_address(immediate(list, &ip.octets()), IPV4_DESTINATION)
            }
            Verdict::Remember { asked, timeout_s } => asked::remember(list, *asked, *timeout_s),
            Verdict::Forget(asked) => asked::forget(list, *asked),
            Verdict::SetSource(ip) => store_address(immediate(list, &ip.octets()), IPV4_SOURCE),
        }
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
            Match::Vlan(vid) => {
                let list = compare(load(self.ethernet(list), LINK, 12, 2), &VLAN.to_be_bytes());
                compare(and(load(list, LINK, 14, 2), &[0x0f, 0xff]), &vid.to_be_bytes())
            }
            Match::EtherSource(mac) => compare(load(self.ethernet(list), LINK, 6, 6), &mac.0),
            Match::EtherDestination(mac) => compare(load(self.ethernet(list), LINK, 0, 6), &mac.0),
            Match::ArpTargetIp(net) => address(self.protocol(list, ether_type(Ether::Arp)), NETWORK, 24, net),
            Match::ArpSenderMac(mac) => {
                compare(load(self.protocol(list, ether_type(Ether::Arp)), NETWORK, 8, 6), &mac.0)
            }
            Match::ArpSenderIp(net) => address(self.protocol(list, ether_type(Ether::Arp)), NETWORK, 14, net),
            Match::ArpRequest => {
                let list = load(self.protocol(list, ether_type(Ether::Arp)), NETWORK, 6, 2);
                compare(list, &ARP_REQUEST.to_be_bytes())
            }
            Match::Destination(net) => {
                address(self.protocol(list, ether_type(Ether::Ip)), NETWORK, IPV4_DESTINATION, net)
            }
            Match::Transport(number) => self.transport(list, *number),
            Match::Icmp(kind) => {
                let list = self.protocol(list, ether_type(Ether::Ip));
                let list = self.transport(list, libc::IPPROTO_ICMP as u8);
                compare(load(list, TRANSPORT, 0, 1), &[*kind])
            }
            Match::TcpOpens => self.tcp_flags(list, TCP_SYN),
            Match::TcpCloses => self.tcp_flags(list, TCP_FIN | TCP_RST),
            Match::Asks(asked) => asked::is_in(list, *asked, false),
            Match::Answers(asked) => asked::is_in(list, *asked, true),
            Match::UdpWellKnown => compare_by(
                load(self.transport(list, libc::IPPROTO_UDP as u8), TRANSPORT, 2, 2),
                LESS,
                &1024_u16.to_be_bytes(),
            ),
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
            Match::Part => {
                let list = self.protocol(list, ether_type(Ether::Ip6));
                compare(header(list, libc::IPPROTO_FRAGMENT as u8, true), &[1])
            }
            Match::PartOf(kind) => {
                let list = self.protocol(list, ether_type(Ether::Ip6));
                compare(header(list, libc::IPPROTO_FRAGMENT as u8, false), &[*kind])
            }
            Match::NdTarget(net) => address(list, TRANSPORT, 8, net),
            Match::Over { rate, burst } => over(list, *rate, *burst),
            Match::OverPackets { rate, burst } => over_packets(list, *rate, *burst),
        }
    }

    fn ethernet(&mut self, list: Message) -> Message {
        if std::mem::replace(&mut self.is_ethernet, true) {
            return list;
        }
        is_ethernet(list)
    }

    fn protocol(&mut self, list: Message, protocol: u16) -> Message {
        if self.protocol.replace(protocol) == Some(protocol) {
            return list;
        }
        compare(meta(list, META_PROTOCOL), &protocol.to_be_bytes())
    }

    fn tcp_flags(&mut self, list: Message, any: u8) -> Message {
        let list = self.transport(list, libc::IPPROTO_TCP as u8);
        differ(and(load(list, TRANSPORT, 13, 1), &[any]), &[0])
    }

    fn transport(&mut self, list: Message, protocol: u8) -> Message {
        if self.transport.replace(protocol) == Some(protocol) {
            return list;
        }
        compare(meta(list, META_TRANSPORT), &[protocol])
    }
}

/// Goes on with what came by a device of Ethernet.
pub(super) fn is_ethernet(list: Message) -> Message {
    compare(meta(list, META_DEVICE_TYPE), &libc::ARPHRD_ETHER.to_ne_bytes())
}

/// An address, or the part of it that a net fixes.
pub(super) fn address(list: Message, place: u32, offset: u32, net: &IpNet) -> Message {
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

pub(super) const fn ether_type(ether: Ether) -> u16 {
    match ether {
        Ether::Arp => 0x0806,
        Ether::Ip => 0x0800,
        Ether::Ip6 => 0x86dd,
    }
}
