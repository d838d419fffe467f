//! `[repod]` of the configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::error::StartError;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the server comes to.
    pub bind: SocketAddr,
    /// Where the gateway comes to.
    pub read_bind: SocketAddr,
    /// What the server must know.
    pub secret_file: PathBuf,
    /// What the gateway must know; empty text stands for nothing.
    pub gateway_secret_file: PathBuf,
    /// Where files are, or, with S3, only those under way, and keys.
    pub folder: PathBuf,
    /// How instances call the repository.
    pub address: String,
    /// Told of even while there is no package for them.
    pub architectures: Vec<String>,
    pub max_file_bytes: u64,
    pub max_uploads: usize,
    /// What must stay free where files come in.
    pub min_free_bytes: u64,
    /// After how long an upload that nobody goes on with is forgotten.
    pub upload_idle_s: u64,
    /// What one project shares with another is on that one's shelves, too: apt and dnf there install it by name.
    pub shared_on_shelves: bool,
    pub s3: Option<S3>,
}

/// An object store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    pub bucket: String,
    /// Its URL, where it is not AWS's own.
    #[serde(default)]
    pub endpoint: String,
    #[serde(default = "region")]
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key_file: PathBuf,
    /// Names within the bucket begin with it.
    #[serde(default)]
    pub prefix: String,
    /// Whose certificates it may show (PEM); those of the system without it.
    #[serde(default)]
    pub ca_file: PathBuf,
}

fn region() -> String {
    "us-east-1".to_owned()
}

/// Sums of secrets: comparing them tells nothing of the secrets.
pub struct Secrets {
    pub server: Secret,
    pub gateway: Option<Secret>,
}

pub struct Secret([u8; 32]);

impl Secret {
    fn of(text: &[u8]) -> Secret {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest(&SHA256, text).as_ref());
        Secret(sum)
    }

    /// In a time that does not depend on where they differ.
    pub fn is(&self, said: &[u8]) -> bool {
        let said = Secret::of(said);
        self.0.iter().zip(said.0).fold(0, |differs, (ours, theirs)| differs | (ours ^ theirs)) == 0
    }
}

impl Settings {
    pub fn check(&self) -> Result<(), StartError> {
        let wrong = |why| Err(StartError::Setting(why));
        if self.gateway_secret_file.as_os_str().is_empty() && !self.read_bind.ip().is_loopback() {
            return wrong(
                "repod.read_bind lets anyone on that network read as any project: set \
                 repod.gateway_secret_file, or bind to 127.0.0.1",
            );
        }
        if self.architectures.iter().any(|name| !repo::facts::is_architecture(name)) {
            return wrong("repod.architectures holds a name that no architecture has");
        }
        if self.max_uploads == 0 || self.max_file_bytes == 0 || self.upload_idle_s == 0 {
            return wrong("the limits of [repod] must be more than 0");
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-_[]%".contains(&byte);
        if !self.address.starts_with("http") || !self.address.bytes().all(plain) {
            return wrong("repod.address is no URL such as http://169.254.169.254:8080");
        }
        Ok(())
    }

    pub(crate) fn secrets(&self) -> Result<Secrets, StartError> {
        let gateway = (!self.gateway_secret_file.as_os_str().is_empty()).then_some(&self.gateway_secret_file);
        Ok(Secrets {
            server: Secret::of(read_secret(&self.secret_file)?.as_bytes()),
            gateway: gateway
                .map(|file| Ok::<_, StartError>(Secret::of(read_secret(file)?.as_bytes())))
                .transpose()?,
        })
    }

    pub fn key_folder(&self) -> PathBuf {
        self.folder.join("keys")
    }
}

/// A secret's file, without the line's end.
pub(crate) fn read_secret(file: &Path) -> Result<String, StartError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| StartError::Secret { file: file.to_owned(), source })?;
    match text.trim().len() {
        0..16 => Err(StartError::Setting("a secret's file holds fewer than 16 bytes")),
        _ => Ok(text.trim().to_owned()),
    }
}
