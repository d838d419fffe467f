//! From options to a connection: TLS, password, time limits. What is secret stays out of logs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::engine::error::{DbError, EngineError};

/// A server that is silent for this long is gone.
const SILENCE: Duration = Duration::from_secs(15);

/// How a PostgreSQL database is reached and used.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=...`. Without `sslmode`, TLS is used
    /// towards other machines and not towards this one; `sslmode=disable` leaves it out.
    pub url: String,
    /// Holds the password, in place of the URL. Read at each connect, so it may change.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) that the server's must come from; without it those of the system.
    pub ca_file: Option<PathBuf>,
    /// The most connections at a time.
    pub connections: usize,
    /// How long a request waits for one of them.
    pub wait: Duration,
    pub connect_timeout: Duration,
    /// What a statement may take.
    pub statement_timeout: Duration,
    /// What a statement may wait for another transaction's lock.
    pub lock_timeout: Duration,
    /// What a transaction may rest between two statements.
    pub idle_timeout: Duration,
}

impl PostgresOptions {
    pub fn new(url: impl Into<String>) -> PostgresOptions {
        PostgresOptions {
            url: url.into(),
            password_file: None,
            ca_file: None,
            connections: 10,
            wait: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// The URL may hold a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PostgresOptions")
            .field("password_file", &self.password_file)
            .field("ca_file", &self.ca_file)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// Where to connect to.
pub struct Target {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    options: PostgresOptions,
}

impl Target {
    pub fn new(options: PostgresOptions) -> Result<Target, DbError> {
        // TLS without a look at the certificate is not offered, so these say the same.
        let url = options.url.replace("sslmode=verify-full", "sslmode=require");
        // The error of a URL that cannot be read does not quote it.
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
            DbError::Options(format!("the database's url is not one{}", source.unwrap_or_default()))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(DbError::Options("the database's url names no host".into()));
        }
        config.connect_timeout(options.connect_timeout);
        config.keepalives_idle(SILENCE);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("neutrino");
        }
        let secured = match config.get_ssl_mode() {
            SslMode::Disable => false,
            SslMode::Require => true,
            _ => !config.get_hosts().iter().all(is_here) || !config.get_hostaddrs().is_empty(),
        };
        config.ssl_mode(if secured { SslMode::Require } else { SslMode::Disable });
        let tls = if secured { Some(tls(options.ca_file.as_deref())?) } else { None };
        Ok(Target { config, tls, options })
    }

    /// A connection, and the handle that ends it whatever it is doing.
    pub fn tls(&self) -> Option<MakeRustlsConnect> {
        self.tls.clone()
    }

    pub async fn connect(&self) -> Result<(Client, AbortHandle), DbError> {
        let what = "connect to the database";
        match timeout(self.options.connect_timeout, self.reach()).await {
            Ok(client) => client,
            Err(_) => Err(DbError::Unavailable {
                what: what.into(),
                source: EngineError::Said(format!("no answer in {:?}", self.options.connect_timeout)),
            }),
        }
    }

    async fn reach(&self) -> Result<(Client, AbortHandle), DbError> {
        let postgres = |source| DbError::from_postgres("connect to the database", source);
        let mut config = self.config.clone();
        if let Some(file) = &self.options.password_file {
            let text = tokio::fs::read_to_string(file).await.map_err(|error| DbError::Unavailable {
                what: "connect to the database".into(),
                source: EngineError::File(file.clone(), error),
            })?;
            config.password(text.trim_end_matches(['\r', '\n']));
        }
        let (client, carrier) = match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await.map_err(postgres)?;
                (client, tokio::spawn(until_closed(connection)))
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(postgres)?;
                (client, tokio::spawn(until_closed(connection)))
            }
        };
        let limits = format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = {}; SET jit = off",
            self.options.statement_timeout.as_millis(),
            self.options.lock_timeout.as_millis(),
            self.options.idle_timeout.as_millis(),
        );
        client.batch_execute(&limits).await.map_err(postgres)?;
        Ok((client, carrier.abort_handle()))
    }
}

/// Carries a connection's messages. That it ended is seen by whoever uses it next.
async fn until_closed(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::debug!(error = %EngineError::from(error), "a connection to the database ended");
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
    }
}

fn tls(ca_file: Option<&Path>) -> Result<MakeRustlsConnect, DbError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(file) => {
            let unreadable =
                |why: String| DbError::Options(format!("no certificates in {}: {why}", file.display()));
            let found: Result<Vec<_>, _> =
                CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))?.collect();
            for certificate in found.map_err(|error| unreadable(error.to_string()))? {
                roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("the file holds none".into()));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| DbError::Engine { what: "TLS".into(), source: source.into() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secured(url: &str) -> bool {
        Target::new(PostgresOptions::new(url)).expect(url).tls.is_some()
    }

    #[test]
    fn passwords_cross_the_network_only_inside_tls() {
        assert!(secured("postgresql://u:p@db.example.org/n"));
        assert!(secured("postgresql://u:p@192.0.2.1/n?sslmode=prefer"));
        assert!(secured("postgresql://u:p@localhost/n?sslmode=require"));
        assert!(secured("postgresql://u:p@localhost/n?sslmode=verify-full"));
        assert!(secured("postgresql://u:p@localhost,db.example.org/n"));
        assert!(secured("host=localhost hostaddr=192.0.2.1 user=u"));
        assert!(!secured("postgresql://u:p@127.0.0.1/n"));
        assert!(!secured("postgresql:///n?host=/run/postgresql&user=u"));
        assert!(!secured("postgresql://u:p@db.example.org/n?sslmode=disable"));
    }

    #[test]
    fn nothing_tells_the_password() {
        let options = PostgresOptions::new("postgresql://u:secret@h/n");
        assert!(!format!("{options:?}").contains("secret"));
        for url in ["postgresql://u:secret@h:port/n", "postgresql://u:secret@h/n?sslmode=x", "secret"] {
            let error = Target::new(PostgresOptions::new(url)).err().expect(url);
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }
}
