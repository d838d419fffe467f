//! From a request's headers to who asks.

use axum::http::HeaderMap;
use cloud::Caller;

use crate::error::Fault;

/// How requests say who asks.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nobody is asked: everyone is the administrator of the project that `X-Project-Id` names.
    Nobody { project_id: String },
    /// Whoever can reach the server is believed in `X-User-Id`, `X-Project-Id`, `X-Roles` and
    /// `X-Service-Roles`: for a proxy that has asked, and for tests.
    Trusting,
}

impl Auth {
    /// Who sent the request, or why nobody can tell.
    pub async fn caller(&self, headers: &HeaderMap, _method: &str, _path: &str) -> Result<Caller, Fault> {
        match self {
            Auth::Nobody { project_id } => {
                let named = headers.get("x-project-id").and_then(|value| value.to_str().ok());
                Ok(Caller::everyone(named.unwrap_or(project_id)))
            }
            Auth::Trusting => {
                let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
                let list = |name| text(name).split(',').map(|role| role.trim().to_lowercase()).collect();
                Ok(Caller {
                    user_id: text("x-user-id").to_owned(),
                    project_id: text("x-project-id").to_owned(),
                    roles: list("x-roles"),
                    service_roles: list("x-service-roles"),
                    ..Caller::default()
                })
            }
        }
    }
}
