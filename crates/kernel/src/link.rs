//! Links: requests that make and change them, and what the kernel tells of one.

mod conf;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;

use host::observed::{Ipv6, LinkKind};
use host::op::PortFlags;
use nix::libc;
use wire::Mac;

use crate::netlink::message::{text_of, u32_of};
use crate::netlink::{Message, attributes};

pub(crate) use conf::Conf;

/// Bytes of `struct ifinfomsg`.
const IFINFOMSG: usize = 16;

const IFF_UP: u32 = libc::IFF_UP as u32;
const IFF_RUNNING: u32 = libc::IFF_RUNNING as u32;

const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const INFO_SLAVE_KIND: u16 = 4;
const INFO_SLAVE_DATA: u16 = 5;

const BR_FORWARD_DELAY: u16 = 1;
const BR_STP_STATE: u16 = 5;
const BR_MCAST_SNOOPING: u16 = 23;

const BRPORT_HAIRPIN: u16 = 4;
const BRPORT_LEARNING: u16 = 8;
const BRPORT_UNICAST_FLOOD: u16 = 9;
const BRPORT_MCAST_FLOOD: u16 = 27;
const BRPORT_BCAST_FLOOD: u16 = 30;
const BRPORT_NEIGH_SUPPRESS: u16 = 32;

const VXLAN_ID: u16 = 1;
const VXLAN_LOCAL: u16 = 4;
const VXLAN_LEARNING: u16 = 7;
const VXLAN_PROXY: u16 = 11;
const VXLAN_PORT: u16 = 15;
const VXLAN_LOCAL6: u16 = 17;

const VLAN_ID: u16 = 1;
const VLAN_FLAGS: u16 = 2;
const VLAN_LOOSE_BINDING: u32 = 4;
const VETH_PEER: u16 = 1;

const INET6_CONF: u16 = 2;
const INET6_ADDR_GEN_MODE: u16 = 8;
const ADDR_GEN_MODE_NONE: u8 = 1;
/// Place of `disable_ipv6` among the device's IPv6 settings.
const CONF_DISABLE_IPV6: usize = 26;

/// Group of the devices that an agent makes: of all that could tell them apart it alone can be given at birth.
pub(crate) const MADE: u32 = 0x6e74_0000;

/// A link as the kernel tells it, other links by index.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub index: u32,
    pub name: String,
    pub kind: ToldKind,
    pub mac: Mac,
    pub up: bool,
    /// Carries frames.
    pub running: bool,
    /// Index of the other end, and by which number its namespace is known here.
    pub far: Option<(u32, u32)>,
    pub mtu_bytes: u32,
    pub master: Option<u32>,
    pub alias: String,
    pub group: u32,
    pub ipv6: Ipv6,
    pub port: Option<PortFlags>,
    pub conf: Conf,
}

#[derive(Clone, Debug)]
pub(crate) enum ToldKind {
    Vlan { parent: u32, vid: u16 },
    Plain(LinkKind),
}

pub(crate) fn add_bridge(device: &str, mac: Mac, mtu_bytes: u32) -> Message {
    add(device)
        .attr(libc::IFLA_ADDRESS, &mac.0)
        .attr_u32(libc::IFLA_MTU, mtu_bytes)
        .nest(libc::IFLA_LINKINFO, plain_bridge)
}

pub(crate) fn set_bridge(device: &str) -> Message {
    Message::new(libc::RTM_NEWLINK, 0, &ifinfomsg(0, 0, 0))
        .attr_str(libc::IFLA_IFNAME, device)
        .nest(libc::IFLA_LINKINFO, plain_bridge)
}

pub(crate) fn add_vxlan(device: &str, vni: u32, local: IpAddr, port: u16) -> Message {
    add(device).nest(libc::IFLA_LINKINFO, |info| {
        info.attr_str(INFO_KIND, "vxlan").nest(INFO_DATA, |data| {
            let data = match local {
                IpAddr::V4(ip) => data.attr(VXLAN_LOCAL, &ip.octets()),
                IpAddr::V6(ip) => data.attr(VXLAN_LOCAL6, &ip.octets()),
            };
            data.attr_u32(VXLAN_ID, vni).attr(VXLAN_PORT, &port.to_be_bytes()).attr_u8(VXLAN_LEARNING, 0)
        })
    })
}

/// `loose`: it neither goes down with what it is on nor comes up with that.
pub(crate) fn add_vlan(device: &str, parent: u32, vid: u16, loose: bool) -> Message {
    add(device).attr_u32(libc::IFLA_LINK, parent).nest(libc::IFLA_LINKINFO, |info| {
        info.attr_str(INFO_KIND, "vlan").nest(INFO_DATA, |data| {
            let data = data.attr(VLAN_ID, &vid.to_ne_bytes());
            if !loose {
                return data;
            }
            let bits = VLAN_LOOSE_BINDING.to_ne_bytes();
            data.attr(VLAN_FLAGS, &[bits, bits].concat())
        })
    })
}

