//! What a software package is, and the text of the repositories that carry it. Pure: bytes in, facts and text
//! out; keys and the time are arguments.
//!
//! ```text
//! facts     what a file says of itself        read/     .deb, .rpm, archives -> facts; any bytes, bounded
//! version/  Debian's and RPM's order           control   the fields of Debian's control files
//! index/    Packages, Release; primary, filelists, other, repomd; SHA256SUMS
//! sign/     OpenPGP: a key's text, detached and clear signatures; whether a key made one
//! download  what to ask for next, and whether what came is right
//! ```
//!
//! Who may see what, and where bytes lie, is for `repod`.

pub mod control;
pub mod download;
pub mod facts;
pub mod index;
pub mod read;
pub mod sign;
pub mod version;

pub use facts::{Dependency, Detail, Facts, Format, Rpm, RpmFile, Sha256};
pub use read::{Malformed, Packing, read};
