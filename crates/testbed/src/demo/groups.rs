//! Security groups: who may call whom, and a rule that goes under a connection that is open.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use crate::client::id_of;
use crate::cloud::Cloud;
use crate::demo::purge;
use crate::demo::show::Table;
use crate::demo::steps::{Instance, ms};
use crate::talk::{Live, Mirror, seen_as};
use crate::tracked;
use crate::wait;

const SOON: Duration = Duration::from_secs(20);
/// What is not answered within this is not let through.
const REFUSED: Duration = Duration::from_secs(1);
/// Between two calls of somebody who is let in any moment.
const AGAIN: Duration = Duration::from_millis(20);
/// What sends each millisecond, and again what was not acknowledged, and is not heard for so long, has stopped.
const SILENCE: Duration = Duration::from_millis(1500);
/// What sends each millisecond is heard within this.
const GAP: Duration = Duration::from_millis(250);
const HTTP: u16 = 80;
const HTTPS: u16 = 443;
const SSH: u16 = 22;
const TCP: u8 = 6;

/// Three instances: one is called, one may call it, and one may not.
struct Scene {
    network: String,
    clients: String,
    /// Lets clients call HTTP.
    rule: String,
    web: Instance,
    client: Instance,
    stranger: Instance,
}

impl Scene {
    fn web_at(&self, port: u16) -> anyhow::Result<SocketAddr> {
        Ok(SocketAddr::new(self.web.address(false)?.parse()?, port))
    }
}

pub async fn all(cloud: &Cloud, table: &mut Table) -> bool {
    let mut scene = None;
    if !table.step("two groups: clients may call web by TCP 80 and 443", build(cloud, &mut scene)).await {
        return false;
    }
    let Some(scene) = scene else { return false };
    let mut passed = table.step("a client calls web: allowed", allowed(&scene)).await;
    passed &= table.step("another port, and a stranger: refused", refused(&scene)).await;
    passed &= table.step("the stranger joins clients: allowed", joins(cloud, &scene)).await;
    let mut stays = None;
    passed &= table
        .step("the rule for 80 goes under a live connection", rule_goes(cloud, &scene, &mut stays))
        .await;
    let Some(stays) = stays else { return false };
    purge::all(cloud, table, &scene.network, &stays).await && passed
}

async fn build(cloud: &Cloud, scene: &mut Option<Scene>) -> anyhow::Result<String> {
    let network = cloud.network("amber").await?;
    let clients = cloud.client.group("amber-clients").await?;
    let web = cloud.client.group("amber-web").await?;
    let mut rules = Vec::new();
    for port in [HTTP, HTTPS] {
        let rule = json!({
            "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
            "port_range_min": port, "port_range_max": port, "remote_group_id": clients,
        });
        rules.push(cloud.client.rule(&web, rule).await?);
    }
    let rule = rules.swap_remove(0);
    let client = Instance::boot(cloud, "amber-client", &network, 0, &[&clients]).await?;
    let stranger = Instance::boot(cloud, "amber-stranger", &network, 0, &[]).await?;
    let web = Instance::boot(cloud, "amber-web", &network, 1, &[&web]).await?;
    let text = format!("web {} on host-2; a client and a stranger on host-1", web.address(false)?);
    *scene = Some(Scene { network, clients, rule, web, client, stranger });
    Ok(text)
}

/// Calls web; how long it took to be answered.
async fn call(scene: &Scene, from: &Instance, port: u16, limit: Duration) -> anyhow::Result<Duration> {
    let mirror = Mirror::listen(&scene.web.guest.namespace, port)?;
    let begun = Instant::now();
    let seen = seen_as(&from.guest.namespace, &scene.web.address(false)?, port, limit).await;
    let took = begun.elapsed();
    mirror.end().await;
    let seen = seen?;
    if seen != from.address(false)? {
        bail!("{} was seen as {seen}", from.guest.name);
    }
    Ok(took)
}

