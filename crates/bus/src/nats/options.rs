//! What an operator says of NATS: where it is, who we are, and what is trusted. Secrets are in
//! files of their own, read when connecting, and never shown.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr};
use serde::{Deserialize, Serialize};

/// Between two looks whether the connection still lives.
const PING: Duration = Duration::from_secs(10);
/// Messages that wait to be sent at most.
const PENDING: usize = 4096;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NatsOptions {
    /// `nats://HOST:PORT`, or `tls://HOST:PORT`; one that answers is enough.
    pub urls: Vec<String>,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    /// An nkey seed, `SU...`.
    pub nkey_seed_file: Option<PathBuf>,
    /// A `.creds` file: a JWT and its seed.
    pub credentials_file: Option<PathBuf>,
    /// Who may vouch for nats-server; the system's authorities when not given.
    pub ca_file: Option<PathBuf>,
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

impl Default for NatsOptions {
    fn default() -> NatsOptions {
        NatsOptions::at("nats://127.0.0.1:4222")
    }
}

/// Why the options cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    #[error("no URL of NATS is given")]
    NoUrl,
    #[error("'{url}' is no URL of NATS such as nats://192.0.2.1:4222 or tls://bus.example.org:4222")]
    BadUrl { url: String },
    #[error("a URL of NATS must not hold a user or password: use user and password_file")]
    SecretInUrl,
    #[error("one way to log in is enough: user and password_file, nkey_seed_file, or credentials_file")]
    TwoLogins,
    #[error("user and password_file go together")]
    HalfAPassword,
    #[error("certificate_file and key_file go together")]
    HalfACertificate,
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is empty", path.display())]
    Empty { path: PathBuf },
    #[error("no host can be called '{0}'")]
    NotAHost(String),
}

impl NatsOptions {
    /// One server, no login, no TLS.
    pub fn at(url: impl Into<String>) -> NatsOptions {
        NatsOptions {
            urls: vec![url.into()],
            user: None,
            password_file: None,
            nkey_seed_file: None,
            credentials_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
        }
    }

    /// What can be known to be wrong without a connection.
    pub fn check(&self) -> Result<(), NatsError> {
        self.servers()?;
        let logins = [&self.password_file, &self.nkey_seed_file, &self.credentials_file];
        if logins.iter().filter(|login| login.is_some()).count() > 1 {
            return Err(NatsError::TwoLogins);
        }
        if self.user.is_some() != self.password_file.is_some() {
            return Err(NatsError::HalfAPassword);
        }
        if self.certificate_file.is_some() != self.key_file.is_some() {
            return Err(NatsError::HalfACertificate);
        }
        let others = [&self.ca_file, &self.certificate_file, &self.key_file];
        for path in logins.into_iter().chain(others).flatten() {
            read(path)?;
        }
        Ok(())
    }

    pub(super) fn servers(&self) -> Result<Vec<ServerAddr>, NatsError> {
        if self.urls.is_empty() {
            return Err(NatsError::NoUrl);
        }
        self.urls.iter().map(|url| server(url)).collect()
    }

