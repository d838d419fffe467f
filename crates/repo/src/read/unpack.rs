//! Unpacking as a stream. A limit on what comes out is the caller's; what packing costs in memory is limited
//! here.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use ruzstd::decoding::StreamingDecoder;

use super::Malformed;

/// Memory that unpacking .xz may take: more than its strongest preset needs (65 MiB).
const XZ_MEMORY: u64 = 80 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Gzip,
    Xz,
    Zstd,
}

impl Packing {
    /// By the first bytes.
    pub fn of(head: &[u8]) -> Packing {
        if head.starts_with(&[0x1f, 0x8b]) {
            Packing::Gzip
        } else if head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            Packing::Xz
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Packing::Zstd
        } else {
            Packing::None
        }
    }

    /// By what a name ends with.
    pub fn of_ending(ending: &str) -> Option<Packing> {
        match ending {
            "" => Some(Packing::None),
            ".gz" => Some(Packing::Gzip),
            ".xz" => Some(Packing::Xz),
            ".zst" => Some(Packing::Zstd),
            _ => None,
        }
    }

    pub fn unpack<'a>(self, file: impl Read + 'a) -> Result<Box<dyn Read + 'a>, Malformed> {
        Ok(match self {
            Packing::None => Box::new(file),
            Packing::Gzip => Box::new(MultiGzDecoder::new(file)),
            Packing::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED).map_err(io::Error::from)?;
                Box::new(XzDecoder::new_stream(file, stream))
            }
            Packing::Zstd => {
                let decoder = StreamingDecoder::new(file).map_err(|_| Malformed::Damaged("packed part"))?;
                Box::new(decoder)
            }
        })
    }
}
