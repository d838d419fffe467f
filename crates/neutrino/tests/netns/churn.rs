//! A hundred routers change while their agent is killed at random: afterwards the host is what it
//! would be had it been built from nothing, and a router that nobody changed never lost a packet,
//! between its networks and out of them. A third of them are whole routers, a third distributed ones
//! that are lazy at times, a third distributed ones with an instance on the host. The agent finds no
//! program: neither `ip` nor `nft`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use testbed::client::id_of;
use testbed::nats::{NatsPlan, NatsServer};
use testbed::place::{command_in, delete_in, kept_in, link, run_in};
use testbed::{Client, Guest, Lone, Place, Program, wait};

use crate::netns::chance::Chance;
use crate::netns::many::bus;

const HOST: &str = "host-1";
const ROUTERS: usize = 100;
const OUTSIDE: &str = "203.0.113.1";
const CHURN: Duration = Duration::from_secs(20);
const SETTLED: Duration = Duration::from_secs(90);
const SEED: u64 = 20_261_122;

/// A server in this process, an agent in its own, NATS between them.
struct World {
    client: Client,
    agent: Program,
    place: Place,
    external: String,
    _lone: Lone,
    _nats: NatsServer,
    _folder: tempfile::TempDir,
}

/// A router of the churn, as the client knows it.
struct Changing {
    router: String,
    subnets: [String; 2],
    /// A port of its first subnet, and the address.
    port: (String, String),
    /// Whether it has its second interface, and its gateway.
    second: bool,
    gateway: bool,
    /// A floating IP, and the forwarding of one of its ports; without one it is the port's.
    floating: Option<(String, Option<String>)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routers_survive_an_agent_that_is_killed_at_random() {
    let seed = std::env::var("NEUTRINO_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("NEUTRINO_SEED={seed}");
    let mut chance = Chance::new(seed);
    let mut world = World::start().await.expect("a cloud; these tests need root");
    let (guest, to) = world.steady().await.expect("a router with two instances");
    let mut routers = Vec::new();
    for at in 0..ROUTERS {
        routers.push(world.router(at).await.expect("a router"));
    }
    let pings = (CHURN.as_millis() / 100).to_string();
    let ping = |to: &str| {
        let words = ["ping", "-n", "-q", "-i", "0.1", "-c", &pings, to];
        command_in(&guest.namespace, &words).stdout(Stdio::piped()).spawn().expect("ping runs")
    };
    let ways = [ping(&to), ping(OUTSIDE)];
    let end = Instant::now() + CHURN;
    let (mut changes, mut kills, mut most) = (0, 0, 0);
    while Instant::now() < end {
        let at = chance.below(ROUTERS);
        world.change(&mut routers[at], &mut chance).await.expect("a change");
        changes += 1;
        most = most.max(routers.iter().filter(|router| router.floating.is_some()).count());
        if chance.below(12) == 0 {
            world.agent.kill();
            kills += 1;
            wait::pause(Duration::from_millis(chance.below(400) as u64)).await;
            world.agent.again().expect("the agent starts");
        }
        wait::pause(Duration::from_millis(chance.below(60) as u64)).await;
    }
    println!("{changes} changes, agent killed {kills} times, up to {most} routers with floating IPs");
    assert!(most > 0, "there was no floating IP");
    for way in ways {
        let said = way.wait_with_output().await.expect("ping ends");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        println!("{said}");
        assert!(said.contains(" 0% packet loss"), "a router that nobody changed lost packets");
    }

    let churned = world.settled().await;
    world.agent.kill();
    world.raze(&churned).await.expect("deletes");
    world.agent.again().expect("the agent starts");
    world.becomes(&churned).await;
}

impl World {
    async fn start() -> anyhow::Result<World> {
        let place = Place::new("churn")?;
        let folder = tempfile::tempdir()?;
        let nats = NatsServer::start(NatsPlan { tls: true, ..NatsPlan::of_hosts([HOST]) }).await?;
        let mut settings = server::Settings::default();
        for most in settings.quotas.0.values_mut() {
            *most = -1;
        }
        let lone = Lone::start(settings, nats.server_bus()?).await?;
        let host = place.add(HOST).await?;
        let outside = place.add("outside").await?;
        link(&outside, "world0", &host, "public0", None).await?;
        run_in(&outside, &["ip", "address", "add", &format!("{OUTSIDE}/24"), "dev", "world0"]).await?;
        std::fs::create_dir_all(place.folder().join(format!("{HOST}.netns")))?;
        let configuration = format!(
            "[agent]\nhost = '{HOST}'\nnamespace = '{}'\nnetns_dir = '{}'\nroles = ['l2', 'dhcp', 'l3']\n\
             agent_mode = 'dvr_snat'\nsweep_interval_s = 2\nheartbeat_interval_s = 2\n[agent.interface_mappings]\npublic = 'public0'\n",
            host.display(),
            place.folder().join(format!("{HOST}.netns")).display(),
        ) + &bus(&nats, HOST)?;
        let agent = alone(folder.path(), &configuration)?;
        let client = lone.client.clone();
        let known = wait::until(SETTLED, || async {
            let agents = client.get("agents?alive=true").await.ok()?;
            (agents.as_array()?.len() == 3).then_some(())
        });
        known.await.context("the server does not know the agents")?;
        let fields = json!({
            "router:external": true, "provider:network_type": "flat", "provider:physical_network": "public",
        });
        let external = id_of(&client.create("network", fields).await?);
        let fields = json!({
            "network_id": external, "ip_version": 4, "cidr": "203.0.113.0/24", "enable_dhcp": false,
            "gateway_ip": OUTSIDE,
        });
        client.create("subnet", fields).await?;
        Ok(World { client, agent, place, external, _lone: lone, _nats: nats, _folder: folder })
    }

    fn netns_dir(&self) -> PathBuf {
        self.place.folder().join(format!("{HOST}.netns"))
    }

    /// A subnet on a network of its own, without DHCP; network and subnet.
    async fn subnet(&self, cidr: &str, dhcp: bool) -> anyhow::Result<(String, String)> {
        let network =
            id_of(&self.client.create("network", json!({ "provider:network_type": "local" })).await?);
        let fields = json!({ "network_id": network, "ip_version": 4, "cidr": cidr, "enable_dhcp": dhcp });
        Ok((network, id_of(&self.client.create("subnet", fields).await?)))
    }

    async fn attach(&self, router: &str, subnet: &str, on: bool) -> anyhow::Result<()> {
        let act = if on { "add_router_interface" } else { "remove_router_interface" };
        self.client.act(&format!("routers/{router}/{act}"), json!({ "subnet_id": subnet })).await.map(drop)
    }

    /// A router that nobody changes, with an instance on either side; the first, and the second's address.
    async fn steady(&self) -> anyhow::Result<(Guest, String)> {
        let gateway = json!({ "network_id": self.external });
        let fields = json!({ "name": "steady", "external_gateway_info": gateway });
        let router = id_of(&self.client.create("router", fields).await?);
        let mut out = Vec::new();
        for at in 0..2 {
            let (network, subnet) = self.subnet(&format!("10.20{at}.0.0/24"), true).await?;
            self.attach(&router, &subnet, true).await?;
            let fields =
                json!({ "network_id": network, "binding:host_id": HOST, "device_owner": "compute:nova" });
            let port = self.client.create("port", fields).await?;
            let guest =
                Guest::boot(&self.place, &format!("guest-{at}"), &self.place.namespace(HOST), &port).await?;
            let path = format!("ports/{}", id_of(&port));
            let active = wait::until(SETTLED, || async {
                (self.client.get(&path).await.ok()?["status"] == "ACTIVE").then_some(())
            });
            active.await.context("the port is not ACTIVE")?;
            guest.dhcp().await?;
            out.push((guest, port["fixed_ips"][0]["ip_address"].as_str().unwrap_or_default().to_owned()));
        }
        let (_, to) = out.pop().context("two")?;
        let (guest, _) = out.pop().context("two")?;
        for to in [to.as_str(), OUTSIDE] {
            let reached =
                wait::until(SETTLED, || async { guest.ping(to, Duration::from_secs(1)).await.ok() });
            reached.await.with_context(|| format!("the router does not lead to {to}"))?;
        }
        Ok((guest, to))
    }

    async fn router(&self, at: usize) -> anyhow::Result<Changing> {
        let (network, one) = self.subnet(&format!("10.{at}.1.0/24"), false).await?;
        let (_, two) = self.subnet(&format!("10.{at}.2.0/24"), false).await?;
        let fields = json!({ "name": format!("r-{at}"), "distributed": !at.is_multiple_of(3) });
        let router = id_of(&self.client.create("router", fields).await?);
        self.attach(&router, &one, true).await?;
        let host = if at % 3 == 1 { HOST } else { "" };
        let fields = json!({
            "network_id": network, "binding:host_id": host, "device_owner": "compute:nova",
        });
        let port = self.client.create("port", fields).await?;
        let ip = port["fixed_ips"][0]["ip_address"].as_str().unwrap_or_default().to_owned();
        let (port, subnets) = ((id_of(&port), ip), [one, two]);
        Ok(Changing { router, subnets, port, second: false, gateway: false, floating: None })
    }

    /// Gives the router's port a floating IP or forwards a port of one to it, or takes the floating IP away.
    async fn float(&self, of: &mut Changing, chance: &mut Chance) -> anyhow::Result<()> {
        if let Some((fip, forwarding)) = of.floating.take() {
            if let Some(forwarding) = forwarding {
                let path = format!("/v2.0/floatingips/{fip}/port_forwardings/{forwarding}");
                let (status, said) = self.client.send("DELETE", &path, None, &[]).await?;
                anyhow::ensure!(status == 204, "{status}: {said}");
            }
            return self.client.delete("floatingip", &fip).await.map(drop);
        }
        if chance.below(2) == 0 {
            let fields = json!({ "floating_network_id": self.external, "port_id": of.port.0 });
            of.floating = Some((id_of(&self.client.create("floatingip", fields).await?), None));
            return Ok(());
        }
        let fip =
            id_of(&self.client.create("floatingip", json!({ "floating_network_id": self.external })).await?);
        let forwarding = json!({ "port_forwarding": {
            "protocol": "tcp", "external_port": 2222, "internal_port": 22,
            "internal_ip_address": of.port.1, "internal_port_id": of.port.0,
        }});
        let path = format!("/v2.0/floatingips/{fip}/port_forwardings");
        let (status, said) = self.client.send("POST", &path, Some(forwarding.to_string()), &[]).await?;
        anyhow::ensure!(status == 201, "{status}: {said}");
        of.floating = Some((fip, Some(id_of(&said["port_forwarding"]))));
        Ok(())
    }

    /// One change of a router, by the API.
    async fn change(&self, of: &mut Changing, chance: &mut Chance) -> anyhow::Result<()> {
        let router = of.router.clone();
        let set = |fields: Value| self.client.update("router", &router, fields);
        match chance.below(5) {
            0 => {
                of.second = !of.second;
                self.attach(&of.router, &of.subnets[1], of.second).await
            }
            1 => {
                // A gateway that a floating IP needs stays.
                if of.floating.is_some() {
                    self.float(of, chance).await?;
                }
                of.gateway = !of.gateway;
                let gateway = if of.gateway { json!({ "network_id": self.external }) } else { Value::Null };
                set(json!({ "external_gateway_info": gateway })).await.map(drop)
            }
            2 if of.gateway => {
                let on = chance.below(2) == 0;
                let gateway = json!({ "network_id": self.external, "enable_snat": on });
                set(json!({ "external_gateway_info": gateway })).await.map(drop)
            }
            3 => {
                if !of.gateway {
                    of.gateway = true;
                    set(json!({ "external_gateway_info": { "network_id": self.external } })).await?;
                }
                self.float(of, chance).await
            }
            _ => set(json!({ "admin_state_up": false }))
                .await
                .and(set(json!({ "admin_state_up": true })).await)
                .map(drop),
        }
    }

    /// The host, once all whole routers are there and nothing changes any more.
    async fn settled(&self) -> BTreeMap<String, String> {
        let mut before = BTreeMap::new();
        let end = Instant::now() + SETTLED;
        loop {
            let seen = self.seen().await;
            if seen.len() > ROUTERS / 3 && seen == before {
                return seen;
            }
            assert!(Instant::now() < end, "{} places, and they change on", seen.len());
            before = seen;
            // Longer than a sweep: what it mends is seen next time.
            wait::pause(Duration::from_secs(3)).await;
        }
    }

    /// Takes away all that an agent made, but for what instances are plugged into.
    async fn raze(&self, seen: &BTreeMap<String, String>) -> anyhow::Result<()> {
        for name in seen.keys().filter(|name| *name != HOST) {
            delete_in(&self.netns_dir(), name)?;
        }
        let host = self.place.namespace(HOST);
        let bridges = run_in(&host, &["sh", "-c", "ip -o link show type bridge | cut -d: -f2"]).await?;
        for bridge in bridges.split_whitespace() {
            run_in(&host, &["ip", "link", "delete", bridge]).await?;
        }
        Ok(())
    }

    /// Waits until the host is as it was seen before.
    async fn becomes(&self, wanted: &BTreeMap<String, String>) {
        let end = Instant::now() + SETTLED;
        loop {
            let seen = self.seen().await;
            if seen == *wanted {
                return;
            }
            if Instant::now() >= end {
                for (name, wanted) in wanted {
                    assert_eq!(
                        Some(wanted),
                        seen.get(name),
                        "{name} is not as it is when built from nothing"
                    );
                }
                let (had, has): (Vec<_>, Vec<_>) = (wanted.keys().collect(), seen.keys().collect());
                assert_eq!(had, has, "what is there when built from nothing");
            }
            wait::pause(Duration::from_secs(1)).await;
        }
    }

    /// What is in each namespace of routers, and the host's devices with what they are joined to.
    async fn seen(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for name in kept_in(&self.netns_dir()).expect("names") {
            if !["qrouter-", "snat-", "fip-"].iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            let look = "ip -o -4 address show; ip route show table all proto static; ip rule; nft list ruleset; \
                        cat /proc/sys/net/ipv4/ip_forward; ip -o link show up | cut -d' ' -f2";
            // A namespace may go while it is looked at.
            let shown = run_in(&self.netns_dir().join(&name), &["sh", "-c", look]).await.unwrap_or_default();
            let mut lines: Vec<String> = shown.lines().map(plain).collect();
            lines.sort();
            out.insert(name, lines.join("\n"));
        }
        let links = run_in(&self.place.namespace(HOST), &["ip", "-j", "link"]).await.expect("devices");
        let links: Vec<Value> = serde_json::from_str(&links).expect("JSON");
        let mut links: Vec<String> = links
            .iter()
            .map(|link| format!("{} in {} {}", link["ifname"], link["master"], link["mtu"]))
            .collect();
        links.sort();
        out.insert(HOST.to_owned(), links.join("\n"));
        out
    }
}

/// An agent that finds no other program.
fn alone(folder: &Path, configuration: &str) -> anyhow::Result<Program> {
    let (file, log) = (folder.join("agent.toml"), folder.join("agent.log"));
    std::fs::write(&file, configuration)?;
    let words =
        ["PATH=", env!("CARGO_BIN_EXE_neutrino"), "--config", file.to_str().context("text")?, "agent"];
    Program::start(Path::new("/usr/bin/env"), &words, log)
}

/// A line without numbers that the kernel gives out in turn.
fn plain(line: &str) -> String {
    let line =
        line.split_once(": ").filter(|(index, _)| index.parse::<u32>().is_ok()).map_or(line, |(_, l)| l);
    line.split('@').next().unwrap_or(line).trim().to_owned()
}
