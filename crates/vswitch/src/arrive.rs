//! What arrives by an underlay: whose it is, and where the frames in it are.

use std::net::IpAddr;

use model::vswitch::Kind;
use wire::checksum::Sum;
use wire::ethernet::{self, ethertype};
use wire::{Ethernet, Mac, Nvgre, Udp, Vni, Vxlan, geneve, gre, ipv4, ipv6, udp};

use crate::fdb::{NetworkNo, TunnelNo};
use crate::tunnel::{Arrivals, Ends};
use crate::{Checksum, Offload, SegmentKind, Why};

/// A tunnel packet for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outer {
    pub tunnel: TunnelNo,
    pub kind: Kind,
    /// Who put it on the link.
    pub from: Mac,
    /// Congestion bits.
    pub ecn: u8,
    /// Where tunnel headers begin and the packet ends.
    pub at: usize,
    pub end: usize,
    /// Each so many bytes begin a packet of their own.
    pub every: Option<usize>,
    /// It has not been on a wire: nothing can have harmed it.
    pub is_local: bool,
}

/// What an arriving frame is.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival {
    /// For the neighbour table: ARP, or ICMPv6, from `at` on.
    Arp {
        at: usize,
    },
    Icmpv6 {
        at: usize,
    },
    Tunnel(Outer),
    /// Somebody else's; the kernel has its own copy.
    NotOurs,
}

/// Reads an outer packet up to the tunnel it belongs to.
pub fn arrival(frame: &[u8], offload: &Offload, own: Mac, arrivals: &Arrivals) -> Result<Arrival, Why> {
    let Ok(link) = ethernet::View::new(frame) else { return Err(Why::BadEthernet) };
    let dst = link.dst();
    if dst != own && !dst.is_multicast() {
        return Ok(Arrival::NotOurs);
    }
    match link.ethertype() {
        // A packet for one machine does not come by a frame for many (RFC 1122 section 3.3.6); questions do.
        ethertype::IPV4 if dst == own => packet4(link, offload, arrivals),
        ethertype::IPV6 if dst == own => packet6(link, offload, arrivals),
        ethertype::IPV6 if is_icmpv6(link.payload()) => Ok(Arrival::Icmpv6 { at: Ethernet::LEN }),
        ethertype::ARP => Ok(Arrival::Arp { at: Ethernet::LEN }),
        _ => Ok(Arrival::NotOurs),
    }
}

fn is_icmpv6(packet: &[u8]) -> bool {
    ipv6::View::new(packet).is_ok_and(|packet| packet.next_header() == ipv6::next_header::ICMPV6)
}

fn packet4(link: ethernet::View<'_>, offload: &Offload, arrivals: &Arrivals) -> Result<Arrival, Why> {
    let Ok(packet) = ipv4::View::new(link.payload()) else { return Ok(Arrival::NotOurs) };
    let (src, dst) = (packet.src(), packet.dst());
    let protocol = packet.protocol();
    if packet.is_fragment() {
        let ours = protocol == gre::PROTOCOL && arrivals.locals.contains(&dst.into());
        return if ours { Err(Why::Fragment) } else { Ok(Arrival::NotOurs) };
    }
    let l4 = packet.payload();
    let pseudo = |len| Sum::ipv4(src, dst, protocol, len);
    let at = Ethernet::LEN + packet.header_len();
    let found = transport(protocol, l4, offload, arrivals, (dst.into(), src.into()), pseudo)?;
    match found {
        Some(_) if !packet.is_intact() => Err(Why::BadChecksum),
        found => Ok(arrival_of(found, link.src(), packet.traffic_class(), at, offload)),
    }
}

fn packet6(link: ethernet::View<'_>, offload: &Offload, arrivals: &Arrivals) -> Result<Arrival, Why> {
    let Ok(packet) = ipv6::View::new(link.payload()) else { return Ok(Arrival::NotOurs) };
    let (src, dst, protocol) = (packet.src(), packet.dst(), packet.next_header());
    if protocol == ipv6::next_header::ICMPV6 {
        return Ok(Arrival::Icmpv6 { at: Ethernet::LEN });
    }
    let pseudo = |len| Sum::ipv6(src, dst, protocol, len);
    let at = Ethernet::LEN + wire::Ipv6::LEN;
    let found = transport(protocol, packet.payload(), offload, arrivals, (dst.into(), src.into()), pseudo)?;
    Ok(arrival_of(found, link.src(), packet.traffic_class(), at, offload))
}

/// The tunnel, its format, and where from the transport header on its own headers begin and all ends.
struct Found {
    tunnel: TunnelNo,
    kind: Kind,
    at: usize,
    end: usize,
    every: Option<usize>,
}

fn arrival_of(found: Option<Found>, from: Mac, class: u8, l4: usize, offload: &Offload) -> Arrival {
    found.map_or(Arrival::NotOurs, |found| {
        let Found { tunnel, kind, at, end, every } = found;
        let (is_local, is_inners) = match offload.checksum {
            Checksum::Partial { start, .. } => (true, usize::from(start) > l4),
            Checksum::Unknown | Checksum::Good => (false, false),
        };
        // Segments whose checksum is left open further in are the inner frame's.
        let every = every.filter(|_| !is_inners);
        Arrival::Tunnel(Outer {
            tunnel,
            kind,
            from,
            ecn: class & 3,
            at: l4 + at,
            end: l4 + end,
            every,
            is_local,
        })
    })
}

