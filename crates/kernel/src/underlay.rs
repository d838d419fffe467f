//! What tunnels travel on: links, addresses, routes and neighbours, as the kernel has them; neighbours that
//! are written to it; and that something of it changed.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use model::vswitch::{Address, Facts, Link, Neighbour, Route};
use nix::errno::Errno;
use nix::libc;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{MsgFlags, SockProtocol, recv};
use wire::Mac;

use crate::error::KernelError;
use crate::link::{ip, octets};
use crate::netlink::message::u32_of;
use crate::netlink::socket::{self, messages};
use crate::netlink::{Message, Socket, attributes};
use crate::{addr, link, netns};

/// Links, neighbours, and addresses and routes of both families; a bit each.
const GROUPS: u32 = 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10;
/// Changes come in bunches: a look is worth while when they pause, or have gone on for long.
const BUNCH: Duration = Duration::from_millis(2);
const LONGEST_BUNCH: Duration = Duration::from_millis(50);
/// Messages that are read before anything else is looked at.
const MOST_MESSAGES: usize = 256;
const RTMSG: usize = 12;
const RTNEXTHOP: usize = 8;
const NDMSG: usize = 12;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NUD_REACHABLE: u16 = 0x02;
/// The kernel believes that who is there has this MAC: reachable, stale, delay, probe, noarp, permanent.
const NUD_KNOWN: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;
const NUD_PERMANENT: u16 = 0x80;
const RTAX_MTU: u16 = 2;

/// The door, in one namespace. It waits, so it wants a thread.
pub struct Underlay {
    socket: Socket,
    events: OwnedFd,
    woken: Arc<EventFd>,
    buffer: Vec<u8>,
}

/// Ends a wait.
#[derive(Clone)]
pub struct Interrupt(Arc<EventFd>);

impl Interrupt {
    pub fn wake(&self) {
        // It fails only when it was woken 2^64 times and nobody looked.
        let _ = self.0.write(1);
    }
}

impl Underlay {
    pub fn open(namespace: &Path) -> Result<Underlay, KernelError> {
        let open = || -> io::Result<(Socket, OwnedFd)> {
            // Listening first: what changes between two looks is told.
            let events = socket::open(SockProtocol::NetlinkRoute, GROUPS)?;
            Ok((Socket::open(SockProtocol::NetlinkRoute)?, events))
        };
        let (socket, events) = netns::within(namespace, open)
            .and_then(|opened| opened)
            .map_err(|source| KernelError::Namespace { path: namespace.to_owned(), source })?;
        let woken = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|errno| KernelError::io("make an event")(errno.into()))?;
        Ok(Underlay { socket, events, woken: Arc::new(woken), buffer: vec![0; 64 << 10] })
    }

    pub fn interrupt(&self) -> Interrupt {
        Interrupt(Arc::clone(&self.woken))
    }

    /// Looks at everything.
    pub fn look(&mut self) -> Result<Facts, KernelError> {
        let mut seen = Facts::default();
        let dump = |socket: &mut Socket, what: &str, message: &dyn Fn() -> Message| {
            socket.dump(message).map_err(KernelError::refused(format!("list {what}")))
        };
        for (_, payload) in dump(&mut self.socket, "links", &link::dump)? {
            let Some(told) = link::parse(&payload) else { continue };
            let up = told.up && told.running;
            let (index, name, mac) = (told.index, told.name, told.mac);
            seen.links.push(Link { index, name, mac, mtu_bytes: told.mtu_bytes, up });
        }
        for (_, payload) in dump(&mut self.socket, "addresses", &addr::dump)? {
            seen.addresses.extend(addr::parse(&payload).map(address));
        }
        for family in [libc::AF_INET, libc::AF_INET6] {
            for (_, payload) in dump(&mut self.socket, "routes", &|| dump_routes(family))? {
                parse_route(&payload, &mut seen.routes);
            }
        }
        for (_, payload) in dump(&mut self.socket, "neighbours", &crate::fdb::dump_neighbours)? {
            seen.neighbours.extend(parse_neighbour(&payload));
        }
        Ok(seen)
    }

    /// Waits until something of it may have changed, somebody woke us, or the time is over; true for the first.
    pub fn wait(&mut self, limit: Duration) -> io::Result<bool> {
        let woken = crate::ports::either(self.events.as_fd(), self.woken.as_fd(), limit)?;
        if woken {
            let _ = self.woken.read();
        }
        let mut changed = self.drain()?;
        // Others of the same bunch are on their way. What comes later is told by the next wait.
        if changed {
            until_pause(|| Ok(crate::ports::soon(self.events.as_fd(), BUNCH)? && self.drain()?))?;
        }
        changed |= self.drain()?;
        Ok(changed)
    }

    fn drain(&mut self) -> io::Result<bool> {
        let mut changed = false;
        for _ in 0..MOST_MESSAGES {
            match recv(self.events.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Ok(length) => {
                    changed |= messages(&self.buffer[..length]).any(|(header, _)| matters(header.kind))
                }
                Err(Errno::EAGAIN) => return Ok(changed),
                Err(Errno::EINTR) => {}
                // More happened than could be told.
                Err(Errno::ENOBUFS) => changed = true,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(changed)
    }

    /// Writes neighbours that were found (`true`), and takes back those that were lost.
    pub fn write(&mut self, neighbours: &[(Neighbour, bool)]) -> Vec<KernelError> {
        let outcomes =
            self.socket.request(neighbours.iter().map(|(told, found)| entry(told, *found)).collect());
        let failed = neighbours.iter().zip(outcomes).filter_map(|((told, found), outcome)| {
            let refusal = outcome.err()?;
            // Gone already: with its device, or forgotten by the kernel.
            let gone = !found && matches!(refusal.errno, Errno::ENOENT | Errno::ENODEV);
            (!gone).then(|| KernelError::refused(format!("write neighbour {}", told.ip))(refusal))
        });
        failed.collect()
    }
}

/// While there is more, and no longer than others can wait.
fn until_pause(mut more: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < LONGEST_BUNCH && more()? {}
    Ok(())
}

fn entry(told: &Neighbour, found: bool) -> Message {
    let mut fixed = [0; NDMSG];
    fixed[0] = if told.ip.is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 };
    fixed[4..8].copy_from_slice(&told.link.to_ne_bytes());
    if !found {
        return Message::new(libc::RTM_DELNEIGH, 0, &fixed).attr(NDA_DST, &octets(told.ip));
    }
    fixed[8..10].copy_from_slice(&NUD_REACHABLE.to_ne_bytes());
    let flags = libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
    Message::new(libc::RTM_NEWNEIGH, flags, &fixed)
        .attr(NDA_DST, &octets(told.ip))
        .attr(NDA_LLADDR, &told.mac.0)
}

