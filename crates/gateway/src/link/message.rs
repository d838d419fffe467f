//! Messages as bytes: fixed fields, then texts of given lengths. Both ends are of one release.

use model::{NetworkId, PortId};
use uuid::Uuid;

use crate::head::{Method, Way};

/// Of this form; another is not read.
const FORM: u8 = 1;

/// Number of a connection of the tenant's gateway, never used again.
pub type Conn = u64;

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a message between the gateways cannot be read: are both of one release?")]
pub struct Malformed;

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Who {
    pub network: NetworkId,
    pub port: PortId,
}

/// A request, judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask<'a> {
    pub conn: Conn,
    pub who: Who,
    pub way: Way,
    pub method: Method,
    /// HTTP/1.0.
    pub old: bool,
    /// Whether another request may follow.
    pub stays: bool,
    pub path: &'a str,
    pub query: &'a str,
    /// Lines of a head: what was kept of the client's, and who asks.
    pub lines: &'a str,
    pub body: &'a [u8],
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ToManagement<'a> {
    Ask(Ask<'a>),
    /// Whoever asked has gone.
    Left(Conn),
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Done {
    pub conn: Conn,
    pub status: u16,
    /// Bytes written to the connection, head and all.
    pub written: u64,
    /// Whether another request may follow.
    pub stays: bool,
    /// Whether the answer is whole.
    pub whole: bool,
}

impl Ask<'_> {
    pub fn write(&self, into: &mut Vec<u8>) {
        into.clear();
        let flags = u8::from(self.old) | u8::from(self.stays) << 1;
        into.extend_from_slice(&[FORM, b'A', way_code(self.way), method_code(self.method), flags]);
        into.extend_from_slice(&self.conn.to_be_bytes());
        into.extend_from_slice(self.who.network.0.as_bytes());
        into.extend_from_slice(self.who.port.0.as_bytes());
        for text in [self.path.as_bytes(), self.query.as_bytes(), self.lines.as_bytes(), self.body] {
            into.extend_from_slice(&(text.len() as u32).to_be_bytes());
        }
        for text in [self.path.as_bytes(), self.query.as_bytes(), self.lines.as_bytes(), self.body] {
            into.extend_from_slice(text);
        }
    }
}

pub fn write_left(conn: Conn) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..2].copy_from_slice(&[FORM, b'L']);
    bytes[2..].copy_from_slice(&conn.to_be_bytes());
    bytes
}

impl Done {
    pub fn write(&self) -> [u8; 21] {
        let mut bytes = [0; 21];
        bytes[..3].copy_from_slice(&[FORM, b'D', u8::from(self.stays) | u8::from(self.whole) << 1]);
        bytes[3..5].copy_from_slice(&self.status.to_be_bytes());
        bytes[5..13].copy_from_slice(&self.conn.to_be_bytes());
        bytes[13..].copy_from_slice(&self.written.to_be_bytes());
        bytes
    }
}

pub fn read_done(bytes: &[u8]) -> Result<Done, Malformed> {
    let mut from = Reader(bytes);
    let [FORM, b'D', flags @ 0..=3] = from.array()? else { return Err(Malformed) };
    let status = u16::from_be_bytes(from.array()?);
    let (conn, written) = (u64::from_be_bytes(from.array()?), u64::from_be_bytes(from.array()?));
    from.end()?;
    Ok(Done { conn, status, written, stays: flags & 1 != 0, whole: flags & 2 != 0 })
}

pub fn read_to_management(bytes: &[u8]) -> Result<ToManagement<'_>, Malformed> {
    let mut from = Reader(bytes);
    match from.array()? {
        [FORM, b'A'] => read_ask(from).map(ToManagement::Ask),
        [FORM, b'L'] => {
            let conn = u64::from_be_bytes(from.array()?);
            from.end()?;
            Ok(ToManagement::Left(conn))
        }
        _ => Err(Malformed),
    }
}

fn read_ask(mut from: Reader<'_>) -> Result<Ask<'_>, Malformed> {
    let [way, method, flags @ 0..=3] = from.array()? else { return Err(Malformed) };
    let (way, method) = (way_of(way)?, method_of(method)?);
    let conn = u64::from_be_bytes(from.array()?);
    let network = NetworkId(Uuid::from_bytes(from.array()?));
    let port = PortId(Uuid::from_bytes(from.array()?));
    let mut lengths = [0; 4];
    for length in &mut lengths {
        *length = u32::from_be_bytes(from.array()?) as usize;
    }
    let [path, query, lines, body] = lengths;
    let (path, query, lines) = (from.text(path)?, from.text(query)?, from.text(lines)?);
    let body = from.take(body)?;
    from.end()?;
    // Who is mistaken here would put a second request into the first.
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) || !are_lines(lines) {
        return Err(Malformed);
    }
    let who = Who { network, port };
    Ok(Ask { conn, who, way, method, old: flags & 1 != 0, stays: flags & 2 != 0, path, query, lines, body })
}

/// Lines of a head, each with its end, and no empty one.
fn are_lines(lines: &str) -> bool {
    lines.is_empty()
        || (lines.ends_with("\r\n")
            && lines
                .split_inclusive("\r\n")
                .all(|line| line.len() > 2 && !line[..line.len() - 2].contains(['\r', '\n'])))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn text(&mut self, len: usize) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.take(len)?).map_err(|_| Malformed)
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

fn way_code(way: Way) -> u8 {
    match way {
        Way::Repository => 0,
        Way::Orders => 1,
        Way::Metadata => 2,
    }
}

fn way_of(code: u8) -> Result<Way, Malformed> {
    [Way::Repository, Way::Orders, Way::Metadata].get(usize::from(code)).copied().ok_or(Malformed)
}

fn method_code(method: Method) -> u8 {
    match method {
        Method::Get => 0,
        Method::Head => 1,
        Method::Post => 2,
    }
}

fn method_of(code: u8) -> Result<Method, Malformed> {
    [Method::Get, Method::Head, Method::Post].get(usize::from(code)).copied().ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ask<'a>(lines: &'a str, body: &'a [u8]) -> Ask<'a> {
        Ask {
            conn: 7,
            who: Who { network: NetworkId(Uuid::from_u128(1)), port: PortId(Uuid::from_u128(2)) },
            way: Way::Orders,
            method: Method::Post,
            old: false,
            stays: true,
            path: "/orders/5",
            query: "",
            lines,
            body,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        let said = ask("a: b\r\nc: d\r\n", b"{}");
        said.write(&mut bytes);
        assert_eq!(read_to_management(&bytes), Ok(ToManagement::Ask(said)));
        assert_eq!(read_to_management(&write_left(9)), Ok(ToManagement::Left(9)));
        let done = Done { conn: 5, status: 206, written: 1 << 40, stays: true, whole: false };
        assert_eq!(read_done(&done.write()), Ok(done));
        for end in 0..bytes.len() {
            assert!(read_to_management(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_second_request_does_not_fit_in() {
        for lines in
            ["a: b", "a: b\r\n\r\n", "\r\n", "a: b\nc: d\r\n", "a: b\r\n\r\nGET / HTTP/1.1\r\n", "a\r: b\r\n"]
        {
            let mut bytes = Vec::new();
            ask(lines, b"").write(&mut bytes);
            assert_eq!(read_to_management(&bytes), Err(Malformed), "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (read_to_management(&bytes), read_done(&bytes));
        }
    }
}
