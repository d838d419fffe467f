//! The configuration: defaults, then a TOML file, then the environment, then `--set`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bus::nats::NatsOptions;
use serde::{Deserialize, Serialize};
use server::{AuthSettings, Limits, Rules, Settings, TlsSettings, keystone};
use toml::{Table, Value};

mod database;

use database::Database;

/// The commented defaults; a test holds that they are the defaults.
pub const DEFAULTS: &str = include_str!("../neutrino.toml");

const SYSTEM_FILE: &str = "/etc/neutrino/neutrino.toml";
const ENVIRONMENT: &str = "NEUTRINO__";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub auth: Auth,
    pub database: Database,
    pub bus: BusSection,
    pub api: Settings,
    pub network: Rules,
    pub quotas: Limits,
    pub policy: Policy,
    pub software: server::SoftwareSettings,
    pub nova: server::NovaSettings,
    pub notifications: server::NotificationSettings,
    pub ctpurge: agent::ctpurge::Settings,
    pub vhostuserd: vhostuserd::Settings,
    pub vswitchd: vswitchd::Settings,
    pub repod: repod::Settings,
    pub gateway: gateway::Settings,
    pub agent: Option<AgentSection>,
    pub log: Log,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub bind: SocketAddr,
    /// Without it the API is plain HTTP.
    pub tls: Option<TlsSettings>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub kind: AuthKind,
    /// Lets `kind = "none"` listen on an address that others reach.
    pub allow_remote_without_auth: bool,
    pub keystone: Option<keystone::Settings>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthKind {
    None,
    Keystone,
}

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub file: PathBuf,
}

impl Policy {
    /// The operator's rules; empty text stands for none.
    pub fn path(&self) -> Option<PathBuf> {
        Some(self.file.clone()).filter(|file| !file.as_os_str().is_empty())
    }
}

/// How servers and agents reach each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusSection {
    pub kind: BusKind,
    pub nats: NatsOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BusKind {
    InProcess,
    Nats,
}

/// This host's agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentSection(pub Table);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub filter: String,
    pub demo_filter: String,
}

impl Config {
    /// Reads everything that is in force.
    pub fn load(file: Option<&Path>, set: &[String]) -> anyhow::Result<Config> {
        let environment = std::env::vars().filter(|(name, _)| name.starts_with(ENVIRONMENT));
        let environment: Vec<(String, String)> = environment
            .map(|(name, value)| (name[ENVIRONMENT.len()..].to_lowercase().replace("__", "."), value))
            .collect();
        let system = Path::new(SYSTEM_FILE);
        let file = file.or(system.exists().then_some(system));
        let text = match file {
            Some(file) => {
                std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
            }
            None => String::new(),
        };
        let set: Vec<(String, String)> = set
            .iter()
            .map(|text| match text.split_once('=') {
                Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
                None => bail!("--set takes OPTION=VALUE, such as server.bind=127.0.0.1:9797, not '{text}'"),
            })
            .collect::<anyhow::Result<_>>()?;
        let name = file.map_or("the configuration".to_owned(), |file| file.display().to_string());
        Config::merge(&text, &environment, &set).with_context(|| format!("in {name}"))
    }

    fn merge(
        file: &str,
        environment: &[(String, String)],
        set: &[(String, String)],
    ) -> anyhow::Result<Config> {
        let mut all: Table = DEFAULTS.parse().context("the built-in defaults are broken")?;
        // The parser quotes the line, which may hold a secret.
        let given = file.parse::<Table>().map_err(|error| {
            let before = error.span().map_or(0, |span| span.start);
            let line = file.bytes().take(before).filter(|byte| *byte == b'\n').count() + 1;
            anyhow::anyhow!("line {line}: {}", error.message())
        })?;
        lay_over(&mut all, given);
        for (name, value) in environment.iter().chain(set) {
            set_one(&mut all, name, value)?;
        }
        let config: Config = Value::Table(all).try_into()?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        let open = !self.server.bind.ip().is_loopback();
        if self.auth.kind == AuthKind::None && open && !self.auth.allow_remote_without_auth {
            bail!(
                "server.bind = {} lets anyone on the network act as administrator, because auth.kind is \
                 \"none\". Bind to 127.0.0.1, or set auth.allow_remote_without_auth = true if the network \
                 is closed",
                self.server.bind
            );
        }
        self.quotas.check().map_err(|why| anyhow::anyhow!("in [quotas]: {why}"))?;
        self.auth()?;
        self.database.check()?;
        self.ctpurge.check()?;
        self.vhostuserd.check()?;
        self.vswitchd.check()?;
        self.repod.check()?;
        self.gateway.check()?;
        self.agent()?;
        Ok(())
    }

