//! Our own token: made when it is needed, and again before it is over.

use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::client::{Exchange, Trouble};
use super::settings::Credential;
use super::token;

/// After a login that failed, none is tried for this long.
const PAUSE: Duration = Duration::from_secs(1);
/// The same after one that was refused: Keystone may lock accounts that fail often.
const LONG_PAUSE: Duration = Duration::from_secs(10);
/// A token is renewed when less than this is left of it, or a fifth of its life where that is less.
const EARLY: time::Duration = time::Duration::seconds(120);

/// Logs in, and keeps the token.
#[derive(Debug)]
pub struct Login {
    credential: Credential,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// Until then no login is tried.
    pause: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    token: HeaderValue,
    renew_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

impl Held {
    fn new(token: HeaderValue, issued_at: OffsetDateTime, expires_at: OffsetDateTime) -> Held {
        let life = (expires_at - issued_at).max(time::Duration::ZERO);
        Held { token, renew_at: expires_at - EARLY.min(life / 5), expires_at }
    }
}

impl State {
    /// The token that is good at a time, and whether that is all there is to do.
    fn good_at(&self, now: OffsetDateTime) -> Option<(HeaderValue, bool)> {
        let held = self.held.as_ref().filter(|held| now < held.expires_at)?;
        Some((held.token.clone(), now < held.renew_at))
    }
}

impl Login {
    pub fn new(credential: Credential) -> Login {
        Login { credential, state: Mutex::default() }
    }

    /// Our token. `refused` is one that Keystone did not take: unless somebody replaced it
    /// meanwhile, another is made. Those who ask while it is made wait for it.
    pub async fn token(
        &self,
        exchange: &Exchange,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, Trouble> {
        let mut state = self.state.lock().await;
        if state.held.as_ref().is_some_and(|held| Some(&held.token) == refused) {
            state.held = None;
        }
        let old = match state.good_at(OffsetDateTime::now_utc()) {
            Some((token, true)) => return Ok(token),
            old => old.map(|(token, _)| token),
        };
        if state.pause.is_some_and(|end| Instant::now() < end) {
            return old.ok_or(Trouble::Login);
        }
        match self.log_in(exchange).await {
            Ok(held) => {
                let token = held.token.clone();
                *state = State { held: Some(held), pause: None };
                Ok(token)
            }
            Err(trouble) => {
                let refused = matches!(trouble, Trouble::LoginRefused(401));
                state.pause = Some(Instant::now() + if refused { LONG_PAUSE } else { PAUSE });
                old.ok_or(trouble)
            }
        }
    }

    async fn log_in(&self, exchange: &Exchange) -> Result<Held, Trouble> {
        let answer = exchange.post(self.body().await?).await?;
        if answer.status != 201 {
            return Err(Trouble::LoginRefused(answer.status));
        }
        let mut token = answer.subject.ok_or(Trouble::NoToken)?;
        token.set_sensitive(true);
        let expires_at = token::expiry(&answer.body)?;
        Ok(Held::new(token, OffsetDateTime::now_utc(), expires_at))
    }

    async fn body(&self) -> Result<Value, Trouble> {
        Ok(match &self.credential {
            Credential::Password { user, user_domain, project, project_domain, password } => {
                let password = password.read().await?;
                let user = json!({
                    "name": user, "domain": { "name": user_domain }, "password": password.reveal(),
                });
                json!({ "auth": {
                    "identity": { "methods": ["password"], "password": { "user": user } },
                    "scope": { "project": { "name": project, "domain": { "name": project_domain } } },
                }})
            }
            Credential::Application { id, secret } => {
                let secret = secret.read().await?;
                let credential = json!({ "id": id, "secret": secret.reveal() });
                let methods = ["application_credential"];
                json!({ "auth": {
                    "identity": { "methods": methods, "application_credential": credential },
                }})
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_its_end() {
        let at = |second: i64| OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(second);
        for (life, second, good, done) in [
            (3600, 0, true, true),
            (3600, 3479, true, true),
            (3600, 3480, true, false),
            (3600, 3599, true, false),
            (3600, 3600, false, false),
            (10, 7, true, true),
            (10, 8, true, false),
            (10, 10, false, false),
            (-5, 0, false, false),
        ] {
            let held = Held::new(HeaderValue::from_static("token"), at(0), at(life));
            let found = State { held: Some(held), pause: None }.good_at(at(second));
            let found = (found.is_some(), found.is_some_and(|(_, done)| done));
            assert_eq!(found, (good, done), "after {second} of {life} s");
        }
    }
}
