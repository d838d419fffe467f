//! A whole cloud in one process: an underlay, hosts with agents, a server, a client.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::Role;
use anyhow::{Context, bail};
use bus::Bus;
use db::{Db, Options};
use model::desired::L3Mode;
use serde_json::{Value, json};
use server::{Serving, Settings};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::{Client, id_of};
use crate::ctpurge::{self, Ctpurge};
use crate::guest::Guest;
use crate::place::{Place, link, run_in};
use crate::program::Program;
use crate::road::Road;
use crate::wait;

/// What to build.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names the run's folder.
    pub name: String,
    pub hosts: usize,
    pub bind: SocketAddr,
    pub settings: Settings,
    /// Interface mappings of every host; `physnet1 -> phys0` makes hosts have such a device.
    pub physical_networks: Vec<String>,
    /// What the L3 agent of each host is for; hosts behind the last have none.
    pub l3: Vec<Option<L3Mode>>,
    /// Ports that name no group are reached by each other only, as out of the box; else by everybody.
    pub guarded: bool,
    /// The `neutrino` that runs as each host's ctpurge; without one, nobody forgets connections.
    pub ctpurge: Option<PathBuf>,
    /// The `neutrino` that runs as the repository and as each host's gateways; without one, there are none.
    pub software: Option<PathBuf>,
    /// The `neutrino` that runs as each host's vhostuserd; without one, instances have devices of their own.
    pub vhostuser: Option<PathBuf>,
    /// Where agents run; else where the server does.
    pub agents: Option<Handle>,
}

impl Plan {
    pub fn new(name: &str, hosts: usize) -> Plan {
        Plan {
            name: name.to_owned(),
            hosts,
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            settings: Settings::default(),
            physical_networks: vec![],
            l3: vec![],
            guarded: false,
            ctpurge: None,
            software: None,
            vhostuser: None,
            agents: None,
        }
    }
}

/// A running cloud; dropping it stops all of it and removes what was made.
pub struct Cloud {
    pub client: Client,
    pub bus: Bus,
    pub address: SocketAddr,
    pub hosts: Vec<Host>,
    /// The way to software, if there is one.
    pub road: Option<Road>,
    serving: Option<Serving>,
    stop: watch::Sender<bool>,
    agents: Option<Handle>,
    // Dropped last, after agents have stopped working in it.
    pub place: Place,
    folder: TempDir,
}

/// One host: a namespace with an address on the underlay, and its agent.
pub struct Host {
    pub name: String,
    pub namespace: PathBuf,
    pub tunneling_ip: IpAddr,
    pub ctpurge: Option<Ctpurge>,
    /// Joins instances that share their memory.
    pub vhostuserd: Option<Program>,
    config: agent::Config,
    agent: Option<Running>,
}

struct Running {
    task: JoinHandle<Result<(), agent::AgentError>>,
    stop: watch::Sender<bool>,
}

const DATABASE: &str = "neutrino.db";

/// Network of the underlay (RFC 5737 documentation addresses).
fn underlay_address(host: usize) -> IpAddr {
    IpAddr::from([192, 0, 2, 10 + u8::try_from(host).unwrap_or(u8::MAX)])
}

impl Cloud {
    /// Builds the underlay and the server; hosts follow with [`Cloud::start_agent`].
    pub async fn build(plan: Plan, bus: Bus) -> anyhow::Result<Cloud> {
        let place = Place::new(&plan.name)?;
        let folder = tempfile::tempdir()?;
        let mut hosts = hosts(&place, &plan).await?;
        let mut settings = plan.settings;
        let road = match &plan.software {
            Some(program) => Some(road(program, folder.path(), &mut hosts, &mut settings).await?),
            None => None,
        };
        let db = Db::open(Options::new(folder.path().join(DATABASE))).await?;
        let listener = TcpListener::bind(plan.bind)
            .await
            .with_context(|| format!("cannot listen on {}: is another server running there?", plan.bind))?;
        let (stop, stopping) = watch::channel(false);
        let serving = server::start(settings, db, bus.clone(), listener, stopping).await?;
        let address = serving.address;
        let client = Client::new(address);
        if !plan.guarded {
            client.open_default_group().await?;
        }
        let agents = plan.agents;
        Ok(Cloud { client, bus, address, hosts, road, serving: Some(serving), stop, agents, place, folder })
    }

    /// Builds a cloud with every agent running and known to the server.
    pub async fn start(plan: Plan) -> anyhow::Result<Cloud> {
        let mut cloud = Cloud::build(plan, Bus::in_process()).await?;
        for host in 0..cloud.hosts.len() {
            cloud.start_agent(host);
        }
        cloud.agents_alive().await?;
        Ok(cloud)
    }

