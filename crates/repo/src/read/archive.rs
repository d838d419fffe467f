//! Plain archives: they say what they are, and nothing else.

use std::io::{Cursor, Read};

use super::Malformed;
use super::unpack::Packing;
use crate::facts::{Detail, Facts, Format};

const BLOCK: u64 = 512;

pub fn read(mut file: impl Read) -> Result<Facts, Malformed> {
    let mut head = Vec::new();
    file.by_ref().take(BLOCK).read_to_end(&mut head)?;
    let kind = if is_zip(&head) { "zip" } else { tar_kind(head, file)? };
    Ok(Facts {
        format: Format::Archive,
        name: String::new(),
        version: String::new(),
        architecture: String::new(),
        summary: String::new(),
        depends: Vec::new(),
        detail: Detail::Archive { kind: kind.to_owned() },
    })
}

fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// What is packed must begin as a tar file does.
fn tar_kind(head: Vec<u8>, file: impl Read) -> Result<&'static str, Malformed> {
    let packing = Packing::of(&head);
    let mut block = Vec::new();
    packing.unpack(Cursor::new(head).chain(file))?.take(BLOCK).read_to_end(&mut block)?;
    if block.get(257..262) != Some(b"ustar") {
        return Err(Malformed::Unknown);
    }
    Ok(match packing {
        Packing::None => "tar",
        Packing::Gzip => "tar.gz",
        Packing::Xz => "tar.xz",
        Packing::Zstd => "tar.zst",
    })
}