/// Refused by every kernel; by one without VLAN devices because of the kind alone.
pub(crate) fn probe_vlan() -> Message {
    add("vlan-probe").nest(libc::IFLA_LINKINFO, |info| info.attr_str(INFO_KIND, "vlan"))
}

/// A pair; the other end appears in the namespace of the descriptor.
pub(crate) fn add_veth(device: &str, (peer, mac, netns): (&str, Mac, RawFd), mtu_bytes: u32) -> Message {
    add_pair(add(device).attr_u32(libc::IFLA_MTU, mtu_bytes), |end| {
        end_of(end, peer, mac, netns).attr_u32(libc::IFLA_MTU, mtu_bytes)
    })
}

fn add_pair(device: Message, other: impl FnOnce(Message) -> Message) -> Message {
    one_queue(device).nest(libc::IFLA_LINKINFO, |info| {
        let data = |data: Message| data.nest(VETH_PEER, |end| other(one_queue(end.raw(&ifinfomsg(0, 0, 0)))));
        info.attr_str(INFO_KIND, "veth").nest(INFO_DATA, data)
    })
}

/// Of a pair that is not told, the kernel makes a queue for each processor, takes all but one away again, and
/// waits until nobody can use them.
fn one_queue(end: Message) -> Message {
    end.attr_u32(libc::IFLA_NUM_TX_QUEUES, 1).attr_u32(libc::IFLA_NUM_RX_QUEUES, 1)
}

fn end_of(end: Message, device: &str, mac: Mac, netns: RawFd) -> Message {
    end.attr_str(libc::IFLA_IFNAME, device)
        .attr(libc::IFLA_ADDRESS, &mac.0)
        .attr_u32(libc::IFLA_NET_NS_FD, netns as u32)
}

/// A pair of which neither end appears here.
pub(crate) fn add_veth_between(
    (device, mac, netns): (&str, Mac, RawFd),
    (peer, peer_mac, peer_netns): (&str, Mac, RawFd),
) -> Message {
    add_pair(add(device), |end| end_of(end, peer, peer_mac, peer_netns))
        .attr(libc::IFLA_ADDRESS, &mac.0)
        .attr_u32(libc::IFLA_NET_NS_FD, netns as u32)
}

pub(crate) fn delete(device: &str) -> Message {
    Message::new(libc::RTM_DELLINK, 0, &ifinfomsg(0, 0, 0)).attr_str(libc::IFLA_IFNAME, device)
}

/// Puts a device among those that are deleted together.
pub(crate) fn set_group(device: &str, group: u32) -> Message {
    set(device, 0, 0).attr_u32(libc::IFLA_GROUP, group)
}

/// Deletes all devices of a group at once, for the kernel waits once for all that may use them.
pub(crate) fn delete_group(group: u32) -> Message {
    Message::new(libc::RTM_DELLINK, 0, &ifinfomsg(0, 0, 0)).attr_u32(libc::IFLA_GROUP, group)
}

/// The group of a link message.
pub(crate) fn group(payload: &[u8]) -> Option<u32> {
    let found = attributes(payload.get(IFINFOMSG..)?).find(|(kind, _)| *kind == libc::IFLA_GROUP);
    found.map(|(_, value)| u32_of(value))
}

pub(crate) fn set_up(device: &str, up: bool) -> Message {
    set(device, if up { IFF_UP } else { 0 }, IFF_UP)
}

pub(crate) fn set_mtu(device: &str, mtu_bytes: u32) -> Message {
    set(device, 0, 0).attr_u32(libc::IFLA_MTU, mtu_bytes)
}

/// Frames that may wait to be sent by it.
pub(crate) fn set_queue(device: &str, frames: u32) -> Message {
    set(device, 0, 0).attr_u32(libc::IFLA_TXQLEN, frames)
}

pub(crate) fn set_mac(device: &str, mac: Mac) -> Message {
    set(device, 0, 0).attr(libc::IFLA_ADDRESS, &mac.0)
}

pub(crate) fn set_alias(device: &str, alias: &str) -> Message {
    set(device, 0, 0).attr(libc::IFLA_IFALIAS, alias.as_bytes())
}

/// No bridge is index 0.
pub(crate) fn set_master(device: &str, master: u32) -> Message {
    set(device, 0, 0).attr_u32(libc::IFLA_MASTER, master)
}

