//! Certificate authorities of a test's own.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Signs certificates; trusted by whoever is given its own.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
pub struct Signed {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> anyhow::Result<Authority> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok(Authority { pem: params.self_signed(&key)?.pem(), issuer: Issuer::new(params, key) })
    }

    /// A certificate for this machine's loopback.
    pub fn sign(&self, name: &str) -> anyhow::Result<Signed> {
        self.sign_for(&["localhost", "127.0.0.1"], name)
    }

    /// A certificate for one known by some names and addresses, at either end of a connection.
    pub fn sign_for(&self, known_as: &[&str], name: &str) -> anyhow::Result<Signed> {
        let mut params =
            CertificateParams::new(known_as.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Signed { certificate, key: key.serialize_pem() })
    }

    /// In PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Writes its certificate into a folder.
    pub fn write(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let path = folder.join("authority.pem");
        fs::write(&path, &self.pem)?;
        Ok(path)
    }
}
