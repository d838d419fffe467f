//! The members of an `ar` file, one after the other.

use std::io::{self, Read};

use super::Malformed;

pub const MAGIC: &[u8] = b"!<arch>\n";
const HEADER: usize = 60;

/// Reads members in their order; what of a member is not read is passed over.
pub struct Ar<R> {
    file: R,
    /// Bytes of the file that are behind the reader.
    at: u64,
    size: u64,
    /// What is left of the member, with its padding.
    left: u64,
}

pub struct Member {
    pub name: String,
    pub size: u64,
}

impl<R: Read> Ar<R> {
    /// A file of `size` bytes.
    pub fn open(mut file: R, size: u64) -> Result<Ar<R>, Malformed> {
        let mut magic = [0; 8];
        file.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(Malformed::Unknown);
        }
        Ok(Ar { file, at: 8, size, left: 0 })
    }

    /// The next member; `None` at the file's end. It is known to end within the file.
    pub fn next(&mut self) -> Result<Option<Member>, Malformed> {
        let left = self.left;
        if io::copy(&mut self.file.by_ref().take(left), &mut io::sink())? < left {
            return Err(Malformed::Truncated);
        }
        self.at += left;
        self.left = 0;
        if self.at >= self.size {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        self.file.read_exact(&mut header)?;
        self.at += HEADER as u64;
        if &header[58..] != b"`\n" {
            return Err(Malformed::Damaged("list of members"));
        }
        let text = |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).map(str::trim_end);
        let (Ok(name), Ok(size)) = (text(0..16), text(48..58)) else {
            return Err(Malformed::Damaged("list of members"));
        };
        let size: u64 = size.parse().map_err(|_| Malformed::Damaged("list of members"))?;
        let end = self.at.checked_add(size).ok_or(Malformed::Truncated)?;
        if end > self.size {
            return Err(Malformed::Truncated);
        }
        // The last member may lack its padding.
        self.left = (size + size % 2).min(self.size - self.at);
        Ok(Some(Member { name: name.trim_end_matches('/').to_owned(), size }))
    }

    /// The bytes of the member that `next` told of; to be read once.
    pub fn body(&mut self, member: &Member) -> Body<'_, R> {
        Body { ar: self, left: member.size }
    }
}

pub struct Body<'a, R> {
    ar: &'a mut Ar<R>,
    left: u64,
}

impl<R: Read> Read for Body<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.ar.file.read(&mut into[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        self.ar.left -= read as u64;
        self.ar.at += read as u64;
        Ok(read)
    }
}
