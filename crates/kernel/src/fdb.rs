//! Forwarding entries of bridges and VXLAN devices, and neighbours.
//!
//! Three tables of the kernel under one kind of message: a bridge's (a MAC and a port), a VXLAN
//! device's (a MAC and a host) and the neighbours (an address and a MAC).

use std::net::{IpAddr, Ipv6Addr};

use nix::libc;
use wire::Mac;

use crate::link::{ip, octets};
use crate::netlink::message::u32_of;
use crate::netlink::{Message, attributes};

/// Bytes of `struct ndmsg`.
const NDMSG: usize = 12;

const NTF_SELF: u8 = 0x02;
const NTF_MASTER: u8 = 0x04;
const NTF_PROXY: u8 = 0x08;
const NTF_STICKY: u8 = 0x40;
const NUD_NOARP: u16 = 0x40;
const NUD_PERMANENT: u16 = 0x80;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NDA_MASTER: u16 = 9;

const BRIDGE: u8 = libc::AF_BRIDGE as u8;
const INET6: u8 = libc::AF_INET6 as u8;
const CREATE: i32 = libc::NLM_F_CREATE;

/// One entry that was written by somebody, not learnt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    Bridge { bridge: u32, port: u32, mac: Mac },
    Tunnel { device: u32, mac: Mac, dst: IpAddr },
    Neighbour { device: u32, ip: IpAddr, mac: Mac },
    Proxy { device: u32, ip: Ipv6Addr },
}

/// Static, and held fast: no frame from elsewhere moves it.
pub(crate) fn set(port: u32, mac: Mac) -> Message {
    entry(libc::RTM_NEWNEIGH, CREATE | libc::NLM_F_REPLACE, BRIDGE, port, NUD_NOARP, NTF_MASTER | NTF_STICKY)
        .attr(NDA_LLADDR, &mac.0)
}

pub(crate) fn delete(port: u32, mac: Mac) -> Message {
    entry(libc::RTM_DELNEIGH, 0, BRIDGE, port, 0, NTF_MASTER).attr(NDA_LLADDR, &mac.0)
}

pub(crate) fn set_tunnel(device: u32, mac: Mac, dst: IpAddr) -> Message {
    tunnel(libc::RTM_NEWNEIGH, CREATE | libc::NLM_F_REPLACE, device, mac, dst)
}

pub(crate) fn delete_tunnel(device: u32, mac: Mac, dst: IpAddr) -> Message {
    tunnel(libc::RTM_DELNEIGH, 0, device, mac, dst)
}

/// One more host for frames to MACs that no entry leads anywhere.
pub(crate) fn add_flood(device: u32, dst: IpAddr) -> Message {
    tunnel(libc::RTM_NEWNEIGH, CREATE | libc::NLM_F_APPEND, device, Mac::ZERO, dst)
}

pub(crate) fn delete_flood(device: u32, dst: IpAddr) -> Message {
    delete_tunnel(device, Mac::ZERO, dst)
}

pub(crate) fn set_neighbour(device: u32, ip: IpAddr, mac: Mac) -> Message {
    let flags = CREATE | libc::NLM_F_REPLACE;
    entry(libc::RTM_NEWNEIGH, flags, family(ip), device, NUD_PERMANENT, 0)
        .attr(NDA_DST, &octets(ip))
        .attr(NDA_LLADDR, &mac.0)
}

pub(crate) fn delete_neighbour(device: u32, ip: IpAddr) -> Message {
    entry(libc::RTM_DELNEIGH, 0, family(ip), device, 0, 0).attr(NDA_DST, &octets(ip))
}

pub(crate) fn add_proxy(device: u32, ip: Ipv6Addr) -> Message {
    let flags = CREATE | libc::NLM_F_REPLACE;
    entry(libc::RTM_NEWNEIGH, flags, INET6, device, NUD_PERMANENT, NTF_PROXY).attr(NDA_DST, &ip.octets())
}

pub(crate) fn delete_proxy(device: u32, ip: Ipv6Addr) -> Message {
    entry(libc::RTM_DELNEIGH, 0, INET6, device, 0, NTF_PROXY).attr(NDA_DST, &ip.octets())
}

pub(crate) fn dump_proxies() -> Message {
    entry(libc::RTM_GETNEIGH, 0, INET6, 0, 0, NTF_PROXY)
}

pub(crate) fn get(bridge: u32, mac: Mac) -> Message {
    entry(libc::RTM_GETNEIGH, 0, BRIDGE, 0, 0, 0).attr(NDA_LLADDR, &mac.0).attr_u32(NDA_MASTER, bridge)
}

pub(crate) fn get_tunnel(device: u32, mac: Mac) -> Message {
    entry(libc::RTM_GETNEIGH, 0, BRIDGE, device, 0, NTF_SELF).attr(NDA_LLADDR, &mac.0)
}

pub(crate) fn get_neighbour(device: u32, ip: IpAddr) -> Message {
    entry(libc::RTM_GETNEIGH, 0, family(ip), device, 0, 0).attr(NDA_DST, &octets(ip))
}

/// Entries of bridges and VXLAN devices; device 0 is all of them.
pub(crate) fn dump(device: u32) -> Message {
    entry(libc::RTM_GETNEIGH, 0, BRIDGE, device, 0, 0)
}

pub(crate) fn dump_neighbours() -> Message {
    entry(libc::RTM_GETNEIGH, 0, libc::AF_UNSPEC as u8, 0, 0, 0)
}

/// Reads a neighbour message; `None` for what nobody wrote.
pub(crate) fn parse(payload: &[u8]) -> Option<Entry> {
    let fixed = payload.first_chunk::<NDMSG>()?;
    let device = u32_of(&fixed[4..8]);
    let state = u16::from_ne_bytes([fixed[8], fixed[9]]);
    let flags = fixed[10];
    let (mut mac, mut dst, mut master) = (None, None, None);
    for (kind, value) in attributes(&payload[NDMSG..]) {
        match kind {
            NDA_LLADDR => mac = value.first_chunk().map(|mac| Mac(*mac)),
            NDA_DST => dst = ip(value),
            NDA_MASTER => master = Some(u32_of(value)),
            _ => {}
        }
    }
    if let (NTF_PROXY, Some(IpAddr::V6(ip))) = (flags & NTF_PROXY, dst) {
        return Some(Entry::Proxy { device, ip });
    }
    let mac = mac?;
    if fixed[0] != BRIDGE {
        let permanent = state & NUD_PERMANENT != 0;
        return permanent.then_some(Entry::Neighbour { device, ip: dst?, mac });
    }
    if flags & NTF_SELF != 0 {
        return (state & NUD_PERMANENT != 0).then_some(Entry::Tunnel { device, mac, dst: dst? });
    }
    let written = state & NUD_NOARP != 0 && flags & NTF_STICKY != 0;
    written.then_some(Entry::Bridge { bridge: master?, port: device, mac })
}

fn tunnel(kind: u16, flags: i32, device: u32, mac: Mac, dst: IpAddr) -> Message {
    entry(kind, flags, BRIDGE, device, NUD_PERMANENT, NTF_SELF)
        .attr(NDA_LLADDR, &mac.0)
        .attr(NDA_DST, &octets(dst))
}

fn entry(kind: u16, flags: i32, family: u8, device: u32, state: u16, ntf: u8) -> Message {
    let mut fixed = [0; NDMSG];
    fixed[0] = family;
    fixed[4..8].copy_from_slice(&device.to_ne_bytes());
    fixed[8..10].copy_from_slice(&state.to_ne_bytes());
    fixed[10] = ntf;
    Message::new(kind, flags, &fixed)
}

fn family(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 }
}
