//! Many simulated hosts of one server: what it costs until all of them are told.
//!
//! Over NATS the server is a process of its own and the hosts are in this one, each with a connection
//! and a login. Within a process both are here, and the CPU told is that of both.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use comfy_table::Table;
use model::desired::{Key, Kind};
use model::subject::Word;
use model::sync::{SyncAnswer, SyncAsk};
use serde_json::{Value, json};
use testbed::client::id_of;
use testbed::counting::Tally;
use testbed::crowd::Crowd;
use testbed::demo::show::working;
use testbed::nats::{NatsPlan, NatsServer, SERVER};
use testbed::simulated::{Pace, SimulatedHost};
use testbed::wait;
use testbed::wires::BusKind;

use crate::server::{Server, Setup};
use crate::{process, show};

const LIMIT: Duration = Duration::from_secs(120);
/// Between two looks whether all are told.
const LOOK: Duration = Duration::from_millis(2);
/// Hosts ask by the clock later than this ends: what they ask is for a reason.
const PACE: Pace = Pace { sweep: Duration::from_secs(3600), ..Pace::REAL };
/// The time in which nothing is asked for.
const IDLE: Duration = Duration::from_secs(10);
/// The hosts of a change that concerns few.
const FEW: [usize; 2] = [0, 1];
/// Changes of each kind; told is what one of them took.
const CHANGES: usize = 20;
const CHANGES_FOR_ALL: usize = 5;
/// Ports in one request.
const BULK: usize = 250;

pub async fn run(program: Option<&Path>, count: usize) -> anyhow::Result<()> {
    anyhow::ensure!(count >= FEW.len(), "--hosts must be at least {}", FEW.len());
    for kind in [BusKind::Nats, BusKind::InProcess] {
        let mut hosts = Hosts::start(kind, program, count).await?;
        hosts.all().await?;
        println!("{}", hosts.table);
    }
    println!(
        "told: until the last host that it concerns has it. CPU: until nothing is said any more. Over NATS: \
         server and nats-server are processes of their own; in one process: server and hosts together. \
         messages: wakes, and questions and reports with their answers; KB: what is in them. Each host sends \
         a heartbeat every 10 s, whose CPU is in all rows."
    );
    Ok(())
}

/// Counters at a moment.
struct Mark {
    start: Instant,
    tally: Tally,
    server: (u32, Duration),
    nats: (u32, Duration),
}

struct Hosts {
    crowd: Crowd,
    /// Unless the server is in this process.
    server: Option<Server>,
    count: usize,
    table: Table,
}

impl Hosts {
    async fn start(kind: BusKind, program: Option<&Path>, count: usize) -> anyhow::Result<Hosts> {
        let (crowd, server) = match kind {
            BusKind::InProcess => (Crowd::start(kind, count).await?, None),
            BusKind::Nats => {
                let nats = NatsServer::start(NatsPlan::of_hosts((0..=count).map(Crowd::name))).await?;
                let options = nats.options(SERVER);
                let server = Server::start(Setup { program, nats: Some(&options), postgres: None }).await?;
                (Crowd::around(nats, server.target.clients[0].clone())?, Some(server))
            }
        };
        let (title, cpu) = match kind {
            BusKind::InProcess => (format!("{count} hosts, in one process"), "server+hosts CPU ms"),
            BusKind::Nats => (format!("{count} hosts, over NATS"), "server CPU ms"),
        };
        let nats = "nats-server CPU ms";
        let header =
            [&title, "told ms", cpu, nats, "wakes", "questions", "reports", "messages", "failed", "KB"];
        Ok(Hosts { crowd, server, count, table: show::table(&header) })
    }

    async fn all(&mut self) -> anyhow::Result<()> {
        let mark = self.mark();
        self.crowd.follow(self.count, PACE)?;
        let full = |host: &SimulatedHost| host.answers().1 > 0;
        working("all hosts connect and ask for everything", self.until(full)).await?;
        self.row("all connect; first full sync", mark, 1).await;
        working("the server hears of all hosts", self.crowd.joined(LIMIT)).await?;
        self.unlimited().await?;

        let mark = self.mark();
        working("heartbeats only", wait::pause(IDLE)).await;
        self.row("10 s of heartbeats only", mark, 1).await;

        let few = self.crowd.network().await?;
        for host in FEW {
            self.crowd.port(&few, host).await?;
        }
        self.crowd.quiet(Tally::default()).await;
        let mark = self.mark();
        working("changes for two hosts", self.changes(&few, FEW.len(), CHANGES)).await?;
        self.row(&format!("a port that concerns 2 hosts (mean of {CHANGES})"), mark, CHANGES).await;

        let many = self.crowd.network().await?;
        let mark = self.mark();
        working("a network for all hosts", self.everywhere(&many)).await?;
        self.row("a network for all: a port on each, in bulk", mark, 1).await;
        let mark = self.mark();
        working("changes for all hosts", self.changes(&many, self.count, CHANGES_FOR_ALL)).await?;
        let what = format!("a port that concerns all (mean of {CHANGES_FOR_ALL})");
        self.row(&what, mark, CHANGES_FOR_ALL).await;

        self.bus_restarts().await?;
        self.server_restarts(&many).await
    }

    /// A project may have as many as it likes.
    async fn unlimited(&self) -> anyhow::Result<()> {
        let body = json!({ "quota": { "network": -1, "subnet": -1, "port": -1 } }).to_string();
        let answered = self.crowd.client().send("PUT", "/v2.0/quotas/admin", Some(body), &[]).await?;
        anyhow::ensure!(answered.0 == 200, "the quota stays: {}", answered.1);
        Ok(())
    }

