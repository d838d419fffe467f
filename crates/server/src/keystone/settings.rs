//! How Keystone is reached, and by what credentials of ours.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why the way to Keystone cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum KeystoneError {
    #[error("auth_url must be http://... or https://..., not '{0}'")]
    Url(String),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("give either {0} or {1}, not both")]
    Both(&'static str, &'static str),
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    #[error("cannot read {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("no certificate in {0}")]
    NoCertificate(PathBuf),
    #[error("this machine trusts no certificate authority; set ca_file")]
    NoRoots,
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Text that is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Any scalar is text, as the environment does not tell them apart; an error does not repeat it.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        match Scalar::deserialize(from) {
            Ok(Scalar::Text(text)) => Ok(Secret(text)),
            Ok(Scalar::Whole(number)) => Ok(Secret(number.to_string())),
            Ok(Scalar::Truth(truth)) => Ok(Secret(truth.to_string())),
            Err(_) => Err(serde::de::Error::custom("a secret is text; put it in quotes")),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Whole(i64),
    Truth(bool),
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(secret)")
    }
}

/// How Keystone is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `https://keystone:5000`, with or without `/v3`.
    pub auth_url: String,
    /// What a 401 names as the place to get a token; `auth_url` if not said.
    pub www_authenticate_uri: Option<String>,
    pub username: Option<String>,
    pub user_domain_name: String,
    pub password: Option<Secret>,
    /// Read at every login, so that a changed password counts at once.
    pub password_file: Option<PathBuf>,
    pub project_name: String,
    pub project_domain_name: String,
    /// Stands in for user, password and project.
    pub application_credential_id: Option<String>,
    pub application_credential_secret: Option<Secret>,
    pub application_credential_secret_file: Option<PathBuf>,
    /// Certificate authorities that Keystone is trusted by; those of the machine if not said.
    pub ca_file: Option<PathBuf>,
    /// Seconds that one answer may take.
    pub timeout_s: u64,
    /// Seconds for which what Keystone said of a token counts.
    pub cache_s: u64,
    /// A service token must have one of these roles.
    pub service_token_roles: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            auth_url: String::new(),
            www_authenticate_uri: None,
            username: None,
            user_domain_name: "Default".into(),
            password: None,
            password_file: None,
            project_name: "service".into(),
            project_domain_name: "Default".into(),
            application_credential_id: None,
            application_credential_secret: None,
            application_credential_secret_file: None,
            ca_file: None,
            timeout_s: 5,
            cache_s: 60,
            service_token_roles: vec!["service".into()],
        }
    }
}

/// What we log in with.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    Password { user: String, user_domain: String, project: String, project_domain: String, password: Source },
    Application { id: String, secret: Source },
}

/// Where a secret is.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Given(Secret),
    File(PathBuf),
}

impl Source {
    fn one_of(
        given: Option<&Secret>,
        file: Option<&PathBuf>,
        names: [&'static str; 2],
    ) -> Result<Source, KeystoneError> {
        match (given, file) {
            (Some(secret), None) => Ok(Source::Given(secret.clone())),
            (None, Some(path)) => Ok(Source::File(path.clone())),
            (Some(_), Some(_)) => Err(KeystoneError::Both(names[0], names[1])),
            (None, None) => Err(KeystoneError::Missing(names[0])),
        }
    }

    pub async fn read(&self) -> Result<Secret, KeystoneError> {
        match self {
            Source::Given(secret) => Ok(secret.clone()),
            Source::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(text) => Ok(Secret(text.trim_end_matches(['\r', '\n']).to_owned())),
                Err(source) => Err(KeystoneError::File { path: path.clone(), source }),
            },
        }
    }
}

impl Settings {
    /// Says what is missing or contradicts itself; opens nothing.
    pub fn check(&self) -> Result<(), KeystoneError> {
        if self.timeout_s == 0 {
            return Err(KeystoneError::Zero("timeout_s"));
        }
        if self.cache_s == 0 {
            return Err(KeystoneError::Zero("cache_s"));
        }
        self.tokens_url()?;
        self.credential().map(drop)
    }

    /// True when others may read what we say to Keystone.
    pub fn is_in_clear(&self) -> bool {
        let uri = self.auth_url.parse::<hyper::Uri>().unwrap_or_default();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        uri.scheme_str() == Some("http") && !local
    }

    /// `.../v3/auth/tokens`
    pub(super) fn tokens_url(&self) -> Result<String, KeystoneError> {
        let bad = || KeystoneError::Url(self.auth_url.clone());
        let url = self.auth_url.trim_end_matches('/');
        let url = url.strip_suffix("/v3").unwrap_or(url);
        let uri: hyper::Uri = url.parse().map_err(|_| bad())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(bad());
        }
        Ok(format!("{url}/v3/auth/tokens"))
    }

    pub(super) fn credential(&self) -> Result<Credential, KeystoneError> {
        if let Some(id) = &self.application_credential_id {
            if self.username.is_some() {
                return Err(KeystoneError::Both("application_credential_id", "username"));
            }
            let secret = self.application_credential_secret.as_ref();
            let file = self.application_credential_secret_file.as_ref();
            let names = ["application_credential_secret", "application_credential_secret_file"];
            return Ok(Credential::Application {
                id: id.clone(),
                secret: Source::one_of(secret, file, names)?,
            });
        }
        let user = self.username.clone().ok_or(KeystoneError::Missing("username"))?;
        let names = ["password", "password_file"];
        Ok(Credential::Password {
            user,
            user_domain: self.user_domain_name.clone(),
            project: self.project_name.clone(),
            project_domain: self.project_domain_name.clone(),
            password: Source::one_of(self.password.as_ref(), self.password_file.as_ref(), names)?,
        })
    }
}
