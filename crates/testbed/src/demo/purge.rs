//! An instance with very many connections is deleted, and others are wired meanwhile.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use model::purge::{JobId, JobShown, Outcome, Reason, State};
use tokio::task::spawn_blocking;

use crate::client::id_of;
use crate::cloud::Cloud;
use crate::ctpurge::Ctpurge;
use crate::demo::groups::goes_on_now;
use crate::demo::show::Table;
use crate::demo::steps::{Instance, ms};
use crate::guest::Guest;
use crate::talk::Live;
use crate::tracked::{self, Room};
use crate::wait;

const SOON: Duration = Duration::from_secs(20);
/// Between two looks whether a port is wired.
const LOOK: Duration = Duration::from_millis(2);
/// The host on which it happens.
const HOST: usize = 0;
/// Behind the peer, who answers nothing.
const FIRST_PEER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const PEERS: u32 = 1000;
const FLOWS_EACH: u16 = 100;
const FLOWS: u64 = 100_000;
/// Sent again where packets were lost on the way.
const TRIES: usize = 5;
/// Instances wired while nothing is purged.
const IDLE: usize = 10;
/// At most, while it purges: the subnet has addresses for so many.
const DURING: usize = 50;
/// Wiring that takes so much longer is delayed: single figures differ by as much where there is other work.
const DELAYED: f64 = 2.0;

/// The instance with the connections.
struct Scene<'a> {
    cloud: &'a Cloud,
    network: &'a str,
    ctpurge: &'a Ctpurge,
    busy: Option<Instance>,
    address: IpAddr,
    _room: Room,
    /// Those that were wired, for their names.
    wired: Vec<(Guest, String)>,
    idle: Vec<Duration>,
    during: Vec<Duration>,
    forgotten: Option<Forgotten>,
}

/// What the purge came to.
struct Forgotten {
    outcome: Outcome,
    after: Duration,
    cpu: Duration,
}

pub async fn all(cloud: &Cloud, table: &mut Table, network: &str, stays: &Live) -> bool {
    let mut scene = None;
    let what = format!("{FLOWS} connections of one instance are tracked");
    if !table.step(&what, build(cloud, network, &mut scene)).await {
        return false;
    }
    let Some(mut scene) = scene else { return false };
    if !table.step("new instances beside it: until ACTIVE", idle(&mut scene)).await {
        return false;
    }
    let passed = table.step("it is deleted; new ones meanwhile: until ACTIVE", delete(&mut scene)).await;
    table.step("ctpurge forgets its connections and no others", forgotten(&mut scene, stays)).await && passed
}

async fn build<'a>(
    cloud: &'a Cloud,
    network: &'a str,
    scene: &mut Option<Scene<'a>>,
) -> anyhow::Result<String> {
    let ctpurge = cloud.hosts[HOST].ctpurge.as_ref().context("a ctpurge")?;
    let peer = Instance::boot(cloud, "amber-peer", network, HOST, &[]).await?;
    let busy = Instance::boot(cloud, "amber-busy", network, HOST, &[]).await?;
    let via = peer.address(false)?;
    busy.guest.run(&["ip", "route", "add", "10.99.0.0/16", "via", &via]).await?;
    busy.guest.ping(&via, SOON).await?;
    let address = busy.address(false)?.parse()?;
    let host = &cloud.hosts[HOST].namespace;
    let room = Room::for_entries(tracked::entries(host)? + FLOWS + FLOWS / 10)?;
    let begun = Instant::now();
    let mut tracked = 0;
    for _ in 0..TRIES {
        let (inside, host) = (busy.guest.namespace.clone(), host.clone());
        let sent = spawn_blocking(move || {
            tracked::flows(&inside, FIRST_PEER, PEERS, FLOWS_EACH)?;
            tracked::count(&host, |connection| tracked::is_of(connection, address))
        });
        tracked = sent.await??;
        if tracked >= FLOWS {
            break;
        }
    }
    ensure!(tracked >= FLOWS, "host-1 tracks only {tracked}");
    let told = format!(
        "{tracked} UDP flows to {PEERS} peers on host-1, sent in {:.1} s{}",
        begun.elapsed().as_secs_f64(),
        room.told()
    );
    *scene = Some(Scene {
        cloud,
        network,
        ctpurge,
        busy: Some(busy),
        address,
        _room: room,
        wired: Vec::new(),
        idle: Vec::new(),
        during: Vec::new(),
        forgotten: None,
    });
    Ok(told)
}

