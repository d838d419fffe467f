//! Keystone: from the tokens of a request to who asks.
//!
//! ```text
//! settings   what the operator says       token    Keystone's document -> caller, expiry, rules
//! client     requests to Keystone         rules    access rules of application credentials
//! login      our own token                cache    what was heard of tokens, for a short time
//! trust      whose certificates count
//! ```
//! A token is written to no log, no error and no cache: caches know its hash.

mod cache;
mod client;
mod login;
mod rules;
mod settings;
#[cfg(test)]
mod tests;
mod token;
mod trust;

use std::sync::Arc;

use axum::http::HeaderMap;
use cloud::Caller;

use crate::error::Fault;
use cache::{Cache, Miss};
pub use client::{Answer, Trouble};
use serde_json::Value;
pub use settings::{KeystoneError, Secret, Settings};
use token::Token;

/// Longer ones are not asked about: fernet tokens have some 200 characters, signed ones 1000.
const MAX_TOKEN: usize = 4096;

/// The way to Keystone, and what it said lately.
#[derive(Debug)]
pub struct Keystone {
    /// Where clients are told to get a token.
    uri: String,
    service_token_roles: Vec<String>,
    cache: Cache,
}

impl Keystone {
    pub fn open(settings: &Settings) -> Result<Keystone, KeystoneError> {
        Ok(Keystone {
            uri: settings.www_authenticate_uri.as_ref().unwrap_or(&settings.auth_url).clone(),
            service_token_roles: settings
                .service_token_roles
                .iter()
                .map(|role| role.to_lowercase())
                .collect(),
            cache: Cache::new(client::Client::open(settings)?, settings.cache_s),
        })
    }

    /// Who asks. `method` and `path` are those of the request, for credentials that may do only some.
    pub async fn caller(&self, headers: &HeaderMap, method: &str, path: &str) -> Result<Caller, Fault> {
        let service_roles = match token_in(headers, "x-service-token") {
            None => None,
            Some(text) => Some(self.service_roles(text).await?),
        };
        let text = token_in(headers, "x-auth-token").or_else(|| token_in(headers, "x-storage-token"));
        let text = text.ok_or_else(|| self.unauthenticated())?;
        // A service goes on for a user whose token expired on the way.
        let user = self.known(text, service_roles.is_some()).await?;
        // The user asked that service for something else, and the service asks for this.
        if service_roles.is_none() && !user.allows(method, path) {
            return Err(self.unauthenticated());
        }
        Ok(Caller { service_roles: service_roles.unwrap_or_default(), ..user.caller.clone() })
    }

    /// A service's roles; one who is no service must not say it is.
    async fn service_roles(&self, text: &str) -> Result<Vec<String>, Fault> {
        let service = self.known(text, false).await?;
        let roles = &service.caller.roles;
        if roles.iter().any(|role| self.service_token_roles.contains(role)) {
            Ok(roles.clone())
        } else {
            Err(self.unauthenticated())
        }
    }

    async fn known(&self, text: &str, may_have_expired: bool) -> Result<Arc<Token>, Fault> {
        if text.is_empty() || text.len() > MAX_TOKEN {
            return Err(self.unauthenticated());
        }
        self.cache.token(text, may_have_expired).await.map_err(|miss| match miss {
            Miss::Unknown => self.unauthenticated(),
            Miss::Trouble => Fault::KeystoneDown,
        })
    }

    /// Posts to another service with a token of ours.
    pub async fn post_to(&self, url: &str, body: &Value) -> Result<Answer, Trouble> {
        self.cache.client().post_to(url, body).await
    }

    fn unauthenticated(&self) -> Fault {
        Fault::Unauthenticated { keystone: self.uri.clone() }
    }
}

fn token_in<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // What is not text is a bad token, not a missing one.
    headers.get(name).map(|value| value.to_str().unwrap_or_default().trim())
}
