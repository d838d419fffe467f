//! Router discovery (RFC 4861 sections 4.1 and 4.2).

use std::net::Ipv6Addr;

use super::{NdOption, NdOptions, View, begin, finish, kind};
use crate::{Mac, Malformed, take};

/// A host asks for the routers of its link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Solicitation {
    pub source_link: Option<Mac>,
}

impl Solicitation {
    /// Reads a message as RFC 4861 section 6.1.1 demands, but for the hop limit.
    pub fn parse(bytes: &[u8], src: Ipv6Addr, dst: Ipv6Addr) -> Result<Solicitation, Malformed> {
        let body = View::of_kind(bytes, kind::ROUTER_SOLICITATION, 4, src, dst)?;
        let mut source_link = None;
        for option in NdOptions::new(&body[4..])? {
            if let NdOption::SourceLink(mac) = option? {
                source_link = Some(mac);
            }
        }
        if src.is_unspecified() && source_link.is_some() {
            return Err(Malformed::Field("source link-layer address"));
        }
        Ok(Solicitation { source_link })
    }

    /// Appends the message.
    pub fn emit(&self, src: Ipv6Addr, dst: Ipv6Addr, out: &mut Vec<u8>) {
        let start = begin(kind::ROUTER_SOLICITATION, out);
        out.extend([0; 4]);
        if let Some(mac) = self.source_link {
            NdOption::SourceLink(mac).emit(out);
        }
        finish(src, dst, start, out);
    }
}

/// A router says what it is for and what the link is like; options say the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Advertisement {
    /// Hop limit that hosts should use; zero leaves it to them.
    pub hop_limit: u8,
    /// M: addresses come from DHCPv6.
    pub managed: bool,
    /// O: other configuration comes from DHCPv6.
    pub other: bool,
    /// How long the router is a default router; zero if it is none.
    pub router_lifetime_s: u16,
    pub reachable_ms: u32,
    pub retrans_ms: u32,
}

impl Advertisement {
    /// Reads a message as RFC 4861 section 6.1.2 demands, but for the hop limit.
    pub fn parse(
        bytes: &[u8],
        src: Ipv6Addr,
        dst: Ipv6Addr,
    ) -> Result<(Advertisement, NdOptions<'_>), Malformed> {
        let body = View::of_kind(bytes, kind::ROUTER_ADVERTISEMENT, 12, src, dst)?;
        if !src.is_unicast_link_local() {
            return Err(Malformed::Field("source address"));
        }
        let advertisement = Advertisement {
            hop_limit: body[0],
            managed: body[1] & 0x80 != 0,
            other: body[1] & 0x40 != 0,
            router_lifetime_s: u16::from_be_bytes(take(body, 2)),
            reachable_ms: u32::from_be_bytes(take(body, 4)),
            retrans_ms: u32::from_be_bytes(take(body, 8)),
        };
        Ok((advertisement, NdOptions::new(&body[12..])?))
    }

    /// Appends the message.
    pub fn emit(&self, options: &[NdOption<'_>], src: Ipv6Addr, dst: Ipv6Addr, out: &mut Vec<u8>) {
        let start = begin(kind::ROUTER_ADVERTISEMENT, out);
        out.extend([self.hop_limit, u8::from(self.managed) << 7 | u8::from(self.other) << 6]);
        out.extend(self.router_lifetime_s.to_be_bytes());
        out.extend(self.reachable_ms.to_be_bytes());
        out.extend(self.retrans_ms.to_be_bytes());
        for option in options {
            option.emit(out);
        }
        finish(src, dst, start, out);
    }
}
