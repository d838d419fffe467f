//! The outer header of a tunnel, prepared: what differs from frame to frame is filled in.
//!
//! ```text
//! Ethernet 14 | IPv4 20 or IPv6 40 | UDP 8, VXLAN 8 or GENEVE 8 + options
//!                                  | NVGRE 8
//! ```

use std::net::IpAddr;

use model::vswitch::{Dscp, Kind, Tunnel};
use wire::checksum::{self, Sum};
use wire::ethernet::ethertype;
use wire::geneve::GeneveOption;
use wire::{Ethernet, Geneve, Ipv4, Ipv6, Mac, Nvgre, Udp, Vni, Vxlan, geneve, gre, ipv4, vxlan};

use crate::{BadTunnel, Checksum, Encapsulate, Frame, Offload, SegmentKind, Segments};

/// Options that leave room for the longest other headers.
pub const MAX_OPTIONS_LEN: usize = 96;
/// Where the checksum is in a UDP header.
const UDP_SUM: u16 = 6;
/// Source ports are taken from the ephemeral range, as RFC 7348 section 5 and RFC 8926 section 3.3 ask for.
const EPHEMERAL: u16 = 0xc000;

/// A header without what differs: destination MAC, lengths, class, identification, source port, number.
#[derive(Clone, Debug)]
pub struct Head {
    bytes: [u8; Frame::HEADROOM],
    len: usize,
    l4: usize,
    /// Of IPv4's header, and of the pseudo-header but for its length.
    ip_sum: Sum,
    pseudo_sum: Sum,
    checksum: bool,
    dscp: Dscp,
    flow_id: bool,
}

/// What differs.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    pub to: Mac,
    pub vni: Vni,
    /// Of the inner packet, if it is IP.
    pub class: Option<u8>,
    pub flow: u32,
    pub id: u16,
    /// Behind the header there are several segments, each of so many bytes with its tunnel header.
    pub segments: Option<u16>,
}

/// The UDP port of a tunnel's other end; none for NVGRE.
pub fn udp_port(tunnel: &Tunnel) -> Option<u16> {
    match tunnel.kind {
        Kind::Vxlan => Some(tunnel.port.unwrap_or(vxlan::PORT)),
        Kind::Geneve => Some(tunnel.port.unwrap_or(geneve::PORT)),
        Kind::Nvgre => None,
    }
}

/// The bytes of a tunnel's options, and whether one is critical.
pub fn options(tunnel: &Tunnel) -> Result<(Vec<u8>, bool), BadTunnel> {
    if !tunnel.options.is_empty() && tunnel.kind != Kind::Geneve {
        return Err(BadTunnel::Options);
    }
    let (mut bytes, mut critical) = (Vec::new(), false);
    for option in &tunnel.options {
        let option = GeneveOption { class: option.class, kind: option.kind, data: &option.data };
        option.emit(&mut bytes).map_err(|_| BadTunnel::Options)?;
        critical |= option.is_critical();
    }
    if bytes.len() > MAX_OPTIONS_LEN { Err(BadTunnel::Options) } else { Ok((bytes, critical)) }
}