fn transport(
    protocol: u8,
    l4: &[u8],
    offload: &Offload,
    arrivals: &Arrivals,
    (local, remote): (IpAddr, IpAddr),
    pseudo: impl Fn(usize) -> Sum,
) -> Result<Option<Found>, Why> {
    let find = |port| match arrivals.find(Ends { local, remote, port }) {
        Some(tunnel) => Ok(Some(tunnel)),
        None if arrivals.locals.contains(&local) => Err(Why::UnknownRemote),
        None => Ok(None),
    };
    match protocol {
        ipv4::protocol::UDP => {
            let Ok(datagram) = udp::View::new(l4) else { return Ok(None) };
            let port = datagram.dst_port();
            let Some((_, kind)) = arrivals.ports.iter().find(|(own, _)| *own == port) else {
                return Ok(None);
            };
            let Some(tunnel) = find(port)? else { return Ok(None) };
            let end = Udp::LEN + datagram.payload().len();
            if has_wrong_sum(&l4[..end], offload, pseudo) {
                return Err(Why::BadChecksum);
            }
            let every = offload.segments.filter(|segments| segments.kind == SegmentKind::Udp);
            let every = every.map(|segments| usize::from(segments.size)).filter(|size| *size > 0);
            Ok(Some(Found { tunnel, kind: *kind, at: Udp::LEN, end, every }))
        }
        gre::PROTOCOL => {
            let Some(tunnel) = find(0)? else { return Ok(None) };
            Ok(Some(Found { tunnel, kind: Kind::Nvgre, at: 0, end: l4.len(), every: None }))
        }
        _ => Ok(None),
    }
}

/// A checksum that is there, that nobody looked at, and that is wrong. Zero is none, over IPv6 as well (RFC 6935).
fn has_wrong_sum(datagram: &[u8], offload: &Offload, pseudo: impl Fn(usize) -> Sum) -> bool {
    let field = [datagram[6], datagram[7]];
    offload.checksum == Checksum::Unknown
        && offload.segments.is_none()
        && field != [0, 0]
        && pseudo(datagram.len()).with(datagram).finish() != 0
}

/// Reads a tunnel header: the network's number, and how long the header is.
pub fn header(kind: Kind, bytes: &[u8]) -> Result<(Vni, usize), Why> {
    match kind {
        Kind::Vxlan => {
            let header = Vxlan::parse(bytes).map_err(|_| Why::BadTunnelHeader)?;
            Ok((header.vni, Vxlan::LEN))
        }
        Kind::Nvgre => {
            let header = Nvgre::parse(bytes).map_err(|_| Why::BadTunnelHeader)?;
            Ok((header.vsid, Nvgre::LEN))
        }
        Kind::Geneve => {
            let header = geneve::View::new(bytes).map_err(|_| Why::BadTunnelHeader)?;
            if header.is_control() {
                return Err(Why::Control);
            }
            // No option is known here. One that says of itself that it must be understood ends the packet's way.
            if header.has_critical_options() && header.options().any(|option| option.is_critical()) {
                return Err(Why::CriticalOption);
            }
            Ok((header.vni(), header.header_len()))
        }
    }
}

/// The network that a number names in a tunnel.
pub fn network(arrivals: &Arrivals, tunnel: TunnelNo, vni: Vni) -> Result<NetworkNo, Why> {
    arrivals.network(tunnel, vni).ok_or(Why::UnknownVni)
}

/// What the inner packet's congestion bits become by the outer's (RFC 6040 section 4.2); none: as they are.
pub fn congestion(inner: u8, outer: u8) -> Result<Option<u8>, Why> {
    const NOT_ECT: u8 = 0;
    const ECT_1: u8 = 1;
    const CE: u8 = 3;
    match (inner & 3, outer & 3) {
        (NOT_ECT, CE) => Err(Why::Congestion),
        (NOT_ECT | CE, _) => Ok(None),
        (_, CE) => Ok(Some(CE)),
        (inner, ECT_1) if inner != ECT_1 => Ok(Some(ECT_1)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn congestion_as_figure_4_of_the_rfc() {
        // Rows: inner Not-ECT, ECT(0), ECT(1), CE. Columns: outer Not-ECT, ECT(0), ECT(1), CE.
        let figure = [
            (0, [Some(0), Some(0), Some(0), None]),
            (2, [Some(2), Some(2), Some(1), Some(3)]),
            (1, [Some(1), Some(1), Some(1), Some(3)]),
            (3, [Some(3), Some(3), Some(3), Some(3)]),
        ];
        for (inner, row) in figure {
            for (outer, want) in [0, 2, 1, 3].into_iter().zip(row) {
                let found = congestion(inner, outer).ok().map(|change| change.unwrap_or(inner));
                assert_eq!(found, want, "inner {inner}, outer {outer}");
            }
        }
    }
}
