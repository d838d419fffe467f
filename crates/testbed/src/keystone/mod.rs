//! A real Keystone of a test's own, on SQLite.
//!
//! ```text
//! template   database and keys, made once and copied    people   who is in it
//! relay      counts requests, can be slow or broken     serve.py runs it
//! ```

mod people;
mod relay;
mod template;

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use server::AuthSettings;
use server::keystone::{Secret, Settings};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio_rustls::rustls::ServerConfig;

use crate::client::Client;
use crate::{python, wait};
pub use relay::{Manner, Relay};
pub use template::Lifetimes;

/// Of every user.
pub const PASSWORD: &str = "only-for-tests";
pub const REGION: &str = "RegionOne";
const SOCKET: &str = "socket";
/// A machine with much else to do may need some time.
const START: Duration = Duration::from_secs(120);

/// What to start.
pub struct Plan {
    pub lifetimes: Lifetimes,
    /// Clients other than the test's own come by TLS.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { lifetimes: Lifetimes { expiration_s: 3600, allow_expired_s: 172_800 }, tls: None }
    }
}

/// What a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scope<'a> {
    Project(&'a str),
    /// The domain `Default`.
    Domain,
    System,
    Nothing,
}

/// A running Keystone; dropping it ends it.
pub struct Keystone {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// What our server and other judged programs go through.
    pub relay: Relay,
    /// The test's own way, which is neither counted nor disturbed.
    client: Client,
    _aside: Relay,
    process: Option<Child>,
    folder: TempDir,
}

impl Keystone {
    pub async fn start(plan: Plan) -> anyhow::Result<Keystone> {
        let folder = tempfile::tempdir()?;
        let place = folder.path().to_owned();
        let unfinished =
            tokio::task::spawn_blocking(move || template::copy(&place, &plan.lifetimes)).await??;
        let socket = folder.path().join(SOCKET);
        let scheme = if plan.tls.is_some() { "https" } else { "http" };
        let relay = Relay::start(&socket, plan.tls).await?;
        let aside = Relay::start(&socket, None).await?;
        let url = format!("{scheme}://{}", relay.address);
        let client = Client::new(aside.address);
        let mut keystone = Keystone { url, relay, client, _aside: aside, process: None, folder };
        if let Some(unfinished) = unfinished {
            keystone.run().await?;
            people::add(&keystone).await?;
            keystone.kill().await?;
            unfinished.keep(keystone.folder.path())?;
        }
        let database = rusqlite::Connection::open(keystone.folder.path().join(template::DATABASE))?;
        let sql = "UPDATE endpoint SET url = replace(url, ?1, ?2)";
        database.execute(sql, [template::IDENTITY_URL, &keystone.url])?;
        drop(database);
        keystone.run().await?;
        Ok(keystone)
    }

    /// Starts the process, again after a [`Keystone::kill`].
    pub async fn run(&mut self) -> anyhow::Result<()> {
        let (socket, log) = (self.folder.path().join(SOCKET), self.folder.path().join("keystone.log"));
        let _ = std::fs::remove_file(&socket);
        let process = Command::new(python::program("python"))
            .args(["-W", "ignore", "-c", include_str!("serve.py")])
            .arg(&socket)
            .env("OS_KEYSTONE_CONFIG_FILES", self.folder.path().join(template::CONFIGURATION))
            // The process ends when its input does, also if the test is killed.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .context("Python does not run: scripts/install-packages test")?;
        self.process = Some(process);
        let client = &self.client;
        let up = wait::until(START, || async { client.send("GET", "/v3", None, &[]).await.ok() }).await;
        if up.is_none() {
            bail!("Keystone does not start: {}", tail(&log));
        }
        Ok(())
    }

    /// Ends the process at whatever it is doing.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill().await?;
        }
        Ok(())
    }

    /// Settings of a server that asks this Keystone, and forgets soon.
    pub fn settings(&self) -> Settings {
        Settings {
            auth_url: self.url.clone(),
            username: Some("neutrino".into()),
            password: Some(Secret::new(PASSWORD)),
            timeout_s: 30,
            ..Settings::default()
        }
    }

    /// The settings of an API whose callers come with tokens of this Keystone.
    pub fn api(&self, settings: Settings) -> server::Settings {
        server::Settings { auth: AuthSettings::Keystone(Box::new(settings)), ..server::Settings::default() }
    }

    /// A token of a user.
    pub async fn token(&self, user: &str, scope: Scope<'_>) -> anyhow::Result<String> {
        let user = json!({ "name": user, "domain": { "id": "default" }, "password": PASSWORD });
        self.token_for(json!({ "methods": ["password"], "password": { "user": user } }), scope).await
    }

    /// A token for an identity as Keystone's API words it.
    pub async fn token_for(&self, identity: Value, scope: Scope<'_>) -> anyhow::Result<String> {
        let mut auth = json!({ "identity": identity });
        match scope {
            Scope::Project(name) => {
                auth["scope"] = json!({ "project": { "name": name, "domain": { "id": "default" } } });
            }
            Scope::Domain => auth["scope"] = json!({ "domain": { "id": "default" } }),
            Scope::System => auth["scope"] = json!({ "system": { "all": true } }),
            Scope::Nothing => {}
        }
        let body = json!({ "auth": auth }).to_string();
        let headers = [("content-type", "application/json")];
        let answer = self.client.whole("POST", "/v3/auth/tokens", Some(body), &headers).await?;
        match answer.headers().get("x-subject-token") {
            Some(token) => Ok(token.to_str()?.to_owned()),
            None => bail!("{}: {}", answer.status(), String::from_utf8_lossy(answer.body())),
        }
    }

    pub async fn revoke(&self, token: &str) -> anyhow::Result<()> {
        let headers = [("x-auth-token", token), ("x-subject-token", token)];
        self.send("DELETE", "/v3/auth/tokens", None, &headers).await.map(drop)
    }

    /// Tells everybody by the catalog where the network service is.
    pub async fn serve_network(&self, url: &str) -> anyhow::Result<()> {
        people::serve_network(self, url).await
    }

    /// Asks Keystone's API; a refusal is an error.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Value> {
        let headers: Vec<_> = headers.iter().copied().chain([("content-type", "application/json")]).collect();
        let body = body.map(|body| body.to_string());
        let (status, answer) = self.client.send(method, path, body, &headers).await?;
        if status >= 300 {
            bail!("{method} {path}: {status} {answer}");
        }
        Ok(answer)
    }

    /// What the environment of a client says for a user of a project.
    pub fn environment(&self, user: &str, project: &str) -> Vec<(&'static str, String)> {
        [
            ("OS_AUTH_URL", format!("{}/v3", self.url).as_str()),
            ("OS_IDENTITY_API_VERSION", "3"),
            ("OS_USERNAME", user),
            ("OS_PASSWORD", PASSWORD),
            ("OS_PROJECT_NAME", project),
            ("OS_USER_DOMAIN_ID", "default"),
            ("OS_PROJECT_DOMAIN_ID", "default"),
            ("OS_REGION_NAME", REGION),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
