//! A cloud of processes: PostgreSQL, NATS, two servers, an agent for every host. Each part can be
//! killed and comes back where it was.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use testbed::nats::{NatsPlan, NatsServer, SERVER};
use testbed::place::{link, run_in};
use testbed::postgres::{Database, Postgres, Setup};
use testbed::{Client, Place, Program, wait};

use crate::netns::judge::Ends;

const SOON: Duration = Duration::from_secs(60);
/// Lines of a log that tell why something does not come up.
const LAST: usize = 15;

pub struct Many {
    pub postgres: Postgres,
    pub nats: NatsServer,
    pub servers: Vec<Program>,
    pub agents: Vec<Program>,
    pub clients: Vec<Client>,
    /// Hosts by name, with their ends of the tunnels.
    pub ends: Ends,
    pub place: Place,
    _folder: tempfile::TempDir,
}

impl Many {
    pub async fn start(name: &str, hosts: usize) -> anyhow::Result<Many> {
        let place = Place::new(name)?;
        let folder = tempfile::tempdir()?;
        let names: Vec<String> = (1..=hosts).map(|n| format!("host-{n}")).collect();
        let postgres = Postgres::start(Setup { durable: true, ..Setup::default() }).await?;
        let database = postgres.make().await?;
        let nats = NatsServer::start(NatsPlan { tls: true, ..NatsPlan::of_hosts(&names) }).await?;
        let (mut servers, mut clients) = (Vec::new(), Vec::new());
        for n in 0..2 {
            let port = free_port(n)?;
            let configuration = server(port, &database) + &bus(&nats, SERVER)?;
            servers.push(neutrino(folder.path(), &format!("server-{n}"), "server", &configuration)?);
            clients.push(Client::at(format!("http://127.0.0.1:{port}")));
        }
        let (mut agents, mut ends) = (Vec::new(), Ends::new());
        let switch = place.add("underlay").await?;
        run_in(&switch, &["ip", "link", "add", "under", "type", "bridge", "mcast_snooping", "0"]).await?;
        run_in(&switch, &["ip", "link", "set", "under", "up"]).await?;
        for (n, host) in names.iter().enumerate() {
            let (namespace, wire, address) =
                (place.add(host).await?, format!("under{n}"), format!("192.0.2.{}", n + 1));
            link(&switch, &wire, &namespace, "under0", None).await?;
            run_in(&switch, &["ip", "link", "set", &wire, "master", "under"]).await?;
            run_in(&namespace, &["ip", "address", "add", &format!("{address}/24"), "dev", "under0"]).await?;
            let configuration = agent(&place, host, &namespace, &address)? + &bus(&nats, host)?;
            agents.push(neutrino(folder.path(), host, "agent", &configuration)?);
            ends.insert(host.clone(), address);
        }
        Ok(Many { postgres, nats, servers, agents, clients, ends, place, _folder: folder })
    }

    /// Waits until every server answers and knows every agent to be alive.
    pub async fn is_up(&self) -> anyhow::Result<()> {
        for client in &self.clients {
            let known = wait::until(SOON, || async {
                let agents = client.get("agents?alive=true").await.ok()?;
                (agents.as_array()?.len() == 2 * self.agents.len()).then_some(())
            });
            known.await.with_context(|| {
                format!("{} does not know all agents. {}", client.base(), self.last_said())
            })?;
        }
        Ok(())
    }

    /// The last that each program said, and whether it runs.
    fn last_said(&self) -> String {
        let all = self.servers.iter().chain(&self.agents).map(|program| {
            let said = program.said();
            let last: Vec<&str> = said.lines().rev().take(LAST).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            format!("\n{program}:\n{}", last.join("\n"))
        });
        all.collect()
    }

    pub fn namespace(&self, host: &str) -> PathBuf {
        self.place.namespace(host)
    }
}

/// A port that no outgoing connection takes while its server is down.
fn free_port(n: u16) -> anyhow::Result<u16> {
    let from = 20_000 + u16::try_from(std::process::id() % 1_000)? * 10 + n * 5;
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (from..30_100).find(free).context("a free port below those of outgoing connections")
}

fn server(port: u16, database: &Database) -> String {
    format!(
        "server.bind = '127.0.0.1:{port}'\n[database]\nkind = 'postgresql'\nurl = \"{}\"\n\
         [quotas]\nnetwork = -1\nport = -1\nsubnet = -1\n",
        database.url
    )
}

fn agent(place: &Place, host: &str, namespace: &Path, address: &str) -> anyhow::Result<String> {
    let netns = place.folder().join(format!("{host}.netns"));
    std::fs::create_dir_all(&netns)?;
    Ok(format!(
        "[agent]\nhost = '{host}'\nnamespace = '{}'\nnetns_dir = '{}'\ntunneling_ip = '{address}'\n\
         sweep_interval_s = 5\nheartbeat_interval_s = 2\n",
        namespace.display(),
        netns.display()
    ))
}

/// `[bus]` for a login.
pub fn bus(nats: &NatsServer, login: &str) -> anyhow::Result<String> {
    let options = nats.options(login);
    let path = |path: Option<PathBuf>| path.map(|path| path.display().to_string()).context("is set");
    Ok(format!(
        "[bus]\nkind = 'nats'\n[bus.nats]\nurls = ['{}']\nuser = '{login}'\npassword_file = '{}'\nca_file = '{}'\n",
        options.urls[0],
        path(options.password_file)?,
        path(options.ca_file)?,
    ))
}

pub fn neutrino(folder: &Path, name: &str, word: &str, configuration: &str) -> anyhow::Result<Program> {
    let file = folder.join(format!("{name}.toml"));
    std::fs::write(&file, configuration)?;
    let words = ["--config", file.to_str().context("text")?, word];
    Program::start(Path::new(env!("CARGO_BIN_EXE_neutrino")), &words, folder.join(format!("{name}.log")))
}
