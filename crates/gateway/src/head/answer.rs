//! Heads of answers, from the repository: where an answer ends, and what of its head goes on.

use super::lines::{self, Lines};
use super::{MAX_HEAD, Method, refusal};

/// How an answer's end is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    Bytes(u64),
    Chunked,
    /// It ends with the connection.
    UntilEnd,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Body,
    /// Bytes of the head that was read.
    pub head: usize,
    /// Whether the connection may be asked again.
    pub stays: bool,
    /// Lines that go on, each with its end.
    kept: Vec<u8>,
}

/// The repository said something that cannot be passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the repository's answer cannot be understood")]
pub struct Malformed;

/// What is of one connection only, or would lead an instance elsewhere.
const NOT_KEPT: [&str; 9] = [
    "alt-svc",
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// `None` while the head is not whole.
pub fn read(bytes: &[u8], method: Method) -> Result<Option<Answer>, Malformed> {
    let end = match lines::end_of_head(bytes, 0).map_err(|_| Malformed)? {
        Some(end) if end <= MAX_HEAD => end,
        None if bytes.len() < MAX_HEAD => return Ok(None),
        _ => return Err(Malformed),
    };
    let mut lines = Lines::of(&bytes[..end]).map_err(|_| Malformed)?;
    let first = lines.next().ok_or(Malformed)?;
    let old = match first.get(..9) {
        Some(b"HTTP/1.1 ") => false,
        Some(b"HTTP/1.0 ") => true,
        _ => return Err(Malformed),
    };
    let status = lines::number(first.get(9..12).ok_or(Malformed)?).ok_or(Malformed)? as u16;
    if !(100..600).contains(&status) || first.get(12).is_some_and(|byte| *byte != b' ') {
        return Err(Malformed);
    }
    let (mut length, mut chunked, mut stays, mut kept) = (None, false, !old, Vec::with_capacity(end));
    for line in lines {
        let (name, value) = lines::field(line).ok_or(Malformed)?;
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("content-length") {
            if length.replace(lines::number(value).ok_or(Malformed)?).is_some() {
                return Err(Malformed);
            }
        } else if is("transfer-encoding") {
            if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed);
            }
            chunked = true;
        } else if is("connection") && value.eq_ignore_ascii_case(b"close") {
            stays = false;
        }
        if !NOT_KEPT.iter().any(|not| is(not)) {
            kept.extend_from_slice(name.as_bytes());
            kept.extend_from_slice(b": ");
            kept.extend_from_slice(value);
            kept.extend_from_slice(b"\r\n");
        }
    }
    let body = match (method, status, chunked, length) {
        (_, _, true, Some(_)) => return Err(Malformed),
        (_, 100..200 | 204 | 304, _, _) => Body::Bytes(0),
        // It says how long an answer to GET is.
        (Method::Head, ..) => {
            if let Some(length) = length {
                kept.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
            }
            Body::Bytes(0)
        }
        (_, _, true, None) => Body::Chunked,
        (_, _, false, Some(length)) => Body::Bytes(length),
        (_, _, false, None) => Body::UntilEnd,
    };
    Ok(Some(Answer { status, body, head: end, stays: stays && body != Body::UntilEnd, kept }))
}

impl Answer {
    /// The head as the instance gets it. `chunks`: the body goes on as it comes, in chunks.
    pub fn write(&self, into: &mut Vec<u8>, method: Method, chunks: bool, stays: bool, old: bool) {
        use std::io::Write;
        let _ = write!(into, "HTTP/1.1 {} {}\r\n", self.status, refusal::reason(self.status));
        into.extend_from_slice(&self.kept);
        let bare = matches!(self.status, 100..200 | 204 | 304);
        match self.body {
            Body::Bytes(length) if method != Method::Head && !bare => {
                let _ = write!(into, "Content-Length: {length}\r\n");
            }
            Body::Chunked if chunks => into.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            _ => {}
        }
        into.extend_from_slice(match (stays, old) {
            (false, _) => b"Connection: close\r\n\r\n",
            (true, true) => b"Connection: keep-alive\r\n\r\n",
            (true, false) => b"\r\n",
        });
    }
}

/// Follows an answer in chunks to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chunks {
    at: At,
    /// Bytes of the chunk that are to come.
    left: u64,
    /// Bytes of this line: of a size, of the lines after the last chunk.
    line: usize,
    all_of_end: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum At {
    #[default]
    Size,
    Extension,
    SizeEnd,
    Data,
    DataEnd,
    DataEndLine,
    Trailer,
    TrailerEnd,
    Done,
}

/// Longer lines of sizes, or lines after the last chunk, are nobody's.
const MAX_LINE: usize = 256;
const MAX_TRAILERS: usize = 4096;

impl Chunks {
    /// Takes bytes, and gives those of them that are data, in order, to `data`. Says how many were of the
    /// answer: fewer than all at its end.
    pub fn take(&mut self, bytes: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() && self.at != At::Done {
            if self.at == At::Data {
                let now = self.left.min((bytes.len() - at) as u64) as usize;
                data(&bytes[at..at + now]);
                at += now;
                self.left -= now as u64;
                if self.left == 0 {
                    self.at = At::DataEnd;
                }
                continue;
            }
            self.step(bytes[at])?;
            at += 1;
        }
        Ok(at)
    }

    pub fn is_done(&self) -> bool {
        self.at == At::Done
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        self.at = match (self.at, byte) {
            (At::Size, byte) if byte.is_ascii_hexdigit() && self.line < 15 => {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                self.left = self.left * 16 + u64::from(digit);
                self.line += 1;
                At::Size
            }
            (At::Size, b';') if self.line > 0 => At::Extension,
            (At::Size, b'\r') if self.line > 0 => At::SizeEnd,
            (At::Extension, b'\r') => At::SizeEnd,
            (At::Extension, byte) if byte != b'\n' && self.line < MAX_LINE => {
                self.line += 1;
                At::Extension
            }
            (At::SizeEnd, b'\n') => {
                self.line = 0;
                if self.left == 0 { At::Trailer } else { At::Data }
            }
            (At::DataEnd, b'\r') => At::DataEndLine,
            (At::DataEndLine, b'\n') => At::Size,
            (At::Trailer, b'\r') => At::TrailerEnd,
            (At::Trailer, byte) if byte != b'\n' && self.all_of_end < MAX_TRAILERS => {
                (self.line, self.all_of_end) = (self.line + 1, self.all_of_end + 1);
                At::Trailer
            }
            (At::TrailerEnd, b'\n') if self.line == 0 => At::Done,
            (At::TrailerEnd, b'\n') => {
                self.line = 0;
                At::Trailer
            }
            _ => return Err(Malformed),
        };
        Ok(())
    }
}