impl Scene<'_> {
    /// Boots an instance; from the request for its port until it is ACTIVE.
    async fn wire(&mut self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let name = format!("amber-{}", self.wired.len() + 1);
        let (guest, port) = self.cloud.boot(&name, self.network, HOST).await?;
        let path = format!("ports/{}", id_of(&port));
        let active = wait::until_every(LOOK, SOON, || async {
            let port = self.cloud.client.get(&path).await.ok()?;
            (port["status"] == "ACTIVE").then(|| begun.elapsed())
        });
        let took = active.await.with_context(|| format!("{name} is not ACTIVE after {SOON:?}"))?;
        self.wired.push((guest, id_of(&port)));
        Ok(took)
    }

    /// The purge of a port that was deleted, other than some known ones.
    async fn job(&self, known: &BTreeSet<JobId>) -> anyhow::Result<Option<JobShown>> {
        let jobs = self.ctpurge.jobs().await?;
        Ok(jobs.into_iter().find(|job| job.reason == Reason::PortDeleted && !known.contains(&job.id)))
    }
}

async fn idle(scene: &mut Scene<'_>) -> anyhow::Result<String> {
    for _ in 0..IDLE {
        let took = scene.wire().await?;
        scene.idle.push(took);
    }
    Ok(format!("{}, nothing is purged", figures(&mut scene.idle)))
}

async fn delete(scene: &mut Scene<'_>) -> anyhow::Result<String> {
    let known = scene.ctpurge.jobs().await?.into_iter().map(|job| job.id).collect();
    let cpu = scene.ctpurge.cpu();
    let busy = scene.busy.take().context("an instance")?;
    let id = id_of(&busy.port);
    busy.guest.shut_down(&scene.cloud.place).await?;
    let begun = Instant::now();
    scene.cloud.client.delete("port", &id).await?;
    while scene.forgotten.is_none() {
        ensure!(begun.elapsed() < SOON, "the purge has not ended after {SOON:?}");
        let took = match scene.during.len() {
            DURING => {
                tokio::time::sleep(LOOK).await;
                None
            }
            _ => Some(scene.wire().await?),
        };
        match scene.job(&known).await?.map(|job| job.state) {
            Some(State::Done(outcome)) => {
                let after = begun.elapsed();
                scene.forgotten =
                    Some(Forgotten { outcome, after, cpu: scene.ctpurge.cpu().saturating_sub(cpu) });
            }
            Some(State::Failed { reason, .. }) => bail!("the purge failed: {reason}"),
            // It was not over when this one was wired.
            _ => scene.during.extend(took),
        }
    }
    ensure!(!scene.during.is_empty(), "the purge was over before an instance was wired");
    let told = figures(&mut scene.during);
    let (idle, during) = (median(&scene.idle), median(&scene.during));
    ensure!(
        during.as_secs_f64() <= idle.as_secs_f64() * DELAYED,
        "delayed: {told}; {:.0} ms without",
        ms(idle)
    );
    Ok(format!("{told}, while it purges"))
}

async fn forgotten(scene: &mut Scene<'_>, stays: &Live) -> anyhow::Result<String> {
    let Forgotten { outcome, after, cpu } = scene.forgotten.take().context("there was no purge")?;
    let (host, address) = (&scene.cloud.hosts[HOST].namespace, scene.address);
    let left = tracked::count(host, |connection| tracked::is_of(connection, address))?;
    ensure!(left == 0, "{left} of {} are left", outcome.deleted + left);
    ensure!(outcome.deleted >= FLOWS, "only {} were deleted: the rest went by themselves", outcome.deleted);
    goes_on_now(stays)?;
    let others = tracked::entries(host)?;
    ensure!(others > 0, "nothing is tracked any more");
    let told = format!(
        "{} deleted in {:.2} s, at most {:.2} s after DELETE; {:.2} s CPU, peak {:.1} MiB; {others} others stay",
        outcome.deleted,
        Duration::from_millis(outcome.took_ms).as_secs_f64(),
        after.as_secs_f64(),
        cpu.as_secs_f64(),
        scene.ctpurge.peak_kib() as f64 / 1024.0,
    );
    for (guest, port) in scene.wired.drain(..) {
        guest.shut_down(&scene.cloud.place).await?;
        scene.cloud.client.delete("port", &port).await?;
    }
    Ok(told)
}

fn median(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Sorts, and tells of the middle and of the last.
fn figures(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let most = times.last().copied().unwrap_or_default();
    format!("{} of them, median {:.0} ms, at most {:.0} ms", times.len(), ms(median(times)), ms(most))
}
