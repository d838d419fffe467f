//! A real nats-server of its own: on loopback, with logins and permissions as operators have them.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use bus::nats::permissions::{Account, Login, authorization};
use bus::{Bus, Nats, nats::NatsOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{Authority, wait};

/// The login of servers.
pub const SERVER: &str = "server";
const START: Duration = Duration::from_secs(20);

/// An nkey and its seed, for tests of that login only.
const NKEY: &str = "UB43KVROR7TFJ6KAPCYRF2FJROTZAH4FHLTJLPWX4DRZCC5NASLGJBFE";
const SEED: &str = "SUAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6IC5CQ";

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct NatsPlan {
    /// Hosts that may log in; with none, nobody has to.
    pub hosts: Vec<String>,
    pub tls: bool,
    /// Hosts show a certificate instead of a password.
    pub certificates: bool,
    /// The first host has an nkey instead of a password.
    pub nkey: bool,
    /// Bytes in a message; nats-server's default when 0.
    pub max_payload: usize,
}

impl NatsPlan {
    pub fn of_hosts(hosts: impl IntoIterator<Item = impl Into<String>>) -> NatsPlan {
        NatsPlan { hosts: hosts.into_iter().map(Into::into).collect(), ..NatsPlan::default() }
    }
}

/// A running nats-server; dropping it kills it.
pub struct NatsServer {
    plan: NatsPlan,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl NatsServer {
    pub async fn start(plan: NatsPlan) -> anyhow::Result<NatsServer> {
        let mut nats = NatsServer { plan, folder: tempfile::tempdir()?, port: 0, child: None };
        nats.write_secrets()?;
        nats.restart().await?;
        Ok(nats)
    }

    /// Starts it again, where it was.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.kill();
        let file = self.file("nats.conf");
        std::fs::write(&file, self.configuration()?)?;
        let log = std::fs::File::create(self.file("log"))?;
        let mut command = Command::new("nats-server");
        command.arg("--config").arg(&file).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        for (variable, password) in self.passwords() {
            command.env(variable, password);
        }
        let child =
            command.spawn().context("cannot run nats-server: scripts/install-packages test brings it")?;
        let ports = self.file(&format!("nats-server_{}.ports", child.id()));
        let pid = child.id();
        self.child = Some(child);
        let ended = || {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
        };
        let ready = wait::until(START, || async {
            let told: Option<serde_json::Value> =
                std::fs::read(&ports).ok().and_then(|told| serde_json::from_slice(&told).ok());
            let Some(told) = told else { return ended().then_some(None) };
            let port = told["nats"][0].as_str()?.rsplit(':').next()?.parse::<u16>().ok()?;
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(|_| Some(port))
        });
        match ready.await.flatten() {
            Some(port) => self.port = port,
            None => bail!("nats-server does not start: {}", std::fs::read_to_string(self.file("log"))?),
        }
        Ok(())
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops and continues it: connections stay, and nothing passes.
    pub fn freeze(&self, frozen: bool) -> anyhow::Result<()> {
        let child = self.child.as_ref().context("nats-server runs")?;
        let signal = if frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
        Ok(kill(Pid::from_raw(i32::try_from(child.id())?), signal)?)
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", if self.plan.tls { "tls" } else { "nats" }, self.port)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// How a host, or [`SERVER`], logs in.
    pub fn options(&self, name: &str) -> NatsOptions {
        let mut options = NatsOptions::at(self.url());
        if self.plan.tls {
            options.ca_file = Some(self.file("ca.pem"));
        }
        if self.plan.hosts.is_empty() {
            return options;
        }
        if self.has_nkey(name) {
            options.nkey_seed_file = Some(self.file("seed"));
        } else if self.plan.certificates {
            options.certificate_file = Some(self.file(&format!("{name}.pem")));
            options.key_file = Some(self.file(&format!("{name}.key")));
        } else {
            options.user = Some(name.to_owned());
            options.password_file = Some(self.file(&format!("{name}.password")));
        }
        options
    }

    /// A server's connection.
    pub fn server(&self) -> anyhow::Result<Nats> {
        Ok(Nats::start(self.options(SERVER), None)?)
    }

    /// A host's connection.
    pub fn host(&self, name: &str) -> anyhow::Result<Nats> {
        Ok(Nats::start(self.options(name), Some(name))?)
    }

    pub fn server_bus(&self) -> anyhow::Result<Bus> {
        Ok(Bus::new(self.server()?))
    }

    pub fn host_bus(&self, name: &str) -> anyhow::Result<Bus> {
        Ok(Bus::new(self.host(name)?))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.plan.hosts.iter().map(String::as_str).chain([SERVER])
    }

    fn has_nkey(&self, name: &str) -> bool {
        self.plan.nkey && self.plan.hosts.first().is_some_and(|first| first == name)
    }

    fn write_secrets(&self) -> anyhow::Result<()> {
        std::fs::write(self.file("seed"), SEED)?;
        for name in self.names() {
            std::fs::write(self.file(&format!("{name}.password")), format!("secret of {name}\n"))?;
        }
        if self.plan.tls {
            let authority = Authority::new("of the bus")?;
            std::fs::write(self.file("ca.pem"), authority.pem())?;
            for name in self.names().chain(["127.0.0.1"]) {
                let signed = authority.sign_for(&[name], name)?;
                std::fs::write(self.file(&format!("{name}.pem")), signed.certificate)?;
                std::fs::write(self.file(&format!("{name}.key")), signed.key)?;
            }
        }
        Ok(())
    }

    fn accounts(&self) -> (Vec<Account>, Vec<Account>) {
        let account = |name: &str| {
            let login = match self.plan.certificates {
                _ if self.has_nkey(name) => Login::Nkey(NKEY.to_owned()),
                true => Login::Certificate,
                false => Login::Password,
            };
            Account { name: name.to_owned(), login }
        };
        (vec![account(SERVER)], self.plan.hosts.iter().map(|host| account(host)).collect())
    }

    fn authorization(&self) -> String {
        let (servers, hosts) = self.accounts();
        authorization(&servers, &hosts)
    }

    /// What the authorization block asks of the environment.
    fn passwords(&self) -> Vec<(String, String)> {
        let text = self.authorization();
        let value = |line: &str, word: &str| {
            line.trim().strip_prefix(word).map(|rest| rest.trim_matches('"').to_owned())
        };
        let users = text.lines().filter_map(|line| value(line, "user: "));
        let variables = text.lines().filter_map(|line| value(line, "password: $"));
        variables.zip(users).map(|(variable, user)| (variable, format!("\"secret of {user}\""))).collect()
    }

    fn configuration(&self) -> anyhow::Result<String> {
        let mut text = format!(
            "host: \"127.0.0.1\"\nport: {}\nports_file_dir: {:?}\n",
            if self.port == 0 { -1 } else { i32::from(self.port) },
            self.folder.path()
        );
        if self.plan.max_payload > 0 {
            writeln!(text, "max_payload: {}", self.plan.max_payload)?;
        }
        if self.plan.tls {
            let (certificate, key) = (self.file("127.0.0.1.pem"), self.file("127.0.0.1.key"));
            let clients = if self.plan.certificates { "verify_and_map: true" } else { "" };
            writeln!(
                text,
                "tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {:?}, {clients} }}",
                self.file("ca.pem")
            )?;
        }
        if !self.plan.hosts.is_empty() {
            text += &self.authorization();
        }
        Ok(text)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
