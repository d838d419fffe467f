//! Reading DHCPv6 messages strictly (RFC 8415 sections 8, 16 and 21).

use std::net::Ipv6Addr;

use dhcproto::v6::{Decodable, Message, MessageType, OptionCode};
use wire::Malformed;

/// Message type and transaction id.
const HEADER_LEN: usize = 4;
/// Type and 128 bytes (RFC 8415 section 11.1).
const MAX_DUID_LEN: usize = 130;
/// Bounds on what one answer repeats of its request. Real clients send one or two.
const MAX_IAS: usize = 8;
const MAX_ADDRESSES: usize = 8;

/// What is to be identified: addresses, temporary addresses or prefixes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IaKind {
    Na,
    Ta,
    Pd,
}

/// An identity association as a client sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ia {
    pub kind: IaKind,
    pub id: u32,
    pub addresses: Vec<Ipv6Addr>,
}

/// A client's message that is well formed, though perhaps not valid for its type.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub head: Message,
    pub client_id: Option<&'a [u8]>,
    pub server_id: Option<&'a [u8]>,
    pub ias: Vec<Ia>,
    pub rapid_commit: bool,
    pub is_ipxe: bool,
    wanted: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Request<'a>, Malformed> {
        let Some((fixed, options)) = bytes.split_at_checked(HEADER_LEN) else {
            return Err(Malformed::Short { need: HEADER_LEN, got: bytes.len() });
        };
        // Without options the decoder reads nothing but fixed fields.
        let head = Message::from_bytes(fixed).map_err(|_| Malformed::Field("header"))?;
        let mut request = Request {
            head,
            client_id: None,
            server_id: None,
            ias: Vec::new(),
            rapid_commit: false,
            is_ipxe: false,
            wanted: None,
        };
        for option in Options(options) {
            let (code, value) = option?;
            request.take(code, value)?;
        }
        let addresses: usize = request.ias.iter().map(|ia| ia.addresses.len()).sum();
        if request.ias.len() > MAX_IAS || addresses > MAX_ADDRESSES {
            return Err(Malformed::Field("too many addresses"));
        }
        Ok(request)
    }

    pub fn kind(&self) -> MessageType {
        self.head.msg_type()
    }

    /// True if the client asks for the option; one that gives no list asks for all.
    pub fn asks_for(&self, code: u16) -> bool {
        self.wanted.is_none_or(|list| list.as_chunks().0.contains(&code.to_be_bytes()))
    }

    fn take(&mut self, code: OptionCode, value: &'a [u8]) -> Result<(), Malformed> {
        let once = |slot: &mut Option<&'a [u8]>| match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(Malformed::Field("option given twice")),
        };
        match code {
            OptionCode::ClientId | OptionCode::ServerId => {
                if !(3..=MAX_DUID_LEN).contains(&value.len()) {
                    return Err(Malformed::Field("DUID length"));
                }
                let client = code == OptionCode::ClientId;
                once(if client { &mut self.client_id } else { &mut self.server_id })
            }
            OptionCode::ORO if value.len() % 2 == 1 => Err(Malformed::Field("option length")),
            OptionCode::ORO => once(&mut self.wanted),
            OptionCode::RapidCommit if !value.is_empty() => Err(Malformed::Field("option length")),
            OptionCode::RapidCommit => {
                self.rapid_commit = true;
                Ok(())
            }
            OptionCode::UserClass => {
                self.is_ipxe |= value.windows(4).any(|part| part == b"iPXE");
                Ok(())
            }
            OptionCode::IANA => self.take_ia(IaKind::Na, 12, value),
            OptionCode::IATA => self.take_ia(IaKind::Ta, 4, value),
            OptionCode::IAPD => self.take_ia(IaKind::Pd, 12, value),
            _ => Ok(()),
        }
    }

    /// Identifier, perhaps two times that clients only suggest, options (section 21.4).
    fn take_ia(&mut self, kind: IaKind, fixed: usize, value: &[u8]) -> Result<(), Malformed> {
        let (Some(options), Some(id)) = (value.get(fixed..), value.first_chunk()) else {
            return Err(Malformed::Short { need: fixed, got: value.len() });
        };
        let mut addresses = Vec::new();
        for option in Options(options) {
            let (code, value) = option?;
            if code == OptionCode::IAAddr {
                // Address, two lifetimes that clients only suggest, options (section 21.6).
                let Some(ip) = value.first_chunk::<16>().filter(|_| value.len() >= 24) else {
                    return Err(Malformed::Short { need: 24, got: value.len() });
                };
                addresses.push(Ipv6Addr::from_octets(*ip));
            }
        }
        self.ias.push(Ia { kind, id: u32::from_be_bytes(*id), addresses });
        Ok(())
    }
}

/// Options in their order; ends after the first that cannot be read.
struct Options<'a>(&'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = Result<(OptionCode, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() {
            return None;
        }
        let Some(([c0, c1, l0, l1], rest)) = bytes.split_first_chunk() else {
            return Some(Err(Malformed::Short { need: 4, got: bytes.len() }));
        };
        let need = usize::from(u16::from_be_bytes([*l0, *l1]));
        let Some((value, rest)) = rest.split_at_checked(need) else {
            return Some(Err(Malformed::Short { need, got: rest.len() }));
        };
        self.0 = rest;
        Some(Ok((u16::from_be_bytes([*c0, *c1]).into(), value)))
    }
}
