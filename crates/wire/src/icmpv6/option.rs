//! Options of neighbour discovery messages (RFC 4861 section 4.6, RFC 8106 section 5.1).

use std::net::Ipv6Addr;

use crate::{Mac, Malformed, need, take};

mod kind {
    pub const MTU: u8 = 5;
    pub const PREFIX: u8 = 3;
    pub const RDNSS: u8 = 25;
    pub const SOURCE_LINK: u8 = 1;
    pub const TARGET_LINK: u8 = 2;
}

/// A prefix of the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrefixInfo {
    pub prefix: Ipv6Addr,
    pub prefix_len: u8,
    /// L: addresses of the prefix are reached without a router.
    pub on_link: bool,
    /// A: hosts make themselves addresses of the prefix.
    pub autonomous: bool,
    pub valid_s: u32,
    pub preferred_s: u32,
}

/// One option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NdOption<'a> {
    SourceLink(Mac),
    TargetLink(Mac),
    Prefix(PrefixInfo),
    Mtu(u32),
    /// Recursive name servers.
    Rdnss {
        lifetime_s: u32,
        servers: &'a [[u8; 16]],
    },
    /// Any other, without type and length.
    Other {
        kind: u8,
        body: &'a [u8],
    },
}

impl<'a> NdOption<'a> {
    /// Appends the option. Bodies are cut or padded to what the length field can say.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0, 0]);
        let kind = match *self {
            NdOption::SourceLink(mac) => {
                out.extend(mac.0);
                kind::SOURCE_LINK
            }
            NdOption::TargetLink(mac) => {
                out.extend(mac.0);
                kind::TARGET_LINK
            }
            NdOption::Prefix(info) => {
                let flags = u8::from(info.on_link) << 7 | u8::from(info.autonomous) << 6;
                out.extend([info.prefix_len, flags]);
                out.extend(info.valid_s.to_be_bytes());
                out.extend(info.preferred_s.to_be_bytes());
                out.extend([0; 4]);
                out.extend(info.prefix.octets());
                kind::PREFIX
            }
            NdOption::Mtu(mtu_bytes) => {
                out.extend([0, 0]);
                out.extend(mtu_bytes.to_be_bytes());
                kind::MTU
            }
            NdOption::Rdnss { lifetime_s, servers } => {
                out.extend([0, 0]);
                out.extend(lifetime_s.to_be_bytes());
                out.extend(servers.iter().take(127).flatten());
                kind::RDNSS
            }
            NdOption::Other { kind, body } => {
                out.extend(body.iter().take(255 * 8 - 2));
                kind
            }
        };
        let units = (out.len() - start).div_ceil(8);
        out.resize(start + units * 8, 0);
        (out[start], out[start + 1]) = (kind, units as u8);
    }

    /// Reads one option of `unit * 8` bytes.
    fn parse(bytes: &'a [u8]) -> Result<NdOption<'a>, Malformed> {
        let body = &bytes[2..];
        let word = |at: usize| u32::from_be_bytes(take(body, at));
        let exactly = |len: usize| {
            if bytes.len() == len { Ok(()) } else { Err(Malformed::Field("option length")) }
        };
        Ok(match bytes[0] {
            kind @ (kind::SOURCE_LINK | kind::TARGET_LINK) => {
                exactly(8)?;
                let mac = Mac(take(body, 0));
                if kind == kind::SOURCE_LINK { NdOption::SourceLink(mac) } else { NdOption::TargetLink(mac) }
            }
            kind::PREFIX => {
                exactly(32)?;
                if body[0] > 128 {
                    return Err(Malformed::Field("prefix length"));
                }
                NdOption::Prefix(PrefixInfo {
                    prefix_len: body[0],
                    on_link: body[1] & 0x80 != 0,
                    autonomous: body[1] & 0x40 != 0,
                    valid_s: word(2),
                    preferred_s: word(6),
                    prefix: take::<16>(body, 14).into(),
                })
            }
            kind::MTU => {
                exactly(8)?;
                NdOption::Mtu(word(2))
            }
            kind::RDNSS => {
                // Length 3 or more, and odd: RFC 8106 section 5.1.
                let (servers, rest) = body.get(6..).unwrap_or_default().as_chunks::<16>();
                if servers.is_empty() || !rest.is_empty() {
                    return Err(Malformed::Field("option length"));
                }
                NdOption::Rdnss { lifetime_s: word(2), servers }
            }
            kind => NdOption::Other { kind, body },
        })
    }
}

/// The options of a message; ends after the first that cannot be read.
#[derive(Clone, Debug)]
pub struct NdOptions<'a>(&'a [u8]);

impl<'a> NdOptions<'a> {
    /// Checks every option, so that a message with a bad one is refused whole
    /// (RFC 4861 section 6.1.1 and its likes).
    pub fn new(bytes: &'a [u8]) -> Result<NdOptions<'a>, Malformed> {
        let options = NdOptions(bytes);
        for option in options.clone() {
            option?;
        }
        Ok(options)
    }

    fn step(&mut self) -> Result<NdOption<'a>, Malformed> {
        let bytes = std::mem::take(&mut self.0);
        need(bytes, 2)?;
        let len = usize::from(bytes[1]) * 8;
        if len == 0 {
            return Err(Malformed::Field("option length"));
        }
        need(bytes, len)?;
        let (option, rest) = bytes.split_at(len);
        let option = NdOption::parse(option)?;
        self.0 = rest;
        Ok(option)
    }
}

impl<'a> Iterator for NdOptions<'a> {
    type Item = Result<NdOption<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() { None } else { Some(self.step()) }
    }
}
