//! From a request's headers to who asks. One variant of [`Auth`] per way of knowing.

use std::sync::Arc;

use axum::http::HeaderMap;
use cloud::Caller;

use crate::error::Fault;
use crate::keystone::{self, Keystone, KeystoneError};

/// How requests are to say who asks.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum AuthSettings {
    /// Nobody is asked.
    #[default]
    Nobody,
    /// By tokens of Keystone.
    Keystone(Box<keystone::Settings>),
}

/// How requests say who asks.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nobody is asked: everyone is the administrator of the project that `X-Project-Id` names.
    Nobody { project_id: String },
    /// Headers carry tokens; what else they say of identities is not looked at.
    Keystone(Arc<Keystone>),
}

impl Auth {
    pub fn open(settings: &AuthSettings, project_id: &str) -> Result<Auth, KeystoneError> {
        Ok(match settings {
            AuthSettings::Nobody => Auth::Nobody { project_id: project_id.to_owned() },
            AuthSettings::Keystone(settings) => Auth::Keystone(Arc::new(Keystone::open(settings)?)),
        })
    }

    /// Who sent the request, or why nobody can tell.
    pub async fn caller(&self, headers: &HeaderMap, method: &str, path: &str) -> Result<Caller, Fault> {
        match self {
            Auth::Nobody { project_id } => {
                let named = headers.get("x-project-id").and_then(|value| value.to_str().ok());
                Ok(Caller::everyone(named.unwrap_or(project_id)))
            }
            // Versions and the document of the API say nothing about anyone.
            Auth::Keystone(_) if !path.starts_with("/v2.0") => Ok(Caller::stranger()),
            Auth::Keystone(keystone) => keystone.caller(headers, method, path).await,
        }
    }
}
