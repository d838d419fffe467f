//! IPv6 headers (RFC 8200). Extension headers are the payload's business.

use std::net::Ipv6Addr;

use crate::{Mac, Malformed, need, take};

/// What a packet carries.
pub mod next_header {
    pub const HOP_BY_HOP: u8 = 0;
    pub const ICMPV6: u8 = 58;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
}

/// All nodes on the link (RFC 4291 section 2.7.1).
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers on the link (RFC 4291 section 2.7.1).
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// All DHCP relay agents and servers on the link (RFC 8415 section 7.1).
pub const ALL_DHCP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// The link-local address that a device with this MAC gives itself (RFC 4862 section 5.3,
/// RFC 2464 section 4).
pub const fn link_local(mac: Mac) -> Ipv6Addr {
    with_eui64([0xfe, 0x80, 0, 0, 0, 0, 0, 0], mac)
}

/// The address that a device with this MAC makes from a /64 prefix (RFC 4862 section 5.5.3).
pub const fn with_eui64(prefix: [u8; 8], mac: Mac) -> Ipv6Addr {
    let (p, i) = (prefix, mac.eui64());
    Ipv6Addr::from_octets([
        p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7],
    ])
}

/// The group that a host with this address listens to for neighbour solicitations
/// (RFC 4291 section 2.7.1).
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let a = address.octets();
    Ipv6Addr::from_octets([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a[13], a[14], a[15]])
}

/// The Ethernet address of a multicast group (RFC 2464 section 7).
pub const fn multicast_mac(group: Ipv6Addr) -> Mac {
    let a = group.octets();
    Mac([0x33, 0x33, a[12], a[13], a[14], a[15]])
}

/// A packet whose payload length agrees with the bytes at hand.
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(&'a [u8]);

impl<'a> View<'a> {
    /// Bytes behind the payload length are padding of the link.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        need(bytes, Ipv6::LEN)?;
        if bytes[0] >> 4 != 6 {
            return Err(Malformed::Field("version"));
        }
        let total_len = Ipv6::LEN + usize::from(u16::from_be_bytes(take(bytes, 4)));
        need(bytes, total_len)?;
        Ok(View(&bytes[..total_len]))
    }

    /// Service class (six bits) and congestion (two).
    #[inline]
    pub fn traffic_class(self) -> u8 {
        self.0[0] << 4 | self.0[1] >> 4
    }

    #[inline]
    pub fn next_header(self) -> u8 {
        self.0[6]
    }

    pub fn hop_limit(self) -> u8 {
        self.0[7]
    }

    #[inline]
    pub fn src(self) -> Ipv6Addr {
        take::<16>(self.0, 8).into()
    }

    #[inline]
    pub fn dst(self) -> Ipv6Addr {
        take::<16>(self.0, 24).into()
    }

    #[inline]
    pub fn payload(self) -> &'a [u8] {
        &self.0[Ipv6::LEN..]
    }
}

/// An IPv6 header without traffic class and flow label.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6 {
    pub src: Ipv6Addr,
    pub dst: Ipv6Addr,
    pub next_header: u8,
    pub hop_limit: u8,
    pub payload_len: u16,
}

impl Ipv6 {
    pub const LEN: usize = 40;

    pub fn parse(bytes: &[u8]) -> Result<Ipv6, Malformed> {
        let view = View::new(bytes)?;
        Ok(Ipv6 {
            src: view.src(),
            dst: view.dst(),
            next_header: view.next_header(),
            hop_limit: view.hop_limit(),
            payload_len: view.payload().len() as u16,
        })
    }

    pub fn emit(&self, out: &mut [u8; Ipv6::LEN]) {
        *out = [0; Ipv6::LEN];
        out[0] = 0x60;
        out[4..6].copy_from_slice(&self.payload_len.to_be_bytes());
        out[6] = self.next_header;
        out[7] = self.hop_limit;
        out[8..24].copy_from_slice(&self.src.octets());
        out[24..40].copy_from_slice(&self.dst.octets());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_made_of_macs() {
        let mac: Mac = "fa:16:3e:12:34:56".parse().expect("valid");
        let text = |ip: Ipv6Addr| ip.to_string();
        assert_eq!(text(link_local(mac)), "fe80::f816:3eff:fe12:3456");
        let prefix = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1];
        assert_eq!(text(with_eui64(prefix, mac)), "2001:db8:0:1:f816:3eff:fe12:3456");
        assert_eq!(text(solicited_node(link_local(mac))), "ff02::1:ff12:3456");
        assert_eq!(multicast_mac(ALL_DHCP).to_string(), "33:33:00:01:00:02");
    }

    #[test]
    fn refusals() {
        let mut bytes = [0; Ipv6::LEN];
        assert_eq!(Ipv6::parse(&bytes[..39]), Err(Malformed::Short { need: 40, got: 39 }));
        assert_eq!(Ipv6::parse(&bytes), Err(Malformed::Field("version")));
        (bytes[0], bytes[5]) = (0x60, 1);
        assert_eq!(Ipv6::parse(&bytes), Err(Malformed::Short { need: 41, got: 40 }));
    }

    proptest! {
        #[test]
        fn round_trip(ips: [[u8; 16]; 2], next_header: u8, hop_limit: u8, len in 0u16..100) {
            let header = Ipv6 {
                src: ips[0].into(), dst: ips[1].into(), next_header, hop_limit, payload_len: len,
            };
            let mut bytes = vec![0; Ipv6::LEN + usize::from(len)];
            header.emit(bytes.first_chunk_mut().expect("40 bytes"));
            prop_assert_eq!(Ipv6::parse(&bytes), Ok(header));
        }

        #[test]
        fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if bytes.len() > 5 {
                (bytes[0], bytes[4]) = (0x60, 0);
            }
            if let Ok(view) = View::new(&bytes) {
                prop_assert!(view.payload().len() <= bytes.len() - Ipv6::LEN);
            }
        }
    }
}
