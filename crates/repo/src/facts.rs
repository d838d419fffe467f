//! What a package's file says of itself.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A SHA-256 sum, in hexadecimal wherever it is text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    pub fn of(bytes: &[u8]) -> Sha256 {
        let mut sum = [0; 32];
        sum.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        Sha256(sum)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Text that is no sum in lower-case hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 sum is 64 lower-case hexadecimal digits")]
pub struct NoSum;

impl FromStr for Sha256 {
    type Err = NoSum;

    fn from_str(text: &str) -> Result<Sha256, NoSum> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(NoSum);
        }
        let mut sum = [0; 32];
        for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0]).ok_or(NoSum)? << 4 | digit(pair[1]).ok_or(NoSum)?;
        }
        Ok(Sha256(sum))
    }
}

/// One spelling only: a sum is also a name.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Sha256, D::Error> {
        String::deserialize(input)?.parse().map_err(de::Error::custom)
    }
}

/// Kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Deb,
    Rpm,
    /// A tar file, compressed or not, or a zip file: it says nothing of itself.
    Archive,
}

/// What a file says of itself. Of an archive, name, version and architecture are empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub format: Format,
    pub name: String,
    /// Whole, as its format writes it: `EPOCH:VERSION-RELEASE`.
    pub version: String,
    pub architecture: String,
    /// One line.
    pub summary: String,
    pub depends: Vec<String>,
    pub detail: Detail,
}

impl Facts {
    /// What the file is called in a repository; without the epoch, by custom. Of an archive it is its kind.
    pub fn file_name(&self) -> String {
        let version = self.version.split_once(':').map_or(self.version.as_str(), |(_, rest)| rest);
        match &self.detail {
            Detail::Deb { .. } => format!("{}_{version}_{}.deb", self.name, self.architecture),
            Detail::Rpm(_) => format!("{}-{version}.{}.rpm", self.name, self.architecture),
            Detail::Archive { kind } => kind.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// The control fields, in their order.
    Deb {
        control: Vec<(String, String)>,
    },
    Rpm(Box<Rpm>),
    /// `tar`, `tar.gz`, `tar.xz`, `tar.zst`, `zip`.
    Archive {
        kind: String,
    },
}

/// What the indexes of RPM repositories tell of a package.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rpm {
    pub epoch: u32,
    pub version: String,
    pub release: String,
    pub description: String,
    pub license: String,
    pub vendor: String,
    pub group: String,
    pub packager: String,
    pub url: String,
    pub build_host: String,
    pub source: String,
    pub built_at: u32,
    pub installed_size: u64,
    pub archive_size: u64,
    /// Where in the file the header is.
    pub header: (u64, u64),
    pub provides: Vec<Dependency>,
    pub requires: Vec<Dependency>,
    pub conflicts: Vec<Dependency>,
    pub obsoletes: Vec<Dependency>,
    pub suggests: Vec<Dependency>,
    pub enhances: Vec<Dependency>,
    pub recommends: Vec<Dependency>,
    pub supplements: Vec<Dependency>,
    pub files: Vec<RpmFile>,
    /// Time, author, text; oldest first.
    pub changes: Vec<(u32, String, String)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// As RPM's header has them.
    pub flags: u32,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpmFile {
    pub path: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub folder: bool,
    /// Not in the package, but owned by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ghost: bool,
}

/// May be part of a path, a line and a file's name as it is.
pub fn is_name(text: &str) -> bool {
    let first = text.as_bytes().first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    first
        && text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
}

/// A version, as any of the formats writes it.
pub fn is_version(text: &str) -> bool {
    let first = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    first
        && text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._~:^".contains(&byte))
}

pub fn is_architecture(text: &str) -> bool {
    is_name(text) && text.len() <= 32 && !text.contains('.')
}
