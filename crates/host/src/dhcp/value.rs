//! Values of extra options: text as a user gave it, to the bytes of one option.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;

/// What an option's bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// One or more addresses of the option's IP version.
    Addresses,
    U8,
    U16,
    U32,
    Text,
    /// Domain names as DNS has them (RFC 1035 section 3.1), not compressed.
    Names,
    /// Classless static routes (RFC 3442): destination, next hop, destination, next hop, ...
    Routes,
    /// Server addresses as suboptions (RFC 5908).
    NtpServers,
    /// Strings with a length each (RFC 5970 section 3.2).
    Params,
    /// Not known: dnsmasq's guess from what the value looks like.
    Guess,
}

/// No option is longer, so that an answer stays within one datagram.
const MAX_LEN: usize = 255;

impl Form {
    /// The bytes; none for an empty value. `None` if the text is not of this form.
    pub fn read(self, text: &str, ip_version: u8) -> Option<Vec<u8>> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Vec::new());
        }
        let list = || text.split(',').map(str::trim);
        let value = match self {
            Form::Addresses if ip_version == 6 => list().map(octets6).collect::<Option<Vec<_>>>()?.concat(),
            Form::Addresses => list().map(octets4).collect::<Option<Vec<_>>>()?.concat(),
            Form::U8 => vec![number(text)?],
            Form::U16 => number::<u16>(text)?.to_be_bytes().to_vec(),
            Form::U32 => number::<u32>(text)?.to_be_bytes().to_vec(),
            Form::Text => text.as_bytes().to_vec(),
            Form::Names => list().map(name).collect::<Option<Vec<_>>>()?.concat(),
            Form::Routes => routes(&list().collect::<Vec<_>>())?,
            Form::NtpServers => list().map(ntp_server).collect::<Option<Vec<_>>>()?.concat(),
            Form::Params => list().map(param).collect::<Option<Vec<_>>>()?.concat(),
            Form::Guess => guess(text, ip_version),
        };
        (value.len() <= MAX_LEN).then_some(value)
    }
}

/// The bytes of classless static routes (RFC 3442): of each destination only what its mask covers.
pub(super) fn emit_routes(routes: impl IntoIterator<Item = (Ipv4Net, Ipv4Addr)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (to, via) in routes {
        let significant = usize::from(to.prefix_len().div_ceil(8));
        out.push(to.prefix_len());
        out.extend(&to.network().octets()[..significant]);
        out.extend(via.octets());
    }
    out
}

/// A domain name as DNS has it; a dot at its end is allowed.
pub(super) fn name(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() + 2);
    for label in text.strip_suffix('.').unwrap_or(text).split('.') {
        if label.is_empty() || label.len() > 63 || !label.is_ascii() {
            return None;
        }
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    (out.len() <= 255).then_some(out)
}

fn octets4(text: &str) -> Option<Vec<u8>> {
    text.parse::<Ipv4Addr>().ok().map(|ip| ip.octets().to_vec())
}

/// dnsmasq wants IPv6 addresses in brackets; Neutron's users write them either way.
fn octets6(text: &str) -> Option<Vec<u8>> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<Ipv6Addr>().ok().map(|ip| ip.octets().to_vec())
}

/// A decimal or `0x` number; negative numbers as two's complement, for time offsets.
fn number<T: TryFrom<i64>>(text: &str) -> Option<T> {
    let value = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok()?,
        None => text.parse::<i64>().ok()?,
    };
    let wrapped = if value < 0 { i64::from(i32::try_from(value).ok()? as u32) } else { value };
    T::try_from(wrapped).ok()
}

fn routes(list: &[&str]) -> Option<Vec<u8>> {
    let (pairs, odd) = list.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    let route = |[to, via]: &[&str; 2]| {
        let to = match to.parse::<Ipv4Net>() {
            Ok(net) => net.trunc(),
            Err(_) => Ipv4Net::from(to.parse::<Ipv4Addr>().ok()?),
        };
        Some((to, via.parse().ok()?))
    };
    Some(emit_routes(pairs.iter().map(route).collect::<Option<Vec<_>>>()?))
}

