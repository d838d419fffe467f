//! Neighbour discovery proper (RFC 4861 sections 4.3 and 4.4).

use std::net::Ipv6Addr;

use super::{NdOption, NdOptions, View, address, begin, finish, kind};
use crate::{Mac, Malformed};

/// A host asks who has an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Solicitation {
    pub target: Ipv6Addr,
    pub source_link: Option<Mac>,
}

impl Solicitation {
    /// Reads a message as RFC 4861 section 7.1.1 demands, but for the hop limit.
    pub fn parse(bytes: &[u8], src: Ipv6Addr, dst: Ipv6Addr) -> Result<Solicitation, Malformed> {
        let body = View::of_kind(bytes, kind::NEIGHBOUR_SOLICITATION, 20, src, dst)?;
        let target = unicast(address(body, 4))?;
        let mut source_link = None;
        for option in NdOptions::new(&body[20..])? {
            if let NdOption::SourceLink(mac) = option? {
                source_link = Some(mac);
            }
        }
        if src.is_unspecified() && source_link.is_some() {
            return Err(Malformed::Field("source link-layer address"));
        }
        Ok(Solicitation { target, source_link })
    }

    /// Appends the message.
    pub fn emit(&self, src: Ipv6Addr, dst: Ipv6Addr, out: &mut Vec<u8>) {
        let start = begin(kind::NEIGHBOUR_SOLICITATION, out);
        out.extend([0; 4]);
        out.extend(self.target.octets());
        if let Some(mac) = self.source_link {
            NdOption::SourceLink(mac).emit(out);
        }
        finish(src, dst, start, out);
    }
}

/// A host says that it has an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advertisement {
    pub target: Ipv6Addr,
    /// R: the sender is a router.
    pub router: bool,
    /// S: the answer to a solicitation.
    pub solicited: bool,
    /// O: overrides what is known.
    pub overriding: bool,
    pub target_link: Option<Mac>,
}

impl Advertisement {
    /// Reads a message as RFC 4861 section 7.1.2 demands, but for the hop limit.
    pub fn parse(bytes: &[u8], src: Ipv6Addr, dst: Ipv6Addr) -> Result<Advertisement, Malformed> {
        let body = View::of_kind(bytes, kind::NEIGHBOUR_ADVERTISEMENT, 20, src, dst)?;
        let target = unicast(address(body, 4))?;
        let solicited = body[0] & 0x40 != 0;
        if solicited && dst.is_multicast() {
            return Err(Malformed::Field("solicited"));
        }
        let mut target_link = None;
        for option in NdOptions::new(&body[20..])? {
            if let NdOption::TargetLink(mac) = option? {
                target_link = Some(mac);
            }
        }
        Ok(Advertisement {
            target,
            router: body[0] & 0x80 != 0,
            solicited,
            overriding: body[0] & 0x20 != 0,
            target_link,
        })
    }

    /// Appends the message.
    pub fn emit(&self, src: Ipv6Addr, dst: Ipv6Addr, out: &mut Vec<u8>) {
        let start = begin(kind::NEIGHBOUR_ADVERTISEMENT, out);
        let flags =
            u8::from(self.router) << 7 | u8::from(self.solicited) << 6 | u8::from(self.overriding) << 5;
        out.extend([flags, 0, 0, 0]);
        out.extend(self.target.octets());
        if let Some(mac) = self.target_link {
            NdOption::TargetLink(mac).emit(out);
        }
        finish(src, dst, start, out);
    }
}

fn unicast(target: Ipv6Addr) -> Result<Ipv6Addr, Malformed> {
    if target.is_multicast() { Err(Malformed::Field("target")) } else { Ok(target) }
}