    /// Ports on the first host, one by one, until the first `concerned` hosts have heard of each.
    async fn changes(&self, network: &Value, concerned: usize, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            let port = self.crowd.port(network, 0).await?.parse()?;
            let (own, other) = (Key::new(Kind::Port, port), Key::new(Kind::Remote, port));
            let told = wait::until_every(LOOK, LIMIT, || async {
                let mut others = self.crowd.hosts[1..concerned].iter();
                (self.crowd.hosts[0].has(own) && others.all(|host| host.has(other))).then_some(())
            });
            told.await.context("a change is not told")?;
        }
        Ok(())
    }

    /// A port on each host.
    async fn everywhere(&self, network: &Value) -> anyhow::Result<()> {
        let hosts: Vec<usize> = (0..self.count).collect();
        let mut last = String::new();
        for some in hosts.chunks(BULK) {
            // Who hears of the members of groups is not what is measured here.
            let port = |host: &usize| {
                json!({
                    "network_id": network["id"], "binding:host_id": Crowd::name(*host), "security_groups": [],
                })
            };
            let body = json!({ "ports": some.iter().map(port).collect::<Vec<_>>() }).to_string();
            let (status, answer) = self.crowd.client().send("POST", "/v2.0/ports", Some(body), &[]).await?;
            anyhow::ensure!(status == 201, "no ports: {answer}");
            last = answer["ports"].as_array().and_then(|ports| ports.last()).map(id_of).unwrap_or_default();
        }
        // Whoever has heard of the last one may have been told of others later.
        let (own, other) = (Key::new(Kind::Port, last.parse()?), Key::new(Kind::Remote, last.parse()?));
        let others = self.count - 1;
        let looks = wait::until_every(100 * LOOK, LIMIT, || async {
            let all = |host: &SimulatedHost| {
                (host.has(own) || host.has(other)) && host.count(Kind::Remote) >= others
            };
            self.crowd.hosts.iter().all(all).then_some(())
        });
        looks.await.context("the network is not told to all")
    }

    async fn bus_restarts(&mut self) -> anyhow::Result<()> {
        let mark = self.mark();
        let Some(nats) = &mut self.crowd.nats else { return Ok(()) };
        nats.restart().await?;
        let (before, count) = (mark.tally, self.count as u64);
        let asked = wait::until_every(LOOK, LIMIT, || async {
            ((self.crowd.counts.tally() - before).sync >= count).then_some(())
        });
        working("all hosts come back", asked).await.context("not all hosts come back")?;
        self.row("nats-server killed and restarted: all ask", mark, 1).await;
        Ok(())
    }

    async fn server_restarts(&mut self, network: &Value) -> anyhow::Result<()> {
        let mark = self.mark();
        match &mut self.server {
            None => self.crowd.restart_server().await?,
            Some(server) => {
                server.again().await?;
                self.crowd.elsewhere = Some(server.target.clients[0].clone());
                self.served().await?;
            }
        }
        let change = self.changes(network, self.count, 1);
        working("the server restarts, and a change is told to all", change).await?;
        self.row("server killed and restarted, then a port for all", mark, 1).await;
        Ok(())
    }

    /// Waits until the server answers over the bus: one that is not there yet wakes nobody.
    async fn served(&self) -> anyhow::Result<()> {
        let Some(nats) = &self.crowd.nats else { return Ok(()) };
        let name = Crowd::name(self.count);
        let (bus, ask) = (nats.host_bus(&name)?, SyncAsk::all(&name));
        let answered = wait::until_every(LOOK, LIMIT, || async {
            bus.ask::<_, SyncAnswer>(Word::Sync, &name, &ask).await.ok()
        });
        answered.await.context("the restarted server does not answer hosts").map(drop)
    }

    async fn until(&self, holds: impl Fn(&SimulatedHost) -> bool) -> anyhow::Result<()> {
        let all =
            wait::until_every(LOOK, LIMIT, || async { self.crowd.hosts.iter().all(&holds).then_some(()) });
        all.await.context("not all hosts are told")
    }

    fn mark(&self) -> Mark {
        let server = match &self.server {
            Some(server) => (server.pid, process::cpu(&[server.pid])),
            None => (std::process::id(), process::own_cpu()),
        };
        let nats = self.crowd.nats.as_ref().and_then(NatsServer::pid).unwrap_or_default();
        Mark {
            start: Instant::now(),
            tally: self.crowd.counts.tally(),
            server,
            nats: (nats, process::cpu(&[nats])),
        }
    }

    /// What one of `changes` took since the mark; a process that was started since has all its time count.
    async fn row(&mut self, what: &str, before: Mark, changes: usize) {
        let told = before.start.elapsed();
        let tally = self.crowd.quiet(before.tally).await;
        let after = self.mark();
        let cpu = |(old, before): (u32, Duration), (pid, used): (u32, Duration)| {
            if old == pid { used.saturating_sub(before) } else { used }
        };
        let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3 / changes as f64);
        let each = |count: u64| format!("{:.0}", count as f64 / changes as f64);
        let Tally { sync, report, wake, failed, bytes, .. } = tally;
        self.table.add_row([
            what.to_owned(),
            ms(told),
            ms(cpu(before.server, after.server)),
            if self.server.is_some() { ms(cpu(before.nats, after.nats)) } else { String::new() },
            each(wake),
            each(sync),
            each(report),
            each(wake + 2 * (sync + report)),
            each(failed),
            format!("{:.1}", bytes as f64 / 1e3 / changes as f64),
        ]);
    }
}
