//! Whose certificates count when Keystone shows one.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::settings::KeystoneError;

/// Trusts the authorities in `ca_file`, or those that this machine trusts. Where TLS is not
/// `needed`, there need not be any.
pub fn config(ca_file: Option<&Path>, needed: bool) -> Result<ClientConfig, KeystoneError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let file = |source| KeystoneError::File { path: path.to_owned(), source };
            let pem = std::fs::read(path).map_err(file)?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                roots.add(certificate.map_err(|_| KeystoneError::NoCertificate(path.to_owned()))?)?;
            }
            if roots.is_empty() {
                return Err(KeystoneError::NoCertificate(path.to_owned()));
            }
        }
        None if needed => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(KeystoneError::NoRoots);
            }
        }
        None => {}
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