impl Head {
    /// The header of a tunnel whose packets leave by a device with this MAC.
    pub fn of(tunnel: &Tunnel, from: Mac) -> Result<Head, BadTunnel> {
        let (options, critical) = options(tunnel)?;
        let none = Vni::default();
        let mut head = Vec::with_capacity(Frame::HEADROOM);
        let port = udp_port(tunnel);
        if let Some(port) = port {
            head.extend([0, 0]);
            head.extend(port.to_be_bytes());
            head.extend([0; 4]);
        }
        head.extend([0; 8]);
        let last = head.last_chunk_mut().expect("8 bytes were added");
        match tunnel.kind {
            Kind::Vxlan => Vxlan { vni: none }.emit(last),
            Kind::Geneve => Geneve { vni: none, options_len: options.len() as u8, critical }.emit(last),
            Kind::Nvgre => Nvgre { vsid: none, flow_id: 0 }.emit(last),
        }
        head.extend(options);
        let protocol = if port.is_some() { ipv4::protocol::UDP } else { gre::PROTOCOL };
        let (ip, ethertype, pseudo_sum) = match (tunnel.local, tunnel.remote) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let mut ip = vec![0; Ipv4::LEN];
                Ipv4 { src, dst, protocol, ttl: tunnel.ttl, payload_len: 0 }
                    .emit(ip.first_chunk_mut().expect("20 bytes"));
                ip[2..4].fill(0); // the length is filled in, and the checksum with it
                ip[10..12].fill(0);
                (ip, ethertype::IPV4, Sum::ipv4(src, dst, protocol, 0))
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let mut ip = vec![0; Ipv6::LEN];
                Ipv6 { src, dst, next_header: protocol, hop_limit: tunnel.ttl, payload_len: 0 }
                    .emit(ip.first_chunk_mut().expect("40 bytes"));
                (ip, ethertype::IPV6, Sum::ipv6(src, dst, protocol, 0))
            }
            _ => return Err(BadTunnel::Families),
        };
        let mut link = [0; Ethernet::LEN];
        Ethernet { dst: Mac::ZERO, src: from, ethertype }.emit(&mut link);
        let whole = [&link[..], &ip, &head].concat();
        let mut bytes = [0; Frame::HEADROOM];
        bytes[..whole.len()].copy_from_slice(&whole);
        Ok(Head {
            bytes,
            len: whole.len(),
            l4: Ethernet::LEN + ip.len(),
            ip_sum: Sum::default().with(&ip),
            pseudo_sum,
            checksum: port.is_some() && tunnel.checksum.unwrap_or(ethertype == ethertype::IPV6),
            dscp: tunnel.dscp,
            flow_id: tunnel.flow_id,
        })
    }

    /// All its bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_udp(&self) -> bool {
        self.bytes[if self.is_ipv4() { 23 } else { 20 }] == ipv4::protocol::UDP
    }

    /// What a tunnel header takes of each segment behind the outer UDP header.
    pub fn tunnel_header(&self) -> &[u8] {
        &self.bytes[if self.is_udp() { self.l4 + Udp::LEN } else { self.l4 }..self.len]
    }

    fn is_ipv4(&self) -> bool {
        self.l4 == Ethernet::LEN + Ipv4::LEN
    }

    /// Bytes of the packet that count for an MTU, but for the inner frame.
    pub fn overhead(&self) -> usize {
        self.len - Ethernet::LEN
    }

    /// Puts the header before a frame and says what is left to do; false if it has no room.
    pub fn put(&self, frame: &mut Frame, fields: &Fields) -> bool {
        let Some(l4_len) = u16::try_from(self.len - self.l4 + frame.len()).ok() else { return false };
        let Some(out) = frame.prepend(self.len) else { return false };
        out.copy_from_slice(&self.bytes[..self.len]);
        out[..6].copy_from_slice(&fields.to.0);
        let class = self.class(fields.class);
        if self.is_ipv4() {
            let Some(total) = l4_len.checked_add(Ipv4::LEN as u16) else { return false };
            out[15] = class;
            out[16..18].copy_from_slice(&total.to_be_bytes());
            out[18..20].copy_from_slice(&fields.id.to_be_bytes());
            let sum = self.ip_sum.plus(u32::from(class) + u32::from(total) + u32::from(fields.id)).finish();
            out[24..26].copy_from_slice(&sum.to_be_bytes());
        } else {
            out[14] |= class >> 4;
            out[15] |= class << 4;
            out[18..20].copy_from_slice(&l4_len.to_be_bytes());
        }
        let mut offload = Offload::default();
        let l4 = self.l4;
        if self.is_udp() {
            out[l4..l4 + 2].copy_from_slice(&(EPHEMERAL | fields.flow as u16).to_be_bytes());
            out[l4 + 4..l4 + 6].copy_from_slice(&l4_len.to_be_bytes());
            if self.checksum || fields.segments.is_some() {
                let sum = self.pseudo_sum.plus(u32::from(l4_len)).folded();
                out[l4 + 6..l4 + 8].copy_from_slice(&sum.to_be_bytes());
                offload.checksum = Checksum::Partial { start: l4 as u16, offset: UDP_SUM };
            }
        } else if self.flow_id {
            out[l4 + 7] = fields.flow as u8;
        }
        let number = self.number_at();
        out[number..number + 3].copy_from_slice(&fields.vni.number().to_be_bytes()[1..]);
        if let Some(size) = fields.segments {
            let header_len = (l4 + Udp::LEN) as u16;
            offload.segments = Some(Segments { kind: SegmentKind::Udp, size, header_len, ecn: false });
        }
        frame.offload = offload;
        true
    }

    /// The header for a network and a next hop, where frames may pass without the switch: over IPv4, without a checksum
    /// of all that is in it, and without options.
    pub fn fast_path(&self, to: Mac, vni: Vni, room: usize) -> Option<Encapsulate> {
        let plain = Ethernet::LEN + Ipv4::LEN + 8 + if self.is_udp() { Udp::LEN } else { 0 };
        if !self.is_ipv4() || self.checksum || self.len != plain {
            return None;
        }
        let mut head = self.bytes[..self.len].to_vec();
        head[..6].copy_from_slice(&to.0);
        let number = self.number_at();
        head[number..number + 3].copy_from_slice(&vni.number().to_be_bytes()[1..]);
        let (class_of_inner, class) = match self.dscp {
            Dscp::Copy => (0xff, 0),
            Dscp::Fixed(dscp) => (3, dscp << 2),
        };
        let (sum, flow_id) = (self.ip_sum.folded().into(), self.flow_id && !self.is_udp());
        Some(Encapsulate { head, sum, class_of_inner, class, flow_id, room })
    }

    fn number_at(&self) -> usize {
        if self.is_udp() { self.l4 + Udp::LEN + 4 } else { self.l4 + 4 }
    }

    /// Service class by setting; congestion as the inner packet says (RFC 6040 section 4.1, normal mode).
    fn class(&self, inner: Option<u8>) -> u8 {
        let inner = inner.unwrap_or(0);
        match self.dscp {
            Dscp::Copy => inner,
            Dscp::Fixed(dscp) => dscp << 2 | inner & 3,
        }
    }
}

/// Finishes a checksum that was left to be finished; false if it does not lie within the frame.
pub fn finish_checksum(frame: &mut Frame) -> bool {
    if let Checksum::Partial { start, offset } = frame.offload.checksum {
        let (start, at) = (usize::from(start), usize::from(start) + usize::from(offset));
        let bytes = frame.bytes_mut();
        if at + 2 > bytes.len() {
            return false;
        }
        // The field holds the pseudo-header's sum. Zero would say "no checksum" where it is UDP.
        let sum = match checksum::of(&bytes[start..]) {
            0 => 0xffff,
            sum => sum,
        };
        bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
    frame.offload.checksum = Checksum::Unknown;
    true
}