async fn allowed(scene: &Scene) -> anyhow::Result<String> {
    let mut told = Vec::new();
    for port in [HTTP, HTTPS] {
        let took = call(scene, &scene.client, port, SOON)
            .await
            .with_context(|| format!("TCP {port} is not answered"))?;
        told.push(format!("TCP {port} answered in {:.1} ms", ms(took)));
    }
    Ok(told.join(", "))
}

/// Somebody listens, and yet nothing comes back: neither an answer nor a refusal by web itself.
async fn no_answer(scene: &Scene, from: &Instance, port: u16) -> anyhow::Result<()> {
    let name = &from.guest.name;
    let error =
        call(scene, from, port, REFUSED).await.err().with_context(|| format!("{name} reaches TCP {port}"))?;
    let kind = error.downcast_ref().map(io::Error::kind);
    if kind != Some(io::ErrorKind::TimedOut) {
        return Err(error.context(format!("TCP {port} from {name} did not go unanswered, but")));
    }
    Ok(())
}

async fn refused(scene: &Scene) -> anyhow::Result<String> {
    no_answer(scene, &scene.client, SSH).await?;
    no_answer(scene, &scene.stranger, HTTP).await?;
    Ok(format!("client to {SSH}, stranger to {HTTP}: no answer in {} s each", REFUSED.as_secs()))
}

async fn joins(cloud: &Cloud, scene: &Scene) -> anyhow::Result<String> {
    let port = id_of(&scene.stranger.port);
    let begun = Instant::now();
    cloud.client.update("port", &port, json!({ "security_groups": [scene.clients] })).await?;
    let answered = wait::until(SOON, || async { call(scene, &scene.stranger, HTTPS, AGAIN).await.ok() });
    answered.await.context("it is still refused")?;
    Ok(format!("answered {:.0} ms after the request", ms(begun.elapsed())))
}

/// Two connections, of which one loses its rule; the other goes on for whoever comes after.
async fn rule_goes(cloud: &Cloud, scene: &Scene, stays: &mut Option<Live>) -> anyhow::Result<String> {
    let (from, to) = (&scene.client.guest.namespace, &scene.web.guest.namespace);
    let stops = Live::open(from, to, scene.web_at(HTTP)?, SOON).await?;
    let goes_on = Live::open(from, to, scene.web_at(HTTPS)?, SOON).await?;
    let open = Instant::now();
    let both = || async { (stops.heard() > open && goes_on.heard() > open).then_some(()) };
    wait::until(SOON, both).await.context("nothing is heard on the connections")?;
    let web = scene.web_at(HTTP)?.ip();
    let tracked = || {
        tracked::count(&scene.web.guest.host, |connection| {
            let original = &connection.original;
            (original.protocol, original.destination_port) == (TCP, HTTP) && tracked::is_of(connection, web)
        })
    };

    let begun = Instant::now();
    let path = format!("/v2.0/security-group-rules/{}", scene.rule);
    let (status, said) = cloud.client.send("DELETE", &path, None, &[]).await?;
    let answered = begun.elapsed();
    if status != 204 {
        bail!("DELETE {path} answered {status}: {said}");
    }
    let forgotten = wait::until(SOON, || async { (tracked().ok()? == 0).then(|| begun.elapsed()) });
    let forgotten = forgotten.await.context("host-2 still tracks it")?;
    let silent = wait::until(SOON, || async { (stops.heard().elapsed() > SILENCE).then_some(()) });
    silent.await.context("it goes on without its rule")?;
    goes_on_now(&goes_on)?;
    let last = stops.heard().saturating_duration_since(begun);
    *stays = Some(goes_on);
    Ok(format!(
        "last packet {:.1} ms after DELETE was sent, which took {:.1} ms; host-2 forgot it after {:.0} ms; 443 goes on",
        ms(last),
        ms(answered),
        ms(forgotten)
    ))
}

/// Whether a connection on which something is sent each millisecond is heard.
pub fn goes_on_now(live: &Live) -> anyhow::Result<()> {
    let silent = live.heard().elapsed();
    if silent > GAP {
        bail!("an allowed connection has been silent for {silent:?}");
    }
    Ok(())
}