    /// The server's database.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join(DATABASE)
    }

    /// Whether an agent leaves out routers that it has nothing to do for, from its next start on.
    pub fn set_lazy(&mut self, host: usize, lazy: bool) {
        self.hosts[host].config.lazy_routers = lazy;
    }

    /// Seconds between an agent's looks at everything, from its next start on.
    pub fn set_sweep_s(&mut self, host: usize, seconds: u64) {
        self.hosts[host].config.sweep_interval_s = seconds;
    }

    /// Where an agent asks that connections be forgotten, from its next start on.
    pub fn set_ctpurge(&mut self, host: usize, socket: PathBuf) {
        self.hosts[host].config.ctpurge_socket = socket;
    }

    pub fn start_agent(&mut self, host: usize) {
        let host = &mut self.hosts[host];
        let (stop, stopping) = watch::channel(false);
        let running = agent::run(host.config.clone(), self.bus.clone(), stopping);
        let task = self.agents.as_ref().unwrap_or(&Handle::current()).spawn(running);
        host.agent = Some(Running { task, stop });
    }

    /// Ends an agent as a kill does: at whatever it is doing.
    pub async fn kill_agent(&mut self, host: usize) {
        if let Some(running) = self.hosts[host].agent.take() {
            running.task.abort();
            let _ = running.task.await;
        }
    }

    /// Waits until the server has heard of every host's agents.
    pub async fn agents_alive(&self) -> anyhow::Result<()> {
        let running = self.hosts.iter().filter(|host| host.agent.is_some());
        let wanted: usize = running.map(|host| host.config.roles.len()).sum();
        let known = wait::until(Duration::from_secs(30), || async {
            let agents = self.client.get("agents?alive=true").await.ok()?;
            (agents.as_array()?.len() >= wanted).then_some(())
        });
        known.await.context("the agents did not report themselves in 30 s")
    }

    /// A network with the IPv4 subnet 10.0.0.0/24, of which 10.0.0.200 and up are never given out;
    /// the network's id.
    pub async fn network(&self, name: &str) -> anyhow::Result<String> {
        let pools = json!([{ "start": "10.0.0.2", "end": "10.0.0.199" }]);
        self.network_with(name, json!({ "cidr": "10.0.0.0/24", "allocation_pools": pools })).await
    }

    /// A network with one IPv4 subnet; the network's id.
    pub async fn network_of(&self, name: &str, cidr: &str) -> anyhow::Result<String> {
        self.network_with(name, json!({ "cidr": cidr })).await
    }

    async fn network_with(&self, name: &str, mut subnet: Value) -> anyhow::Result<String> {
        let network = self.client.create("network", json!({ "name": name })).await?;
        subnet["network_id"] = network["id"].clone();
        subnet["ip_version"] = json!(4);
        self.client.create("subnet", subnet).await?;
        Ok(id_of(&network))
    }

    /// A port on a host, with an instance plugged into it.
    pub async fn boot(&self, name: &str, network: &str, host: usize) -> anyhow::Result<(Guest, Value)> {
        self.boot_in(name, network, host, &[]).await
    }

    /// The same in security groups; in the default group when none is named.
    pub async fn boot_in(
        &self,
        name: &str,
        network: &str,
        host: usize,
        groups: &[&str],
    ) -> anyhow::Result<(Guest, Value)> {
        let port = self.port(name, network, host, groups).await?;
        let guest = Guest::boot(&self.place, name, &self.hosts[host].namespace, &port).await?;
        Ok((guest, port))
    }

    /// The port of an instance to be, bound to a host.
    pub async fn port(
        &self,
        name: &str,
        network: &str,
        host: usize,
        groups: &[&str],
    ) -> anyhow::Result<Value> {
        let host = &self.hosts[host];
        let mut fields = json!({
            "name": name, "network_id": network, "device_owner": "compute:nova", "device_id": name,
            "binding:host_id": host.name,
        });
        if !groups.is_empty() {
            fields["security_groups"] = json!(groups);
        }
        let port = self.client.create("port", fields).await?;
        if !["tap", "vhostuser"].map(Value::from).contains(&port["binding:vif_type"]) {
            bail!("the port of {name} was not bound to {}: {}", host.name, port["binding:vif_type"]);
        }
        Ok(port)
    }

    /// Waits until a port has a status.
    pub async fn port_is(&self, id: &str, status: &str, limit: Duration) -> anyhow::Result<Value> {
        let path = format!("ports/{id}");
        let found = wait::until(limit, || async {
            let port = self.client.get(&path).await.ok()?;
            (port["status"] == status).then_some(port)
        });
        match found.await {
            Some(port) => Ok(port),
            None => bail!("port {id} is not {status} after {limit:?}: {}", self.client.get(&path).await?),
        }
    }

    /// Stops everything in order, and says what went wrong on the way.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for host in &mut self.hosts {
            if let Some(running) = host.agent.take() {
                running.stop.send_replace(true);
                running.task.await.context("an agent panicked")??;
            }
        }
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            serving.until_stopped().await;
        }
        Ok(())
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for host in &mut self.hosts {
            if let Some(running) = host.agent.take() {
                running.task.abort();
            }
        }
    }
}

