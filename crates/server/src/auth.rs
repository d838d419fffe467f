//! From a request's headers to who asks. One variant of [`Auth`] per way of knowing.

use std::sync::Arc;

use axum::http::HeaderMap;
use cloud::{Caller, Reach};

use crate::error::Fault;
use crate::keystone::{self, Keystone, KeystoneError};

/// How requests are to say who asks.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum AuthSettings {
    /// Nobody is asked.
    #[default]
    Nobody,
    /// By headers that whoever can connect is believed in.
    Trusting,
    /// By tokens of Keystone.
    Keystone(Box<keystone::Settings>),
}

/// How requests say who asks.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nobody is asked: everyone is the administrator of the project that `X-Project-Id` names.
    Nobody { project_id: String },
    /// Whoever can reach the server is believed in `X-User-Id`, `X-Project-Id`, `X-Roles` and
    /// their like: for a proxy that has asked, and for tests.
    Trusting,
    /// Headers carry tokens; what else they say of identities is not looked at.
    Keystone(Arc<Keystone>),
}

impl Auth {
    pub fn open(settings: &AuthSettings, project_id: &str) -> Result<Auth, KeystoneError> {
        Ok(match settings {
            AuthSettings::Nobody => Auth::Nobody { project_id: project_id.to_owned() },
            AuthSettings::Trusting => Auth::Trusting,
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
            Auth::Trusting => {
                let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
                let list = |name| text(name).split(',').map(|role| role.trim().to_lowercase()).collect();
                let reach = match (text("x-domain-id"), text("openstack-system-scope")) {
                    ("", "") => Reach::Project,
                    (_, "") => Reach::Domain,
                    _ => Reach::System,
                };
                Ok(Caller {
                    user_id: text("x-user-id").to_owned(),
                    project_id: text("x-project-id").to_owned(),
                    domain_id: text("x-domain-id").to_owned(),
                    reach,
                    roles: list("x-roles"),
                    service_roles: list("x-service-roles"),
                    ..Caller::default()
                })
            }
            // Versions and the document of the API say nothing about anyone.
            Auth::Keystone(_) if !path.starts_with("/v2.0") => Ok(Caller::stranger()),
            Auth::Keystone(keystone) => keystone.caller(headers, method, path).await,
        }
    }
}