    /// How requests say who asks.
    pub fn auth(&self) -> anyhow::Result<AuthSettings> {
        match (self.auth.kind, &self.auth.keystone) {
            (AuthKind::None, _) => Ok(AuthSettings::Nobody),
            (AuthKind::Keystone, None) => bail!("auth.kind is \"keystone\": [auth.keystone] is missing"),
            (AuthKind::Keystone, Some(settings)) => {
                settings.check().context("in [auth.keystone]")?;
                Ok(AuthSettings::Keystone(Box::new(settings.clone())))
            }
        }
    }

    /// What an operator should know of who can read or pretend what on the way.
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut all = Vec::new();
        if self.auth.kind != AuthKind::Keystone {
            return all;
        }
        if self.server.tls.is_none() && !self.server.bind.ip().is_loopback() {
            all.push("tokens come in over plain HTTP: set [server.tls], unless a proxy before this ends TLS");
        }
        let keystone = self.auth.keystone.as_ref();
        if keystone.is_some_and(keystone::Settings::is_in_clear) {
            all.push("auth_url is http: our password and all tokens can be read on the way to Keystone");
        }
        all
    }

    /// This host's agent, when it has one.
    pub fn agent(&self) -> anyhow::Result<Option<agent::Config>> {
        let Some(section) = &self.agent else { return Ok(None) };
        let mut section = section.0.clone();
        // Where this host's ctpurge listens is said once.
        let socket = || Value::String(self.ctpurge.socket.display().to_string());
        section.entry("ctpurge_socket").or_insert_with(socket);
        let agent = Value::Table(section).try_into().context("in [agent]")?;
        Ok(Some(agent))
    }

    pub fn to_toml(&self) -> anyhow::Result<String> {
        Ok(toml::to_string_pretty(self)?)
    }
}

/// Tables merge, everything else is replaced.
fn lay_over(under: &mut Table, over: Table) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            // Maps whose keys are the operator's own are replaced whole.
            (Some(Value::Table(under)), Value::Table(over)) if !under.is_empty() => lay_over(under, over),
            (_, value) => drop(under.insert(name, value)),
        }
    }
}

