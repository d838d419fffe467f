//! ICMPv6 (RFC 4443): neighbour discovery (RFC 4861) and what it is made of.
//!
//! [`View`] is any message; [`Solicitation`](router::Solicitation) and the others are typed. The
//! checksum covers the addresses of the packet, so both directions take them.

use std::net::Ipv6Addr;

use crate::checksum::Sum;
use crate::ipv6::next_header;
use crate::{Malformed, need, take};

pub mod neighbour;
pub mod option;
pub mod router;
pub mod too_big;

pub use option::{NdOption, NdOptions, PrefixInfo};
pub use too_big::TooBig;

/// Message types.
pub mod kind {
    pub const ECHO_REPLY: u8 = 129;
    pub const ECHO_REQUEST: u8 = 128;
    pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
    pub const NEIGHBOUR_SOLICITATION: u8 = 135;
    pub const PACKET_TOO_BIG: u8 = 2;
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    pub const ROUTER_SOLICITATION: u8 = 133;
}

/// The hop limit that neighbour discovery is sent with and requires: proof that no router passed it on.
pub const HOP_LIMIT: u8 = 255;

/// An ICMPv6 message of at least a whole header.
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(&'a [u8]);

impl<'a> View<'a> {
    pub const LEN: usize = 4;

    pub const fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        match need(bytes, View::LEN) {
            Ok(()) => Ok(View(bytes)),
            Err(why) => Err(why),
        }
    }

    pub fn kind(self) -> u8 {
        self.0[0]
    }

    pub fn code(self) -> u8 {
        self.0[1]
    }

    /// True if the checksum is right for these addresses.
    pub fn is_intact(self, src: Ipv6Addr, dst: Ipv6Addr) -> bool {
        Sum::ipv6(src, dst, next_header::ICMPV6, self.0.len()).with(self.0).finish() == 0
    }

    /// Everything behind type, code and checksum.
    pub fn body(self) -> &'a [u8] {
        &self.0[View::LEN..]
    }

    /// The body of a message of one type, with at least `fixed` bytes and a right checksum.
    fn of_kind(
        bytes: &'a [u8],
        kind: u8,
        fixed: usize,
        src: Ipv6Addr,
        dst: Ipv6Addr,
    ) -> Result<&'a [u8], Malformed> {
        need(bytes, View::LEN + fixed)?;
        let view = View(bytes);
        if view.kind() != kind {
            return Err(Malformed::Field("type"));
        }
        if view.code() != 0 {
            return Err(Malformed::Field("code"));
        }
        if !view.is_intact(src, dst) {
            return Err(Malformed::Field("checksum"));
        }
        Ok(view.body())
    }
}

/// Appends type, code zero and a checksum to be filled in by [`finish`]; gives the message's start.
fn begin(kind: u8, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend([kind, 0, 0, 0]);
    start
}

/// Fills in the checksum of the message that starts at `start` and ends with the bytes.
fn finish(src: Ipv6Addr, dst: Ipv6Addr, start: usize, out: &mut [u8]) {
    let message = &mut out[start..];
    let sum = Sum::ipv6(src, dst, next_header::ICMPV6, message.len()).with(message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

/// The address at `at` of a body whose length was checked.
fn address(body: &[u8], at: usize) -> Ipv6Addr {
    take::<16>(body, at).into()
}

#[cfg(test)]
mod tests;
