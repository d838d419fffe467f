//! Heads of answers.

use std::io::{self, BufRead, Read};

const MAX_HEAD: usize = 16 << 10;
const MAX_LINES: usize = 64;
/// `100 Continue` and its like, before the answer itself.
const MAX_EARLY: usize = 4;

/// What an answer says before its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    pub status: u16,
    pub framing: Framing,
    pub content_range: Option<String>,
    pub retry_after_s: Option<u64>,
}

/// How the end of the body is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    Bytes(u64),
    Chunked,
    UntilEnd,
}

#[derive(Debug, thiserror::Error)]
pub enum BadHead {
    #[error("the answer has no head that can be read")]
    Unreadable,
    #[error("the answer's head is larger than is taken")]
    TooLarge,
    #[error("the answer says its length in two ways")]
    Ambiguous,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The head that comes next; `late` says that it takes too long.
pub fn read_head(from: &mut impl BufRead, late: impl Fn() -> bool) -> Result<Head, BadHead> {
    for _ in 0..MAX_EARLY {
        let bytes = block(from, &late)?;
        if let Some(head) = parse(&bytes)? {
            return Ok(head);
        }
    }
    Err(BadHead::Unreadable)
}

/// Lines up to an empty one.
fn block(from: &mut impl BufRead, late: &impl Fn() -> bool) -> Result<Vec<u8>, BadHead> {
    let mut bytes = Vec::new();
    loop {
        let start = bytes.len();
        let left = (MAX_HEAD - start) as u64;
        from.take(left).read_until(b'\n', &mut bytes)?;
        let line = &bytes[start..];
        match line.last() {
            Some(b'\n') if matches!(line, b"\n" | b"\r\n") => return Ok(bytes),
            Some(b'\n') if late() => return Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            Some(b'\n') => {}
            _ if bytes.len() >= MAX_HEAD => return Err(BadHead::TooLarge),
            _ => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }
}

/// `None`: an answer follows this one.
fn parse(bytes: &[u8]) -> Result<Option<Head>, BadHead> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
    let mut response = httparse::Response::new(&mut lines);
    let parsed = response.parse(bytes).map_err(|_| BadHead::Unreadable)?;
    let status = response.code.filter(|_| parsed.is_complete()).ok_or(BadHead::Unreadable)?;
    if (100..200).contains(&status) && status != 101 {
        return Ok(None);
    }
    let all = |name: &str| {
        let named = response.headers.iter().filter(move |line| line.name.eq_ignore_ascii_case(name));
        named.map(|line| std::str::from_utf8(line.value).map_err(|_| BadHead::Unreadable)).collect()
    };
    let lengths: Vec<&str> = Result::from_iter::<Vec<_>>(all("content-length"))?;
    let codings: Vec<&str> = Result::from_iter::<Vec<_>>(all("transfer-encoding"))?;
    let framing = match (lengths.as_slice(), codings.as_slice()) {
        _ if matches!(status, 204 | 304) => Framing::Bytes(0),
        ([], []) => Framing::UntilEnd,
        ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            Framing::Bytes(length.parse().map_err(|_| BadHead::Unreadable)?)
        }
        ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Framing::Chunked,
        _ => return Err(BadHead::Ambiguous),
    };
    let one = |name| Result::from_iter::<Vec<_>>(all(name)).map(|lines: Vec<&str>| lines.first().copied());
    let content_range = one("content-range")?.map(str::to_owned);
    let retry_after_s = one("retry-after")?.and_then(|text| text.parse().ok());
    Ok(Some(Head { status, framing, content_range, retry_after_s }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Head, BadHead> {
        read_head(&mut text.as_bytes(), || false)
    }

    #[test]
    fn one_length_or_none() {
        for (lines, framing) in [
            ("Content-Length: 5\r\n", Framing::Bytes(5)),
            ("transfer-encoding: Chunked\r\n", Framing::Chunked),
            ("", Framing::UntilEnd),
        ] {
            let head = read(&format!("HTTP/1.1 200 OK\r\n{lines}\r\nbody")).unwrap();
            assert_eq!((head.status, head.framing), (200, framing), "{lines}");
        }
        for lines in [
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Content-Length : 5\r\n",
            "no line\r\n",
        ] {
            assert!(read(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n")).is_err(), "{lines}");
        }
    }

    #[test]
    fn heads_are_bounded_and_whole() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEAD));
        assert!(matches!(read(&long), Err(BadHead::TooLarge)));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: x\r\n".repeat(MAX_LINES + 1));
        assert!(matches!(read(&many), Err(BadHead::Unreadable)));
        assert!(matches!(read("HTTP/1.1 200 OK\r\nX: x\r\n"), Err(BadHead::Io(_))));
        let early = "HTTP/1.1 100 Continue\r\n\r\n";
        assert_eq!(read(&format!("{early}HTTP/1.1 404 No\r\nRetry-After: 7\r\n\r\n")).unwrap().status, 404);
        assert!(read(&early.repeat(MAX_EARLY + 1)).is_err());
        let slow = read_head(&mut "HTTP/1.1 200 OK\r\nX: x\r\n\r\n".as_bytes(), || true);
        assert!(matches!(slow, Err(BadHead::Io(error)) if error.kind() == io::ErrorKind::TimedOut));
    }
}
