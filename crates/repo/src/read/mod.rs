//! A file to what it says of itself. Whoever wrote the file may be hostile: memory and work are bounded by
//! the constants of each reader, and whatever the bytes are, the answer is facts or [`Malformed`].

mod ar;
mod archive;
mod deb;
mod rpm;
mod unpack;

use std::io::{self, Read};

pub use self::unpack::Packing;
use crate::control::BadControl;
use crate::{Facts, Format};

/// Why a file is none of ours.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    #[error("this is neither a .deb nor an .rpm, nor an archive (tar, tar.gz, tar.xz, tar.zst, zip)")]
    Unknown,
    #[error("the file ends too early")]
    Truncated,
    #[error("the file's {0} is damaged")]
    Damaged(&'static str),
    #[error("the file's {0} is larger than is taken")]
    TooLarge(&'static str),
    #[error("the file's {0} is packed in a way that is not understood")]
    Packing(&'static str),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is not one: {1}")]
    Not(&'static str, String),
    #[error(transparent)]
    Control(#[from] BadControl),
    #[error("the file cannot be read")]
    Io(#[source] io::Error),
}

impl From<io::Error> for Malformed {
    fn from(error: io::Error) -> Malformed {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Malformed::Truncated,
            // What unpacking says of bytes that it cannot make sense of.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                Malformed::Damaged("packed part")
            }
            _ => Malformed::Io(error),
        }
    }
}

/// Bytes that tell the formats apart.
const HEAD: usize = 512;

/// Reads facts of a file of `size` bytes.
pub fn read(mut file: impl Read, size: u64) -> Result<Facts, Malformed> {
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let format = recognise(&head);
    let file = io::Cursor::new(head).chain(file);
    match format {
        Some(Format::Deb) => deb::read(file, size),
        Some(Format::Rpm) => rpm::read(file, size),
        _ => archive::read(file),
    }
}

fn recognise(head: &[u8]) -> Option<Format> {
    if head.starts_with(ar::MAGIC) {
        Some(Format::Deb)
    } else if head.starts_with(&rpm::LEAD) {
        Some(Format::Rpm)
    } else {
        None
    }
}

/// Refuses what cannot be part of a path and a line as it is.
fn checked(what: &'static str, is: fn(&str) -> bool, text: &str) -> Result<String, Malformed> {
    match is(text) {
        true => Ok(text.to_owned()),
        false => Err(Malformed::Not(what, text.chars().take(40).flat_map(char::escape_debug).collect())),
    }
}
