//! What Keystone says of a token.

use cloud::{Caller, Reach};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::rules::AccessRule;

/// A token that Keystone knows.
#[derive(Debug)]
pub struct Token {
    pub caller: Caller,
    pub expires_at: OffsetDateTime,
    /// All that it may be used for, where that is limited.
    rules: Option<Vec<AccessRule>>,
}

/// The document says too little to know who asks.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    #[error("not the document of a token: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the token's expires_at is no time")]
    Time,
}

#[derive(Deserialize)]
struct Envelope {
    token: Document,
}

#[derive(Deserialize)]
struct Document {
    expires_at: String,
    user: Named,
    #[serde(default)]
    roles: Vec<Role>,
    project: Option<Named>,
    domain: Option<Id>,
    system: Option<System>,
    /// Said only where a project was set apart for administrators; otherwise any may be.
    is_admin_project: Option<bool>,
    application_credential: Option<ApplicationCredential>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    domain: Option<Id>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

#[derive(Deserialize)]
struct System {
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize)]
struct ApplicationCredential {
    access_rules: Option<Vec<AccessRule>>,
}

/// A time as Keystone writes it.
pub fn time(text: &str) -> Result<OffsetDateTime, Malformed> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Malformed::Time)
}

/// When a token expires that was just issued.
pub fn expiry(json: &[u8]) -> Result<OffsetDateTime, Malformed> {
    #[derive(Deserialize)]
    struct Issued {
        token: Expiry,
    }
    #[derive(Deserialize)]
    struct Expiry {
        expires_at: String,
    }
    time(&serde_json::from_slice::<Issued>(json)?.token.expires_at)
}

impl Token {
    pub fn parse(json: &[u8]) -> Result<Token, Malformed> {
        let Envelope { token } = serde_json::from_slice(json)?;
        let of = |named: Option<Named>| match named {
            Some(named) => (named.id, named.domain.map(|domain| domain.id).unwrap_or_default()),
            None => Default::default(),
        };
        let reach = match (&token.project, &token.domain, &token.system) {
            (Some(_), ..) => Reach::Project,
            (None, Some(_), _) => Reach::Domain,
            (None, None, Some(System { all: true })) => Reach::System,
            _ => Reach::Nothing,
        };
        let (project_id, project_domain_id) = of(token.project);
        let (user_id, user_domain_id) = of(Some(token.user));
        let caller = Caller {
            user_id,
            user_domain_id,
            project_id,
            project_domain_id,
            domain_id: token.domain.map(|domain| domain.id).unwrap_or_default(),
            reach,
            roles: token.roles.iter().map(|role| role.name.to_lowercase()).collect(),
            service_roles: vec![],
            is_admin_project: token.is_admin_project.unwrap_or(true),
        };
        let rules = token.application_credential.and_then(|credential| credential.access_rules);
        Ok(Token { caller, expires_at: time(&token.expires_at)?, rules })
    }

    /// May it be used for this request, as far as the token itself says?
    pub fn allows(&self, method: &str, path: &str) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.iter().any(|rule| rule.allows(method, path)))
    }

    /// Bytes it takes in memory, about.
    pub fn weight(&self) -> usize {
        let roles = self.caller.roles.iter().map(|role| role.len() + size_of::<String>());
        let rules = self.rules.iter().flatten().map(AccessRule::weight);
        size_of::<Token>() + 256 + roles.chain(rules).sum::<usize>()
    }
}
