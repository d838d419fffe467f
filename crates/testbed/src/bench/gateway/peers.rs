//! Others in the same arrangement: a first proxy in the tenant's namespace, a unix socket, a second one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use testbed::gateways::{ADDRESS, Gateways, REPOSITORY};
use testbed::place::command_in;
use testbed::wait;
use tokio::process::Child;

pub const PORT: u16 = 8090;
const SOON: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// With the options that Neutron gives it for metadata.
    Haproxy,
    /// With connections kept and bytes spliced.
    HaproxyTuned,
    Nginx,
}

/// Two processes; dropping them ends them.
pub struct Running(Vec<Child>);

impl Running {
    pub fn pids(&self) -> Vec<u32> {
        self.0.iter().filter_map(Child::id).collect()
    }
}

impl Peer {
    pub const ALL: [Peer; 3] = [Peer::Haproxy, Peer::HaproxyTuned, Peer::Nginx];

    pub fn name(self) -> &'static str {
        match self {
            Peer::Haproxy => "haproxy + haproxy, as Neutron's",
            Peer::HaproxyTuned => "haproxy + haproxy, kept and spliced",
            Peer::Nginx => "nginx + nginx",
        }
    }

    pub async fn start(self, bed: &Gateways) -> anyhow::Result<Running> {
        let dir = bed.dir.path();
        let socket = dir.join("peer.sock");
        let _ = fs::remove_file(&socket);
        let (between, at) = (socket.display().to_string(), format!("{ADDRESS}:{PORT}"));
        let origin = format!("{REPOSITORY}:80");
        let mut all = Vec::new();
        for (role, from, to) in [("management", &between, &origin), ("tenant-0", &at, &between)] {
            all.push(self.one(dir, &bed.place.namespace(role), role, from, to)?);
            let there = || async { (role != "management" || socket.exists()).then_some(()) };
            wait::until(SOON, there).await.with_context(|| format!("{} did not come up", self.name()))?;
        }
        let url = format!("http://{at}/deb/page");
        let answers = || async { bed.curl(0, &["-f", "-o", "/dev/null", &url]).await.ok() };
        wait::until(SOON, answers).await.with_context(|| format!("{} does not answer", self.name()))?;
        Ok(Running(all))
    }

    pub fn one(
        self,
        dir: &Path,
        namespace: &Path,
        name: &str,
        from: &str,
        to: &str,
    ) -> anyhow::Result<Child> {
        let file = dir.join(format!("{name}.conf"));
        fs::write(&file, self.config(dir, name, from, to))?;
        let file = file.display().to_string();
        let words = match self {
            Peer::Nginx => vec!["nginx", "-q", "-c", &file],
            Peer::Haproxy | Peer::HaproxyTuned => vec!["haproxy", "-db", "-q", "-f", &file],
        };
        command_in(namespace, &words).spawn().with_context(|| format!("cannot run {}", words[0]))
    }

    fn config(self, dir: &Path, name: &str, from: &str, to: &str) -> String {
        let is_socket = |at: &str| at.starts_with('/');
        if self == Peer::Nginx {
            let unix = |at: &str| if is_socket(at) { format!("unix:{at}") } else { at.to_owned() };
            let (dir, from, to) = (dir.display(), unix(from), unix(to));
            return format!(
                "master_process off; daemon off; user root; pid {dir}/{name}.pid; error_log {dir}/{name}.err;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000;
  upstream u {{ server {to}; keepalive 64; }}
  server {{ listen {from}; location / {{ proxy_pass http://u; proxy_http_version 1.1;
    proxy_set_header Connection \"\"; proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Network-Id n1; proxy_buffers 32 64k; proxy_busy_buffers_size 512k;
    proxy_max_temp_file_size 0; }} }} }}\n"
            );
        }
        let (bind, server) = (
            if is_socket(from) { format!("unix@{from} mode 666") } else { from.to_owned() },
            if is_socket(to) { format!("unix@{to}") } else { to.to_owned() },
        );
        let mode = match self {
            Peer::HaproxyTuned => "option http-keep-alive\n    option splice-auto\n    http-reuse always",
            _ => "option http-server-close",
        };
        format!(
            "global
    maxconn 1024
    nbthread 1
defaults
    mode http
    {mode}
    option forwardfor
    retries 3
    timeout http-request 30s
    timeout connect 30s
    timeout client 32s
    timeout server 32s
    timeout http-keep-alive 30s
listen listener
    bind {bind}
    server s {server}
    http-request add-header X-OpenStack-Network-ID n1\n"
        )
    }
}
