//! Nova, as the server talks to it: what became of the ports of its instances.

use std::sync::Arc;

use axum::http::Uri;
use db::NotedEvent;
use model::instance::InstanceEvent;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::auth::Auth;
use crate::keystone::{Keystone, Trouble};

/// Where Nova is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NovaSettings {
    /// Its endpoint, as `https://nova:8774/v2.1`; empty: there is none.
    pub url: String,
}

/// Why the server does not start with its Nova.
#[derive(Debug, thiserror::Error)]
pub enum NovaError {
    #[error("url must be http://... or https://..., not '{0}'")]
    Url(String),
    #[error("Nova is told with a token of Keystone: set [auth] kind = \"keystone\"")]
    NoKeystone,
}

#[derive(Debug)]
pub struct Nova {
    url: String,
    keystone: Arc<Keystone>,
}

impl Nova {
    /// `None` where there is none.
    pub fn open(settings: &NovaSettings, auth: &Auth) -> Result<Option<Nova>, NovaError> {
        let url = settings.url.trim_end_matches('/');
        if url.is_empty() {
            return Ok(None);
        }
        let parsed = url.parse::<Uri>().ok();
        let scheme = parsed.as_ref().and_then(Uri::scheme_str).unwrap_or_default();
        if !["http", "https"].contains(&scheme) || url.contains(['?', '#']) {
            return Err(NovaError::Url(url.to_owned()));
        }
        let Auth::Keystone(keystone) = auth else { return Err(NovaError::NoKeystone) };
        Ok(Some(Nova { url: format!("{url}/os-server-external-events"), keystone: Arc::clone(keystone) }))
    }

    /// Tells it, in this order. What it knows nothing of, or refuses as it is, is told all the same: it would
    /// refuse it again.
    pub async fn tell(&self, noted: &[NotedEvent]) -> Result<(), Trouble> {
        let events: Vec<Value> = noted.iter().filter_map(|noted| noted.event.as_ref()).map(told).collect();
        if events.is_empty() {
            return Ok(());
        }
        let answer = self.keystone.post_to(&self.url, &json!({ "events": events })).await?;
        match answer.status {
            200 | 207 | 404 => Ok(()),
            status @ (400 | 409 | 413 | 422) => {
                tracing::error!(status, events = events.len(), "Nova refuses what became of ports");
                Ok(())
            }
            status => Err(Trouble::Status(status)),
        }
    }
}

fn told(event: &InstanceEvent) -> Value {
    json!({
        "name": event.name.as_str(), "server_uuid": event.server, "status": event.status(), "tag": event.port,
    })
}