pub(crate) fn silence_ipv6(device: &str) -> Message {
    set(device, 0, 0).nest(libc::IFLA_AF_SPEC, |spec| {
        spec.nest(libc::AF_INET6 as u16, |inet6| inet6.attr_u8(INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE))
    })
}

pub(crate) fn set_port(device: &str, flags: PortFlags) -> Message {
    let bit = u8::from;
    Message::new(libc::RTM_NEWLINK, 0, &ifinfomsg(0, 0, 0)).attr_str(libc::IFLA_IFNAME, device).nest(
        libc::IFLA_LINKINFO,
        |info| {
            info.attr_str(INFO_SLAVE_KIND, "bridge").nest(INFO_SLAVE_DATA, |data| {
                data.attr_u8(BRPORT_LEARNING, bit(flags.learning))
                    .attr_u8(BRPORT_UNICAST_FLOOD, bit(flags.flood))
                    .attr_u8(BRPORT_MCAST_FLOOD, bit(flags.broadcast))
                    .attr_u8(BRPORT_BCAST_FLOOD, bit(flags.broadcast))
                    .attr_u8(BRPORT_HAIRPIN, bit(flags.hairpin))
                    .attr_u8(BRPORT_NEIGH_SUPPRESS, bit(flags.suppress))
            })
        },
    )
}

pub(crate) fn get(device: &str) -> Message {
    get_message(0).attr_str(libc::IFLA_IFNAME, device)
}

pub(crate) fn get_by_index(index: u32) -> Message {
    get_message(index)
}

/// The other end of a pair, in the namespace that this one knows by a number.
pub(crate) fn get_far((index, netns): (u32, u32)) -> Message {
    get_message(index).attr_u32(libc::IFLA_IF_NETNSID, netns)
}

pub(crate) fn dump() -> Message {
    get_message(0)
}

/// Reads a link message; `None` for those of other families.
pub(crate) fn parse(payload: &[u8]) -> Option<Told> {
    let fixed = payload.first_chunk::<IFINFOMSG>()?;
    if fixed[0] != libc::AF_UNSPEC as u8 {
        return None;
    }
    let flags = u32_of(&fixed[8..12]);
    let mut told = Told {
        index: u32_of(&fixed[4..8]),
        name: String::new(),
        kind: ToldKind::Plain(LinkKind::Other),
        mac: Mac::ZERO,
        up: flags & IFF_UP != 0,
        running: flags & IFF_RUNNING != 0,
        far: None,
        mtu_bytes: 0,
        master: None,
        alias: String::new(),
        group: 0,
        ipv6: Ipv6::Off,
        port: None,
        conf: Conf::default(),
    };
    let (mut parent, mut netns, mut info) = (0, None, &[][..]);
    for (kind, value) in attributes(&payload[IFINFOMSG..]) {
        match kind {
            libc::IFLA_IFNAME => told.name = text_of(value),
            libc::IFLA_ADDRESS => told.mac = value.first_chunk().map_or(Mac::ZERO, |mac| Mac(*mac)),
            libc::IFLA_MTU => told.mtu_bytes = u32_of(value),
            libc::IFLA_LINK => parent = u32_of(value),
            libc::IFLA_LINK_NETNSID => netns = Some(u32_of(value)),
            libc::IFLA_MASTER => told.master = Some(u32_of(value)),
            libc::IFLA_IFALIAS => told.alias = text_of(value),
            libc::IFLA_GROUP => told.group = u32_of(value),
            libc::IFLA_LINKINFO => info = value,
            libc::IFLA_AF_SPEC => {
                told.ipv6 = parse_ipv6(value);
                told.conf = conf::parse(value);
            }
            _ => {}
        }
    }
    told.far = netns.map(|netns| (parent, netns));
    parse_info(&mut told, info, parent);
    Some(told)
}

fn parse_info(told: &mut Told, info: &[u8], parent: u32) {
    let of = |wanted| attributes(info).find(|(kind, _)| *kind == wanted).map(|(_, value)| value);
    let kind = of(INFO_KIND).map(text_of).unwrap_or_default();
    let data = of(INFO_DATA).unwrap_or_default();
    told.kind = match kind.as_str() {
        "bridge" => ToldKind::Plain(parse_bridge(data)),
        "vxlan" => ToldKind::Plain(parse_vxlan(data)),
        "veth" => ToldKind::Plain(LinkKind::Veth),
        "vlan" => {
            let vid = attributes(data).find(|(kind, _)| *kind == VLAN_ID);
            let vid = vid.and_then(|(_, value)| value.first_chunk()).map(|b| u16::from_ne_bytes(*b));
            ToldKind::Vlan { parent, vid: vid.unwrap_or(0) }
        }
        _ => ToldKind::Plain(LinkKind::Other),
    };
    if of(INFO_SLAVE_KIND).is_some_and(|kind| text_of(kind) == "bridge") {
        told.port = of(INFO_SLAVE_DATA).map(parse_port);
    }
}

