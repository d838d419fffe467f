//! Requests to Keystone: bounded in number, in time and in what is read of the answers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::login::Login;
use super::settings::{KeystoneError, Settings};
use super::token::{Malformed, Token};
use super::trust;

/// Requests under way at a time.
const MAX_REQUESTS: usize = 32;
/// Bytes read of one answer.
const MAX_ANSWER: usize = 256 << 10;
/// Idle connections are closed after this, before a server or a balancer is likely to.
const IDLE: Duration = Duration::from_secs(20);

/// Why Keystone did not say what a token is.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("no answer: {0}")]
    Unreachable(#[from] hyper_util::client::legacy::Error),
    #[error("no answer in time")]
    TooSlow,
    #[error("the answer broke off or is too long: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer is {0}")]
    Status(u16),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("the login was answered without a token")]
    NoToken,
    #[error("the login with [auth.keystone]'s credentials is refused: {0}")]
    LoginRefused(u16),
    #[error("a login failed just before")]
    Login,
    #[error("no secret to log in with: {0}")]
    Secret(#[from] KeystoneError),
}

/// Asks Keystone about tokens.
#[derive(Debug)]
pub struct Client {
    exchange: Exchange,
    login: Login,
    slots: Semaphore,
    /// Waiting for everything that one question takes.
    patience: Duration,
    /// What was logged last, so that a long failure is told once.
    in_trouble: AtomicBool,
}

impl Client {
    pub fn open(settings: &Settings) -> Result<Client, KeystoneError> {
        settings.check()?;
        let exchange = Exchange::open(settings)?;
        let patience = exchange.limit * 2;
        let login = Login::new(settings.credential()?);
        let slots = Semaphore::new(MAX_REQUESTS);
        Ok(Client { exchange, login, slots, patience, in_trouble: AtomicBool::new(false) })
    }

    /// What a token is; nothing where Keystone knows no such token.
    pub async fn validate(&self, token: &str, may_have_expired: bool) -> Result<Option<Token>, Trouble> {
        let Ok(mut subject) = HeaderValue::from_str(token) else { return Ok(None) };
        subject.set_sensitive(true);
        let heard = timeout(self.patience, self.ask(subject, may_have_expired)).await;
        let heard = heard.unwrap_or(Err(Trouble::TooSlow));
        self.tell(heard.as_ref().err());
        heard
    }

    async fn ask(&self, subject: HeaderValue, may_have_expired: bool) -> Result<Option<Token>, Trouble> {
        let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
        let own = self.login.token(&self.exchange, None).await?;
        let mut answer = self.exchange.get(&own, &subject, may_have_expired).await?;
        if answer.status == 401 {
            // That is said of our token. It was revoked, or Keystone lost its keys.
            let own = self.login.token(&self.exchange, Some(&own)).await?;
            answer = self.exchange.get(&own, &subject, may_have_expired).await?;
        }
        match answer.status {
            200 => Ok(Some(Token::parse(&answer.body)?)),
            404 => Ok(None),
            status => Err(Trouble::Status(status)),
        }
    }

    /// Posts to another service as ourselves.
    pub async fn post_to(&self, url: &str, body: &Value) -> Result<Answer, Trouble> {
        let own = self.login.token(&self.exchange, None).await?;
        let answer = self.exchange.post_to(url, Some(&own), body).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let own = self.login.token(&self.exchange, Some(&own)).await?;
        self.exchange.post_to(url, Some(&own), body).await
    }

    fn tell(&self, trouble: Option<&Trouble>) {
        let was = self.in_trouble.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(trouble) if !was => tracing::error!(error = %trouble, "Keystone does not tell who asks"),
            None if was => tracing::info!("Keystone tells again who asks"),
            _ => {}
        }
    }
}

/// One answer, read whole.
pub struct Answer {
    pub status: u16,
    /// `X-Subject-Token`
    pub subject: Option<HeaderValue>,
    pub body: Bytes,
}

/// Sends single requests.
#[derive(Debug)]
pub struct Exchange {
    hyper: Hyper<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
    limit: Duration,
}

impl Exchange {
    fn open(settings: &Settings) -> Result<Exchange, KeystoneError> {
        let limit = Duration::from_secs(settings.timeout_s);
        let url = settings.tokens_url()?;
        let config = trust::config(settings.ca_file.as_deref(), url.to_lowercase().starts_with("https:"))?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limit));
        let https = HttpsConnectorBuilder::new().with_tls_config(config);
        let connector = https.https_or_http().enable_http1().wrap_connector(tcp);
        let hyper = Hyper::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(MAX_REQUESTS)
            .build(connector);
        Ok(Exchange { hyper, url, limit })
    }

    async fn get(
        &self,
        own: &HeaderValue,
        subject: &HeaderValue,
        may_have_expired: bool,
    ) -> Result<Answer, Trouble> {
        let expired = if may_have_expired { "&allow_expired=1" } else { "" };
        let url = format!("{}?nocatalog{expired}", self.url);
        self.send(|| {
            Request::get(&url)
                .header("x-auth-token", own)
                .header("x-subject-token", subject)
                // Without it, Keystone hides credentials whose rules we might not know to hold.
                .header("openstack-identity-access-rules", "1")
                .header(header::ACCEPT, "application/json")
                .body(Full::default())
                .expect("the URL was checked at the start")
        })
        .await
    }

    /// Logs in.
    pub async fn post(&self, body: Value) -> Result<Answer, Trouble> {
        self.post_to(&format!("{}?nocatalog", self.url), None, &body).await
    }

    async fn post_to(&self, url: &str, own: Option<&HeaderValue>, body: &Value) -> Result<Answer, Trouble> {
        let body = Bytes::from(body.to_string());
        self.send(|| {
            let mut request = Request::post(url)
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::ACCEPT, "application/json");
            if let Some(own) = own {
                request = request.header("x-auth-token", own);
            }
            request.body(Full::from(body.clone())).expect("the URL was checked at the start")
        })
        .await
    }

    async fn send(&self, build: impl Fn() -> Request<Full<Bytes>>) -> Result<Answer, Trouble> {
        match self.send_once(build()).await {
            // A kept connection may have been closed as it was used; another is made once.
            Err(Trouble::Unreachable(error)) if !error.is_connect() => self.send_once(build()).await,
            heard => heard,
        }
    }

    async fn send_once(&self, request: Request<Full<Bytes>>) -> Result<Answer, Trouble> {
        let whole = async {
            let (head, body) = self.hyper.request(request).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(Trouble::Broken)?.to_bytes();
            let subject = head.headers.get("x-subject-token").cloned();
            Ok(Answer { status: head.status.as_u16(), subject, body })
        };
        timeout(self.limit, whole).await.unwrap_or(Err(Trouble::TooSlow))
    }
}