/// The repository, and gateways of all hosts, of which the server and the agents are told.
async fn road(
    program: &Path,
    folder: &Path,
    hosts: &mut [Host],
    settings: &mut Settings,
) -> anyhow::Result<Road> {
    let named = hosts.iter().map(|host| (host.name.clone(), host.config.netns_dir.clone()));
    let road = Road::start(program, &folder.join("software"), &named.collect::<Vec<_>>()).await?;
    for (host, gates) in hosts.iter_mut().zip(&road.gates) {
        host.config.gateway = Some(gates.settings());
    }
    settings.software = road.settings();
    Ok(road)
}

/// Hosts as namespaces around one that is the switch between them.
async fn hosts(place: &Place, plan: &Plan) -> anyhow::Result<Vec<Host>> {
    let switch = place.add("underlay").await?;
    let mut bridges = vec!["under".to_owned()];
    bridges.extend(plan.physical_networks.iter().map(|name| format!("sw-{name}")));
    for bridge in &bridges {
        run_in(&switch, &["ip", "link", "add", bridge, "type", "bridge", "mcast_snooping", "0"]).await?;
        run_in(&switch, &["ip", "link", "set", bridge, "up"]).await?;
    }
    let mut hosts = Vec::new();
    for at in 0..plan.hosts {
        let name = format!("host-{}", at + 1);
        let namespace = place.add(&name).await?;
        plug(&switch, "under", &namespace, "under0", at).await?;
        let tunneling_ip = underlay_address(at);
        let address = format!("{tunneling_ip}/24");
        run_in(&namespace, &["ip", "address", "add", &address, "dev", "under0"]).await?;
        let mut config = agent::Config::new(&name);
        for physical in &plan.physical_networks {
            let device = format!("to-{physical}");
            plug(&switch, &format!("sw-{physical}"), &namespace, &device, at).await?;
            config.interface_mappings.insert(physical.clone(), device);
        }
        config.namespace = Some(namespace.clone());
        config.netns_dir = place.folder().join(format!("{name}.netns"));
        std::fs::create_dir_all(&config.netns_dir)?;
        config.ctpurge_socket = ctpurge::socket(place, &name);
        let ctpurge = match &plan.ctpurge {
            Some(program) => Some(Ctpurge::start(program, place, &name, &config.netns_dir).await?),
            None => None,
        };
        config.tunneling_ip = Some(tunneling_ip);
        config.availability_zone = Some("nova".into());
        if let Some(mode) = plan.l3.get(at).copied().flatten() {
            config.roles.insert(Role::L3);
            config.agent_mode = mode;
        }
        let vhostuserd = match &plan.vhostuser {
            Some(program) => Some(vhostuserd(program, place, &mut config).await?),
            None => None,
        };
        hosts.push(Host { name, namespace, tunneling_ip, ctpurge, vhostuserd, config, agent: None });
    }
    Ok(hosts)
}

/// Runs `neutrino vhostuserd` for a host, and has its agent say so.
async fn vhostuserd(program: &Path, place: &Place, config: &mut agent::Config) -> anyhow::Result<Program> {
    let folder = place.folder().join(format!("{}.vhostuser", config.host));
    let set = |option: &str, value: &Path| format!("vhostuserd.{option}={}", value.display());
    let (dir, netns) = (set("socket_dir", &folder), set("namespace", &place.namespace(&config.host)));
    let words = ["--set", &dir, "--set", &netns, "vhostuserd"];
    let running = Program::start(program, &words, folder.with_extension("vhostuser.log"))?;
    running.says("instances are waited for", Duration::from_secs(20)).await?;
    config.vhostuser_socket_dir = Some(folder);
    Ok(running)
}

async fn plug(switch: &Path, bridge: &str, host: &Path, device: &str, at: usize) -> anyhow::Result<()> {
    let port = format!("{}{at}", &bridge[..bridge.len().min(12)]);
    link(switch, &port, host, device, None).await?;
    run_in(switch, &["ip", "link", "set", &port, "master", bridge]).await.map(drop)
}