fn parse_bridge(data: &[u8]) -> LinkKind {
    let set = |wanted| attributes(data).any(|(kind, value)| kind == wanted && value.iter().any(|b| *b != 0));
    let plain = !set(BR_FORWARD_DELAY) && !set(BR_STP_STATE) && !set(BR_MCAST_SNOOPING);
    LinkKind::Bridge { plain }
}

fn parse_vxlan(data: &[u8]) -> LinkKind {
    let (mut id, mut at, mut udp) = (0, None, 0);
    let (mut learns, mut answers) = (false, false);
    for (kind, value) in attributes(data) {
        match kind {
            VXLAN_ID => id = u32_of(value),
            VXLAN_LOCAL => at = ip(value),
            VXLAN_LOCAL6 => at = ip(value),
            VXLAN_PORT => udp = value.first_chunk().map_or(0, |b| u16::from_be_bytes(*b)),
            VXLAN_LEARNING => learns = value.first() == Some(&1),
            VXLAN_PROXY => answers = value.first() == Some(&1),
            _ => {}
        }
    }
    LinkKind::Vxlan { vni: id, local: at, port: udp, learning: learns, proxy: answers }
}

fn parse_port(data: &[u8]) -> PortFlags {
    let on = |wanted| attributes(data).any(|(kind, value)| kind == wanted && value.first() == Some(&1));
    PortFlags {
        learning: on(BRPORT_LEARNING),
        flood: on(BRPORT_UNICAST_FLOOD),
        broadcast: on(BRPORT_MCAST_FLOOD) && on(BRPORT_BCAST_FLOOD),
        hairpin: on(BRPORT_HAIRPIN),
        suppress: on(BRPORT_NEIGH_SUPPRESS),
    }
}

/// A device without IPv6 settings, for its MTU is too small, has IPv6 off.
fn parse_ipv6(spec: &[u8]) -> Ipv6 {
    let Some((_, inet6)) = attributes(spec).find(|(kind, _)| *kind == libc::AF_INET6 as u16) else {
        return Ipv6::Off;
    };
    let mut ipv6 = Ipv6::On;
    for (kind, value) in attributes(inet6) {
        match kind {
            INET6_CONF if setting(value, CONF_DISABLE_IPV6) != 0 => return Ipv6::Off,
            INET6_ADDR_GEN_MODE if value.first() == Some(&ADDR_GEN_MODE_NONE) => {
                ipv6 = Ipv6::Silent;
            }
            _ => {}
        }
    }
    ipv6
}

/// One of a device's settings, which are told as a row.
fn setting(values: &[u8], at: usize) -> u32 {
    values.get(4 * at..).map_or(0, u32_of)
}

/// An address of four or sixteen bytes.
pub(crate) fn ip(value: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        return Some(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    <[u8; 16]>::try_from(value).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))
}

pub(crate) fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn plain_bridge(info: Message) -> Message {
    info.attr_str(INFO_KIND, "bridge").nest(INFO_DATA, |data| {
        data.attr_u32(BR_FORWARD_DELAY, 0).attr_u32(BR_STP_STATE, 0).attr_u8(BR_MCAST_SNOOPING, 0)
    })
}

fn add(device: &str) -> Message {
    let flags = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    Message::new(libc::RTM_NEWLINK, flags, &ifinfomsg(0, 0, 0))
        .attr_str(libc::IFLA_IFNAME, device)
        .attr_u32(libc::IFLA_GROUP, MADE)
}

fn set(device: &str, flags: u32, mask: u32) -> Message {
    Message::new(libc::RTM_SETLINK, 0, &ifinfomsg(0, flags, mask)).attr_str(libc::IFLA_IFNAME, device)
}

fn get_message(index: u32) -> Message {
    const SKIP_STATS: u32 = 8;
    Message::new(libc::RTM_GETLINK, 0, &ifinfomsg(index, 0, 0)).attr_u32(libc::IFLA_EXT_MASK, SKIP_STATS)
}

fn ifinfomsg(index: u32, flags: u32, mask: u32) -> [u8; IFINFOMSG] {
    let mut bytes = [0; IFINFOMSG];
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[8..12].copy_from_slice(&flags.to_ne_bytes());
    bytes[12..16].copy_from_slice(&mask.to_ne_bytes());
    bytes
}