fn matters(kind: u16) -> bool {
    use libc::{RTM_DELADDR, RTM_DELLINK, RTM_DELNEIGH, RTM_DELROUTE};
    use libc::{RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWROUTE};
    let all = [RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE];
    all.contains(&kind) || [RTM_NEWNEIGH, RTM_DELNEIGH].contains(&kind)
}

fn dump_routes(family: i32) -> Message {
    let mut fixed = [0; RTMSG];
    fixed[0] = family as u8;
    fixed[4] = libc::RT_TABLE_MAIN;
    Message::new(libc::RTM_GETROUTE, 0, &fixed).attr_u32(libc::RTA_TABLE, libc::RT_TABLE_MAIN.into())
}

fn address((link, net): (u32, IpNet)) -> Address {
    Address { link, ip: net.addr(), prefix_len: net.prefix_len() }
}

fn parse_route(payload: &[u8], routes: &mut Vec<Route>) {
    let Some(fixed) = payload.first_chunk::<RTMSG>() else { return };
    let unspecified: IpAddr =
        if i32::from(fixed[0]) == libc::AF_INET { [0u8; 4].into() } else { [0u8; 16].into() };
    let leads = fixed[7] == libc::RTN_UNICAST;
    if !leads && ![libc::RTN_UNREACHABLE, libc::RTN_PROHIBIT, libc::RTN_BLACKHOLE].contains(&fixed[7]) {
        return;
    }
    let (mut to, mut via, mut link, mut metric, mut mtu_bytes) = (unspecified, None, None, 0, None);
    let mut several = &[][..];
    for (kind, value) in attributes(&payload[RTMSG..]) {
        match kind {
            libc::RTA_DST => to = ip(value).unwrap_or(unspecified),
            libc::RTA_GATEWAY => via = ip(value),
            libc::RTA_VIA => via = value.get(2..).and_then(ip),
            libc::RTA_OIF => link = Some(u32_of(value)),
            libc::RTA_PRIORITY => metric = u32_of(value),
            libc::RTA_MULTIPATH => several = value,
            libc::RTA_METRICS => {
                let mtu = attributes(value).find(|(kind, _)| *kind == RTAX_MTU);
                mtu_bytes = mtu.map(|(_, value)| u32_of(value));
            }
            libc::RTA_TABLE if u32_of(value) != u32::from(libc::RT_TABLE_MAIN) => return,
            _ => {}
        }
    }
    let Ok(to) = IpNet::new(to, fixed[1]) else { return };
    if !leads {
        routes.push(Route { to, via: None, link: None, metric, mtu_bytes });
        return;
    }
    if link.is_some() {
        routes.push(Route { to, via, link, metric, mtu_bytes });
    }
    while let Some(hop) = several.first_chunk::<RTNEXTHOP>() {
        let length = usize::from(u16::from_ne_bytes([hop[0], hop[1]]));
        let Some(inside) = several.get(RTNEXTHOP..length) else { return };
        let gateway = attributes(inside).find(|(kind, _)| *kind == libc::RTA_GATEWAY);
        let via = gateway.and_then(|(_, value)| ip(value));
        routes.push(Route { to, via, link: Some(u32_of(&hop[4..])), metric, mtu_bytes });
        several = several.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
}

fn parse_neighbour(payload: &[u8]) -> Option<Neighbour> {
    let fixed = payload.first_chunk::<NDMSG>()?;
    let state = u16::from_ne_bytes([fixed[8], fixed[9]]);
    let (mut mac, mut to) = (None, None);
    for (kind, value) in attributes(&payload[NDMSG..]) {
        match kind {
            NDA_LLADDR => mac = value.first_chunk().map(|mac| Mac(*mac)),
            NDA_DST => to = ip(value),
            _ => {}
        }
    }
    let permanent = state & NUD_PERMANENT != 0;
    let (link, ip) = (u32_of(&fixed[4..8]), to?);
    (state & NUD_KNOWN != 0).then_some(Neighbour { link, ip, mac: mac?, permanent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_that_never_pause_are_told_nevertheless() {
        let begun = Instant::now();
        let more = || {
            assert!(begun.elapsed() < 20 * LONGEST_BUNCH, "it goes on and on");
            Ok(true)
        };
        until_pause(more).expect("ends");
        let mut left = 3;
        let fewer = || {
            left -= 1;
            Ok(left > 0)
        };
        until_pause(fewer).expect("ends");
        assert_eq!(left, 0);
    }
}
