//! Bodies of answers: bytes up to where the head says that they end.

use std::io::{self, BufRead, ErrorKind, Read};

use super::Framing;

/// A line with the length of a chunk, or after the last of them.
const MAX_LINE: u64 = 256;
const MAX_TRAILERS: usize = 32;

/// Reads to the end of the body, and says so if the connection ended before.
#[derive(Debug)]
pub struct Body<R> {
    from: R,
    left: Left,
}

#[derive(Debug)]
enum Left {
    Bytes(u64),
    /// Of this chunk; whether it is the first.
    Chunk(u64, bool),
    UntilEnd,
    Nothing,
}

impl<R: BufRead> Body<R> {
    pub fn new(from: R, framing: Framing) -> Body<R> {
        let left = match framing {
            Framing::Bytes(bytes) => Left::Bytes(bytes),
            Framing::Chunked => Left::Chunk(0, true),
            Framing::UntilEnd => Left::UntilEnd,
        };
        Body { from, left }
    }

    fn some(&mut self, into: &mut [u8], most: u64) -> io::Result<usize> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(into.len());
        match self.from.read(&mut into[..most])? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }

    /// The length of the next chunk; 0 after the last.
    fn chunk(&mut self, first: bool) -> io::Result<u64> {
        if !first && !self.line()?.is_empty() {
            return Err(ErrorKind::InvalidData.into());
        }
        let line = self.line()?;
        let digits = line.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next().unwrap_or_default();
        let text = std::str::from_utf8(digits).ok().filter(|text| (1..=15).contains(&text.len()));
        let hexadecimal = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let length = hexadecimal.and_then(|text| u64::from_str_radix(text, 16).ok());
        match length.ok_or(ErrorKind::InvalidData)? {
            0 => {
                for _ in 0..MAX_TRAILERS {
                    if self.line()?.is_empty() {
                        return Ok(0);
                    }
                }
                Err(ErrorKind::InvalidData.into())
            }
            length => Ok(length),
        }
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.from).take(MAX_LINE).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        line.pop_if(|last| *last == b'\r');
        Ok(line)
    }
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            match self.left {
                Left::Nothing | Left::Bytes(0) => return Ok(0),
                Left::UntilEnd => return self.from.read(into),
                Left::Bytes(left) => {
                    let read = self.some(into, left)?;
                    self.left = Left::Bytes(left - read as u64);
                    return Ok(read);
                }
                Left::Chunk(0, first) => {
                    self.left = match self.chunk(first)? {
                        0 => Left::Nothing,
                        length => Left::Chunk(length, false),
                    };
                }
                Left::Chunk(left, _) => {
                    let read = self.some(into, left)?;
                    self.left = Left::Chunk(left - read as u64, false);
                    return Ok(read);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, framing: Framing) -> io::Result<String> {
        let mut body = String::new();
        Body::new(text.as_bytes(), framing).read_to_string(&mut body)?;
        Ok(body)
    }

    #[test]
    fn bodies_end_where_they_say() {
        for (text, framing, body) in [
            ("abcdef", Framing::Bytes(3), "abc"),
            ("abc", Framing::UntilEnd, "abc"),
            ("3\r\nabc\r\n0002;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\nrest", Framing::Chunked, "abcde"),
            ("0\r\n\r\n", Framing::Chunked, ""),
        ] {
            assert_eq!(read(text, framing).unwrap(), body, "{text}");
        }
        for (text, framing) in [
            ("ab", Framing::Bytes(3)),
            ("3\r\nab", Framing::Chunked),
            ("3\r\nabcX\r\n0\r\n\r\n", Framing::Chunked),
            ("-1\r\n", Framing::Chunked),
            ("\r\n", Framing::Chunked),
            ("ffffffffffffffff\r\nx", Framing::Chunked),
            ("0\r\n", Framing::Chunked),
        ] {
            assert!(read(text, framing).is_err(), "{text}");
        }
        assert!(read(&"1".repeat(1000), Framing::Chunked).is_err());
        assert!(read(&("0\r\n".to_owned() + &"X: x\r\n".repeat(100)), Framing::Chunked).is_err());
    }
}