/// `a.b.c` and a value: TOML if it reads as such, else text.
fn set_one(all: &mut Table, name: &str, value: &str) -> anyhow::Result<()> {
    let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("v"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    let mut table = all;
    let mut parts: Vec<&str> = name.split('.').collect();
    let Some(last) = parts.pop() else { bail!("an option needs a name") };
    for part in parts {
        let inner = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(inner) = inner else { bail!("'{name}': {part} is not a section") };
        table = inner;
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(file: &str, set: &[(&str, &str)]) -> anyhow::Result<Config> {
        let set: Vec<(String, String)> = set.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        Config::merge(file, &[], &set)
    }

    #[test]
    fn the_commented_file_holds_the_defaults() {
        let config = merged("", &[]).expect("defaults");
        assert_eq!(config.network, Rules::default());
        assert_eq!(config.quotas, Limits::default());
        assert_eq!(config.ctpurge, agent::ctpurge::Settings::default());
        assert_eq!(config.vhostuserd, vhostuserd::Settings::default());
        assert_eq!(config.vswitchd, vswitchd::Settings::default());
        assert_eq!(config.gateway, gateway::Settings::default());
        assert_eq!(Settings { rules: Rules::default(), ..config.api }, Settings::default());
        assert!(config.agent.is_none());
        assert_eq!(config.bus, BusSection { kind: BusKind::InProcess, nats: NatsOptions::default() });
    }

    #[test]
    fn the_password_of_the_database_is_not_shown() {
        for url in [
            "postgresql://u:s3cret@db.example.org/n",
            "postgresql://u:s3c@r3t@db.example.org/n",
            "host=db user=u password=s3cret",
            "postgresql://db/n?user=u&password=s3cret",
        ] {
            let set = [("database.kind", "postgresql"), ("database.url", url)];
            let config = merged("", &set).expect("good");
            let shown = format!("{config:?}{}", config.to_toml().expect("prints"));
            assert!(!shown.contains("s3c") && !shown.contains("r3t"), "{shown}");
            assert_eq!(config.database.url.0, url);
        }
        let shown = database::DatabaseUrl("postgresql://u@db.example.org/n".into()).to_string();
        assert_eq!(shown, "postgresql://u@db.example.org/n");
    }

    #[test]
    fn later_sources_win() {
        let file = "[server]\nbind = '127.0.0.1:1'\n[network.vlan_ranges]\nphysnet1 = [[1, 2]]";
        let config = merged(file, &[("server.bind", "127.0.0.1:2"), ("api.project_id", "p")]).expect("good");
        assert_eq!(config.server.bind.port(), 2);
        assert_eq!(config.api.project_id, "p");
        assert_eq!(config.network.vlan_ranges["physnet1"], [[1, 2]]);
    }

    #[test]
    fn mistakes_are_told() {
        for (file, set, word) in [
            ("[server]\nbindd = 'x'", ("log.filter", "info"), "bindd"),
            ("[server]\nbind = 'x'", ("log.filter", "info"), "bind"),
            ("", ("server.bind", "0.0.0.0:9696"), "allow_remote_without_auth"),
            ("", ("nonsense", "1"), "nonsense"),
            ("[quotas]\nports = 5", ("log.filter", "info"), "ports"),
            ("[auth]\nkind = 'keystone'", ("log.filter", "info"), "[auth.keystone]"),
            ("[auth]\nkind = 'keystone'\n[auth.keystone]", ("log.filter", "info"), "auth_url"),
            ("[auth.keystone]\nauth_uri = 'x'", ("log.filter", "info"), "auth_uri"),
            ("[server.tls]\ncertificate = 'x'", ("log.filter", "info"), "key"),
            ("", ("database.kind", "postgresql"), "database.url"),
            ("", ("ctpurge.first_number", "0"), "first_number"),
            ("", ("vhostuserd.socket_dir", "here"), "socket_dir"),
            ("", ("vhostuserd.ports", "0"), "ports"),
            ("", ("vswitchd.port_slots", "1"), "port_slots"),
            ("", ("vswitchd.waiting_ms", "9"), "waiting_ms"),
            ("[gateway.management]\nbind = '192.0.2.1:8081'", ("log.filter", "info"), "management.bind"),
            ("[gateway.tenant]\nidle = 5", ("log.filter", "info"), "idle"),
            ("[ctpurge]\nfirst = 5", ("log.filter", "info"), "first"),
            ("", ("bus.kind", "rabbit"), "rabbit"),
            ("[bus.nats]\nurl = 'nats://a'", ("log.filter", "info"), "url"),
            ("[agent]\nhost = 'h'\nrole = ['l2']", ("log.filter", "info"), "role"),
        ] {
            let error = merged(file, &[set]).expect_err(word);
            assert!(format!("{error:#}").contains(word), "{error:#} should say {word}");
        }
    }

    /// The example in the commented file, as an operator would turn it on.
    fn example(section: &str) -> String {
        let lines = DEFAULTS.lines().skip_while(|line| *line != format!("# [{section}]"));
        let lines = lines.take_while(|line| line.starts_with('#'));
        lines.map(|line| format!("{}\n", line.strip_prefix("# ").unwrap_or_default())).collect()
    }

    #[test]
    fn the_examples_of_the_commented_file_hold() {
        let file = format!("{}{}", example("auth.keystone"), example("server.tls"));
        let config = merged(&file, &[("auth.kind", "keystone"), ("server.bind", "0.0.0.0:9696")]);
        let config = config.unwrap_or_else(|error| panic!("{error:#}\n{file}"));
        let AuthSettings::Keystone(given) = config.auth().expect("good") else { panic!("not Keystone") };
        let given_here = keystone::Settings {
            auth_url: given.auth_url.clone(),
            www_authenticate_uri: given.www_authenticate_uri.clone(),
            username: given.username.clone(),
            password_file: given.password_file.clone(),
            ca_file: given.ca_file.clone(),
            ..keystone::Settings::default()
        };
        assert_eq!(*given, given_here, "the rest of the example are the defaults");
        assert!(config.server.tls.is_some() && config.warnings().is_empty());
    }

    #[test]
    fn what_can_be_read_on_the_way_is_warned_of() {
        let file = "[auth]\nkind = 'keystone'\n[auth.keystone]\nauth_url = 'http://192.0.2.1:5000'\n\
            username = 'neutrino'\npassword = 'kept to ourselves'";
        let open = merged(file, &[("server.bind", "0.0.0.0:9696")]).expect("good");
        assert_eq!(open.warnings().len(), 2);
        assert!(!open.to_toml().expect("TOML").contains("kept to ourselves"));
        let closed = merged(file, &[("auth.keystone.auth_url", "http://127.0.0.1:5000")]).expect("good");
        assert!(closed.warnings().is_empty());
    }
}