    /// Reads the files anew, so that a change of them is met by the next connection.
    pub(super) async fn connect_options(&self) -> Result<ConnectOptions, NatsError> {
        let mut options = ConnectOptions::new()
            .ping_interval(PING)
            .client_capacity(PENDING)
            .request_timeout(None)
            .ignore_discovered_servers()
            .require_tls(self.is_encrypted());
        if let (Some(user), Some(path)) = (&self.user, &self.password_file) {
            options = options.user_and_password(user.clone(), read(path)?);
        }
        if let Some(path) = &self.nkey_seed_file {
            options = options.nkey(read(path)?);
        }
        if let Some(path) = &self.credentials_file {
            let unreadable = |source| NatsError::Unreadable { path: path.clone(), source };
            options = options.credentials(&read(path)?).map_err(unreadable)?;
        }
        if let Some(path) = &self.ca_file {
            options = options.add_root_certificates(path.clone());
        }
        if let (Some(certificate), Some(key)) = (&self.certificate_file, &self.key_file) {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        Ok(options)
    }

    /// Nothing is said in the clear where any sign of TLS is set.
    fn is_encrypted(&self) -> bool {
        let tls = self.urls.iter().any(|url| url.starts_with("tls://"));
        tls || self.ca_file.is_some() || self.certificate_file.is_some()
    }

    pub(super) fn warn_of_plain_text(&self) {
        let is_near = |server: &ServerAddr| {
            server.host() == "localhost" || server.host().parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        };
        let near = self.servers().is_ok_and(|servers| servers.iter().all(is_near));
        if !self.is_encrypted() && !near {
            tracing::warn!("the bus is not encrypted: who reads its network can act as any host; use tls://");
        }
    }

    /// What went wrong, in an operator's words.
    pub(super) fn explain(&self, error: &ConnectError) -> String {
        match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                format!("{} is refused", self.login())
            }
            _ => format!("{error} ({})", self.urls.join(", ")),
        }
    }

    fn login(&self) -> String {
        let path = |path: &Path| path.display().to_string();
        match (&self.user, &self.nkey_seed_file, &self.credentials_file, &self.certificate_file) {
            (Some(user), ..) => format!("the password of user '{user}'"),
            (_, Some(seed), ..) => format!("the nkey of {}", path(seed)),
            (_, _, Some(file), _) => format!("the login of {}", path(file)),
            (_, _, _, Some(file)) => format!("the certificate {}", path(file)),
            _ => "a connection without login".to_owned(),
        }
    }
}

fn server(url: &str) -> Result<ServerAddr, NatsError> {
    let bad = || NatsError::BadUrl { url: url.to_owned() };
    if url.contains('@') {
        return Err(NatsError::SecretInUrl);
    }
    let at = url.strip_prefix("nats://").or_else(|| url.strip_prefix("tls://"));
    let server: ServerAddr = at.and_then(|_| url.parse().ok()).ok_or_else(bad)?;
    if server.host().is_empty() { Err(bad()) } else { Ok(server) }
}

/// The text of a file without the line end.
fn read(path: &Path) -> Result<String, NatsError> {
    let path = || path.to_owned();
    let text =
        std::fs::read_to_string(path()).map_err(|source| NatsError::Unreadable { path: path(), source })?;
    let text = text.trim();
    if text.is_empty() { Err(NatsError::Empty { path: path() }) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told() {
        let good = NatsOptions::at("tls://bus.example.org:4222");
        good.check().expect("good");
        let here = Some(PathBuf::from("Cargo.toml"));
        let gone = Some(PathBuf::from("/does/not/exist"));
        for (options, word) in [
            (NatsOptions { urls: vec![], ..good.clone() }, "no URL"),
            (NatsOptions::at("http://192.0.2.1"), "http://192.0.2.1"),
            (NatsOptions::at("192.0.2.1:4222"), "192.0.2.1"),
            (NatsOptions::at("nats://u:secret@192.0.2.1"), "password_file"),
            (NatsOptions { user: Some("u".into()), ..good.clone() }, "go together"),
            (NatsOptions { certificate_file: here.clone(), ..good.clone() }, "go together"),
            (NatsOptions { nkey_seed_file: gone, ..good.clone() }, "/does/not/exist"),
            (NatsOptions { nkey_seed_file: here.clone(), credentials_file: here, ..good }, "one way"),
        ] {
            let error = options.check().expect_err(word).to_string();
            assert!(error.contains(word) && !error.contains("secret"), "{error} should say {word}");
        }
    }

    #[test]
    fn any_sign_of_tls_keeps_all_of_it_encrypted() {
        assert!(!NatsOptions::at("nats://a").is_encrypted());
        assert!(NatsOptions::at("tls://a").is_encrypted());
        let mixed = NatsOptions { urls: vec!["nats://a".into(), "tls://b".into()], ..NatsOptions::default() };
        assert!(mixed.is_encrypted());
        assert!(NatsOptions { ca_file: Some("x".into()), ..NatsOptions::at("nats://a") }.is_encrypted());
    }
}
