//! From a request's headers to who asks.

use axum::http::HeaderMap;
use cloud::Caller;

use crate::error::Fault;

/// How requests say who asks.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nobody is asked: everyone is the administrator of the project that `X-Project-Id` names.
    Nobody { project_id: String },
}

impl Auth {
    /// Who sent the request, or why nobody can tell.
    pub async fn caller(&self, headers: &HeaderMap, _method: &str, _path: &str) -> Result<Caller, Fault> {
        match self {
            Auth::Nobody { project_id } => {
                let named = headers.get("x-project-id").and_then(|value| value.to_str().ok());
                Ok(Caller::everyone(named.unwrap_or(project_id)))
            }
        }
    }
}