/// An address (suboption 1) or a name (suboption 3).
fn ntp_server(text: &str) -> Option<Vec<u8>> {
    let (kind, body) = match octets6(text) {
        Some(ip) => (1u16, ip),
        None => (3, name(text)?),
    };
    Some(with_lengths(&kind.to_be_bytes(), &body))
}

fn param(text: &str) -> Option<Vec<u8>> {
    (text.len() <= MAX_LEN).then(|| with_lengths(&[], text.as_bytes()))
}

fn with_lengths(head: &[u8], body: &[u8]) -> Vec<u8> {
    [head, &(body.len() as u16).to_be_bytes(), body].concat()
}

/// Addresses if all are, else hex bytes with colons, else a number in its least size, else text.
fn guess(text: &str, ip_version: u8) -> Vec<u8> {
    Form::Addresses
        .read(text, ip_version)
        .or_else(|| hex(text))
        .or_else(|| least(number(text)?))
        .unwrap_or_else(|| text.as_bytes().to_vec())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let byte = |pair: &str| {
        let digits = matches!(pair.len(), 1 | 2) && pair.bytes().all(|b| b.is_ascii_hexdigit());
        digits.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    if !text.contains(':') {
        return None;
    }
    text.split(':').map(byte).collect()
}

fn least(value: u32) -> Option<Vec<u8>> {
    let bytes = value.to_be_bytes();
    let skip = match value {
        0..=0xff => 3,
        0x100..=0xffff => 2,
        _ => 0,
    };
    Some(bytes[skip..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let cases: &[(Form, &str, u8, Option<&[u8]>)] = &[
            (Form::Addresses, "10.0.0.1, 10.0.0.2", 4, Some(&[10, 0, 0, 1, 10, 0, 0, 2])),
            (Form::Addresses, "10.0.0.256", 4, None),
            (Form::Addresses, "2001:db8::1", 4, None),
            (Form::Addresses, "", 4, Some(&[])),
            (Form::U8, "64", 4, Some(&[64])),
            (Form::U8, "256", 4, None),
            (Form::U16, "1400", 4, Some(&[5, 120])),
            (Form::U16, "0x0578", 4, Some(&[5, 120])),
            (Form::U16, "-1", 4, None),
            (Form::U32, "-3600", 4, Some(&[0xff, 0xff, 0xf1, 0xf0])),
            (Form::Text, "pxelinux.0", 4, Some(b"pxelinux.0")),
            (Form::Names, "a.example.", 4, Some(b"\x01a\x07example\0")),
            (Form::Names, "a..b", 4, None),
            (Form::Routes, "10.1.2.0/23,10.0.0.9", 4, Some(&[23, 10, 1, 2, 10, 0, 0, 9])),
            (Form::Routes, "0.0.0.0/0,10.0.0.1", 4, Some(&[0, 10, 0, 0, 1])),
            (Form::Routes, "10.9.9.9,10.0.0.1", 4, Some(&[32, 10, 9, 9, 9, 10, 0, 0, 1])),
            (Form::Routes, "10.1.2.0/23", 4, None),
            (Form::Params, "ro,quiet", 6, Some(b"\0\x02ro\0\x05quiet")),
            (Form::NtpServers, "ntp.test", 6, Some(b"\0\x03\0\x0a\x03ntp\x04test\0")),
            (Form::Guess, "10.0.0.1", 4, Some(&[10, 0, 0, 1])),
            (Form::Guess, "01:a2:ff", 4, Some(&[1, 0xa2, 0xff])),
            (Form::Guess, "300", 4, Some(&[1, 44])),
            (Form::Guess, "http://boot/x", 4, Some(b"http://boot/x")),
        ];
        for (form, text, version, want) in cases {
            let got = form.read(text, *version);
            assert_eq!(got.as_deref(), *want, "{form:?} {text}");
        }
        assert_eq!(Form::Addresses.read("[2001:db8::1]", 6).map(|value| value.len()), Some(16));
        assert_eq!(Form::Text.read(&"x".repeat(256), 4), None, "too long");
    }
}
