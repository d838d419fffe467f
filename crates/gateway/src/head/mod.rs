//! Heads of requests: what an instance may ask, decided before a byte of it goes on. Pure.
//!
//! ```text
//! lines    where a head ends, its lines          path     one spelling of each path
//! refusal  every "no", its status and sentence   allow    which paths and methods there are
//! answer   heads of answers, from the repository
//! ```
//! Stricter than HTTP allows where two readers of one head might differ: one request has one length and one
//! path, or it is refused. What goes on is written anew of what was judged; nothing is passed on as it came.

mod allow;
pub mod answer;
mod lines;
mod path;
mod refusal;

#[cfg(test)]
mod tests;

use model::gateway::Door;

pub use allow::Way;
pub use lines::end_of_head;
pub use refusal::{Refusal, plain_answer};

use lines::Lines;

/// Bytes of a head, and of what may follow it.
pub const MAX_HEAD: usize = 16 << 10;
pub const MAX_BODY: usize = 64 << 10;
const MAX_LINES: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    Get,
    Head,
    Post,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
        }
    }
}

/// A request that may go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    pub way: Way,
    pub method: Method,
    /// In its one spelling.
    pub path: String,
    /// Of orders only; else empty.
    pub query: String,
    /// Lines of the head that go on, each with its end.
    pub kept: String,
    /// Bytes that follow the head.
    pub body: usize,
    /// HTTP/1.0: it cannot be answered in chunks.
    pub old: bool,
    /// Whether another request may follow on the connection.
    pub stays: bool,
}

/// Names whose lines go on: what resumes and revalidates downloads, and who asks.
const KEPT: [&str; 8] = [
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
    "user-agent",
];

/// Judges a whole head, with its empty line.
pub fn judge(head: &[u8], door: Door) -> Result<Judged, Refusal> {
    if head.len() > MAX_HEAD {
        return Err(Refusal::TooLarge);
    }
    let mut lines = Lines::of(head)?;
    let (method, target, old) = first_line(lines.next().ok_or(Refusal::Line)?)?;
    let mut seen = Seen::default();
    for (at, line) in lines.enumerate() {
        if at >= MAX_LINES {
            return Err(Refusal::TooLarge);
        }
        seen.take(line)?;
    }
    if seen.hosts != 1 && !(old && seen.hosts == 0) {
        return Err(Refusal::Host);
    }
    let (path, query) = path::normal(target)?;
    let way = allow::way(door, method, &path, query)?;
    let body = match (method, seen.length) {
        (Some(Method::Post), None) => return Err(Refusal::NoLength),
        (Some(Method::Post), Some(length)) if length > MAX_BODY as u64 => return Err(Refusal::Body),
        (Some(Method::Post), Some(length)) => length as usize,
        (_, None | Some(0)) => 0,
        _ => return Err(Refusal::Length),
    };
    let method = method.ok_or(Refusal::Method)?;
    let stays = !seen.close && (!old || seen.keep);
    Ok(Judged { way, method, path, query: query.to_owned(), kept: seen.kept, body, old, stays })
}

/// The method, if it is one that anything here understands; the target; and whether the version is 1.0.
fn first_line(line: &[u8]) -> Result<(Option<Method>, &str, bool), Refusal> {
    let line = std::str::from_utf8(line).map_err(|_| Refusal::Line)?;
    let mut words = line.split(' ');
    let (method, target, version) = match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(target), Some(version), None) => (method, target, version),
        _ => return Err(Refusal::Line),
    };
    if method.is_empty() || !method.bytes().all(lines::is_of_name) {
        return Err(Refusal::Line);
    }
    let old = match version {
        "HTTP/1.1" => false,
        "HTTP/1.0" => true,
        _ if version.starts_with("HTTP/") => return Err(Refusal::Version),
        _ => return Err(Refusal::Line),
    };
    let method = match method {
        "GET" => Some(Method::Get),
        "HEAD" => Some(Method::Head),
        "POST" => Some(Method::Post),
        _ => None,
    };
    Ok((method, target, old))
}

#[derive(Default)]
struct Seen {
    hosts: usize,
    length: Option<u64>,
    kept: String,
    had: u16,
    close: bool,
    keep: bool,
}

impl Seen {
    fn take(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let (name, value) = lines::field(line).ok_or(Refusal::Field)?;
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("transfer-encoding") {
            return Err(Refusal::Encoded);
        } else if is("content-length") {
            if self.length.is_some() {
                return Err(Refusal::Length);
            }
            self.length = Some(lines::number(value).ok_or(Refusal::Length)?);
        } else if is("host") {
            let sane = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(&byte);
            if !value.iter().copied().all(sane) {
                return Err(Refusal::Host);
            }
            self.hosts += 1;
        } else if is("expect") {
            return Err(Refusal::Expect);
        } else if is("connection") {
            let words = || value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            self.close |= words().any(|word| word.eq_ignore_ascii_case(b"close"));
            self.keep |= words().any(|word| word.eq_ignore_ascii_case(b"keep-alive"));
        } else if let Some(at) = KEPT.iter().position(|kept| is(kept)) {
            // Said twice, a reader may take either.
            if self.had & (1 << at) != 0 {
                return Err(Refusal::Twice);
            }
            self.had |= 1 << at;
            let value =
                std::str::from_utf8(value).ok().filter(|value| value.is_ascii()).ok_or(Refusal::Field)?;
            for part in [KEPT[at], ": ", value, "\r\n"] {
                self.kept.push_str(part);
            }
        }
        Ok(())
    }
}
