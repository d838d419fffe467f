//! Many simulated hosts of one server, each with a connection of its own, counted together.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use bus::{Bus, InProcess, Mischief, Transport, Unruly};
use serde_json::{Value, json};
use server::Settings;

use crate::client::{Client, id_of};
use crate::counting::{Counting, Counts, Tally};
use crate::nats::{NatsPlan, NatsServer};
use crate::simulated::{Pace, SimulatedHost};
use crate::wires::BusKind;
use crate::{Lone, wait};

/// No counter has moved for this long: what was to be said is said.
const QUIET: Duration = Duration::from_millis(700);

pub struct Crowd {
    pub hosts: Vec<SimulatedHost>,
    pub counts: Counts,
    pub nats: Option<NatsServer>,
    /// The server's end of the bus.
    pub bus: Bus,
    pub lone: Option<Lone>,
    /// Of a server that somebody else runs.
    pub elsewhere: Option<Client>,
}

impl Crowd {
    /// A bus and a server; hosts follow with [`Crowd::follow`].
    pub async fn start(kind: BusKind, count: usize) -> anyhow::Result<Crowd> {
        match kind {
            BusKind::InProcess => Crowd::of(None, InProcess::default(), None).await,
            BusKind::Nats => {
                let nats = NatsServer::start(NatsPlan::of_hosts((0..count).map(Crowd::name))).await?;
                Crowd::over(nats, None).await
            }
        }
    }

    /// A server on a bus that is there, or was.
    pub async fn over(nats: NatsServer, mischief: Option<Mischief>) -> anyhow::Result<Crowd> {
        let server = nats.server()?;
        Crowd::of(Some(nats), server, mischief).await
    }

    async fn of(
        nats: Option<NatsServer>,
        server: impl Transport,
        mischief: Option<Mischief>,
    ) -> anyhow::Result<Crowd> {
        kernel::raise_file_limit()?;
        let counts = Counts::default();
        let bus = match mischief {
            Some(mischief) => Bus::new(Counting::new(Unruly::new(server, mischief), counts.clone())),
            None => Bus::new(Counting::new(server, counts.clone())),
        };
        let lone = Lone::start(Settings::default(), bus.clone()).await?;
        Ok(Crowd { hosts: Vec::new(), counts, nats, bus, lone: Some(lone), elsewhere: None })
    }

    /// Hosts of a server that somebody else runs on the same bus; wakes are counted where they arrive.
    pub fn around(nats: NatsServer, server: Client) -> anyhow::Result<Crowd> {
        kernel::raise_file_limit()?;
        let (counts, elsewhere) = (Counts::default(), Some(server));
        let bus = nats.server_bus()?;
        Ok(Crowd { hosts: Vec::new(), counts, nats: Some(nats), bus, lone: None, elsewhere })
    }

    pub fn name(at: usize) -> String {
        format!("sim-{at}")
    }

    fn address(at: usize) -> IpAddr {
        let [.., high, middle, low] = (at + 1).to_be_bytes();
        [198, 18 + high, middle, low].into()
    }

    /// Starts hosts; they are not waited for.
    pub fn follow(&mut self, count: usize, pace: Pace) -> anyhow::Result<()> {
        for at in 0..count {
            let name = Crowd::name(at);
            let bus = match &self.nats {
                Some(nats) if self.lone.is_none() => {
                    Bus::new(Counting::hearing(nats.host(&name)?, self.counts.clone()))
                }
                Some(nats) => Bus::new(Counting::new(nats.host(&name)?, self.counts.clone())),
                None => self.bus.clone(),
            };
            self.hosts.push(SimulatedHost::follow(bus, &name, Crowd::address(at), pace));
        }
        Ok(())
    }

    /// Waits until the server has heard of every host, and every host what it should be.
    pub async fn joined(&self, limit: Duration) -> anyhow::Result<()> {
        let known = wait::until_every(Duration::from_millis(200), limit, || async {
            let agents = self.client().get("agents?alive=true&fields=id").await.ok()?;
            (agents.as_array()?.len() == 2 * self.hosts.len()).then_some(())
        });
        known.await.context("the server has not heard of every host")?;
        let told =
            wait::until(limit, || async { self.hosts.iter().all(|host| host.answers().1 > 0).then_some(()) });
        told.await.context("not every host was told everything")
    }

    /// Of the server, whoever runs it.
    pub fn client(&self) -> &Client {
        self.elsewhere.as_ref().unwrap_or_else(|| &self.lone().client)
    }

    pub fn lone(&self) -> &Lone {
        self.lone.as_ref().expect("is there between its stops")
    }

    /// Stops the server and starts it again on its database.
    pub async fn restart_server(&mut self) -> anyhow::Result<()> {
        let folder = self.lone.take().context("the server runs")?.stop().await;
        self.lone = Some(Lone::start_in(folder, Settings::default(), self.bus.clone()).await?);
        Ok(())
    }

    /// A network with a large IPv4 subnet.
    pub async fn network(&self) -> anyhow::Result<Value> {
        let network = self.client().create("network", json!({})).await?;
        let subnet = json!({ "network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/16" });
        self.client().create("subnet", subnet).await?;
        Ok(network)
    }

    /// A port on a host; its id.
    pub async fn port(&self, network: &Value, host: usize) -> anyhow::Result<String> {
        // Of a group that hosts let its own members in by, all of them would hear of every port.
        let fields = json!({
            "network_id": network["id"], "binding:host_id": Crowd::name(host), "security_groups": [],
        });
        Ok(id_of(&self.client().create("port", fields).await?))
    }

    /// Waits until ports are ACTIVE.
    pub async fn active(&self, ports: &[String], limit: Duration) -> anyhow::Result<()> {
        for port in ports {
            let path = format!("ports/{port}");
            let active = wait::until(limit, || async {
                (self.client().get(&path).await.ok()?["status"] == "ACTIVE").then_some(())
            });
            active.await.with_context(|| format!("port {port} is not ACTIVE after {limit:?}"))?;
        }
        Ok(())
    }

    /// Waits until nothing is said but heartbeats; what was said since `before`.
    pub async fn quiet(&self, before: Tally) -> Tally {
        let mut last = self.counts.tally();
        loop {
            wait::pause(QUIET).await;
            let tally = self.counts.tally();
            if (tally - last).bytes == 0 {
                return tally - before;
            }
            last = tally;
        }
    }
}
